"""What is Swift's own about a store: containers, pages, the residency, the token."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from springtide.clouds.swift.store import SwiftStore
from springtide.errors import Damaged, Misconfigured, NotFound
from springtide.sandbox.object_store import ObjectStore
from tests.faulty_proxy import FaultyProxy
from tests.object_stores import QUICK, RESIDENCY, a_place, a_store

THREADS = 12


@pytest.mark.parametrize(
    ("region", "allowed"),
    [
        pytest.param("GRA", True, id="the first of the residency"),
        pytest.param("SBG", True, id="the other"),
        pytest.param("WAW", False, id="another country"),
        pytest.param("gra", False, id="almost the name"),
    ],
)
def test_a_region_outside_the_residency_is_refused(region: str, allowed: bool) -> None:  # noqa: FBT001 - a table's column
    """Before any call: nobody even asks for a token."""

    def authenticate() -> tuple[str, str]:
        raise AssertionError("asked for a token")

    if allowed:
        SwiftStore(a_place(region=region), authenticate, residency=RESIDENCY)
        return
    with pytest.raises(Misconfigured) as told:
        SwiftStore(a_place(region=region), authenticate, residency=RESIDENCY)
    assert ("region", "GRA, SBG") == (told.value.field, told.value.allowed)


@pytest.mark.parametrize(
    ("objects", "pages"),
    [
        pytest.param(0, 1, id="none"),
        pytest.param(2, 2, id="less than a page"),
        pytest.param(3, 2, id="a full page"),
        pytest.param(4, 3, id="one more"),
        pytest.param(9, 4, id="full pages"),
    ],
)
def test_a_listing_is_read_page_after_page_until_one_is_empty(
    swift: ObjectStore, proxy: FaultyProxy, objects: int, pages: int
) -> None:
    """Each object once, whatever stands beside the prefix."""
    policy = QUICK.model_copy(update={"page_size": 3})
    with a_store(proxy.url, swift.token, a_place(prefix="p"), policy=policy) as store:
        for number in range(objects):
            store.put(f"data/{number}", b"1")
        store.put("index/a", b"1")
        proxy.clear()
        expected = [f"data/{number}" for number in range(objects)]
        assert expected == [found.name for found in store.listing("data/")]
    assert pages == len(proxy.calls("GET", r"prefix=p/data/"))


@pytest.mark.parametrize("act", ["put", "listing", "now"])
def test_a_container_that_is_not_there_is_told(swift: ObjectStore, act: str) -> None:
    """It is a mistake of who configured it, and no missing object."""
    store = SwiftStore(
        a_place(), lambda: (swift.url, swift.token), residency=RESIDENCY, policy=QUICK
    )
    acts = {
        "put": lambda: store.put("a", b"1"),
        "listing": lambda: list(store.listing("")),
        "now": store.now,
    }
    with store, pytest.raises(Misconfigured, match="container"):
        acts[act]()
    with pytest.raises(NotFound):
        store.get("a")


def test_another_content_of_the_same_size_is_damage(swift: ObjectStore) -> None:
    """Names are checksums of what they hold: this one does not hold it any more."""
    with a_store(swift.url, swift.token) as store:
        store.put("data/a", b"one")
        with pytest.raises(Damaged) as told:
            store.put("data/a", b"two")
    assert ("data/a",) == told.value.objects


def test_many_threads_put_with_one_token(swift: ObjectStore, proxy: FaultyProxy) -> None:
    """Each object arrives; the token was asked for once."""
    asked: list[str] = []

    def authenticate() -> tuple[str, str]:
        asked.append(threading.current_thread().name)
        return proxy.url, swift.token

    names = [f"data/{number:02}" for number in range(3 * THREADS)]
    place = a_place()
    a_store(swift.url, swift.token, place).close()
    with SwiftStore(place, authenticate, residency=RESIDENCY, policy=QUICK) as store:
        with ThreadPoolExecutor(THREADS) as pool:
            list(pool.map(lambda name: store.put(name, name.encode()), names))
        assert names == [found.name for found in store.listing("")]
    assert 1 == len(asked)


def test_a_token_that_has_ended_is_renewed_once_by_one_thread(
    swift: ObjectStore, proxy: FaultyProxy
) -> None:
    """All threads come back with 401 and go on with the one new token."""
    tokens = ["ended", swift.token, "never asked for"]
    asked: list[str] = []

    def authenticate() -> tuple[str, str]:
        asked.append(tokens[len(asked)])
        return proxy.url, asked[-1]

    barrier = threading.Barrier(THREADS)
    place = a_place()
    a_store(swift.url, swift.token, place).close()
    policy = QUICK.model_copy(update={"connections": THREADS})

    with SwiftStore(place, authenticate, residency=RESIDENCY, policy=policy) as store:

        def put(number: int) -> None:
            barrier.wait(10)
            store.put(f"data/{number:02}", b"1")

        with ThreadPoolExecutor(THREADS) as pool:
            list(pool.map(put, range(THREADS)))
        assert THREADS == len(list(store.listing("")))
    assert ["ended", swift.token] == asked


def test_a_credential_that_is_refused_is_told_after_one_renewal(
    swift: ObjectStore, proxy: FaultyProxy
) -> None:
    """Two requests, and no more of what locks accounts."""
    store = SwiftStore(a_place(), lambda: (proxy.url, "wrong"), residency=RESIDENCY, policy=QUICK)
    with store, pytest.raises(Misconfigured):
        store.size("a")
    assert ["wrong", "wrong"] == [call.token for call in proxy.calls()]
    assert swift.token != "wrong"  # noqa: S105 - no secret
