"""Snapshots copied to another repository: opened with one key, sealed with the other.

Rule: a snapshot stands over there only once all that it needs is stored and named there, each
blob's hash computed anew on the way. Where it is read from nothing is written, not even a session;
nothing is removed anywhere. A snapshot is the same over there where time, source, paths, tree and
tags are: a tree has one id under every key.

Example: a snapshot of 100,000 files of which one has changed since the last copy: the trees on the
way to it are read, one or two chunks are copied. A copy that is killed is taken over by the next.
"""

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from collections.abc import Set as AbstractSet
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Self

from springtide.vault.blobs import BlobId, BlobKind, PackEntry
from springtide.vault.repository import Repository
from springtide.vault.snapshots import Snapshot, save_snapshot, still_stands
from springtide.vault.stretches import Stretch, stretches
from springtide.vault.trees import TreeReader, links_of
from springtide.vault.wal_archive import WAL_TAG

_COPIERS = 3
_AHEAD = 4
"""Stretches of up to 8 MiB that are under way at once."""
_BATCH_BLOBS = 16_384


@dataclass(frozen=True)
class CopyCounts:
    """What has been copied so far."""

    blobs: int = 0
    bytes: int = 0
    """Of those, before compression."""

    def __add__(self, other: Self) -> "CopyCounts":
        """Both together."""
        return CopyCounts(self.blobs + other.blobs, self.bytes + other.bytes)


class TreeCopier:
    """Copies trees one after another; what several have in common is looked at once.

    Both indexes are loaded before, and the target's not again.
    """

    def __init__(self, source: Repository, target: Repository) -> None:
        """Nothing is copied yet."""
        self._source, self._target = source, target
        self._trees = TreeReader(source)
        self._whole: set[BlobId] = set()
        """Trees that it has copied, with all that is below them."""

    def copy(
        self,
        tree: BlobId,
        *,
        base: BlobId | None = None,
        progress: Callable[[CopyCounts], None] = lambda _: None,
    ) -> CopyCounts:
        """Have all that the tree needs stored in the target, and named there; what it took.

        `base` is a tree that is whole in the target: what both have in common is not looked at.
        Nothing of the target may be about to go where it is given.

        Raises:
            Damaged, NotFound: something that the tree needs cannot be read.
            Retryable: one of the stores does not answer.
        """
        with ThreadPoolExecutor(_COPIERS, "springtide-copy") as copiers:
            copying = _Copying(self._source, self._target, copiers, progress)
            seen = copying.run(self._trees, (tree, base), except_for=self._whole)
        self._target.flush()
        self._whole |= seen
        return copying.counts


def save_copy(source: Repository, target: Repository, snapshot: Snapshot) -> Snapshot | None:
    """The snapshot as it stands in the target now; its tree was copied before.

    None: it went at the source meanwhile, and what was erased there must not come to stand here.
    Those of a log go within minutes, one that contains them having come; nothing is erased of them.
    """
    if WAL_TAG not in snapshot.tags and not still_stands(source, snapshot):
        return None
    update = {"id": "", "parent": None, "original": snapshot.id}
    return save_snapshot(target, snapshot.model_copy(update=update))


class _Copying:
    def __init__(
        self,
        source: Repository,
        target: Repository,
        copiers: ThreadPoolExecutor,
        progress: Callable[[CopyCounts], None],
    ) -> None:
        self._source, self._target = source, target
        self._copiers, self._progress = copiers, progress
        self._wanted: dict[BlobId, PackEntry] = {}
        self._lock = threading.Lock()
        self.counts = CopyCounts()

    def run(
        self,
        trees: TreeReader,
        pair: tuple[BlobId, BlobId | None],
        *,
        except_for: AbstractSet[BlobId],
    ) -> set[BlobId]:
        """Copy what a tree needs and the target lacks, its base given; the trees it went through.

        It is certain after the next `flush`.
        """
        seen: set[BlobId] = set()
        waiting = [pair]
        while waiting:
            here, before = waiting.pop()
            if here in seen or here in except_for or here == before:
                continue
            seen.add(here)
            # Read even where the target has it: what it names may not be there yet.
            plain = trees.plain(here)
            below, content = links_of(plain)
            earlier = self._subtrees(before)
            waiting += [(subtree, earlier.get(name)) for name, subtree in below.items()]
            self._want(content)
            self._save(BlobKind.TREE, plain)
        self._fetch()
        return seen

    def _subtrees(self, tree: BlobId | None) -> dict[str, BlobId]:
        return links_of(self._target.load(BlobKind.TREE, tree))[0] if tree else {}

    def _want(self, content: Iterable[BlobId]) -> None:
        for blob in content:
            if blob not in self._wanted and not self._target.has(BlobKind.DATA, blob):
                place = self._source.place(BlobKind.DATA, blob)
                self._wanted[blob] = PackEntry(BlobKind.DATA, blob, place)
        if len(self._wanted) >= _BATCH_BLOBS:
            self._fetch()

    def _fetch(self) -> None:
        """Copy all that is wanted so far, pack by pack in long stretches."""
        wanted, self._wanted = self._wanted, {}
        under_way: deque[Future[None]] = deque()
        try:
            for stretch in stretches(wanted.values()):
                under_way.append(self._copiers.submit(self._copy, stretch))
                if len(under_way) >= _AHEAD:
                    under_way.popleft().result()
            while under_way:
                under_way.popleft().result()
        finally:
            for future in under_way:
                future.cancel()

    def _copy(self, stretch: Stretch) -> None:
        for entry, plain in self._plain(stretch):
            self._save(entry.kind, plain)

    def _plain(self, stretch: Stretch) -> Iterator[tuple[PackEntry, bytes]]:
        sealed = memoryview(
            self._source.store.get(stretch.name, start=stretch.start, length=stretch.length)
        )
        for entry in stretch.entries:
            start = entry.place.offset - stretch.start
            part = sealed[start : start + entry.place.length]
            yield entry, self._source.unsealed(entry, part)

    def _save(self, kind: BlobKind, plain: bytes) -> None:
        if self._target.save(kind, plain).new:
            with self._lock:
                self.counts += CopyCounts(1, len(plain))
            self._progress(self.counts)
