"""What every store promises, of a folder and of Swift alike."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from springtide.errors import Damaged, NotFound
from springtide.model.object_storage import Store, StoredObject
from tests.object_stores import a_place, a_store
from tests.vault.folder_store import FolderStore

Make = Callable[[], Store]
DATA = bytes(range(256)) * 3
ODD_NAMES = ("config", "data/ab/abcd", "index/0123", "with space", "percent%2F", "école/é?&#")


@pytest.fixture(
    params=[
        pytest.param(None, id="folder"),
        pytest.param(("sandboxes_swift", ""), id="swift"),
        pytest.param(("sandboxes_swift", "school/a"), id="swift below a prefix"),
        pytest.param(("debians_swift", "school/a"), id="debian's", marks=pytest.mark.real),
    ]
)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """An empty store of each kind."""
    if request.param is None:
        yield FolderStore(tmp_path / "store")
        return
    fixture, prefix = request.param
    swift = request.getfixturevalue(fixture)
    with a_store(swift.url, swift.token, a_place(prefix=prefix)) as found:
        yield found


@pytest.mark.parametrize("name", ODD_NAMES)
def test_what_is_put_is_there(store: Store, name: str) -> None:
    """By its size, its bytes and its line in a listing."""
    store.put(name, DATA)
    found = (store.size(name), store.get(name), list(store.listing("")))
    assert (len(DATA), DATA, [StoredObject(name, len(DATA))]) == found


def test_an_object_may_be_empty(store: Store) -> None:
    """No bytes are bytes, too."""
    store.put("empty", b"")
    assert (0, b"") == (store.size("empty"), store.get("empty"))


@pytest.mark.parametrize(
    ("start", "length", "expected"),
    [
        pytest.param(0, None, DATA, id="all"),
        pytest.param(0, len(DATA), DATA, id="all by its length"),
        pytest.param(0, 1, DATA[:1], id="the first byte"),
        pytest.param(700, 68, DATA[700:], id="the end by its length"),
        pytest.param(700, None, DATA[700:], id="the end"),
        pytest.param(767, None, DATA[767:], id="the last byte"),
        pytest.param(768, None, b"", id="from the end on"),
        pytest.param(9000, None, b"", id="from beyond the end on"),
        pytest.param(5, 0, b"", id="nothing"),
    ],
)
def test_a_part_is_read(store: Store, start: int, length: int | None, expected: bytes) -> None:
    """Both ends included."""
    store.put("a", DATA)
    assert expected == store.get("a", start=start, length=length)


@pytest.mark.parametrize(
    ("start", "length"),
    [
        pytest.param(0, len(DATA) + 1, id="one byte too many"),
        pytest.param(len(DATA) - 1, 2, id="beyond the end"),
        pytest.param(len(DATA), 1, id="from the end on"),
    ],
)
def test_more_than_there_is_is_damage(store: Store, start: int, length: int) -> None:
    """The index says that there is more."""
    store.put("a", DATA)
    with pytest.raises(Damaged) as told:
        store.get("a", start=start, length=length)
    assert ("a",) == told.value.objects


def test_what_is_not_there_is_told(store: Store) -> None:
    """By None where its size is asked for, and by an error where its bytes are."""
    assert store.size("a") is None
    for length in (None, 1):
        with pytest.raises(NotFound):
            store.get("a", length=length)


def test_the_same_again_is_success(store: Store) -> None:
    """A write whose answer was lost looks like that."""
    store.put("a", DATA)
    store.put("a", DATA)
    assert DATA == store.get("a")


def test_another_under_the_same_name_is_damage(store: Store) -> None:
    """What stands there stays."""
    store.put("a", DATA)
    with pytest.raises(Damaged) as told:
        store.put("a", DATA + b"1")
    assert (("a",), DATA) == (told.value.objects, store.get("a"))


def test_a_listing_names_what_begins_so_in_order(store: Store) -> None:
    """A prefix may end within a name."""
    for name in ("index/b", "data/aa/aa1", "data/ab/ab1", "index/a", "datum"):
        store.put(name, name.encode())
    expected = {
        "": ["data/aa/aa1", "data/ab/ab1", "datum", "index/a", "index/b"],
        "data/": ["data/aa/aa1", "data/ab/ab1"],
        "data/ab/": ["data/ab/ab1"],
        "dat": ["data/aa/aa1", "data/ab/ab1", "datum"],
        "keys/": [],
    }
    found = {prefix: [line.name for line in store.listing(prefix)] for prefix in expected}
    assert expected == found


def test_what_is_deleted_is_gone_and_again_is_success(store: Store) -> None:
    """Who deletes need not know whether another has."""
    store.put("a", DATA)
    store.delete("a")
    store.delete("a")
    assert (None, []) == (store.size("a"), list(store.listing("")))


def test_a_name_is_free_again_once_it_is_deleted(store: Store) -> None:
    """A lock's name may come again."""
    store.put("a", DATA)
    store.delete("a")
    store.put("a", b"another")
    assert b"another" == store.get("a")


def test_the_time_is_of_now_and_to_the_second(store: Store) -> None:
    """It is aware; a store on another machine may be some seconds off."""
    found = store.now()
    assert 0 == found.microsecond
    assert timedelta(minutes=-1) < found - datetime.now(UTC) < timedelta(minutes=1)
