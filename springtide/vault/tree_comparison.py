"""A restored tree held against its snapshot: read again from the disk, and hashed anew."""

import os
from collections.abc import Iterator
from pathlib import Path

from springtide.errors import NotFound
from springtide.vault.blobs import BlobId, BlobKind, blob_id
from springtide.vault.nodes import Node, NodeKind
from springtide.vault.repository import Repository
from springtide.vault.tree_reading import node_of, opened
from springtide.vault.trees import TreeReader
from springtide.vault.troubles import Trouble, TroubleKind

_COMPARED = ("kind", "mode", "mtime_ns", "uid", "gid", "size", "target", "device", "xattrs")


def compare_tree(repository: Repository, tree: BlobId, folder: Path) -> Iterator[Trouble]:
    """What differs in the folder from what the tree says, entry by entry.

    Names, kinds, contents, owners, modes, times and attributes are compared; sockets, which no
    restore makes, are not missed.

    Raises:
        Damaged, NotFound: the snapshot cannot be read.
    """
    yield from _compared(_Comparison(repository), tree, os.fsencode(folder))


class _Comparison:
    def __init__(self, repository: Repository) -> None:
        self.repository = repository
        self.trees = TreeReader(repository)

    def content_differs(self, node: Node, path: bytes) -> bool:
        """Whether a chunk of the file on the disk has another hash."""
        with opened(path) as descriptor:
            for blob in node.content:
                try:
                    length = self.repository.place(BlobKind.DATA, blob).raw_length
                except NotFound:
                    return True
                if blob_id(_read(descriptor, length)) != blob:
                    return True
            return bool(os.read(descriptor, 1))


def _compared(comparison: _Comparison, tree: BlobId, folder: bytes) -> Iterator[Trouble]:
    wanted = {node.name: node for node in comparison.trees.nodes(tree)}
    with os.scandir(folder) as entries:
        there = {entry.name for entry in entries}
    for name in sorted(there - wanted.keys()):
        yield Trouble(folder + b"/" + name, TroubleKind.DIFFERENT, "is not in the snapshot")
    for name, node in sorted(wanted.items()):
        path = folder + b"/" + name
        if name not in there:
            if node.kind is not NodeKind.SOCKET:
                yield Trouble(path, TroubleKind.DIFFERENT, "is missing")
            continue
        found = node_of(path, name, os.lstat(path))
        different = [field for field in _compared_fields(node) if _differs(field, node, found)]
        if different:
            yield Trouble(path, TroubleKind.DIFFERENT, ", ".join(different))
        elif node.kind is NodeKind.FILE and comparison.content_differs(node, path):
            yield Trouble(path, TroubleKind.DIFFERENT, "content")
        if node.subtree is not None and found.kind is NodeKind.DIRECTORY:
            yield from _compared(comparison, node.subtree, path)


def _compared_fields(node: Node) -> tuple[str, ...]:
    # Linux gives every link one and the same mode.
    left_out = {"mode"} if node.kind is NodeKind.SYMLINK else set()
    return tuple(field for field in _COMPARED if field not in left_out)


def _differs(field: str, node: Node, found: Node) -> bool:
    return bool(getattr(node, field) != getattr(found, field))


def _read(descriptor: int, length: int) -> bytes:
    parts = []
    while length and (part := os.read(descriptor, length)):
        parts.append(part)
        length -= len(part)
    return b"".join(parts)
