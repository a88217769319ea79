"""Whether what was stored is still there, whole, and enough to restore every snapshot.

Rule: each pack that the index names is there with the size that follows from its blobs: by the
listing, and asked for by name where the listing lacks it or says otherwise. Each tree of each
snapshot is read, and each of its chunks is named by the index. Of the packs, the asked-for part is
read to the last byte: the pack's hash, its header, and each blob's hash.

Example: `Part(3, 28)` reads the packs whose ids leave 2 when divided by 28; in 28 days, day by day
another part, everything has been read.
"""

import hashlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from enum import StrEnum

from springtide.errors import Damaged, NotFound
from springtide.vault.blobs import BlobId, BlobKind, pack_name
from springtide.vault.packs import header_of, overhead
from springtide.vault.repository import Repository
from springtide.vault.snapshots import Snapshot, read_snapshots
from springtide.vault.trees import TreeReader

_READERS = 3
"""Packs of some 32 MiB that are in memory at once."""


@dataclass(frozen=True)
class Part:
    """One of several parts that are together all packs."""

    number: int
    """From 1."""
    of: int

    def holds(self, pack: bytes) -> bool:
        """Whether the pack is one of this part."""
        return int.from_bytes(pack[:8], "big") % self.of == self.number - 1


class Fault(StrEnum):
    """What is wrong with an object."""

    MISSING = "is not there"
    SIZE = "has another size"
    CONTENT = "is not what was stored"
    INDEX = "holds other blobs than the index says"
    INCOMPLETE = "needs what is not there"


@dataclass(frozen=True, order=True)
class Finding:
    """One object that is not as it should be."""

    name: str
    """Of the object in the store, e.g. `data/ab/abcd…`."""
    fault: Fault


@dataclass
class Verification:
    """What was found; it grows while it runs."""

    packs: int = 0
    """Named by the index."""
    read_packs: int = 0
    read_bytes: int = 0
    snapshots: tuple[Snapshot, ...] = ()
    """All that can be read, oldest first: the index was read after them."""
    findings: set[Finding] = field(default_factory=set)


def verify_repository(
    repository: Repository,
    part: Part,
    *,
    progress: Callable[[Verification], None] | None = None,
) -> Verification:
    """Verify the repository; `load_index` comes before it, and what it names damaged is known then.

    It is called again, as the packs are read for hours: what comes or goes meanwhile is no finding.

    Raises:
        Retryable: the store does not answer.
    """
    found = Verification()
    _verify_presence(repository, found)
    with ThreadPoolExecutor(_READERS, "springtide-verify") as readers:
        parts = sorted(pack for pack in repository.index.packs() if part.holds(pack))
        for size, faults in readers.map(lambda pack: verify_pack(repository, pack), parts):
            found.read_packs += 1
            found.read_bytes += size
            found.findings |= faults
            if progress:
                progress(found)
    _verify_snapshots(repository, found)
    return found


def _verify_presence(repository: Repository, found: Verification) -> None:
    listed = {each.name: each.size for each in repository.store.listing("data/")}
    for contents in repository.index.contents():
        found.packs += 1
        name = pack_name(contents.pack)
        expected = contents.size + overhead(contents.blobs, contents.compressed)
        if listed.get(name) == expected:
            continue
        # A listing may be late; the object's own answer counts.
        size = repository.store.size(name)
        if size is None:
            found.findings.add(Finding(name, Fault.MISSING))
        elif size != expected:
            found.findings.add(Finding(name, Fault.SIZE))


def verify_pack(repository: Repository, pack: bytes) -> tuple[int, frozenset[Finding]]:
    """How many bytes were read, and what is wrong with a pack that the index names.

    Raises:
        Retryable: the store does not answer.
    """
    name = pack_name(pack)
    try:
        data = repository.store.get(name)
    except NotFound:
        return 0, frozenset({Finding(name, Fault.MISSING)})
    except Damaged:
        return 0, frozenset({Finding(name, Fault.SIZE)})
    return len(data), frozenset(Finding(name, fault) for fault in _faults(repository, pack, data))


def _faults(repository: Repository, pack: bytes, data: bytes) -> Iterator[Fault]:
    if hashlib.sha256(data).digest() != pack:
        yield Fault.CONTENT
    view = memoryview(data)
    try:
        # An index that names more than these is told by the pack's size.
        entries = header_of(repository.key, pack, data)
        if not repository.index.names(pack, entries):
            yield Fault.INDEX
        for entry in entries:
            place = entry.place
            repository.unsealed(entry, view[place.offset : place.offset + place.length])
    except Damaged:
        yield Fault.CONTENT


def _verify_snapshots(repository: Repository, found: Verification) -> None:
    trees, seen = TreeReader(repository), set[BlobId]()
    found.snapshots, damaged = read_snapshots(repository)
    try:
        repository.load_index()
    except Damaged as error:
        damaged += error.objects
    found.findings |= {Finding(name, Fault.CONTENT) for name in damaged}
    _forget_swept(repository, found)
    for snapshot in found.snapshots:
        if not _complete(repository, trees, bytes.fromhex(snapshot.tree), seen):
            found.findings.add(Finding(f"snapshots/{snapshot.id}", Fault.INCOMPLETE))


def _forget_swept(repository: Repository, found: Verification) -> None:
    """A pack that is missing and that no index names any more has gone, and was to."""
    missing = {finding for finding in found.findings if finding.fault is Fault.MISSING}
    if missing:
        named = {pack_name(pack) for pack in repository.index.packs()}
        found.findings -= {finding for finding in missing if finding.name not in named}


def _complete(repository: Repository, trees: TreeReader, root: BlobId, seen: set[BlobId]) -> bool:
    """Whether everything below the tree is there; `seen` are trees that are known to be whole."""
    visited, left = set[BlobId](), [root]
    while left:
        tree = left.pop()
        if tree in seen or tree in visited:
            continue
        visited.add(tree)
        try:
            below, content = trees.links(tree)
        except (Damaged, NotFound):
            return False
        wanted = set(content)
        if len(repository.index.places(BlobKind.DATA, tuple(wanted))) < len(wanted):
            return False
        left.extend(below.values())
    seen |= visited
    return True
