"""The restore of a snapshot's tree to a new place: every chunk's hash is computed anew.

Rule: nothing is written outside the target, which is new or empty. What is damaged or missing in
the repository is told file by file; such a file is left out, and everything else is restored.

Two walks: the first makes directories and files and has the chunks fetched, pack by pack in long
stretches; the second makes links, and gives everything its owner, mode and times from within. A
file of one chunk and one link is made only when that has come, and is complete then.
"""

import errno
import os
import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from springtide.errors import Damaged, Misconfigured, NotFound
from springtide.vault.blobs import BlobId, BlobKind, PackEntry
from springtide.vault.nodes import Node, NodeKind
from springtide.vault.repository import Repository
from springtide.vault.stretches import Stretch, stretches
from springtide.vault.tree_writing import (
    dress,
    folder,
    make_file,
    make_special,
    place_file,
    writable,
    write_at,
)
from springtide.vault.trees import TreeReader
from springtide.vault.troubles import Trouble, TroubleKind

_READERS = 4
_AHEAD = 6
"""Stretches of up to 8 MiB that are read before they are needed."""
_WRITERS = 2
_UNDER_WAY = 4
"""Stretches that the writers have before them."""
_LARGE = 64 * 1024
"""In bytes: stretches whose blobs are as large as this on average are written in parallel."""
_BATCH_BLOBS = 16_384
_ASKED_BLOBS = 4096
"""Of one file; so many places are in memory at once."""
_FULL = {errno.ENOSPC, errno.EDQUOT}


@dataclass
class Restored:
    """What became of a restore; it grows while the restore runs."""

    files: int = 0
    directories: int = 0
    bytes: int = 0
    """Of content, holes included."""
    troubles: list[Trouble] = field(default_factory=list)

    @property
    def damaged(self) -> list[Trouble]:
        """Those whose content is not what was backed up; of the others an attribute is not."""
        return [each for each in self.troubles if each.kind is not TroubleKind.INCOMPLETE]


def restore_tree(
    repository: Repository,
    tree: BlobId,
    target: Path,
    *,
    paths: tuple[PurePosixPath, ...] = (),
    progress: Callable[[Restored], None] | None = None,
) -> Restored:
    """Restore a snapshot's tree, or what is at `paths` in it, below `target`.

    Raises:
        Misconfigured: the target is not empty, or the disk is full; a path is not in the snapshot.
        Damaged, NotFound: the snapshot's own tree cannot be read.
        Retryable: the store does not answer.
    """
    _refuse_if_used(target)
    restore = _Restore(repository, paths, progress or (lambda _: None))
    restore.run(tree, target)
    missing = restore.missing()
    if missing:
        raise Misconfigured(f"{missing} of the paths are not in the snapshot", field="paths")
    return restore.restored


class _Want(NamedTuple):
    """Where a blob belongs."""

    path: bytes
    """Of the file, below the target."""
    offset: int
    whole: Node | None = None
    """The file, where the blob is all of its content: then it is not made before."""


_Wants = dict[BlobId, list[_Want]]


class _Restore:
    """One restore: readers fetch ahead; what is large is opened and written by writers."""

    def __init__(
        self,
        repository: Repository,
        paths: tuple[PurePosixPath, ...],
        progress: Callable[[Restored], None],
    ) -> None:
        self._repository = repository
        self._paths = {os.fsencode(path).strip(b"/") for path in paths}
        self._found: set[bytes] = set()
        self._progress = progress
        self._trees = TreeReader(repository)
        self._wants: _Wants = {}
        self._firsts: dict[tuple[int, int], bytes] = {}
        """Of files with several links: where the content is written."""
        self._lock = threading.Lock()
        self._damaged: set[bytes] = set()
        self._failed: list[BaseException] = []
        self._room = threading.BoundedSemaphore(_UNDER_WAY)
        self.restored = Restored()

    def run(self, tree: BlobId, target: Path) -> None:
        nodes = self._trees.nodes(tree)
        target.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._target = os.open(target, os.O_RDONLY | os.O_DIRECTORY)
        try:
            with (
                ThreadPoolExecutor(_READERS, "springtide-read") as self._readers,
                ThreadPoolExecutor(_WRITERS, "springtide-write") as self._writers,
            ):
                self._make(self._target, b"", nodes)
                self._fetch()
            self._raise_failure()
            self._dress(self._target, b"", nodes)
        finally:
            os.close(self._target)

    def missing(self) -> int:
        """How many of the paths were met nowhere."""
        return len(self._paths - self._found)

    def _make(self, parent: int, path: bytes, nodes: tuple[Node, ...]) -> None:
        """The first walk."""
        for node in nodes:
            below = path + node.name
            if not self._wanted(below):
                continue
            self._found.add(below)
            try:
                if node.kind is NodeKind.DIRECTORY:
                    with folder(parent, node.name) as descriptor:
                        self._make(descriptor, below + b"/", self._below(below, node))
                    self.restored.directories += 1
                    self._progress(self.restored)
                elif node.kind is NodeKind.FILE and self._is_first(below, node):
                    if not _comes_whole(node):
                        make_file(parent, node)
                    self._want(below, node)
            except OSError as error:
                self._unwritable(below, error)

    def _below(self, path: bytes, node: Node) -> tuple[Node, ...]:
        try:
            return self._trees.nodes(node.subtree) if node.subtree else ()
        except (Damaged, NotFound) as error:
            if path not in self._damaged:
                self._damaged.add(path)
                self._trouble(path, TroubleKind.DAMAGED, type(error).__name__)
            return ()

    def _is_first(self, path: bytes, node: Node) -> bool:
        if node.links > 1:
            return self._firsts.setdefault((node.device_id, node.inode), path) == path
        return True

    def _want(self, path: bytes, node: Node) -> None:
        self.restored.files += 1
        self.restored.bytes += node.size
        if _comes_whole(node):
            self._wants.setdefault(node.content[0], []).append(_Want(path, 0, node))
        else:
            self._want_parts(path, node.content)
        if len(self._wants) >= _BATCH_BLOBS:
            self._fetch()

    def _want_parts(self, path: bytes, content: tuple[BlobId, ...]) -> None:
        offset = 0
        for start in range(0, len(content), _ASKED_BLOBS):
            asked = content[start : start + _ASKED_BLOBS]
            places = self._repository.index.places(BlobKind.DATA, asked)
            for blob in asked:
                if blob not in places:
                    self._damaged.add(path)
                    return
                self._wants.setdefault(blob, []).append(_Want(path, offset))
                offset += places[blob].raw_length

    def _fetch(self) -> None:
        """Have all that is wanted so far read and written."""
        wants, self._wants = self._wants, {}
        places = self._repository.index.places(BlobKind.DATA, tuple(wants))
        for blob in wants.keys() - places.keys():
            self._damaged.update(want.path for want in wants[blob])
        ahead: deque[tuple[Stretch, Future[memoryview | None]]] = deque()
        for stretch in stretches(
            PackEntry(BlobKind.DATA, blob, place) for blob, place in places.items()
        ):
            ahead.append((stretch, self._readers.submit(self._sealed, stretch)))
            if len(ahead) >= _AHEAD:
                self._take(*ahead.popleft(), wants)
        while ahead:
            self._take(*ahead.popleft(), wants)

    def _take(
        self,
        stretch: Stretch,
        sealed: Future[memoryview | None],
        wants: _Wants,
    ) -> None:
        found = sealed.result()
        if stretch.length < len(stretch.entries) * _LARGE:
            # Not by a writer: the hand-over would cost more than a small file.
            self._write(stretch, found, wants)
            return
        self._room.acquire()
        self._raise_failure()
        self._writers.submit(self._write, stretch, found, wants).add_done_callback(self._ended)

    def _write(self, stretch: Stretch, sealed: memoryview | None, wants: _Wants) -> None:
        for entry, plain in self._plain(stretch, sealed):
            for want in wants[entry.id]:
                if plain is None:
                    with self._lock:
                        self._damaged.add(want.path)
                    continue
                try:
                    self._put(want, plain)
                except OSError as error:
                    self._unwritable(want.path, error)

    def _put(self, want: _Want, plain: bytes) -> None:
        if want.whole is None:
            with writable(want.path, self._target) as descriptor:
                write_at(descriptor, plain, want.offset)
        elif lacking := place_file(self._target, want.path, want.whole, plain):
            self._trouble(want.path, TroubleKind.INCOMPLETE, lacking)

    def _sealed(self, stretch: Stretch) -> memoryview | None:
        """A stretch as it is stored; None where it is not whole."""
        try:
            found = self._repository.store.get(
                stretch.name, start=stretch.start, length=stretch.length
            )
        except (Damaged, NotFound):
            return None
        return memoryview(found)

    def _plain(
        self, stretch: Stretch, sealed: memoryview | None
    ) -> Iterator[tuple[PackEntry, bytes | None]]:
        """The blobs of a stretch; None where one is not what was saved."""
        for entry in stretch.entries:
            try:
                if sealed is None:
                    # What was cut short may still hold some of them.
                    yield entry, self._repository.load(BlobKind.DATA, entry.id)
                else:
                    start = entry.place.offset - stretch.start
                    part = sealed[start : start + entry.place.length]
                    yield entry, self._repository.unsealed(entry, part)
            except (Damaged, NotFound):
                yield entry, None

    def _dress(self, parent: int, path: bytes, nodes: tuple[Node, ...]) -> None:
        """The second walk: links, and then owner, mode and times, from within."""
        for node in nodes:
            below = path + node.name
            if not self._wanted(below):
                continue
            try:
                if node.kind is NodeKind.DIRECTORY:
                    with folder(parent, node.name) as descriptor:
                        self._dress(descriptor, below + b"/", self._below(below, node))
                if self._stands(parent, below, node) and (lacking := dress(parent, node)):
                    self._trouble(below, TroubleKind.INCOMPLETE, lacking)
            except OSError as error:
                self._unwritable(below, error)

    def _stands(self, parent: int, path: bytes, node: Node) -> bool:
        """Whether it is there to be dressed; links and the like are made here."""
        if node.kind is NodeKind.DIRECTORY:
            return True
        if node.kind is not NodeKind.FILE:
            return make_special(parent, node)
        first = self._firsts.get((node.device_id, node.inode), path) if node.links > 1 else path
        whole = _comes_whole(node)
        if first in self._damaged:
            if first == path and not whole:
                os.unlink(node.name, dir_fd=parent)
            self._trouble(path, TroubleKind.DAMAGED)
            return False
        if first != path:
            os.link(first, node.name, src_dir_fd=self._target, dst_dir_fd=parent)
            return False
        return not whole

    def _wanted(self, path: bytes) -> bool:
        """Whether it is asked for, lies below what is asked for, or on the way to it."""
        return not self._paths or any(
            path == asked or path.startswith(asked + b"/") or asked.startswith(path + b"/")
            for asked in self._paths
        )

    def _ended(self, future: Future[None]) -> None:
        error = future.exception()
        if error is not None:
            self._failed.append(error)
        self._room.release()

    def _raise_failure(self) -> None:
        if not self._failed:
            return
        error = self._failed[0]
        if isinstance(error, OSError) and error.errno in _FULL:
            raise Misconfigured("the disk is full", field="target") from error
        raise error

    def _unwritable(self, path: bytes, error: OSError) -> None:
        if error.errno in _FULL:
            raise Misconfigured("the disk is full", field="target") from error
        self._trouble(path, TroubleKind.UNWRITABLE, errno.errorcode.get(error.errno or 0, ""))

    def _trouble(self, path: bytes, kind: TroubleKind, reason: str = "") -> None:
        self.restored.troubles.append(Trouble(path, kind, reason))


def _comes_whole(node: Node) -> bool:
    """Whether it is a file that is made with all of its content at once."""
    return node.kind is NodeKind.FILE and len(node.content) == 1 and node.links <= 1


def _refuse_if_used(target: Path) -> None:
    if target.is_symlink() or (target.exists() and not target.is_dir()):
        used = True
    else:
        used = target.exists() and any(target.iterdir())
    if used:
        raise Misconfigured(
            "something stands there already", field="target", allowed="a new or empty folder"
        )
