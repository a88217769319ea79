"""What every request meets before and after its service: token, limits, faults, counts."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from springtide.sandbox.control_inputs import TrafficRules
from springtide.sandbox.faults import FaultRule
from springtide.sandbox.gateway import TokenBucket
from springtide.sandbox.process import Sandbox
from springtide.sandbox.world import CallKey
from tests.sandbox.running import Api, a_config
from tests.waiting import wait_until

POSTED = {"service": "compute", "region": "GRA11", "method": "POST", "path_regex": "^/servers$"}


@pytest.fixture(scope="module")
def started() -> Iterator[Sandbox]:
    """A sandbox for this module."""
    with Sandbox(a_config()) as sandbox:
        yield sandbox


@pytest.fixture
def api(started: Sandbox) -> Api:
    """A client of an empty sandbox."""
    started.reset()
    return Api(started)


def rule(**fields: object) -> FaultRule:
    """A fault rule for creates in GRA11."""
    return FaultRule.model_validate(POSTED | fields)


def test_a_bucket_lets_a_seconds_worth_through_at_once() -> None:
    """Of 7 requests at once 5 pass at 5/s, and the others learn how long to wait."""
    bucket = TokenBucket()
    waits = [bucket.wait_s(5) for _ in range(7)]
    assert waits[:5] == [0.0] * 5
    assert all(0 < wait_s <= 0.2 for wait_s in waits[5:])


@pytest.mark.parametrize(
    ("path", "body"),
    [
        pytest.param("/GRA11/compute/v2.1/servers", "unauthorized", id="compute"),
        pytest.param("/GRA11/image/v2/images", "401 Unauthorized", id="image"),
        pytest.param("/GRA11/network/v2.0/ports", "NeutronError", id="network"),
        pytest.param("/GRA11/load-balancer/v2.0/lbaas/pools", "faultstring", id="load-balancer"),
        pytest.param("/identity/v3/projects", "error", id="identity"),
    ],
)
def test_every_service_wants_a_token(api: Api, path: str, body: str) -> None:
    """Without a token, and with a wrong one, each service answers 401 in its own words."""
    for headers in ({}, {"X-Auth-Token": "wrong"}):
        answer = httpx.get(api.sandbox.url + path, headers=headers)
        assert answer.status_code == 401
        assert body in answer.text


@pytest.mark.parametrize(
    "path",
    [
        "/identity",
        "/identity/v3/",
        "/GRA11/compute/v2.1",
        "/GRA11/compute/v2.1/",
        "/GRA11/image",
        "/GRA11/network/",
        "/GRA11/load-balancer",
    ],
)
def test_version_documents_want_none(api: Api, path: str) -> None:
    """Discovery works before authentication."""
    answer = httpx.get(api.sandbox.url + path)
    assert answer.status_code in {200, 300}
    assert "version" in next(iter(answer.json()))


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        pytest.param("GET", "/GRA11/compute/v2.1/nothing", 404, id="no such route"),
        pytest.param("PATCH", "/GRA11/compute/v2.1/servers", 405, id="no such method"),
        pytest.param("GET", "/PAR1/compute/v2.1/servers", 404, id="no such region"),
    ],
)
def test_what_does_not_exist_is_refused(api: Api, method: str, path: str, status: int) -> None:
    """Unknown paths and methods get their own status."""
    assert api.http.request(method, path).status_code == status


def test_requests_are_counted_by_route(api: Api) -> None:
    """The count names service, region, method and the route's template, not the path."""
    api.sandbox.forget_calls()
    for path in ("/servers/a", "/servers/b", "/servers/detail"):
        api.compute("GET", path)
    counts = api.sandbox.call_counts()
    one = CallKey("compute", "GRA11", "GET", "/servers/{server_id}")
    every = CallKey("compute", "GRA11", "GET", "/servers/detail")
    assert (2, 1) == (counts[one], counts[every])


def test_beyond_the_rate_limit_is_429_with_retry_after(api: Api) -> None:
    """At 3/s the fourth of a burst is refused in one region; the other is not concerned."""
    api.sandbox.change_traffic(TrafficRules(requests_per_s=3))
    answers = [api.compute("GET", "/flavors") for _ in range(8)]
    refused = [answer for answer in answers if answer.status_code == 429]
    assert refused
    assert {answer.headers["Retry-After"] for answer in refused} == {"1"}
    assert refused[0].json() == {"overLimit": {"code": 429, "message": "Too many requests"}}
    api.region = "SBG5"
    assert api.compute("GET", "/flavors").status_code == 200
    api.sandbox.change_traffic(TrafficRules(requests_per_s=None))


@pytest.mark.parametrize(
    ("when", "servers"),
    [pytest.param("before", 0, id="before"), pytest.param("after", 1, id="after")],
)
def test_an_error_comes_before_or_after_the_effect(api: Api, when: str, servers: int) -> None:
    """A 503 before the effect leaves no server, after it leaves one; both say Retry-After."""
    api.sandbox.add_fault(rule(status=503, retry_after_s=2, when=when, times=1))
    answer = api.create()
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "2")
    assert len(api.servers()) == servers
    assert api.create().status_code == 202


@pytest.mark.parametrize(
    ("when", "servers"),
    [pytest.param("before", 0, id="before"), pytest.param("after", 1, id="after")],
)
def test_a_dropped_request_gets_no_reply(api: Api, when: str, servers: int) -> None:
    """The connection closes without a reply, with the effect done or not."""
    body = api.body()
    api.sandbox.add_fault(rule(effect="drop", when=when, times=1))
    with pytest.raises(httpx.RemoteProtocolError, match="without sending a response"):
        api.compute("POST", "/servers", body)
    assert len(api.servers()) == servers


@pytest.mark.parametrize(
    ("when", "servers"),
    [pytest.param("before", 0, id="before"), pytest.param("after", 1, id="after")],
)
def test_a_held_request_is_answered_on_release(api: Api, when: str, servers: int) -> None:
    """While held, the effect is done or not; on release the client gets its answer."""
    body = api.body()
    api.sandbox.add_fault(rule(effect="hold", when=when, times=1))
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(api.compute, "POST", "/servers", body)
        held = api.sandbox.wait_for_hold()
        assert (held.method, held.path, held.region) == ("POST", "/servers", "GRA11")
        assert len(Api(api.sandbox).servers()) == servers
        api.sandbox.release(held.id)
        assert answer.result(timeout=20).status_code == 202
    assert api.sandbox.holds() == []
    assert len(api.servers()) == 1


def test_the_effect_of_a_held_request_survives_its_client(api: Api) -> None:
    """A client that dies while its create is held has created the server all the same."""
    body = api.body()
    api.sandbox.add_fault(rule(effect="hold", when="before", times=1))
    impatient = httpx.Client(
        base_url=api.sandbox.url, headers=api.http.headers, timeout=httpx.Timeout(20, read=0.2)
    )
    with pytest.raises(httpx.ReadTimeout):
        impatient.post("/GRA11/compute/v2.1/servers", json=body)
    impatient.close()
    api.sandbox.release(api.sandbox.wait_for_hold().id)
    assert wait_until(api.servers)


def test_latency_is_added_to_every_answer(api: Api) -> None:
    """With a latency of 0.2 s an answer takes at least that."""
    api.sandbox.change_traffic(TrafficRules(latency_s=0.2))
    assert api.compute("GET", "/flavors").elapsed.total_seconds() >= 0.2


def test_a_sandbox_with_held_requests_can_be_stopped() -> None:
    """Leaving the context releases what is held, so that nobody waits for ever."""
    with Sandbox(a_config()) as sandbox:
        api = Api(sandbox)
        body = api.body()
        sandbox.add_fault(rule(effect="hold"))
        thread = threading.Thread(target=api.compute, args=("POST", "/servers", body))
        thread.start()
        sandbox.wait_for_hold()
    thread.join(20)
    assert not thread.is_alive()
