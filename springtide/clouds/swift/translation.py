"""The one table from python-swiftclient's failures to our errors, by status and kind.

No message holds an object's name: those that tell of an object name it where they are raised.
"""

from datetime import UTC, datetime
from http import HTTPStatus
from http.client import IncompleteRead

from requests.exceptions import SSLError
from swiftclient.exceptions import (  # type: ignore[import-untyped]  # it has no types
    ClientException,
)
from urllib3.exceptions import HTTPError

from springtide.clouds.swift.backoff import advised_s
from springtide.errors import (
    Misconfigured,
    NotFound,
    RateLimited,
    Retryable,
    SpringtideError,
)

FAILURES = (ClientException, HTTPError, OSError, SpringtideError)
"""What a call may raise; requests' own exceptions are OSErrors."""
_RATE = (HTTPStatus.TOO_MANY_REQUESTS, 498)
_PASSING = frozenset(
    {
        HTTPStatus.REQUEST_TIMEOUT,
        HTTPStatus.CONFLICT,  # a newer write of the same name is on its way
        HTTPStatus.UNPROCESSABLE_ENTITY,  # the checksum was another: it broke on the way
        HTTPStatus.TOO_EARLY,
        499,  # Swift's own: the client went away, or a proxy between us
    }
)


class ShortBody(Retryable):
    """Fewer bytes came than were asked for."""


def translate(error: Exception, what: str) -> SpringtideError:
    """Our error for what a call raised; `what` names the call, e.g. `PUT`."""
    if isinstance(error, SpringtideError):
        return error
    if isinstance(error, ClientException):
        return _by_status(error, what)
    if isinstance(error, SSLError):
        return Misconfigured(f"object store: {what}: its certificate is not accepted")
    if isinstance(error.__cause__, IncompleteRead):
        return ShortBody(f"object store: {what}: the answer broke off")
    return Retryable(f"object store: {what}: {type(error).__name__}")


def status_of(error: Exception) -> int | None:
    """The status of a refusal; None where there was no answer."""
    status: int | None = getattr(error, "http_status", None)
    return status


def _by_status(error: ClientException, what: str) -> SpringtideError:
    status = status_of(error)
    if status is None:
        return Misconfigured(f"object store: {what}: {error.msg}", field="storage_url")
    said = f"object store: {what}: {status} {error.http_reason}"
    advised = advised_s(error.http_response_headers or {}, datetime.now(UTC))
    if status in _RATE:
        return RateLimited(said, retry_after_s=advised)
    if status in _PASSING or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return Retryable(said, retry_after_s=advised)
    if status == HTTPStatus.NOT_FOUND:
        return NotFound(said)
    if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        return Misconfigured(f"{said}: the credential may not do that", field="cloud")
    return Misconfigured(said)
