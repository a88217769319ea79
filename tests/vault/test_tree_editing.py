"""Trees laid over each other, and trees without some paths."""

import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from springtide.vault.blobs import BlobId, BlobKind
from springtide.vault.nodes import Node, NodeKind, tree_bytes
from springtide.vault.repository import Repository
from springtide.vault.tree_editing import merged_tree, tree_without, wanted_of
from springtide.vault.trees import TreeReader
from tests.vault.places import a_repository

Files = Mapping[str, bytes]
"""Contents by absolute path."""


@pytest.fixture(scope="module")
def repository() -> Iterator[Repository]:
    """One for all: what is in it already is no matter."""
    with tempfile.TemporaryDirectory() as folder, a_repository(Path(folder)) as made:
        yield made


def tree_of(repository: Repository, files: Files) -> BlobId:
    """A flushed tree of those files."""
    tree = _tree(repository, {tuple(p.strip("/").split("/")): c for p, c in files.items()})
    repository.flush()
    return tree


def _tree(repository: Repository, files: Mapping[tuple[str, ...], bytes]) -> BlobId:
    nodes, below = [], {}
    for path, content in files.items():
        if len(path) == 1:
            blob = repository.save(BlobKind.DATA, content).id
            nodes.append(_node(path[0], size=len(content), content=(blob,)))
        else:
            below.setdefault(path[0], {})[path[1:]] = content
    nodes += [_node(name, subtree=_tree(repository, inner)) for name, inner in below.items()]
    return repository.save(BlobKind.TREE, tree_bytes(nodes)).id


def _node(name: str, **more: object) -> Node:
    kind = NodeKind.DIRECTORY if "subtree" in more else NodeKind.FILE
    return Node(name.encode(), kind, 0o644, 1, 1, 0, 0, **more)  # type: ignore[arg-type] # its fields


def files_of(repository: Repository, tree: BlobId, path: str = "") -> dict[str, bytes]:
    """The contents of a tree's files by path."""
    found = {}
    for node in TreeReader(repository).nodes(tree):
        here = f"{path}/{node.name.decode()}"
        if node.subtree is not None:
            found |= files_of(repository, node.subtree, here)
        else:
            found[here] = b"".join(repository.load(BlobKind.DATA, b) for b in node.content)
    return found


A = {"/srv/a/1": b"one", "/srv/a/2": b"two", "/srv/b/3": b"three", "/top": b"top"}


@pytest.mark.parametrize(
    ("above", "expected"),
    [
        pytest.param(A, A, id="the same"),
        pytest.param({"/srv/c/4": b"four"}, A | {"/srv/c/4": b"four"}, id="beside"),
        pytest.param({"/srv/a/2": b"new"}, A | {"/srv/a/2": b"new"}, id="a newer one counts"),
        pytest.param(
            {"/srv/b": b"a file now"},
            {k: v for k, v in A.items() if k != "/srv/b/3"} | {"/srv/b": b"a file now"},
            id="a file in a directory's place",
        ),
    ],
)
def test_trees_are_laid_over_each_other(
    repository: Repository, above: Files, expected: Files
) -> None:
    """What the upper one has counts; nothing else is lost."""
    merged = merged_tree(repository, tree_of(repository, A), tree_of(repository, above))
    repository.flush()
    assert expected == files_of(repository, merged)
    assert merged == tree_of(repository, expected)


@pytest.mark.parametrize(
    ("paths", "left", "counts"),
    [
        pytest.param([], A, (0, 0), id="nothing"),
        pytest.param(["/nowhere", "/srv/a/9", "/top/x"], A, (0, 0), id="what is not there"),
        pytest.param(
            ["/srv/a/1"], {k: v for k, v in A.items() if k != "/srv/a/1"}, (1, 3), id="a file"
        ),
        pytest.param(
            ["/srv/a", "/srv/a/1"],
            {"/srv/b/3": b"three", "/top": b"top"},
            (2, 6),
            id="a directory",
        ),
        pytest.param(["/srv", "/top"], {}, (4, 14), id="everything"),
    ],
)
def test_a_tree_without_some_paths(
    repository: Repository, paths: list[str], left: Files, counts: tuple[int, int]
) -> None:
    """How many files of how many bytes went is told; the rest is as it was."""
    tree = tree_of(repository, A)
    cut = tree_without(repository, tree, wanted_of(path.encode() for path in paths))
    repository.flush()
    assert left == files_of(repository, cut.tree)
    assert counts == (cut.files, cut.bytes)
    assert (cut.tree == tree) == (left == A)


def test_what_went_is_told_with_the_trees_that_named_it(repository: Repository) -> None:
    """The content of what went, and each directory that had its name; not its neighbours."""
    tree = tree_of(repository, A)
    cut = tree_without(repository, tree, wanted_of([b"/srv/a/1"]))
    data = {blob for kind, blob in cut.blobs if kind is BlobKind.DATA}
    trees = {blob for kind, blob in cut.blobs if kind is BlobKind.TREE}
    assert [b"one"] == [repository.load(BlobKind.DATA, blob) for blob in data]
    assert 3 == len(trees)
    assert tree in trees


NAMES = st.sampled_from(["a", "b", "c"])
PATHS = st.lists(NAMES, min_size=1, max_size=3).map(lambda parts: "/" + "/".join(parts))


@st.composite
def some_files(draw: st.DrawFn) -> dict[str, bytes]:
    """Files none of which stands where another has a directory."""
    found: dict[str, bytes] = {}
    for path in draw(st.lists(PATHS, max_size=6)):
        taken = any(p.startswith(path + "/") or path.startswith(p + "/") for p in found)
        if not taken:
            found[path] = draw(st.binary(min_size=1, max_size=3))
    return found


@settings(max_examples=60, deadline=None)
@given(files=some_files(), paths=st.lists(PATHS, max_size=3))
def test_all_that_is_not_named_stays(
    repository: Repository, files: dict[str, bytes], paths: list[str]
) -> None:
    """Conservation; and a second time there is nothing to do."""
    gone = {f for f in files if any(f == p or f.startswith(p + "/") for p in paths)}
    wanted = wanted_of(path.encode() for path in paths)
    cut = tree_without(repository, tree_of(repository, files), wanted)
    repository.flush()
    left = {path: content for path, content in files.items() if path not in gone}
    assert (left, len(gone)) == (files_of(repository, cut.tree), cut.files)
    again = tree_without(repository, cut.tree, wanted)
    assert (cut.tree, 0, set()) == (again.tree, again.files, again.blobs)
