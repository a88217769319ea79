"""Snapshots in a second repository, under another key: whole, incremental, whatever goes wrong."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from springtide.errors import Damaged, NotFound, Retryable
from springtide.vault.adoption import adopt_packs
from springtide.vault.blobs import pack_name
from springtide.vault.repository import Repository
from springtide.vault.snapshot_copy import CopyCounts, TreeCopier, save_copy
from springtide.vault.snapshots import Snapshot, save_snapshot
from springtide.vault.tree_backup import TreeSource, back_up_tree
from springtide.vault.tree_comparison import compare_tree
from springtide.vault.tree_restore import restore_tree
from springtide.vault.verification import verify_repository
from tests.vault.folder_store import FolderStore
from tests.vault.places import EVERYTHING, a_repository
from tests.vault.vaults import Failing, WatchedStore, a_snapshot, flip, names, opened, restic_check

MIB = 1024 * 1024


@pytest.fixture
def source(tmp_path: Path) -> Iterator[Repository]:
    """The first site."""
    with a_repository(tmp_path / "first") as made:
        yield made


@pytest.fixture
def target(tmp_path: Path) -> Iterator[Repository]:
    """The second, with a key of its own."""
    with a_repository(tmp_path / "second") as made:
        yield made


@pytest.fixture
def documents(tmp_path: Path) -> Path:
    """Small files in directories, and a large one."""
    root = tmp_path / "documents"
    for number in range(40):
        folder = root / f"{number % 5}"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{number}.txt").write_bytes(b"marks of %d\n" % number * 100)
    (root / "scan").write_bytes(os.urandom(5 * MIB))
    return root


def backed_up(repository: Repository, root: Path) -> Snapshot:
    """A snapshot of that directory."""
    tree = back_up_tree(repository, TreeSource((root,))).tree
    repository.flush()
    return save_snapshot(repository, a_snapshot(repository, tree.hex()))


def copied(
    source: Repository, target: Repository, snapshot: Snapshot, base: Snapshot | None = None
) -> tuple[Snapshot, CopyCounts]:
    """The snapshot at the second site, and what that took."""
    before = bytes.fromhex(base.tree) if base else None
    counts = TreeCopier(source, target).copy(bytes.fromhex(snapshot.tree), base=before)
    copy = save_copy(source, target, snapshot)
    assert copy is not None
    return copy, counts


def assert_whole(target: Repository, snapshot: Snapshot, folder: Path) -> None:
    """What stands there is found without fault, and restores to the same tree."""
    assert set() == verify_repository(target, EVERYTHING).findings
    tree = bytes.fromhex(snapshot.tree)
    assert [] == restore_tree(target, tree, folder).troubles
    assert [] == list(compare_tree(target, tree, folder))


@pytest.mark.parametrize("judged", [pytest.param(True, marks=pytest.mark.real), False])
def test_a_copy_is_whole(
    source: Repository, target: Repository, documents: Path, tmp_path: Path, *, judged: bool
) -> None:
    """Under another key, with the same tree; it says of what it is a copy."""
    snapshot = backed_up(source, documents)
    copy, counts = copied(source, target, snapshot)
    assert source.key != target.key
    assert (snapshot.tree, snapshot.id) == (copy.tree, copy.original)
    assert counts.bytes > 5 * MIB
    assert_whole(target, copy, tmp_path / "restored")
    if judged:
        restic_check(tmp_path / "second")


def test_a_second_copy_sends_what_is_new(
    source: Repository, target: Repository, documents: Path, tmp_path: Path
) -> None:
    """One file of forty-one: its chunk, and the trees on the way to it; nothing twice."""
    first = backed_up(source, documents)
    base, _ = copied(source, target, first)
    assert (0, 0) == (
        copied(source, target, first)[1].blobs,
        copied(source, target, first, base)[1].blobs,
    )
    (documents / "3" / "new.txt").write_bytes(b"new")
    second = backed_up(source, documents)
    depth = len(documents.parts) - 1
    copy, counts = copied(source, target, second, base)
    assert 1 + depth + 2 == counts.blobs
    assert_whole(target, copy, tmp_path / "restored")


class CountingStore(FolderStore):
    """A folder that counts the packs, or parts of such, that are read."""

    reads = 0

    def get(self, name: str, *, start: int = 0, length: int | None = None) -> bytes:
        """As `Store.get`."""
        self.reads += name.startswith("data/")
        return super().get(name, start=start, length=length)


def test_trees_are_read_pack_by_pack_and_once(
    target: Repository, documents: Path, tmp_path: Path
) -> None:
    """A request for each would take hours from another region; without a base, too."""
    store = CountingStore(tmp_path / "first" / "repository")
    with a_repository(tmp_path / "first", store) as source:
        first = backed_up(source, documents)
        packs = len(source.stored)
        (documents / "3" / "new.txt").write_bytes(b"new")
        second = backed_up(source, documents)
        copier, store.reads = TreeCopier(source, target), 0
        copier.copy(bytes.fromhex(first.tree))
        # Of a pack of trees one, of contents a stretch of 8 MiB at most.
        assert store.reads <= packs < len(documents.parts) + 5
        store.reads = 0
        copier.copy(bytes.fromhex(second.tree))
        assert store.reads <= len(source.stored) - packs
        copy = save_copy(source, target, second)
    assert copy is not None
    assert_whole(target, copy, tmp_path / "restored")


def test_nothing_is_written_where_it_is_read_from(
    target: Repository, documents: Path, tmp_path: Path
) -> None:
    """The identity that pulls may only read there."""
    with a_repository(tmp_path / "first") as source:
        snapshot = backed_up(source, documents)
    store = WatchedStore(tmp_path / "first" / "repository")
    with opened(tmp_path / "first", store) as reading:
        reading.load_index()
        copied(reading, target, snapshot)
    assert [] == store.written


def test_what_went_meanwhile_does_not_come_to_stand(
    source: Repository, target: Repository, documents: Path
) -> None:
    """A copy lasts for hours: what was erased at the first site by then would be back here."""
    snapshot = backed_up(source, documents)
    TreeCopier(source, target).copy(bytes.fromhex(snapshot.tree))
    source.remove_document("snapshots", snapshot.id)
    assert save_copy(source, target, snapshot) is None
    assert [] == names(target.store, "snapshots/")


@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_copy_that_breaks_off_is_taken_over(
    source: Repository, documents: Path, tmp_path: Path, number: int
) -> None:
    """Whichever write fails: no snapshot stands, and the next run sends no pack again."""
    snapshot = backed_up(source, documents)
    a_repository(tmp_path / "second").close()
    failing = Failing(Retryable("the store is away"), "", frozenset({number}))
    store = WatchedStore(tmp_path / "second" / "repository", failing)
    with opened(tmp_path / "second", store) as target:
        target.load_index()
        with pytest.raises(Retryable):
            copied(source, target, snapshot)
    assert [] == names(store, "snapshots/")
    arrived = names(store, "data/")
    store = WatchedStore(tmp_path / "second" / "repository")
    with opened(tmp_path / "second", store, work="third") as target:
        target.load_index()
        adopt_packs(target)
        copy, _ = copied(source, target, snapshot)
        assert set(arrived).isdisjoint(store.written)
        assert_whole(target, copy, tmp_path / "restored")


@pytest.mark.parametrize("lost", [pytest.param(True, id="lost"), pytest.param(False, id="flipped")])
def test_what_is_damaged_is_not_copied(
    source: Repository, target: Repository, documents: Path, tmp_path: Path, *, lost: bool
) -> None:
    """No snapshot comes to stand that is not whole."""
    snapshot = backed_up(source, documents)
    largest = max(source.stored, key=lambda pack: pack.size)
    file = tmp_path / "first" / "repository" / pack_name(largest.id)
    if lost:
        file.unlink()
    else:
        flip(file, largest.size // 2)
    with pytest.raises((Damaged, NotFound)):
        copied(source, target, snapshot)
    assert [] == names(target.store, "snapshots/")


def test_a_tree_that_no_index_names_is_not_taken_for_whole(
    source: Repository, target: Repository, documents: Path
) -> None:
    """An index is lost, or its listing late: the copy waits for another run."""
    snapshot = backed_up(source, documents)
    for name in names(source.store, "index/"):
        source.store.delete(name)
    source.load_index()
    with pytest.raises(NotFound, match="no index names"):
        copied(source, target, snapshot)
    assert [] == names(target.store, "snapshots/")
