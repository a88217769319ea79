"""Where the store fails it is told, and nothing is said to be there that is not."""

import errno
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from springtide.errors import Damaged, Misconfigured, Retryable
from springtide.vault.blobs import BlobKind, blob_id
from springtide.vault.repository import Repository
from tests.vault.economy import packs_of
from tests.vault.folder_store import FolderStore
from tests.vault.places import a_repository
from tests.vault.vaults import (
    MIB,
    Failing,
    WatchedStore,
    contents,
    loaded,
    named_by_headers,
    opened,
)

DATA = BlobKind.DATA
BUSY = Retryable("the store is busy")
FULL = OSError(errno.ENOSPC, "no space left on device")


@pytest.fixture
def repository(tmp_path: Path) -> Iterator[Repository]:
    """An empty one in a folder."""
    with a_repository(tmp_path) as made:
        yield made


FAULTS = {
    "busy at the first pack": (BUSY, "data/", {1}),
    "busy at the second pack": (BUSY, "data/", {2}),
    "busy at an index": (BUSY, "index/", {1}),
    "busy for long": (BUSY, "data/", {1, 2, 3, 4}),
    "full at the first pack": (FULL, "data/", {1}),
    "full at an index": (FULL, "index/", {1}),
    "full from then on": (FULL, "", set(range(1, 1000))),
    "misconfigured": (Misconfigured("no such container"), "data/", {1}),
    "another of that name": (Damaged("stands already", objects=("data/x",)), "data/", {1}),
}


@pytest.mark.parametrize(("error", "prefix", "numbers"), FAULTS.values(), ids=FAULTS.keys())
def test_a_failing_store_is_told(
    tmp_path: Path, error: Exception, prefix: str, numbers: set[int]
) -> None:
    """By the flush; and as often as it is called: it returns when all is there, and not before."""
    store = WatchedStore(tmp_path / "repository")
    plains = contents(20)
    with a_repository(tmp_path, store) as repository:
        store.before = Failing(error, prefix, frozenset(numbers))
        failed = 0
        for plain in plains:
            repository.save(DATA, plain)
        for _ in range(8):
            try:
                repository.flush()
            except type(error):
                failed += 1
            else:
                break
        store.before = lambda _: None
        assert failed >= 1
        assert (failed == 8) is (len(numbers) > 8)
        if failed < 8:
            _assert_all_there(tmp_path, plains)
        repository.flush()
    _assert_all_there(tmp_path, plains)


def _assert_all_there(folder: Path, plains: list[bytes]) -> None:
    """Read by another run, whose index is made anew, and each stored once."""
    wanted = {blob_id(plain): plain for plain in plains}
    with opened(folder) as other:
        other.index.clear()
        other.load_index()
        assert wanted == loaded(other, wanted)
        assert sorted((DATA, blob) for blob in wanted) == sorted(named_by_headers(other))


@pytest.mark.parametrize("number", [1, 3])
def test_a_failing_store_is_told_while_packs_are_filled(tmp_path: Path, number: int) -> None:
    """By a save or by the flush; nothing that was said to be known is missing afterwards."""
    store = WatchedStore(tmp_path / "repository")
    plains = [plain for seed in range(7) for plain in contents(2, size=MIB, seed=seed)[1:]]
    with packs_of(MIB), a_repository(tmp_path, store) as repository:
        store.before = Failing(BUSY, "data/", frozenset({number}))
        failed = 0
        for plain in [*plains, *plains]:
            try:
                repository.save(DATA, plain)
            except Retryable:
                failed += 1
        for _ in range(3):
            try:
                repository.flush()
            except Retryable:
                failed += 1
        assert 1 == failed
    _assert_all_there(tmp_path, plains)


def test_a_full_disk_leaves_nothing_half(tmp_path: Path) -> None:
    """What was begun is removed: no listing would name it, and it would stay."""
    store = FolderStore(tmp_path)
    store.put("data/small", b"text")
    with _files_up_to(4096), pytest.raises(OSError, match="too large"):
        store.put("data/large", bytes(MIB))
    assert [tmp_path / "data/small"] == [path for path in tmp_path.rglob("*") if path.is_file()]


@contextmanager
def _files_up_to(size: int) -> Iterator[None]:
    """This process can write no larger files meanwhile, as on a disk that is nearly full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_what_goes_while_it_is_listed(tmp_path: Path) -> None:
    """Another process ends and takes its lock away: the listing goes on with the next."""
    store = FolderStore(tmp_path)
    for name in "abc":
        store.put(f"locks/{name}", b"text")
    listing = store.listing("locks/")
    first = next(listing)
    store.delete("locks/b")
    assert ["locks/a", "locks/c"] == [found.name for found in (first, *listing)]


class TooLarge(bytes):
    """A content for which there is no memory left."""

    def __len__(self) -> int:
        """Fails."""
        raise MemoryError


def test_what_could_not_be_sealed_is_not_known(repository: Repository, tmp_path: Path) -> None:
    """Whoever saves the same once more has it stored."""
    with pytest.raises(MemoryError):
        repository.save(DATA, TooLarge(b"text"))
    assert not repository.has(DATA, blob_id(b"text"))
    assert repository.save(DATA, b"text").new
    repository.flush()
    _assert_all_there(tmp_path, [b"text"])
