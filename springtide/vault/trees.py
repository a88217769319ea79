"""Trees read back from the repository: whole packs are kept, as a tree's neighbours come next."""

import threading
from collections import OrderedDict

import orjson

from springtide.errors import Damaged
from springtide.vault.blobs import BlobId, BlobKind, PackEntry, pack_name
from springtide.vault.nodes import Node, NodeKind, parse_tree
from springtide.vault.repository import Repository

_PACKS = 4
"""Of some 32 MiB each."""


def links_of(tree: bytes) -> tuple[dict[str, BlobId], list[BlobId]]:
    """The trees that a stored tree names, by their names as stored, and all chunks of its files.

    Raises:
        Damaged: it is no tree.
    """
    below: dict[str, BlobId] = {}
    content: list[BlobId] = []
    try:
        for node in orjson.loads(tree)["nodes"] or ():
            content.extend(map(bytes.fromhex, node.get("content") or ()))
            if subtree := node.get("subtree"):
                below[node["name"]] = bytes.fromhex(subtree)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise Damaged("a tree is not what a tree has to be") from error
    return below, content


def tree_size(repository: Repository, tree: BlobId) -> int:
    """How many bytes all its files have together, each as often as it stands there.

    Raises:
        NotFound: no index names a tree of it, or its pack is gone.
        Damaged: one is not what was saved.
    """
    reader, waiting, size = TreeReader(repository), [tree], 0
    while waiting:
        for node in reader.nodes(waiting.pop()):
            if node.subtree is not None:
                waiting.append(node.subtree)
            elif node.kind is NodeKind.FILE:
                size += node.size
    return size


class TreeReader:
    """Reads trees by their ids; safe to be used by several threads at once."""

    def __init__(self, repository: Repository) -> None:
        """Nothing is read yet."""
        self._repository = repository
        self._lock = threading.Lock()
        self._packs: OrderedDict[bytes, memoryview] = OrderedDict()

    def nodes(self, tree: BlobId) -> tuple[Node, ...]:
        """What is in a directory.

        Raises:
            NotFound: no index names the tree, or its pack is gone.
            Damaged: it is not what was saved.
        """
        return parse_tree(self.plain(tree))

    def links(self, tree: BlobId) -> tuple[dict[str, BlobId], list[BlobId]]:
        """The trees that it names and all chunks of its files, as `links_of` tells them.

        Raises:
            NotFound: no index names the tree, or its pack is gone.
            Damaged: it is not what was saved.
        """
        return links_of(self.plain(tree))

    def plain(self, tree: BlobId) -> bytes:
        """The tree as it was saved.

        Raises:
            NotFound: no index names the tree, or its pack is gone.
            Damaged: it is not what was saved.
        """
        place = self._repository.place(BlobKind.TREE, tree)
        pack = self._pack(place.pack)
        sealed = pack[place.offset : place.offset + place.length]
        return self._repository.unsealed(PackEntry(BlobKind.TREE, tree, place), sealed)

    def _pack(self, pack: bytes) -> memoryview:
        with self._lock:
            if (found := self._packs.get(pack)) is not None:
                self._packs.move_to_end(pack)
                return found
            found = memoryview(self._repository.store.get(pack_name(pack)))
            self._packs[pack] = found
            if len(self._packs) > _PACKS:
                self._packs.popitem(last=False)
            return found
