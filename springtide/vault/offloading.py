"""Documents that go to object storage alone: stored, found whole at every site, removed, fetched.

Rule: nothing is removed that is not whole at every site at that moment: each of its chunks is
read there and hashed. Nothing is removed that has changed since it was stored. All that was ever
offloaded of a part is one tree: the newest snapshot with the tag `offloaded` leads to it, and is
the manifest.
"""

import errno
import os
import stat
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from pathlib import Path

from springtide.errors import Damaged, NotFound, Retryable
from springtide.model.retention import OFFLOADED
from springtide.vault.blobs import BlobId, BlobKind, PackEntry
from springtide.vault.nodes import Node, NodeKind, parse_tree
from springtide.vault.repository import Repository
from springtide.vault.snapshots import Snapshot, list_snapshots, save_snapshot
from springtide.vault.stretches import Stretch, stretches
from springtide.vault.tree_backup import TreeBackup, TreeSource, back_up_tree
from springtide.vault.tree_editing import Wanted, merged_tree, wanted_of
from springtide.vault.tree_reading import node_of, unchanged

_READERS = 4
_LAST_S = datetime(9999, 12, 31, tzinfo=UTC).timestamp()


@dataclass(frozen=True)
class Scanned:
    """A file that stands at the source."""

    path: bytes
    size: int
    touched: datetime
    """When it was last changed or read."""


def offload_host(source: str) -> str:
    """Under which name the offloaded snapshots of a source stand, apart from its backups."""
    return f"{source}/{OFFLOADED}"


def scan(root: Path, excludes: Sequence[str] = ()) -> Iterator[Scanned]:
    """The files below the root that have one name only; what cannot be read is left out."""
    waiting = [os.fsencode(root)]
    while waiting:
        try:
            with os.scandir(waiting.pop()) as entries:
                for entry in entries:
                    text = os.fsdecode(entry.path) if excludes else ""
                    if any(fnmatchcase(text, pattern) for pattern in excludes):
                        continue
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(entry.path)
                    elif entry.is_file(follow_symlinks=False):
                        found = entry.stat(follow_symlinks=False)
                        if found.st_nlink == 1:
                            yield Scanned(entry.path, found.st_size, _touched(found))
        except OSError:
            continue


def store_documents(
    repository: Repository, paths: Iterable[bytes], *, earlier: BlobId | None
) -> tuple[BlobId, TreeBackup]:
    """The tree of all that was offloaded, those files added, stored; and their own backup.

    `earlier` is the tree of what was offloaded before.

    Raises:
        Misconfigured: none of the files is there any more.
    """
    there = tuple(Path(os.fsdecode(path)) for path in paths if os.path.lexists(path))
    backup = back_up_tree(repository, TreeSource(there))
    repository.flush()  # what is merged is read back
    tree = merged_tree(repository, earlier, backup.tree) if earlier else backup.tree
    repository.flush()
    return tree, backup


def save_manifest(
    repository: Repository, manifest: Snapshot, *, earlier: Snapshot | None
) -> Snapshot:
    """The new manifest, stored; it goes on from the `earlier` one.

    Raises:
        Retryable: that one is not the newest any more. What was erased from it meanwhile, or what
            another run has added, is not so in this one.
    """
    known = list_snapshots(repository)
    if _newest(known, manifest.hostname, manifest.paths) != earlier:
        raise Retryable("what was offloaded was stored anew meanwhile: begin again from that")
    return save_snapshot(repository, manifest)


def newest_offloaded(known: Iterable[Snapshot], source: str, path: str) -> Snapshot | None:
    """The manifest of a source's part: the newest snapshot of what was offloaded of it."""
    return _newest(known, offload_host(source), (path,))


def nodes_at(repository: Repository, tree: BlobId, paths: Collection[bytes]) -> dict[bytes, Node]:
    """The files of the tree at those absolute paths; what is not in it is left out.

    Raises:
        Damaged, NotFound: a tree on the way cannot be read.
    """
    return dict(_nodes_at(repository, tree, wanted_of(paths), b"/"))


@dataclass
class Releasing:
    """What may be removed from the source, and what may not."""

    whole: list[tuple[bytes, Node]] = field(default_factory=list)
    """Unchanged since they were stored, and whole at every site."""
    kept: int = 0
    failures: set[str] = field(default_factory=set)
    """Objects that are not what was stored, and how many files the system did not remove."""


def releasable(sites: Sequence[Repository], tree: BlobId, paths: Collection[bytes]) -> Releasing:
    """Those of the files that may be removed now: every chunk was read at every site.

    Raises:
        Damaged, NotFound: a tree cannot be read at one of the sites.
    """
    found = Releasing()
    nodes = [nodes_at(site, tree, paths) for site in sites]
    stored = {p: n for p, n in nodes[0].items() if all(each.get(p) == n for each in nodes)}
    same = {path: node for path, node in stored.items() if stands_as_stored(path, node)}
    found.kept = len(stored) - len(same)
    blobs = {blob for node in same.values() for blob in node.content}
    bad: set[BlobId] = set()
    for site in sites:
        bad |= _not_whole(site, blobs, found.failures)
    for path, node in sorted(same.items()):
        if bad.isdisjoint(node.content):
            found.whole.append((path, node))
        else:
            found.kept += 1
    return found


def remove_documents(releasing: Releasing) -> tuple[int, int]:
    """How many files of how many bytes were removed: those that are still as they were stored."""
    files = size = 0
    refused: Counter[str] = Counter()
    for path, node in releasing.whole:
        if not stands_as_stored(path, node):
            releasing.kept += 1
            continue
        try:
            os.unlink(path)  # noqa: PTH108 - bytes
        except OSError as error:  # its message would tell the path
            refused[errno.errorcode.get(error.errno or 0, "OSError")] += 1
            continue
        files, size = files + 1, size + node.size
    releasing.kept += refused.total()
    releasing.failures |= {
        f"{count} files could not be removed, and stay: {reason}"
        for reason, count in refused.items()
    }
    return files, size


def stands_as_stored(path: bytes, node: Node) -> bool:
    """Whether the file is what was stored, by size, times and inode, and has one name."""
    try:
        found = os.lstat(path)
        return (
            stat.S_ISREG(found.st_mode)
            and found.st_nlink == 1
            and unchanged(node_of(path, node.name, found), node)
        )
    except OSError:
        return False


def _newest(known: Iterable[Snapshot], host: str, paths: tuple[str, ...]) -> Snapshot | None:
    of_part = (each for each in known if (each.hostname, each.paths) == (host, paths))
    return max(of_part, key=lambda each: (each.time, each.id), default=None)


def _touched(found: os.stat_result) -> datetime:
    """The later of the two; what lies outside the years 1970 to 9999 is moved to their edge."""
    touched = max(found.st_mtime, found.st_atime, 0.0)
    return datetime.fromtimestamp(min(touched, _LAST_S), UTC)


def _nodes_at(
    repository: Repository, tree: BlobId, wanted: Wanted, path: bytes
) -> Iterator[tuple[bytes, Node]]:
    # Not whole packs, as a restore does: single files are looked up here.
    for node in parse_tree(repository.load(BlobKind.TREE, tree)):
        below = wanted.get(node.name)
        if below is None:
            continue
        if node.kind is NodeKind.FILE and not below:
            yield path + node.name, node
        elif node.subtree is not None and below:
            yield from _nodes_at(repository, node.subtree, below, path + node.name + b"/")


def _not_whole(
    repository: Repository, blobs: Collection[BlobId], failures: set[str]
) -> set[BlobId]:
    """Those of the chunks that cannot be read at that site; their packs are named."""
    bad: set[BlobId] = set()
    entries = []
    for blob in blobs:
        place = repository.index.place(BlobKind.DATA, blob)
        if place is None:
            bad.add(blob)
            failures.add("no index names a chunk")
        else:
            entries.append(PackEntry(BlobKind.DATA, blob, place))
    with ThreadPoolExecutor(_READERS, "springtide-whole") as readers:
        for found in readers.map(lambda each: _read(repository, each), stretches(entries)):
            for blob, failure in found.items():
                bad.add(blob)
                failures.add(failure)
    return bad


def _read(repository: Repository, stretch: Stretch) -> Mapping[BlobId, str]:
    """What is wrong with the chunks of a stretch."""
    try:
        sealed = repository.store.get(stretch.name, start=stretch.start, length=stretch.length)
    except (Damaged, NotFound):
        return {entry.id: f"{stretch.name} is not what was stored" for entry in stretch.entries}
    view, wrong = memoryview(sealed), {}
    for entry in stretch.entries:
        start = entry.place.offset - stretch.start
        try:
            repository.unsealed(entry, view[start : start + entry.place.length])
        except Damaged:
            wrong[entry.id] = f"{stretch.name} is not what was stored"
    return wrong
