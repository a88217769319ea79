"""A webhook that takes notices as JSON."""

import httpx

from springtide.errors import Misconfigured, Retryable

_TIMEOUT_S = 10.0
_PASSING = (408, 425, 429)
"""Refusals of this moment: the webhook waited in vain, is asked too early, or too often."""


async def post_notice(url: str, subject: str, body: str) -> None:
    """Post `subject` and `text` (both in one, as chat services want it) to the webhook.

    Raises:
        Misconfigured: the webhook refuses it for good (4xx), or the URL is none. The URL is a
            secret, so no message names it.
        Retryable: it does not answer, failed, or takes no more just now.
    """
    notice = {"subject": subject, "text": f"{subject}\n{body}".strip()}
    try:
        async with httpx.AsyncClient(timeout=_TIMEOUT_S) as client:
            answer = await client.post(url, json=notice)
    except (httpx.InvalidURL, httpx.UnsupportedProtocol):
        raise Misconfigured("the webhook's URL is none", allowed="https://…") from None
    except httpx.HTTPError as error:
        raise Retryable(f"the webhook does not answer: {type(error).__name__}") from None
    if answer.is_client_error and answer.status_code not in _PASSING:
        raise Misconfigured(f"the webhook refuses the notice: {answer.status_code}")
    if not answer.is_success:
        raise Retryable(f"the webhook did not take the notice: {answer.status_code}")
