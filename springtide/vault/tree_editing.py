"""Trees made of other trees: two laid over each other, and one without some paths.

Nodes are taken as they are stored, with whatever restic keeps in them; a directory that does not
change keeps its id, and is not stored again.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from springtide.errors import Damaged
from springtide.vault.blobs import BlobId, BlobKind, blob_id
from springtide.vault.nodes import unquoted
from springtide.vault.repository import Repository
from springtide.vault.trees import links_of

_Document = dict[str, Any]
Wanted = Mapping[bytes, "Wanted"]
"""Names in a directory, with those below them; an empty one stands for all that is there."""


def wanted_of(paths: Iterable[bytes]) -> Wanted:
    """The absolute paths as names in names; what lies below one of them is part of it."""
    root: dict[bytes, Any] = {}
    for path in sorted(paths):
        level, parts = root, [part for part in path.split(b"/") if part]
        for number, part in enumerate(parts):
            if part in level and not level[part]:
                break  # all of it is wanted already
            level = level.setdefault(part, {})
            if number == len(parts) - 1:
                level.clear()
    return root


def merged_tree(repository: Repository, below: BlobId, above: BlobId) -> BlobId:
    """A tree of all that is in either; where both have a name, directories are merged.

    Of anything else the one `above` counts. The new trees are certain after the next `flush`.

    Raises:
        Damaged, NotFound: one of the trees cannot be read.
    """
    if below == above:
        return above
    under = {node["name"]: node for node in _nodes(repository, below)}
    nodes = []
    for node in _nodes(repository, above):
        other = under.pop(node["name"], None)
        if other and node.get("subtree") and other.get("subtree"):
            found = merged_tree(repository, _id(other["subtree"]), _id(node["subtree"]))
            nodes.append(node | {"subtree": found.hex()})
        else:
            nodes.append(node)
    nodes += under.values()
    nodes.sort(key=lambda each: unquoted(each["name"]))
    return _saved(repository, nodes)


@dataclass
class Cut:
    """A tree without some paths, and what went with them."""

    tree: BlobId
    files: int = 0
    bytes: int = 0
    """Of those files."""
    blobs: set[tuple[BlobKind, BlobId]] = field(default_factory=set)
    """What they were stored in, and the trees that named them."""
    stores: bool = True
    """Whether the new trees are saved, or only computed."""


def tree_without(
    repository: Repository, tree: BlobId, wanted: Wanted, *, stores: bool = True
) -> Cut:
    """The tree without what is wanted; itself where it has none of that.

    The new trees are certain after the next `flush`; with `stores` false they are only computed.

    Raises:
        Damaged, NotFound: one of the trees cannot be read.
    """
    cut = Cut(tree, stores=stores)
    cut.tree = _cut(repository, tree, wanted, cut)
    return cut


def _cut(repository: Repository, tree: BlobId, wanted: Wanted, cut: Cut) -> BlobId:
    kept, changed = [], False
    for node in _nodes(repository, tree):
        below = wanted.get(unquoted(node["name"]))
        if below is None:
            kept.append(node)
        elif not below:
            _count(repository, node, cut)
            changed = True
        elif node.get("subtree"):
            found = _cut(repository, _id(node["subtree"]), below, cut).hex()
            changed = changed or found != node["subtree"]
            kept.append(node | {"subtree": found})
        else:
            kept.append(node)
    if not changed:
        return tree
    cut.blobs.add((BlobKind.TREE, tree))
    return _saved(repository, kept) if cut.stores else blob_id(_plain(kept))


def _count(repository: Repository, node: _Document, cut: Cut) -> None:
    """Take down all that is at the node and below."""
    if node.get("type") == "file":
        cut.files += 1
        cut.bytes += node.get("size", 0)
    cut.blobs |= {(BlobKind.DATA, _id(blob)) for blob in node.get("content") or ()}
    if node.get("subtree"):
        subtree = _id(node["subtree"])
        cut.blobs.add((BlobKind.TREE, subtree))
        for below in _nodes(repository, subtree):
            _count(repository, below, cut)


def _nodes(repository: Repository, tree: BlobId) -> Iterator[_Document]:
    plain = repository.load(BlobKind.TREE, tree)
    links_of(plain)
    yield from orjson.loads(plain)["nodes"] or ()


def _saved(repository: Repository, nodes: list[_Document]) -> BlobId:
    return repository.save(BlobKind.TREE, _plain(nodes)).id


def _plain(nodes: list[_Document]) -> bytes:
    return orjson.dumps({"nodes": nodes}, option=orjson.OPT_APPEND_NEWLINE)


def _id(text: str) -> BlobId:
    try:
        return bytes.fromhex(text)
    except ValueError as error:
        raise Damaged("a tree is not what a tree has to be") from error
