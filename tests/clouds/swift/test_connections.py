"""Calls on few connections, tried again where that helps."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from swiftclient.exceptions import ClientException  # type: ignore[import-untyped]  # it has none

from springtide.clouds.swift.backoff import StorePolicy
from springtide.clouds.swift.connections import Connections
from springtide.errors import Misconfigured, NotFound, RateLimited, Retryable, SpringtideError

POLICY = StorePolicy(attempts=3, first_pause_s=0, longest_pause_s=0, connections=2)


def some_connections(policy: StorePolicy = POLICY) -> Connections:
    """Connections that nobody uses for a real call."""
    return Connections(lambda: ("http://127.0.0.1:1/v1/AUTH_x", "token"), policy)


class Failing:
    """A call that fails as told, one failure for each try, and then succeeds."""

    def __init__(self, *failures: Exception) -> None:
        """Not tried yet."""
        self.failures = list(failures)
        self.tries = 0

    def __call__(self, _connection: object) -> str:
        """One try."""
        self.tries += 1
        if self.failures:
            raise self.failures.pop(0)
        return "done"


def refused(status: int | None, **headers: str) -> ClientException:
    """A refusal with that status."""
    return ClientException(
        "no",
        http_status=status,
        http_reason="Because",
        http_path="/v1/AUTH_x/vault/data/ab/abcd",
        http_response_headers=headers,
    )


@pytest.mark.parametrize(
    ("failures", "tries"),
    [
        pytest.param([refused(408)], 2, id="408"),
        pytest.param([refused(409)], 2, id="409"),
        pytest.param([refused(422)], 2, id="422"),
        pytest.param([refused(429)], 2, id="429"),
        pytest.param([refused(498)], 2, id="498"),
        pytest.param([refused(499)], 2, id="499"),
        pytest.param([refused(500)], 2, id="500"),
        pytest.param([refused(507)], 2, id="507"),
        pytest.param([ConnectionResetError()], 2, id="a broken connection"),
        pytest.param([TimeoutError()], 2, id="a time-out"),
        pytest.param([Retryable("later")], 2, id="one of our own"),
        pytest.param([refused(503), refused(503)], 3, id="the last try"),
        pytest.param([refused(401)], 2, id="401"),
        pytest.param([refused(503), refused(401), refused(503)], 4, id="401 is no failure"),
    ],
)
def test_what_may_pass_is_tried_again(failures: list[Exception], tries: int) -> None:
    """A token that is renewed counts for no failure."""
    call = Failing(*failures)
    assert "done" == some_connections().call("PUT", call)
    assert tries == call.tries


@pytest.mark.parametrize(
    ("failures", "error", "tries"),
    [
        pytest.param([refused(503)] * 3, Retryable, 3, id="the attempts are used up"),
        pytest.param([refused(429)] * 3, RateLimited, 3, id="with 429"),
        pytest.param([refused(401)] * 2, Misconfigured, 2, id="a renewed token is refused"),
        pytest.param([refused(403)], Misconfigured, 1, id="403"),
        pytest.param([refused(404)], NotFound, 1, id="404"),
        pytest.param([refused(413)], Misconfigured, 1, id="413"),
        pytest.param([refused(None)], Misconfigured, 1, id="no HTTP at all"),
        pytest.param(
            [refused(429, **{"Retry-After": "3600"})], RateLimited, 1, id="come back in an hour"
        ),
    ],
)
def test_what_does_not_pass_is_told(
    failures: list[Exception], error: type[SpringtideError], tries: int
) -> None:
    """The last failure is kept as the cause, and no message names the object."""
    call = Failing(*failures)
    last = failures[-1]
    with pytest.raises(error) as told:
        some_connections().call("PUT", call)
    assert (last, tries) == (told.value.__cause__, call.tries)
    assert "abcd" not in str(told.value)


def test_advice_that_is_too_long_to_wait_for_is_handed_on() -> None:
    """Who calls may wait; a thread that holds up the others may not."""
    with pytest.raises(RateLimited) as told:
        some_connections().call("PUT", Failing(refused(429, **{"Retry-After": "3600"})))
    assert 3600.0 == told.value.retry_after_s


def test_no_more_calls_are_under_way_than_there_are_connections() -> None:
    """Others wait for their turn."""
    connections, turn = some_connections(), threading.Lock()
    under_way, most = 0, 0

    def act(_connection: object) -> None:
        nonlocal under_way, most
        with turn:
            under_way += 1
            most = max(most, under_way)
        threading.Event().wait(0.01)
        with turn:
            under_way -= 1

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: connections.call("GET", act), range(16)))
    assert 2 == most


def test_a_turn_that_does_not_come_is_told() -> None:
    """A bound on every wait: what hangs elsewhere does not hang all."""
    connections = some_connections(
        POLICY.model_copy(update={"connections": 1, "turn_timeout_s": 0.05, "attempts": 1})
    )

    def within(_connection: object) -> str:
        return connections.call("GET", Failing())

    with pytest.raises(Retryable, match="in use"):
        connections.call("GET", within)
