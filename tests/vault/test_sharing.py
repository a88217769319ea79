"""Several at once: threads, runs, and stores that show the state of some minutes ago."""

import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from springtide.errors import NotFound, Retryable
from springtide.vault.blobs import BlobKind, blob_id
from springtide.vault.repository import Repository
from springtide.vault.snapshots import list_snapshots
from tests.vault.folder_store import FolderStore
from tests.vault.places import a_repository
from tests.vault.vaults import (
    MIB,
    LateStore,
    contents,
    loaded,
    named_by_headers,
    names,
    opened,
    restic_check,
    save_tree,
    saved,
)

DATA = BlobKind.DATA


@pytest.fixture
def repository(tmp_path: Path) -> Iterator[Repository]:
    """An empty one in a folder."""
    with a_repository(tmp_path) as made:
        yield made


def test_many_threads(repository: Repository) -> None:
    """Each blob is stored once, whoever saves it, and however often is flushed meanwhile."""
    plains = contents(300)

    def work(number: int) -> int:
        new = sum(repository.save(DATA, plain).new for plain in plains[number * 20 :])
        repository.flush()
        return new

    with ThreadPoolExecutor(8) as threads:
        new = list(threads.map(work, range(8)))
    repository.flush()
    wanted = {blob_id(plain): plain for plain in plains}
    assert (300, wanted) == (sum(new), loaded(repository, wanted))
    assert sorted((DATA, blob) for blob in wanted) == sorted(named_by_headers(repository))
    assert len(names(repository.store, "data/")) == len(repository.stored)


def test_a_flush_waits_for_what_others_have_in_hand(repository: Repository, tmp_path: Path) -> None:
    """Another thread is told that a blob is known while it is still being sealed."""
    plain = contents(2, size=24 * MIB)[1]
    with ThreadPoolExecutor(1) as threads:
        slow = threads.submit(repository.save, DATA, plain)
        while not (slow.done() or repository.has(DATA, blob_id(plain))):
            time.sleep(0)
        repository.flush()
        with opened(tmp_path) as other:
            other.load_index()
            assert plain == other.load(DATA, blob_id(plain))


@pytest.mark.parametrize("work", ["work", "other-work"], ids=["one index file", "two"])
@pytest.mark.parametrize("judged", [pytest.param(True, marks=pytest.mark.real), False])
def test_two_writers_at_once(
    repository: Repository, tmp_path: Path, work: str, *, judged: bool
) -> None:
    """Both write the same and different things; each is done, and all of it can be read."""
    with opened(tmp_path, work=work) as other:
        other.load_index()

        def back_up(writer: Repository, number: int) -> None:
            for part in range(5):
                for seed in (part, 100 + number * 10 + part):
                    saved(writer, contents(20, seed=seed))
            save_tree(writer, {f"of-{number}": b"text", "of-both": b"other text"})

        with ThreadPoolExecutor(2) as threads:
            list(threads.map(back_up, (repository, other), (0, 1)))
    seeds = [*range(5), *range(100, 105), *range(110, 115)]
    wanted = {blob_id(plain): plain for seed in seeds for plain in contents(20, seed=seed)}
    with opened(tmp_path, work="third") as third:
        third.load_index()
        assert wanted == loaded(third, wanted)
        assert 2 == len(list_snapshots(third))
    if judged:
        restic_check(tmp_path)


def test_reopened_it_reads_no_document_twice(repository: Repository, tmp_path: Path) -> None:
    """The index file is of this machine; what it has read it keeps."""
    blobs = saved(repository, contents(4))
    gone = set(names(repository.store, "index/"))
    with opened(tmp_path, LateStore(tmp_path / "repository", gone=gone), work="work") as again:
        again.load_index()
        assert blobs == loaded(again, blobs)


def test_superseded_documents_are_forgotten(repository: Repository, tmp_path: Path) -> None:
    """What they named may be gone; what the others name is known."""
    gone, stays = saved(repository, [b"gone"]), saved(repository, [b"stays"])
    with opened(tmp_path) as other:
        other.load_index()
        (old,) = {
            name
            for name in names(other.store, "index/")
            if blob_id(b"gone").hex()
            in json.dumps(other.load_document("index", name.removeprefix("index/")))
        }
        other.store.delete(old)
        other.load_index()
        assert (False, True) == tuple(other.has(DATA, blob) for blob in (*gone, *stays))


class WatchedReads(FolderStore):
    """A folder that asks before each read of an index."""

    def __init__(self, folder: Path, before: Callable[[], None]) -> None:
        """`before` is called by whichever thread reads."""
        super().__init__(folder)
        self._before = before

    def get(self, name: str, *, start: int = 0, length: int | None = None) -> bytes:
        """As `Store.get`."""
        if name.startswith("index/"):
            self._before()
        return super().get(name, start=start, length=length)


@pytest.fixture
def superseded(repository: Repository) -> Repository:
    """A repository of two indexes, of which the first has gone; its own still names both."""
    saved(repository, [b"gone"])
    (old,) = names(repository.store, "index/")
    saved(repository, [b"stays"])
    repository.store.delete(old)
    return repository


def test_others_find_what_stands_while_an_index_is_made_anew(
    superseded: Repository, tmp_path: Path
) -> None:
    """They read the same file: it changes for them at once, when all documents have been read."""
    seen: list[list[bool]] = []

    def look() -> None:
        seen.append(known())

    def known() -> list[bool]:
        return [superseded.has(DATA, blob_id(plain)) for plain in (b"gone", b"stays")]

    with opened(tmp_path, WatchedReads(tmp_path / "repository", look), work="work") as other:
        other.load_index()
    assert ([[True, True]], [False, True]) == (seen, known())


def test_what_others_store_while_an_index_is_made_anew_is_known(
    superseded: Repository, tmp_path: Path
) -> None:
    """It was not there when the documents were listed."""
    stored: dict[bytes, bytes] = {}

    def store() -> None:
        if not stored:
            stored.update(saved(superseded, [b"new"]))

    with opened(tmp_path, WatchedReads(tmp_path / "repository", store), work="work") as other:
        other.load_index()
    assert stored == loaded(superseded, stored)
    assert superseded.index.documents() == {
        name.removeprefix("index/") for name in names(superseded.store, "index/")
    }


def test_an_index_that_cannot_be_made_anew_stays(superseded: Repository, tmp_path: Path) -> None:
    """The store does not answer: what the file held it holds."""
    before = superseded.index.documents()

    def fail() -> None:
        raise Retryable("object store: GET: 503")

    store = WatchedReads(tmp_path / "repository", fail)
    with opened(tmp_path, store, work="work") as other, pytest.raises(Retryable):
        other.load_index()
    assert before == superseded.index.documents()


def test_an_index_that_is_listed_and_cannot_be_seen_yet(
    repository: Repository, tmp_path: Path
) -> None:
    """Is read as soon as it can be."""
    blobs = saved(repository, contents(4))
    late = LateStore(tmp_path / "repository", gone=set(names(repository.store, "index/")))
    with opened(tmp_path, late) as other:
        other.load_index()
        assert not any(other.has(DATA, blob) for blob in blobs)
        late.gone = set()
        other.load_index()
        assert blobs == loaded(other, blobs)


def test_what_another_run_on_this_machine_has_just_stored_stays_known(
    repository: Repository, tmp_path: Path
) -> None:
    """Its index is not listed yet: the object's own answer counts."""
    blobs = saved(repository, contents(4))
    unlisted = set(names(repository.store, "index/"))
    blobs |= saved(repository, [b"more"])
    late = LateStore(tmp_path / "repository", unlisted=unlisted)
    with opened(tmp_path, late, work="work") as other:
        other.load_index()
        assert blobs == loaded(repository, blobs)


def test_an_index_that_is_there_and_not_listed_yet(repository: Repository, tmp_path: Path) -> None:
    """What it names is stored once more by whoever doesn't see it: more bytes, no damage."""
    blobs = saved(repository, contents(4))
    late = LateStore(tmp_path / "repository", unlisted=set(names(repository.store, "index/")))
    with opened(tmp_path, late) as other:
        other.load_index()
        assert blobs == saved(other, contents(4))
    repository.load_index()
    assert blobs == loaded(repository, blobs)


def test_a_pack_that_is_gone(repository: Repository) -> None:
    """Is told as gone; the index still names it."""
    (blob,) = saved(repository, [b"text"])
    (pack,) = names(repository.store, "data/")
    repository.store.delete(pack)
    with pytest.raises(NotFound, match=pack):
        repository.load(DATA, blob)
