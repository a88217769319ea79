"""Adoption: what is stored and named by no index is named, and sent no second time."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from springtide.vault.adoption import Adoption, adopt_packs
from springtide.vault.blobs import BlobKind, blob_id
from springtide.vault.repository import Repository
from tests.vault.economy import index_documents_of
from tests.vault.places import a_repository
from tests.vault.vaults import (
    LateStore,
    contents,
    flip,
    loaded,
    named_by_headers,
    names,
    opened,
    pack_id,
    restic_check,
    save_tree,
    saved,
)

NOTHING = Adoption(0, 0, ())


@pytest.fixture
def repository(tmp_path: Path) -> Iterator[Repository]:
    """An empty one in a folder."""
    with a_repository(tmp_path) as made:
        yield made


def lose_index(repository: Repository) -> None:
    """Delete all of its index documents, as an accident might."""
    for name in names(repository.store, "index/"):
        repository.store.delete(name)


@pytest.mark.parametrize("judged", [pytest.param(True, marks=pytest.mark.real), False])
@pytest.mark.parametrize("work", ["work", "other-work"], ids=["same machine", "another machine"])
def test_a_lost_index(repository: Repository, tmp_path: Path, work: str, *, judged: bool) -> None:
    """Is written anew from the packs: all can be read, nothing is sent again, restic agrees."""
    blobs = saved(repository, contents(10)) | saved(repository, contents(10, seed=1))
    save_tree(repository, {"file": b"text"})
    packs = names(repository.store, "data/")
    size = sum(repository.store.size(name) or 0 for name in packs)
    lose_index(repository)
    with opened(tmp_path, work=work) as again:
        again.load_index()
        assert not any(again.has(BlobKind.DATA, blob) for blob in blobs)
        assert Adoption(len(packs), size, ()) == adopt_packs(again)
        assert blobs == loaded(again, blobs)
        assert blobs == saved(again, contents(10)) | saved(again, contents(10, seed=1))
        assert packs == names(again.store, "data/")
        assert NOTHING == adopt_packs(again)
    if judged:
        restic_check(tmp_path)


def test_what_an_index_names_is_left(repository: Repository) -> None:
    """No header is read, no index is written."""
    saved(repository, contents(10))
    before = names(repository.store)
    assert (NOTHING, before) == (adopt_packs(repository), names(repository.store))


def test_one_index_of_several_is_lost(repository: Repository, tmp_path: Path) -> None:
    """Just what it named is adopted."""
    saved(repository, [b"first"])
    (first,) = names(repository.store, "data/")
    (lost,) = names(repository.store, "index/")
    saved(repository, [b"second"])
    repository.store.delete(lost)
    with opened(tmp_path) as again:
        again.load_index()
        found = adopt_packs(again)
        assert Adoption(1, repository.store.size(first) or 0, ()) == found
        assert [b"first", b"second"] == [
            again.load(BlobKind.DATA, blob_id(plain)) for plain in (b"first", b"second")
        ]


def test_what_is_about_to_go_is_not_adopted(repository: Repository, tmp_path: Path) -> None:
    """The pruner has tombstoned it: to count on it would lose what it holds."""
    saved(repository, [b"text"])
    (pack,) = names(repository.store, "data/")
    lose_index(repository)
    with opened(tmp_path) as again:
        again.load_index()
        assert NOTHING == adopt_packs(again, except_for=frozenset({pack_id(pack)}))
        assert not again.has(BlobKind.DATA, blob_id(b"text"))


@pytest.mark.parametrize("position", [-1, -20, -60], ids=["length", "code", "header"])
def test_a_damaged_pack_is_named_and_left(
    repository: Repository, tmp_path: Path, position: int
) -> None:
    """The others are adopted; what it held is stored anew."""
    saved(repository, [b"first"])
    (damaged,) = names(repository.store, "data/")
    saved(repository, [b"second"])
    lose_index(repository)
    flip(tmp_path / "repository" / damaged, position)
    with opened(tmp_path) as again:
        again.load_index()
        found = adopt_packs(again)
        assert (1, (damaged,)) == (found.packs, found.damaged)
        assert [True, False] == [
            again.save(BlobKind.DATA, one).new for one in (b"first", b"second")
        ]
        assert damaged in names(again.store, "data/")


STRANGE = {
    "not a pack's name": "data/ab/readme",
    "64 letters that are no digits": "data/zz/" + "z" * 64,
    "digits in capitals": "data/AB/" + "AB" * 32,
    "in another folder": "data/ab/cd/" + "ab" * 32,
    "in no folder": "data/" + "ab" * 32,
}


@pytest.mark.parametrize("name", STRANGE.values(), ids=STRANGE.keys())
def test_what_is_no_pack_is_passed_over(repository: Repository, tmp_path: Path, name: str) -> None:
    """Whoever put it there, whatever it is."""
    saved(repository, [b"text"])
    lose_index(repository)
    repository.store.put(name, b"something else")
    with opened(tmp_path) as again:
        again.load_index()
        found = adopt_packs(again)
        assert (1, ()) == (found.packs, found.damaged)


def test_a_pack_that_went_since_the_listing(repository: Repository, tmp_path: Path) -> None:
    """Is neither adopted nor damaged."""
    saved(repository, [b"text"])
    lose_index(repository)
    late = LateStore(tmp_path / "repository", gone=set(names(repository.store, "data/")))
    with opened(tmp_path, late) as again:
        again.load_index()
        assert NOTHING == adopt_packs(again)


def test_a_pack_that_is_not_listed_yet(repository: Repository, tmp_path: Path) -> None:
    """Is adopted by the next run that sees it; meanwhile its blobs may be stored twice."""
    blobs = saved(repository, [b"text"])
    packs = set(names(repository.store, "data/"))
    lose_index(repository)
    late = LateStore(tmp_path / "repository", unlisted=packs)
    with opened(tmp_path, late) as again:
        again.load_index()
        assert NOTHING == adopt_packs(again)
        assert blobs == saved(again, [b"text"])
        late.unlisted = set()
        assert 1 == adopt_packs(again).packs
        assert blobs == loaded(again, blobs)
        assert 2 == len(named_by_headers(again))


def test_of_two_that_adopt_at_once(repository: Repository, tmp_path: Path) -> None:
    """Both name the same packs: each can be read, once is as good as twice."""
    blobs = saved(repository, contents(10))
    packs = names(repository.store, "data/")
    lose_index(repository)
    with opened(tmp_path, work="a") as first, opened(tmp_path, work="b") as second:
        for each in (first, second):
            each.load_index()
        assert [len(packs)] * 2 == [adopt_packs(each).packs for each in (first, second)]
        first.load_index()
        assert blobs == loaded(first, blobs)
        assert {pack_id(name) for name in packs} == first.index.packs()


def test_many_blobs_make_several_documents(repository: Repository, tmp_path: Path) -> None:
    """An index of all of a large repository could not be read: it is written in parts."""
    for part in range(3):
        for number in range(200):
            repository.save(BlobKind.DATA, f"{part}-{number}".encode())
        repository.flush()
    packs = names(repository.store, "data/")
    lose_index(repository)
    with opened(tmp_path) as again, index_documents_of(500):
        again.load_index()
        found = adopt_packs(again)
        sizes = [
            sum(len(pack["blobs"]) for pack in document["packs"])
            for _, document in again.documents("index")
        ]
        assert (len(packs), 600, 600) == (found.packs, sum(sizes), again.index.count())
    assert max(sizes) <= 500
    assert 2 == len(sizes)
