"""The webhook that takes notices: what it is sent, and which of its answers may pass."""

import asyncio

import pytest

from springtide.clouds.webhook import post_notice
from springtide.errors import Misconfigured, Retryable, SpringtideError
from tests.clouds.scripted_server import scripted_server


def test_a_notice_is_posted_once() -> None:
    """Subject, and subject and body in one text."""
    with scripted_server(**{"POST /hook": (204, "")}) as server:
        asyncio.run(post_notice(f"{server.url}/hook", "keep-fleet: Failed", "no room"))
    told = {"subject": "keep-fleet: Failed", "text": "keep-fleet: Failed\nno room"}
    assert [("POST /hook", told, None)] == server.asked


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        pytest.param(400, Misconfigured, id="another form is wanted"),
        pytest.param(403, Misconfigured, id="a wrong secret"),
        pytest.param(404, Misconfigured, id="no such hook"),
        pytest.param(410, Misconfigured, id="a hook that was removed"),
        pytest.param(408, Retryable, id="it waited too long"),
        pytest.param(425, Retryable, id="too early"),
        pytest.param(429, Retryable, id="too many notices at once"),
        pytest.param(500, Retryable, id="it failed"),
        pytest.param(503, Retryable, id="it is away"),
    ],
)
def test_what_a_refusal_means(status: int, expected: type[SpringtideError]) -> None:
    """Whether the same notice may be taken later; the URL is a secret and in no message."""
    with (
        scripted_server(**{"POST /secret": (status, "no")}) as server,
        pytest.raises(expected, match=str(status)) as refused,
    ):
        asyncio.run(post_notice(f"{server.url}/secret", "a", "b"))
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        pytest.param("hook", Misconfigured, id="no URL"),
        pytest.param("ftp://127.0.0.1/hook", Misconfigured, id="of another kind"),
        pytest.param("http://127.0.0.1:9/hook", Retryable, id="nobody there"),
    ],
)
def test_an_url_that_leads_nowhere(url: str, expected: type[SpringtideError]) -> None:
    """A wrong one is a person's to put right; silence may pass."""
    with pytest.raises(expected):
        asyncio.run(post_notice(url, "a", "b"))
