"""Files that come one after another, and what is restored of them."""

import gc
import io
import os
import random
from concurrent.futures import Future
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from springtide.model.cutting import Cutting
from springtide.vault.blobs import BlobKind, SavedBlob
from springtide.vault.nodes import Node, NodeKind
from springtide.vault.repository import Repository
from springtide.vault.snapshots import save_snapshot
from springtide.vault.stream_backup import StreamedFile, back_up_stream
from springtide.vault.tree_backup import TreeSource, back_up_tree
from springtide.vault.tree_restore import restore_tree
from springtide.vault.trees import tree_size
from tests.vault.folder_store import FolderStore
from tests.vault.places import IDENTITY, PASSWORD, a_repository, seen_in
from tests.vault.vaults import KIB, a_snapshot, restic_check

BLOCK = 128 * KIB


def a_file(path: str, content: bytes, mode: int = 0o640) -> StreamedFile:
    """A file of us, as it comes."""
    node = Node(b"", NodeKind.FILE, mode, 10**18, 10**18, os.geteuid(), os.getegid(), links=1)
    return StreamedFile(path.encode(), node, io.BytesIO(content))


def a_directory(path: str, mode: int = 0o750) -> StreamedFile:
    """A directory of us, as it comes."""
    node = Node(b"", NodeKind.DIRECTORY, mode, 10**18, 10**18, os.geteuid(), os.getegid())
    return StreamedFile(path.encode(), node)


def stored(repository: Repository, files: list[StreamedFile], *, cutting: Cutting) -> str:
    """The tree of those, with a snapshot."""
    tree, _ = back_up_stream(repository, files, cutting)
    repository.flush()
    return save_snapshot(repository, a_snapshot(repository, tree.hex())).tree


def restored(repository: Repository, tree: str, target: Path) -> dict[str, bytes]:
    """Contents by path."""
    found = restore_tree(repository, bytes.fromhex(tree), target)
    assert [] == found.troubles
    return {
        str(path.relative_to(target)): path.read_bytes()
        for path in target.rglob("*")
        if path.is_file()
    }


def test_what_comes_is_restored(tmp_path: Path) -> None:
    """Contents, modes, links and empty directories; a directory that is come back to, too."""
    large = random.Random(1).randbytes(5 * BLOCK + 7)  # noqa: S311 - the same at each run
    link = Node(b"", NodeKind.SYMLINK, 0o777, 0, 0, os.geteuid(), os.getegid(), links=1)
    with a_repository(tmp_path) as repository:
        tree = stored(
            repository,
            [
                a_directory("base"),
                a_file("base/PG_VERSION", b"15\n"),
                a_directory("base/global"),
                a_directory("base/pg_wal", 0o700),
                a_file("base/base/5/16384", large),
                StreamedFile(b"base/link", link._replace(target=b"PG_VERSION")),
                a_file("base/empty", b""),
                a_file("base/global/pg_control", bytes(8 * KIB), 0o600),
            ],
            cutting=Cutting.BLOCKS,
        )
        restore_tree(repository, bytes.fromhex(tree), tmp_path / "there")
    seen = seen_in(tmp_path / "there")
    assert large == seen[b"base/base/5/16384"].content
    assert (b"", 0o100640) == (seen[b"base/empty"].content, seen[b"base/empty"].mode)
    assert b"PG_VERSION" == seen[b"base/link"].content
    assert 0o100600 == seen[b"base/global/pg_control"].mode
    assert (0o40750, 0o40700) == (seen[b"base/global"].mode, seen[b"base/pg_wal"].mode)
    # Which nobody sent: open to nobody but us.
    assert 0o40700 == seen[b"base/base"].mode
    restic_check(tmp_path)


class Counting(Repository):
    """Counts the chunks that are given to it, and what waits in memory at one of the last."""

    chunks = waiting = 0

    def save(self, kind: BlobKind, plain: bytes) -> SavedBlob:
        """As `Repository.save`."""
        self.chunks += kind is BlobKind.DATA
        if self.chunks == MANY and not self.waiting:
            self.waiting = sum(isinstance(each, Future) for each in gc.get_objects())
        return super().save(kind, plain)


class Zeros:
    """A file of so many bytes that are all zero; they cost nothing to make."""

    def __init__(self, size: int) -> None:
        """Nothing was read yet."""
        self._left = size

    def readinto(self, buffer: memoryview, /) -> int:
        """As of a file."""
        count = min(len(buffer), self._left)
        self._left -= count
        return count


MANY = 2_000


@pytest.mark.parametrize("way", ["stream", "tree"])
def test_a_large_file_needs_no_more_memory_than_its_ids(tmp_path: Path, way: str) -> None:
    """Of a chunk that is stored nothing else is held, however many come after it."""
    size = (MANY + 10) * BLOCK
    store = FolderStore(tmp_path / "repository")
    work = tmp_path / "work"
    with Counting.create(store, PASSWORD, identity=IDENTITY, work_folder=work) as repository:
        repository.load_index()
        if way == "stream":
            coming = a_file("dump", b"")._replace(content=Zeros(size))
            tree, counts = back_up_stream(repository, [coming], Cutting.BLOCKS)
        else:
            with (tmp_path / "dump").open("wb") as file:
                file.truncate(size)
            source = TreeSource((tmp_path / "dump",), cutting=Cutting.BLOCKS)
            done = back_up_tree(repository, source)
            tree, counts = done.tree, done.counts
        repository.flush()
        assert (size, BLOCK) == (counts.bytes, counts.new_bytes)
        assert 0 < repository.waiting < MANY / 10
        assert size == tree_size(repository, tree)


names = st.text("abc", min_size=1, max_size=3)
paths = st.lists(names, min_size=1, max_size=3).map("/".join)


@settings(max_examples=40, deadline=None)
@given(files=st.dictionaries(paths, st.binary(max_size=300), max_size=8), seed=st.randoms())
def test_in_any_order(
    files: dict[str, bytes], seed: random.Random, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Whatever comes, in whatever order, is restored."""
    known = {
        path: content
        for path, content in files.items()
        if not any(other.startswith(path + "/") for other in files)
    }
    order = list(known)
    seed.shuffle(order)
    folder = tmp_path_factory.mktemp("stream")
    with a_repository(folder) as repository:
        comes = [a_file(path, known[path]) for path in order]
        tree, counts = back_up_stream(repository, comes, Cutting.CONTENT)
        repository.flush()
        assert known == restored(repository, tree.hex(), folder / "there")
    assert len(known) == counts.files


@pytest.mark.parametrize(
    ("changed", "sent"),
    [
        pytest.param([], 0, id="nothing"),
        pytest.param([0], 1, id="the first page"),
        pytest.param([15], 1, id="the last page of a block"),
        pytest.param([15, 16], 2, id="the pages on both sides of a block's end"),
        pytest.param(list(range(16, 32)), 1, id="a whole block"),
    ],
)
def test_pages_that_change_in_place(tmp_path: Path, changed: list[int], sent: int) -> None:
    """Of a file of pages just the blocks are sent in which a page has changed."""
    pages = bytearray(random.Random(2).randbytes(10 * BLOCK))  # noqa: S311 - as above
    with a_repository(tmp_path) as repository:
        back_up_stream(repository, [a_file("16384", bytes(pages))], Cutting.BLOCKS)
        for page in changed:
            pages[page * 8 * KIB + 100] ^= 1
        again = [a_file("16384", bytes(pages))]
        _, counts = back_up_stream(repository, again, Cutting.BLOCKS)
    assert sent * BLOCK == counts.new_bytes
