"""The backup of files that come one after another, as a program writes them: nothing is walked.

What comes is cut, saved and forgotten; of each file only the ids of its chunks are held, 32 bytes
for each, until all has come. Then the trees are made. So a base backup or a dump needs no disk.
"""

import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import NamedTuple

from springtide.model.cutting import Cutting
from springtide.vault.blobs import BlobId, BlobKind
from springtide.vault.chunking import Readable, chunks
from springtide.vault.file_content import FileContent, SavedChunk, parted_ids
from springtide.vault.nodes import Node, NodeKind, tree_bytes
from springtide.vault.repository import Repository
from springtide.vault.tree_backup import Counts

_WORKERS = 2
_UNDER_WAY = 16
"""So many chunks are in memory at once."""


class StreamedFile(NamedTuple):
    """A file, directory or link as it comes."""

    path: bytes
    """Without a slash at its beginning or end."""
    node: Node
    """Its name, size and content are found here."""
    content: Readable | None = None
    """Of a file; it is read before the next one is asked for."""


@dataclass
class _Folder:
    node: Node
    below: dict[bytes, Node] = field(default_factory=dict)


def back_up_stream(
    repository: Repository,
    files: Iterable[StreamedFile],
    cutting: Cutting,
    *,
    progress: Callable[[Counts], None] | None = None,
) -> tuple[BlobId, Counts]:
    """Save what comes: the tree's id, and what was done. Certain after the next `flush`.

    Raises:
        Retryable, Damaged: the store did not take what was sent.
    """
    with ThreadPoolExecutor(_WORKERS, "springtide-stream") as workers:
        stream = _Stream(repository, cutting, workers)
        for each in files:
            stream.take(each)
            if progress:
                progress(stream.counts)
        return stream.tree(), stream.counts


class _Stream:
    """One backup: the caller's thread reads and cuts, the workers save."""

    def __init__(
        self, repository: Repository, cutting: Cutting, workers: ThreadPoolExecutor
    ) -> None:
        self._repository, self._cutting, self._workers = repository, cutting, workers
        self._room = threading.BoundedSemaphore(_UNDER_WAY)
        self._folders = {b"": _Folder(a_folder(b"", 0))}
        self._contents: dict[bytes, bytes] = {}
        self.counts = Counts()

    def take(self, streamed: StreamedFile) -> None:
        """Save one of them, its folders with it where they did not come."""
        path, node = streamed.path, streamed.node._replace(name=streamed.path.rpartition(b"/")[2])
        if node.kind is NodeKind.DIRECTORY:
            self._folder(path, node).node = node
            self.counts += Counts(directories=1)
            return
        if streamed.content is not None:
            content, size, new = self._saved(streamed.content)
            self._contents[path] = content
            node = node._replace(size=size)
            self.counts += Counts(files=1, bytes=size, read_bytes=size, new_bytes=new)
        above = self._folder(path.rpartition(b"/")[0], node)
        above.below[node.name] = node

    def tree(self) -> BlobId:
        """The tree of all that came."""
        subtrees: dict[bytes, BlobId] = {}
        # From within: a longer path may lie below a shorter one, never the other way round.
        for path in sorted(self._folders, key=lambda path: (path.count(b"/") + bool(path), path))[
            ::-1
        ]:
            found = self._folders.pop(path)
            subtrees[path] = self._repository.save(
                BlobKind.TREE, tree_bytes(self._nodes(path, found))
            ).id
            if path:
                above, _, name = path.rpartition(b"/")
                self._folders[above].below[name] = found.node._replace(
                    name=name, subtree=subtrees.pop(path)
                )
        return subtrees[b""]

    def _nodes(self, path: bytes, folder: _Folder) -> Iterator[Node]:
        prefix = path + b"/" if path else b""
        for name, node in folder.below.items():
            ids = self._contents.pop(prefix + name, b"")
            yield node._replace(content=parted_ids(ids)) if ids else node

    def _folder(self, path: bytes, like: Node) -> _Folder:
        if (found := self._folders.get(path)) is not None:
            return found
        self._folder(path.rpartition(b"/")[0], like)
        made = a_folder(path.rpartition(b"/")[2], like.mtime_ns)
        made = made._replace(uid=like.uid, gid=like.gid, user=like.user, group=like.group)
        self._folders[path] = _Folder(made)
        return self._folders[path]

    def _saved(self, content: Readable) -> tuple[bytes, int, int]:
        """The ids of a file's chunks, its size, and how many bytes the repository did not hold."""
        size, saved = 0, FileContent()
        for chunk in chunks(content, self._cutting):
            size += len(chunk)
            saved.add(self._submit(chunk))
        ids, new = saved.result()
        return ids, size, new

    def _submit(self, chunk: bytes) -> Future[SavedChunk]:
        self._room.acquire()
        future = self._workers.submit(self._save, chunk)
        future.add_done_callback(lambda _: self._room.release())
        return future

    def _save(self, chunk: bytes) -> SavedChunk:
        blob = self._repository.save(BlobKind.DATA, chunk)
        return SavedChunk(blob.id, len(chunk) if blob.new else 0)


def a_folder(name: bytes, at_ns: int) -> Node:
    """A directory that nobody but its owner may look into."""
    return Node(name, NodeKind.DIRECTORY, 0o700, at_ns, at_ns, 0, 0)
