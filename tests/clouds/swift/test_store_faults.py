"""A store on a real Swift, by way of a proxy that does things wrong."""

import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest

from springtide.clouds.swift.backoff import StorePolicy
from springtide.clouds.swift.store import SwiftStore
from springtide.errors import Damaged, RateLimited, ReplyLost, Retryable
from springtide.model.retention import PrunePolicy
from springtide.sandbox.object_store import ObjectStore
from springtide.vault.sessions import list_sessions, write_session
from tests.faulty_proxy import Fault, FaultyProxy, Kind
from tests.object_stores import QUICK, a_store
from tests.vault.places import IDENTITY, a_repository
from tests.vault.vaults import save_tree

DATA = bytes(range(256)) * 1200
NAME = "data/ab/abcd"
HASTY = QUICK.model_copy(update={"timeout_s": 2.0})
"""For what hangs."""


def answering(status: int, **headers: str) -> Fault:
    """An answer that the proxy gives instead of Swift, to any request."""
    return Fault(".*", "", Kind.ANSWER, status=status, headers=headers)


def going(kind: Kind, method: str = ".*") -> Fault:
    """Another fault, of any request."""
    return Fault(method, "", kind)


ANY = [
    pytest.param(lambda: answering(401), id="401"),
    pytest.param(lambda: answering(408), id="408"),
    pytest.param(lambda: answering(429, **{"Retry-After": "0"}), id="429 with Retry-After"),
    pytest.param(lambda: answering(429), id="429 without"),
    pytest.param(lambda: answering(500), id="500"),
    pytest.param(lambda: answering(503), id="503"),
    pytest.param(lambda: going(Kind.LOSE_REPLY), id="lost reply"),
]
HANG = [
    pytest.param(lambda: going(Kind.HANG), id="hang"),
    pytest.param(lambda: going(Kind.HANG_AFTER), id="hang after it was done"),
]
PUT = [
    pytest.param(lambda: going(Kind.CUT_REQUEST), id="cut request"),
    pytest.param(lambda: going(Kind.SHORTEN_REQUEST), id="shortened request"),
    pytest.param(lambda: going(Kind.FLIP_REQUEST), id="flipped bit"),
]
GET = [
    pytest.param(lambda: going(Kind.CUT_REPLY), id="cut reply"),
    pytest.param(lambda: going(Kind.SHORTEN_REPLY), id="shortened reply"),
]
MakeFault = Callable[[], Fault]


@pytest.fixture
def store(swift: ObjectStore, proxy: FaultyProxy) -> SwiftStore:
    """A store by way of the proxy, with an object in it."""
    found = a_store(proxy.url, swift.token, policy=HASTY)
    found.put("data/there", DATA)
    proxy.clear()
    return found


@pytest.mark.parametrize("fault", [*ANY, *PUT, *HANG])
def test_an_object_arrives_despite(store: SwiftStore, proxy: FaultyProxy, fault: MakeFault) -> None:
    """As it was sent, once."""
    struck = proxy.add(fault())
    store.put(NAME, DATA)
    assert (0, DATA) == (struck.times, store.get(NAME))


@pytest.mark.parametrize("fault", [*ANY, *GET])
@pytest.mark.parametrize(
    ("start", "length"),
    [pytest.param(0, None, id="whole"), pytest.param(9, 70_000, id="a part")],
)
def test_an_object_is_read_despite(
    store: SwiftStore, proxy: FaultyProxy, fault: MakeFault, start: int, length: int | None
) -> None:
    """All of what was asked for."""
    struck = proxy.add(fault())
    found = store.get("data/there", start=start, length=length)
    expected = DATA[start:] if length is None else DATA[start : start + length]
    assert (0, expected) == (struck.times, found)


def test_every_call_ends_despite_a_hang(store: SwiftStore, proxy: FaultyProxy) -> None:
    """By the time-out, and is tried again."""
    struck = [proxy.add(Fault(method, "", Kind.HANG)) for method in ("GET", "HEAD", "DELETE")]
    found = (store.get("data/there"), store.size("data/there"))
    store.delete("data/there")
    assert ([0, 0, 0], (DATA, len(DATA))) == ([fault.times for fault in struck], found)


@pytest.mark.parametrize("fault", [*ANY, *GET])
def test_a_listing_is_read_despite(store: SwiftStore, proxy: FaultyProxy, fault: MakeFault) -> None:
    """The page is asked for again."""
    struck = proxy.add(fault())
    found = [line.name for line in store.listing("data/")]
    assert (0, ["data/there"]) == (struck.times, found)


@pytest.mark.parametrize("fault", ANY)
def test_an_object_is_asked_for_and_deleted_despite(
    store: SwiftStore, proxy: FaultyProxy, fault: MakeFault
) -> None:
    """Gone already is success."""
    struck = [proxy.add(fault())]
    size = store.size("data/there")
    struck.append(proxy.add(fault()))
    store.delete("data/there")
    assert ([0, 0], len(DATA), None) == (
        [fault.times for fault in struck],
        size,
        store.size("data/there"),
    )


@pytest.mark.parametrize(
    ("kind", "puts"),
    [
        pytest.param(Kind.LOSE_REPLY, 1, id="lost reply"),
        pytest.param(Kind.HANG_AFTER, 1, id="hang after it was done"),
        pytest.param(Kind.CUT_REQUEST, 2, id="cut request"),
        pytest.param(Kind.HANG, 2, id="hang"),
    ],
)
def test_an_object_that_arrived_is_not_sent_again(
    store: SwiftStore, proxy: FaultyProxy, kind: Kind, puts: int
) -> None:
    """Where no answer came, the object is asked for first."""
    proxy.add(going(kind, "PUT"))
    store.put(NAME, DATA)
    assert (puts, True) == (len(proxy.calls("PUT")), len(proxy.calls("HEAD")) >= 1)


def test_something_else_that_stands_there_is_told_despite_a_lost_reply(
    store: SwiftStore, proxy: FaultyProxy
) -> None:
    """The question after it tells what is there."""
    proxy.add(going(Kind.LOSE_REPLY, "PUT"))
    with pytest.raises(Damaged) as told:
        store.put("data/there", DATA + b"1")
    assert ("data/there",) == told.value.objects


@pytest.mark.parametrize("kind", [Kind.CUT_REPLY, Kind.SHORTEN_REPLY])
def test_an_object_that_never_comes_whole_is_damaged(
    store: SwiftStore, proxy: FaultyProxy, kind: Kind
) -> None:
    """After as many tries as any other failure has."""
    proxy.add(Fault("GET", "there", kind, times=99))
    with pytest.raises(Damaged) as told:
        store.get("data/there", start=1, length=70_000)
    assert (("data/there",), QUICK.attempts) == (told.value.objects, len(proxy.calls("GET")))


@pytest.mark.parametrize("status", [408, 429, 500, 503])
def test_what_does_not_pass_is_told_after_the_attempts(
    store: SwiftStore, proxy: FaultyProxy, status: int
) -> None:
    """With the last refusal as the cause."""
    proxy.add(Fault(".*", "", Kind.ANSWER, times=99, status=status))
    with pytest.raises(Retryable) as told:
        store.put(NAME, DATA)
    assert status == getattr(told.value.__cause__, "http_status", None)
    assert QUICK.attempts == len(proxy.calls())


@pytest.mark.parametrize(
    ("statuses", "lost"),
    [
        pytest.param([503] * 4, True, id="503 to each"),
        pytest.param([503, 429, 429, 429], True, id="429 after a 503"),
        pytest.param([429] * 4, False, id="429 to each"),
        pytest.param([408] * 4, False, id="408 to each"),
    ],
)
def test_a_write_that_may_have_been_made_is_told_as_such(
    store: SwiftStore, proxy: FaultyProxy, statuses: list[int], *, lost: bool
) -> None:
    """Where a try of it failed at the store, and no later one came to stand."""
    for status in statuses:
        proxy.add(Fault("PUT", "", Kind.ANSWER, status=status))
    with pytest.raises(Retryable) as told:
        store.put(NAME, DATA)
    assert lost is isinstance(told.value, ReplyLost)


@pytest.mark.parametrize(
    ("kind", "left"),
    [
        pytest.param("snapshots", 1, id="the snapshot"),
        pytest.param("data", 0, id="a pack"),
    ],
)
def test_the_session_of_a_snapshot_that_may_arrive_is_left(
    swift: ObjectStore, proxy: FaultyProxy, tmp_path: Path, kind: str, left: int
) -> None:
    """Prune goes on waiting for it; what else may arrive needs nothing that goes."""
    store = a_store(proxy.url, swift.token, policy=HASTY)
    with a_repository(tmp_path, store) as repository:
        proxy.add(Fault("PUT", f"/{kind}/", Kind.ANSWER, times=99, status=503))
        writing = write_session(repository, identity=IDENTITY, policy=PrunePolicy())
        with pytest.raises(ReplyLost), writing:
            save_tree(repository, {"file": b"marks"})
        assert left == len(list_sessions(repository))


def in_a_while() -> dict[str, str]:
    """Advice by a date, from a clock of another day."""
    told = datetime(2026, 1, 1, tzinfo=UTC)
    later = told + timedelta(seconds=1)
    return {
        "Date": format_datetime(told, usegmt=True),
        "Retry-After": format_datetime(later, usegmt=True),
    }


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({"Retry-After": "1"}, id="in seconds"),
        pytest.param(in_a_while(), id="by a date"),
    ],
)
@pytest.mark.parametrize("status", [429, 503])
def test_the_servers_advice_is_waited_for(
    store: SwiftStore, proxy: FaultyProxy, status: int, headers: dict[str, str]
) -> None:
    """Never less, however short our own pauses are."""
    proxy.add(answering(status, **headers))
    store.put(NAME, DATA)
    first, second = proxy.calls("PUT")
    assert second.at - first.at >= 0.99


def test_advice_for_an_hour_ends_the_call(store: SwiftStore, proxy: FaultyProxy) -> None:
    """Its caller is told how long."""
    proxy.add(answering(429, **{"Retry-After": "3600"}))
    with pytest.raises(RateLimited) as told:
        store.put(NAME, DATA)
    assert (3600.0, 1) == (told.value.retry_after_s, len(proxy.calls("PUT")))


def test_a_server_that_always_hangs_is_given_up(swift: ObjectStore, proxy: FaultyProxy) -> None:
    """Each try ends by its time-out."""
    policy = StorePolicy(attempts=2, first_pause_s=0.01, timeout_s=0.5)
    store = a_store(proxy.url, swift.token, policy=QUICK)
    hasty = SwiftStore(
        store.place, lambda: (proxy.url, swift.token), residency=("GRA",), policy=policy
    )
    proxy.add(Fault("GET", "/a$", Kind.HANG, times=99))
    began = time.monotonic()
    with pytest.raises(Retryable):
        hasty.get("a")
    assert time.monotonic() - began < 20
    assert 2 == len(proxy.calls("GET", "/a$"))


def test_nothing_logged_names_an_object(
    store: SwiftStore, proxy: FaultyProxy, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither by us nor by swiftclient: a failure is told by call, status and pause."""
    caplog.set_level(logging.INFO)
    proxy.add(answering(503))
    store.put(NAME, DATA)
    told = [record.getMessage() for record in caplog.records]
    assert ["object store call=PUT failures=1 because=503"] == [
        message.rpartition(" pause_s=")[0] for message in told if "object store" in message
    ]
    assert [] == [
        message for message in told if "abcd" in message or store.place.container in message
    ]
