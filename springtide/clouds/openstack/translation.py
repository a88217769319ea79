"""The one table from OpenStack's refusals to our errors, by status and never by message."""

from http import HTTPStatus
from typing import TYPE_CHECKING

from keystoneauth1 import exceptions as ka
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError

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

if TYPE_CHECKING:
    from requests import Response

_BY_EXCEPTION: tuple[tuple[type[Exception], type[SpringtideError]], ...] = (
    (ka.Unauthorized, Misconfigured),
    (ka.MissingRequiredOptions, Misconfigured),
    (ka.EndpointNotFound, Misconfigured),
    (ka.CatalogException, Misconfigured),
    (ka.SSLError, Misconfigured),
    (ka.DiscoveryFailure, Retryable),
    (ka.ConnectionError, ReplyLost),
    (ka.ClientException, Retryable),
)

_SAID = ("message", "faultstring", "description")
_NO_ROOM = (HTTPStatus.FORBIDDEN, HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
_COUNTED = ("/servers", "/os-server-groups")
"""What Nova makes within a quota; elsewhere these statuses say that it is forbidden."""
_BY_STATUS: dict[int, type[SpringtideError]] = {
    HTTPStatus.NOT_FOUND: NotFound,
    HTTPStatus.CONFLICT: Retryable,
}


def translate_exception(error: Exception, *, what: str, changing: bool) -> SpringtideError:
    """Our error for an exception of keystoneauth; `what` names the call.

    A connection that broke after a change was sent is a lost reply: it may have been made. One that
    never came about is not: nothing was sent.
    """
    kind = next((ours for theirs, ours in _BY_EXCEPTION if isinstance(error, theirs)), Retryable)
    if kind is ReplyLost and not (changing and _was_connected(error)):
        kind = Retryable
    return kind(f"{what}: {error}")


def translate_response(
    response: "Response", *, region: str, service: str, method: str, path: str
) -> SpringtideError:
    """Our error for an answer that is no success."""
    status, what = response.status_code, f"{region} {service} {method} {path}"
    said = f"{what}: {status} {_message(response)}"
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return RateLimited(said, retry_after_s=retry_after_s(response))
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return Retryable(said) if method == "GET" else ReplyLost(said)
    making = method == "POST" and service == "compute" and path in _COUNTED
    if making and status in _NO_ROOM:
        return CapacityExhausted(said, region=region, kind="quota")
    if status == HTTPStatus.CONFLICT and service == "load-balancer":
        return BalancerBusy(said)
    return _BY_STATUS.get(status, Misconfigured)(said)


def retry_after_s(response: "Response") -> float | None:
    """The server's advice in seconds; None where it gives none, or a date."""
    value = response.headers.get("Retry-After", "")
    return float(value) if value.isascii() and value.isdigit() else None


def _was_connected(error: Exception) -> bool:
    """False where the service took no connection, so that nothing can have been sent.

    keystoneauth keeps what requests raised as the context, and requests what urllib3 raised as the
    first argument, whose `reason` is the last try's error.
    """
    arguments = getattr(error.__context__, "args", ())
    reason = getattr(arguments[0], "reason", None) if arguments else None
    return not isinstance(reason, NewConnectionError | ConnectTimeoutError)


def _message(response: "Response") -> str:
    """What the service says, in one line: each has its own key for it, some of them one in another.

    Octavia alone has two: `faultstring`, and `description` where the path leads nowhere.
    """
    try:
        body = response.json()
    except ValueError:
        return response.text[:200]
    if not isinstance(body, dict):
        return str(body)[:300]
    inner = next((value for value in body.values() if isinstance(value, dict)), body)
    said = next((inner[key] for key in _SAID if inner.get(key)), inner)
    return " ".join(str(said).replace("<br />", " ").split())[:300]
