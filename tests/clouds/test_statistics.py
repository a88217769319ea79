"""What balancers and Prometheus tell of the traffic, and what is made of nonsense."""

import asyncio
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from springtide.clouds.openstack.statistics import read_statistics
from springtide.clouds.prometheus import query_sessions
from springtide.errors import Misconfigured, NotFound, Retryable
from springtide.model.traffic import BalancerStatistics, PrometheusQuery
from springtide.sandbox.faults import FaultRule
from tests.clouds.stage import Stage

NOTHING = BalancerStatistics(
    active_connections=0, total_connections=0, request_errors=0, bytes_in=0, bytes_out=0
)


def test_a_balancer_tells_its_open_connections(stage: Stage) -> None:
    """What the sandbox is told to tell; by one call, the pool being known."""
    stage.sandbox.set_connections(stage.pool_id(), 4711)
    stage.sandbox.forget_calls()
    assert 4711 == stage.gra.balancer_statistics(stage.fleet).active_connections
    assert (1, 1) == (stage.calls("GET", "/stats"), stage.calls())
    stage.sandbox.set_connections(stage.pool_id(), None)
    assert NOTHING == stage.gra.balancer_statistics(stage.fleet)


def test_each_region_tells_of_its_own(stage: Stage) -> None:
    """Other regions' balancers are others."""
    stage.sandbox.set_connections(stage.pool_id(), 5)
    assert NOTHING == stage.access.region("SBG5").balancer_statistics(stage.fleet)


def test_a_reset_forgets_them(stage: Stage) -> None:
    """What a balancer was told to tell ends with it."""
    stage.sandbox.set_connections(stage.pool_id(), 5)
    stage.sandbox.reset()
    assert NOTHING == stage.gra.balancer_statistics(stage.fleet)


def test_a_negative_count_is_no_count(stage: Stage) -> None:
    """What makes no sense is as good as no answer."""
    stage.sandbox.set_connections(stage.pool_id(), -1)
    with pytest.raises(Retryable, match="active_connections is '-1'"):
        stage.gra.balancer_statistics(stage.fleet)


def test_a_balancer_that_is_not_there(stage: Stage) -> None:
    """What the service says is told as one of our errors."""
    stage.gra.resolve_pool(stage.fleet)
    rule = FaultRule(service="load-balancer", status=404)
    stage.sandbox.add_fault(rule)
    try:
        with pytest.raises(NotFound):
            stage.gra.balancer_statistics(stage.fleet)
    finally:
        stage.sandbox.clear_faults()


class Told:
    """A service that answers a read with just that."""

    def __init__(self, body: dict[str, Any]) -> None:
        """Any JSON object."""
        self._body = body

    def get(self, path: str, **_params: object) -> dict[str, Any]:
        """It, whatever the path."""
        assert path == "/lbaas/loadbalancers/lb-1/stats"
        return self._body


COUNTS: dict[str, Any] = dict(NOTHING)


@pytest.mark.parametrize(
    ("body", "why"),
    [
        pytest.param({}, "stats is 'None'", id="nothing"),
        pytest.param({"stats": []}, "stats is '\\[\\]'", id="a list"),
        pytest.param({"stats": {}}, "tells no active_connections", id="no counts"),
        pytest.param({"stats": COUNTS | {"bytes_in": None}}, "bytes_in is 'None'", id="null"),
        pytest.param({"stats": COUNTS | {"bytes_in": True}}, "bytes_in is 'True'", id="a truth"),
        pytest.param({"stats": COUNTS | {"bytes_in": "1"}}, "bytes_in is '1'", id="text"),
        pytest.param(
            {"stats": COUNTS | {"active_connections": 10**9}}, "active_connections", id="absurd"
        ),
        pytest.param(
            {"stats": COUNTS | {"active_connections": float("nan")}}, "is 'nan'", id="not a number"
        ),
    ],
)
def test_statistics_that_make_no_sense(body: dict[str, Any], why: str) -> None:
    """The message names the count, and nothing is guessed."""
    with pytest.raises(Retryable, match=why):
        read_statistics(Told(body), "lb-1")  # type: ignore[arg-type]  # a service's one method


def test_more_than_is_asked_for_is_no_trouble() -> None:
    """Later versions of Octavia may tell more."""
    body = {"stats": COUNTS | {"active_connections": 3, "temperature": 21}}
    told = read_statistics(Told(body), "lb-1")  # type: ignore[arg-type]  # a service's one method
    assert 3 == told.active_connections


@contextmanager
def prometheus(
    answer: Callable[[dict[str, list[str]]], tuple[int, bytes]], seen: list[str] | None = None
) -> Iterator[str]:
    """The URL of a server that answers instant queries; `seen` gets the authorisations."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if seen is not None:
                seen.append(self.headers.get("Authorization", ""))
            url = urlsplit(self.path)
            right = url.path == "/prometheus/api/v1/query"
            status, body = answer(parse_qs(url.query)) if right else (404, b"")
            self.send_response(status)
            self.send_header("Location", "http://127.0.0.1:1/")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_args: object) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/prometheus"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def sessions_at(url: str, token: str | None = None) -> int:
    """What the query gives there."""
    wanted = PrometheusQuery.model_validate({"url": url, "query": "sum(sessions)", "timeout_s": 1})
    return asyncio.run(query_sessions(wanted, token))


def an_answer(kind: str, result: object) -> bytes:
    """A successful answer of Prometheus."""
    data = {"resultType": kind, "result": result}
    return json.dumps({"status": "success", "data": data}).encode()


def a_vector(*values: str) -> bytes:
    """A vector of so many series."""
    return an_answer(
        "vector", [{"metric": {"n": str(i)}, "value": [1, v]} for i, v in enumerate(values)]
    )


REFUSED = json.dumps({"status": "error", "errorType": "bad_data", "error": "parse error"}).encode()


@pytest.mark.parametrize(
    ("body", "sessions"),
    [
        pytest.param(an_answer("scalar", [1, "4711"]), 4711, id="a scalar"),
        pytest.param(a_vector("4711"), 4711, id="a vector of one"),
        pytest.param(a_vector("0"), 0, id="nobody"),
        pytest.param(a_vector("4711.2"), 4712, id="a fraction"),
        pytest.param(a_vector("1e5"), 100_000, id="an exponent"),
    ],
)
def test_prometheus_gives_one_number(body: bytes, sessions: int) -> None:
    """Of a scalar or a vector of one, rounded up."""
    with prometheus(lambda _: (200, body)) as url:
        assert sessions == sessions_at(url)


def test_the_query_and_the_token_are_sent() -> None:
    """As the estate has it; the token as a bearer's."""
    queries: list[dict[str, list[str]]] = []
    seen: list[str] = []

    def answer(query: dict[str, list[str]]) -> tuple[int, bytes]:
        queries.append(query)
        return 200, a_vector("1")

    with prometheus(answer, seen) as url:
        sessions_at(url)
        sessions_at(f"{url}/", "secret")
    assert [{"query": ["sum(sessions)"], "timeout": ["1s"]}] * 2 == queries
    assert ["", "Bearer secret"] == seen


@pytest.mark.parametrize(
    ("status", "body", "kind", "why"),
    [
        pytest.param(200, a_vector(), Retryable, "no value just now", id="no series"),
        pytest.param(200, a_vector("NaN"), Retryable, "no count", id="not a number"),
        pytest.param(200, a_vector("-1"), Retryable, "no count", id="negative"),
        pytest.param(200, a_vector("+Inf"), Retryable, "no count", id="endless"),
        pytest.param(200, a_vector("1e9"), Retryable, "no count", id="absurd"),
        pytest.param(200, a_vector("x"), Retryable, "answers 'x'", id="no number"),
        pytest.param(200, an_answer("scalar", None), Retryable, "answers None", id="null"),
        pytest.param(
            200, an_answer("vector", [1]), Retryable, "answers None", id="no series' value"
        ),
        pytest.param(200, a_vector("1", "2"), Misconfigured, "gives 2 values", id="two series"),
        pytest.param(
            200, an_answer("matrix", []), Misconfigured, "of the kind matrix", id="matrix"
        ),
        pytest.param(
            200, an_answer("string", [1, "1"]), Misconfigured, "of the kind string", id="string"
        ),
        pytest.param(
            200, a_vector(*["1"] * 5000), Misconfigured, "more than one value", id="thousands"
        ),
        pytest.param(200, b"<html>", Misconfigured, "is no Prometheus", id="a web page"),
        pytest.param(200, b"[]", Misconfigured, "is no Prometheus", id="a list"),
        pytest.param(400, REFUSED, Misconfigured, "parse error", id="a wrong query"),
        pytest.param(401, b"", Misconfigured, "401", id="no token"),
        pytest.param(302, b"", Misconfigured, "302", id="sent elsewhere"),
        pytest.param(422, REFUSED, Misconfigured, "parse error", id="an impossible query"),
        pytest.param(429, b"", Retryable, "429", id="too many"),
        pytest.param(503, REFUSED, Retryable, "parse error", id="it failed"),
    ],
)
def test_what_is_no_number(*, status: int, body: bytes, kind: type[Exception], why: str) -> None:
    """What may pass is told from what a person has to put right."""
    with prometheus(lambda _: (status, body)) as url, pytest.raises(kind, match=why):
        sessions_at(url)


def test_prometheus_does_not_answer() -> None:
    """Nobody listens there."""
    with prometheus(lambda _: (200, b"")) as url:
        pass
    with pytest.raises(Retryable, match="does not answer: ConnectError"):
        sessions_at(url)


def test_a_password_in_the_url_is_refused() -> None:
    """The estate file holds no secrets."""
    with pytest.raises(ValueError, match="must hold no name and password"):
        PrometheusQuery.model_validate({"url": "http://u:p@127.0.0.1:9090", "query": "up"})
