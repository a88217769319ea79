"""The backup of directories: walk, cut what is new into chunks, and name it all in trees.

Rule: a file is taken for unchanged, and is not read, where size, times of modification and change
and inode are those of the snapshot before; all else is read, and what the repository holds already
is not sent. What cannot be read is a trouble, told by name in the report, and stops nothing.

Example: `/srv/documents` with a changed file of 3 MiB among 100,000: one file is read, one or two
chunks are sent, and the trees of the directories on the way to it.
"""

import errno
import os
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from io import FileIO
from pathlib import Path
from typing import Self, TypeVar

from springtide.errors import Damaged, Misconfigured, NotFound
from springtide.model.cutting import Cutting
from springtide.vault.blobs import BlobId, BlobKind
from springtide.vault.chunking import LEAST, chunks
from springtide.vault.dealing import WHOLE, Shard
from springtide.vault.file_content import FileContent, SavedChunk, parted_ids
from springtide.vault.nodes import Node, NodeKind, kind_of, storable, tree_bytes
from springtide.vault.repository import Repository
from springtide.vault.tree_reading import node_of, opened, same_file, unchanged, untouched
from springtide.vault.trees import TreeReader
from springtide.vault.troubles import Trouble, TroubleKind

_BATCH_FILES = 128
_BATCH_BYTES = 1024 * 1024
"""So many small files, or so many bytes of them, are saved at once: one hand-over for all."""
_MOST_CLOSING = 256
_WORKERS = 2
_UNDER_WAY = 8
"""So many chunks of large files are in memory at once."""
_T = TypeVar("_T")


@dataclass(frozen=True)
class TreeSource:
    """What is backed up."""

    paths: tuple[Path, ...]
    """Absolute, without `..`; a link among them is backed up as a link."""
    excludes: tuple[str, ...] = ()
    """Shell patterns for whole paths, e.g. `/srv/documents/tmp/*`; `*` matches `/`, too."""
    cutting: Cutting = Cutting.CONTENT
    shard: Shard = WHOLE
    """Of a source with one path."""


@dataclass(frozen=True)
class Counts:
    """What a backup has done so far."""

    files: int = 0
    unchanged_files: int = 0
    """Of those, not read again."""
    directories: int = 0
    bytes: int = 0
    """Of all files."""
    read_bytes: int = 0
    """Of those, read."""
    new_bytes: int = 0
    """Of those, such as the repository did not hold; before compression."""

    def __add__(self, other: Self) -> "Counts":
        """Both together."""
        return Counts(
            *(mine + its for mine, its in zip(_values(self), _values(other), strict=True))
        )


@dataclass(frozen=True)
class TreeBackup:
    """What became of a backup."""

    tree: BlobId
    counts: Counts
    troubles: tuple[Trouble, ...]


def back_up_tree(
    repository: Repository,
    source: TreeSource,
    *,
    earlier: BlobId | None = None,
    progress: Callable[[Counts], None] | None = None,
) -> TreeBackup:
    """Save the source; all of it is certain after the repository's next `flush`.

    `earlier` is the tree of the snapshot before, `progress` is told after every directory.

    Raises:
        Misconfigured: a path of the source is not there, or not absolute; or it has none.
        Retryable, Damaged: the store did not take what was sent.
    """
    if not source.paths or (source.shard.of > 1 and len(source.paths) > 1):
        raise Misconfigured("the source has no path, or a shard has several", field="paths")
    for path in source.paths:
        if not path.is_absolute() or ".." in path.parts or not os.path.lexists(path):
            raise Misconfigured(
                "a path of the source is not there",
                field="paths",
                allowed="absolute paths of what there is, without ..",
            )
    with ThreadPoolExecutor(_WORKERS, "springtide-backup") as workers:
        walk = _Walk(repository, source, workers, progress or (lambda _: None))
        tree = walk.run(earlier)
    return TreeBackup(tree, walk.counts, tuple(sorted(walk.troubles, key=lambda each: each.path)))


@dataclass
class _Directory:
    """A directory on the way: what is known of it, and what is still being done."""

    path: bytes
    node: Node
    earlier_tree: BlobId | None
    earlier: Mapping[bytes, Node]
    """What was in it, by name, as far as its content is held."""
    below: list[tuple[bytes, Node, "_Wanted"]] = field(default_factory=list)
    """Its directories that are still to be walked."""
    nodes: list[Node] = field(default_factory=list)
    done: list[Future[Node]] = field(default_factory=list)
    """What will be a node: large files, and directories below."""
    batches: list[Future[None]] = field(default_factory=list)
    """With small files of it; once they are done, those are among the nodes."""


_Wanted = Mapping[bytes, "_Wanted"]
"""The names that are wanted in a directory, with those wanted in them; empty: all."""


class _Walk:
    """One backup: the walker reads; chunks of large files, and trees, are saved by the workers."""

    def __init__(
        self,
        repository: Repository,
        source: TreeSource,
        workers: ThreadPoolExecutor,
        progress: Callable[[Counts], None],
    ) -> None:
        self._repository = repository
        self._source = source
        self._workers = workers
        self._progress = progress
        self._trees = TreeReader(repository)
        self._root = os.fsencode(source.paths[0]).rstrip(b"/") + b"/"
        self._room = threading.BoundedSemaphore(_UNDER_WAY)
        self._lock = threading.Lock()
        self._failure: BaseException | None = None
        self._small: list[tuple[_Directory, Node, bytes]] = []
        self._small_bytes = 0
        self._closing: list[tuple[_Directory, _Directory | None]] = []
        """Directories that are walked, and may have files in the batch: with their parents."""
        self._finished: Future[Node] | None = None
        """The root."""
        self.counts = Counts()
        self.troubles: list[Trouble] = []

    def run(self, earlier: BlobId | None) -> BlobId:
        """The id of the tree that begins at `/`."""
        root = Node(b"", NodeKind.DIRECTORY, 0o755, 0, 0, 0, 0, subtree=earlier)
        stack = [self._enter(b"/", root, root, _wanted(self._source.paths))]
        while stack:
            directory = stack[-1]
            if directory.below:
                path, node, wanted = directory.below.pop()
                try:
                    stack.append(self._enter(path, node, directory.earlier.get(node.name), wanted))
                except OSError as error:
                    self._trouble(path, error)
                continue
            stack.pop()
            self._closing.append((directory, stack[-1] if stack else None))
            if not self._small or len(self._closing) >= _MOST_CLOSING:
                self._settle()
        self._settle()
        if self._finished is None:
            raise AssertionError("the root is always there")
        tree = self._finished.result().subtree
        if tree is None:
            raise AssertionError("a finished directory has a tree")
        return tree

    def _enter(self, path: bytes, node: Node, earlier: Node | None, wanted: _Wanted) -> _Directory:
        """A directory whose files are on their way, and whose directories are known."""
        tree = earlier.subtree if earlier is not None else None
        directory = _Directory(path, node, tree, self._earlier(tree))
        above, kept = path.rstrip(b"/") + b"/", list[Node]()
        for name in sorted(wanted or _names(path)):
            below = above + name
            if self._excluded(below):
                continue
            try:
                found = os.lstat(below)
                if not self._is_ours(below, kind_of(found.st_mode)):
                    continue
                before = directory.earlier.get(name)
                if before is not None and untouched(before, found):
                    kept.append(before)
                else:
                    node = node_of(below, name, found)
                    self._describe(directory, below, node, wanted.get(name, {}))
            except OSError as error:
                self._trouble(below, error)
        directory.below.reverse()
        directory.nodes.extend(kept)
        size = sum(each.size for each in kept)
        self._count(Counts(files=len(kept), unchanged_files=len(kept), bytes=size))
        return directory

    def _describe(self, directory: _Directory, path: bytes, found: Node, wanted: _Wanted) -> None:
        node = storable(found)
        if node is not found:
            self._add_trouble(path, TroubleKind.INCOMPLETE, "(an attribute's name is not UTF-8)")
        if node.kind is NodeKind.DIRECTORY:
            directory.below.append((path, node, wanted))
        elif node.kind is NodeKind.FILE:
            self._file(directory, path, node)
        else:
            directory.nodes.append(node)

    def _file(self, directory: _Directory, path: bytes, node: Node) -> None:
        earlier = directory.earlier.get(node.name)
        if earlier is not None and unchanged(node, earlier):
            directory.nodes.append(node._replace(content=earlier.content))
            self._count(Counts(files=1, unchanged_files=1, bytes=node.size))
        elif node.size > LEAST:
            directory.done.append(self._large_file(path, node))
        else:
            self._small_file(directory, path, node)

    def _small_file(self, directory: _Directory, path: bytes, node: Node) -> None:
        with opened(path) as descriptor:
            plain = os.read(descriptor, node.size + 1)
            found = os.fstat(descriptor)
        if not same_file(node, found) or len(plain) != node.size:
            self._add_trouble(path, TroubleKind.CHANGED)
        plain = plain[: node.size]
        if len(plain) < node.size:
            node = node._replace(size=len(plain))
        self._small.append((directory, node, plain))
        self._small_bytes += len(plain)
        if len(self._small) >= _BATCH_FILES or self._small_bytes >= _BATCH_BYTES:
            self._settle()

    def _settle(self) -> None:
        """Have the small files saved, and the directories finished that waited for them."""
        if self._small:
            batch, self._small, self._small_bytes = self._small, [], 0
            future = self._submit(self._save_small, batch)
            for directory in {id(each): each for each, _, _ in batch}.values():
                directory.batches.append(future)
        closing, self._closing = self._closing, []
        for directory, parent in closing:
            # Whoever waits among the workers waits for those that were given to them before.
            finished = self._submit(self._finish, directory)
            if parent is None:
                self._finished = finished
            else:
                parent.done.append(finished)

    def _save_small(self, batch: list[tuple[_Directory, Node, bytes]]) -> None:
        filled = [plain for _, _, plain in batch if plain]
        saved = iter(self._repository.save_many(BlobKind.DATA, filled))
        size = new = 0
        for directory, node, plain in batch:
            blob = next(saved) if plain else None
            directory.nodes.append(node._replace(content=(blob.id,) if blob else ()))
            size += len(plain)
            new += len(plain) if blob and blob.new else 0
        self._count(Counts(files=len(batch), bytes=size, read_bytes=size, new_bytes=new))

    def _large_file(self, path: bytes, node: Node) -> Future[Node]:
        saved, size = FileContent(), 0
        with opened(path) as descriptor, FileIO(descriptor, closefd=False) as file:
            for chunk in chunks(file, self._source.cutting):
                size += len(chunk)
                saved.add(self._submit(self._saved, chunk))
            if not same_file(node, os.fstat(descriptor)):
                self._add_trouble(path, TroubleKind.CHANGED)
        return self._submit(self._large_node, node._replace(size=size), saved)

    def _large_node(self, node: Node, saved: FileContent) -> Node:
        ids, new = saved.result()
        self._count(Counts(files=1, bytes=node.size, read_bytes=node.size, new_bytes=new))
        return node._replace(content=parted_ids(ids))

    def _saved(self, chunk: bytes) -> SavedChunk:
        if not chunk:
            return SavedChunk(b"", 0)
        blob = self._repository.save(BlobKind.DATA, chunk)
        return SavedChunk(blob.id, len(chunk) if blob.new else 0)

    def _finish(self, directory: _Directory) -> Node:
        for batch in directory.batches:
            batch.result()
        nodes = [*directory.nodes, *(each.result() for each in directory.done)]
        tree = self._tree(directory, nodes)
        self._count(Counts(directories=1))
        self._progress(self.counts)
        return directory.node._replace(subtree=tree)

    def _tree(self, directory: _Directory, nodes: list[Node]) -> BlobId:
        earlier = directory.earlier_tree
        same = len(nodes) == len(directory.earlier) and all(
            node == directory.earlier.get(node.name) for node in nodes
        )
        if earlier is not None and same and self._repository.has(BlobKind.TREE, earlier):
            return earlier
        return self._repository.save(BlobKind.TREE, tree_bytes(nodes)).id

    def _earlier(self, tree: BlobId | None) -> Mapping[bytes, Node]:
        """What was in it, by name, but for files of which a chunk is not held any more."""
        if tree is None:
            return {}
        try:
            nodes = self._trees.nodes(tree)
        except (NotFound, Damaged):
            # Then all that is there is read: slower, and whole.
            return {}
        content = [blob for node in nodes for blob in node.content]
        held = self._repository.having(BlobKind.DATA, content)
        return {node.name: node for node in nodes if held.issuperset(node.content)}

    def _excluded(self, path: bytes) -> bool:
        text = os.fsdecode(path) if self._source.excludes else ""
        return any(fnmatchcase(text, pattern) for pattern in self._source.excludes)

    def _is_ours(self, path: bytes, kind: NodeKind) -> bool:
        below = path[len(self._root) :] if path.startswith(self._root) else b""
        return not below or self._source.shard.holds(below, kind)

    def _submit(self, work: Callable[..., _T], *arguments: object) -> Future[_T]:
        """Have it done by a worker, once there is room; what went wrong before is raised here."""
        self._room.acquire()
        if self._failure:
            raise self._failure
        future = self._workers.submit(work, *arguments)
        future.add_done_callback(self._ended)
        return future

    def _ended(self, future: Future[_T]) -> None:
        self._failure = self._failure or future.exception()
        self._room.release()

    def _count(self, counts: Counts) -> None:
        with self._lock:
            self.counts += counts

    def _trouble(self, path: bytes, error: OSError) -> None:
        kind = TroubleKind.GONE if error.errno == errno.ENOENT else TroubleKind.UNREADABLE
        self._add_trouble(path, kind, errno.errorcode.get(error.errno or 0, ""))

    def _add_trouble(self, path: bytes, kind: TroubleKind, reason: str = "") -> None:
        with self._lock:
            self.troubles.append(Trouble(path, kind, reason))


def _names(path: bytes) -> list[bytes]:
    with os.scandir(path) as entries:
        return [entry.name for entry in entries]


def _wanted(paths: tuple[Path, ...]) -> _Wanted:
    root: dict[bytes, dict[bytes, object]] = {}
    for path in sorted(paths):
        level = root
        for part in path.parts[1:]:
            level = level.setdefault(os.fsencode(part), {})  # type: ignore[assignment] # of itself
    return root  # type: ignore[return-value] # of itself


def _values(counts: Counts) -> Iterator[int]:
    return iter(vars(counts).values())
