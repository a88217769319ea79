"""The table from what OpenStack answers, or fails to, to our errors."""

import pytest
import requests
from keystoneauth1 import exceptions as ka
from keystoneauth1.session import Session

from springtide.clouds.openstack.translation import translate_exception, translate_response
from springtide.errors import (
    BalancerBusy,
    CapacityExhausted,
    Misconfigured,
    NotFound,
    RateLimited,
    ReplyLost,
    Retryable,
    SpringtideError,
)
from tests.clouds.stage import Case, case_name


class Answered(Case):
    """An answer that is no success."""

    status: int
    method: str = "GET"
    service: str = "compute"
    path: str = "/servers"
    expected: type[SpringtideError]


ANSWERED = (
    Answered(name="wrong", status=400, method="POST", expected=Misconfigured),
    Answered(name="unauthorized", status=401, expected=Misconfigured),
    Answered(name="quota", status=403, method="POST", expected=CapacityExhausted),
    Answered(name="old quota", status=413, method="POST", expected=CapacityExhausted),
    Answered(
        name="quota of groups",
        status=403,
        method="POST",
        path="/os-server-groups",
        expected=CapacityExhausted,
    ),
    Answered(
        name="no right to reboot",
        status=403,
        method="POST",
        path="/servers/s1/action",
        expected=Misconfigured,
    ),
    Answered(
        name="no right to mark",
        status=403,
        method="POST",
        path="/servers/s1/metadata",
        expected=Misconfigured,
    ),
    Answered(name="no right to read", status=403, expected=Misconfigured),
    Answered(name="no right to delete", status=403, method="DELETE", expected=Misconfigured),
    Answered(name="missing", status=404, method="DELETE", expected=NotFound),
    Answered(name="microversion", status=406, expected=Misconfigured),
    Answered(name="busy server", status=409, method="DELETE", expected=Retryable),
    Answered(
        name="busy balancer",
        status=409,
        method="PUT",
        service="load-balancer",
        expected=BalancerBusy,
    ),
    Answered(name="too many", status=429, method="POST", expected=RateLimited),
    Answered(name="too many reads", status=429, expected=RateLimited),
    *(
        Answered(name=f"{method} {status}", status=status, method=method, expected=expected)
        for status in (500, 502, 503, 504)
        for method, expected in (
            ("GET", Retryable),
            ("POST", ReplyLost),
            ("PUT", ReplyLost),
            ("DELETE", ReplyLost),
        )
    ),
)


def an_answer(status: int, body: bytes = b"", *, retry_after: str = "") -> requests.Response:
    """An answer of a service."""
    response = requests.Response()
    response.status_code = status
    response._content = body  # noqa: SLF001 - how requests itself builds one
    response.headers["Retry-After"] = retry_after
    return response


def translated(response: requests.Response, method: str = "GET") -> SpringtideError:
    """Our error for an answer of Nova."""
    return translate_response(
        response, region="GRA11", service="compute", method=method, path="/servers"
    )


@pytest.mark.parametrize("case", ANSWERED, ids=case_name)
def test_each_answer_has_its_error(case: Answered) -> None:
    """By status, service, method and path; the message names the call."""
    error = translate_response(
        an_answer(case.status),
        region="GRA11",
        service=case.service,
        method=case.method,
        path=case.path,
    )
    assert case.expected is type(error)
    assert str(error).startswith(f"GRA11 {case.service} {case.method} {case.path}: {case.status}")


@pytest.mark.parametrize(
    ("given", "expected"),
    [("7", 7.0), ("0", 0.0), ("", None), ("-1", None), ("Mon, 23 Nov 2026 16:00:00 GMT", None)],
)
def test_only_whole_seconds_are_advice(given: str, expected: float | None) -> None:
    """A date, or nothing, leaves the pause to us."""
    error = translated(an_answer(429, retry_after=given))
    assert isinstance(error, Retryable)
    assert expected == error.retry_after_s


@pytest.mark.parametrize(
    "body",
    [
        b'{"forbidden": {"code": 403, "message": "said"}}',
        b'{"NeutronError": {"type": "X", "message": "said", "detail": ""}}',
        b'{"faultcode": "Client", "faultstring": "said", "debuginfo": null}',
        b'{"error": {"code": 403, "message": "said", "title": "Forbidden"}}',
        b"<html>said</html>",
        b'["said"]',
        b'"said"',
    ],
)
def test_the_services_own_words_are_kept(body: bytes) -> None:
    """Whatever the form of the body, what it says is in the message."""
    assert "said" in str(translated(an_answer(400, body)))


@pytest.mark.parametrize("body", [b"", b"{}", b"null", b"[]", b'{"error": null}', b"\xff"])
def test_a_body_that_says_nothing_is_no_trouble(body: bytes) -> None:
    """The status alone is told."""
    assert "400" in str(translated(an_answer(400, body)))


class Failed(Case):
    """An exception of keystoneauth instead of an answer."""

    error: object
    changing: bool = True
    expected: type[SpringtideError]


def not_connected() -> Exception:
    """What keystoneauth raises where a connection is refused."""
    try:
        Session().get("http://127.0.0.1:1/", authenticated=False)
    except ka.ConnectFailure as error:
        return error
    raise AssertionError("something listens on port 1")


FAILED = (
    Failed(name="closed", error=ka.ConnectFailure("x"), expected=ReplyLost),
    Failed(name="closed read", error=ka.ConnectFailure("x"), changing=False, expected=Retryable),
    Failed(name="no reply", error=ka.ConnectTimeout("x"), expected=ReplyLost),
    Failed(name="unknown", error=ka.UnknownConnectionError("x", ValueError()), expected=ReplyLost),
    Failed(name="refused", error=not_connected(), expected=Retryable),
    Failed(name="certificate", error=ka.SSLError("x"), expected=Misconfigured),
    Failed(name="credentials", error=ka.Unauthorized("x"), expected=Misconfigured),
    Failed(name="catalogue", error=ka.EndpointNotFound("x"), expected=Misconfigured),
    Failed(name="no keystone", error=ka.DiscoveryFailure("x"), expected=Retryable),
)


@pytest.mark.parametrize("case", FAILED, ids=case_name)
def test_each_failure_has_its_error(case: Failed) -> None:
    """A change whose reply never came may have been made; one that was never sent was not."""
    assert isinstance(case.error, Exception)
    error = translate_exception(case.error, what="call", changing=case.changing)
    assert case.expected is type(error)
