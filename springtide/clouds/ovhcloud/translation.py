"""The one table from the provider's refusals to our errors, by class and never by message."""

from http import HTTPStatus

from ovh import exceptions as theirs

from springtide.errors import (
    GuardRefused,
    Misconfigured,
    NotFound,
    RateLimited,
    ReplyLost,
    Retryable,
    SpringtideError,
)

_BY_CLASS: tuple[tuple[type[Exception], type[SpringtideError]], ...] = (
    (theirs.InvalidKey, Misconfigured),
    (theirs.InvalidCredential, Misconfigured),
    (theirs.NotCredential, Misconfigured),
    (theirs.NotGrantedCall, Misconfigured),
    (theirs.Forbidden, Misconfigured),
    (theirs.InvalidConfiguration, Misconfigured),
    (theirs.InvalidRegion, Misconfigured),
    (theirs.ResourceNotFoundError, NotFound),
    (theirs.ResourceExpiredError, Misconfigured),
    (theirs.BadParametersError, GuardRefused),
    (theirs.ResourceConflictError, GuardRefused),
)


def translate(error: Exception, *, what: str, changing: bool) -> SpringtideError:
    """Our error; `what` names the call.

    Whatever is no plain refusal of a change is a lost reply: the API knows no key by which an order
    could be repeated, so it may have been made.
    """
    kind = next((ours for them, ours in _BY_CLASS if isinstance(error, them)), None)
    if kind is None:
        kind = _by_status(getattr(getattr(error, "response", None), "status_code", None))
    if kind is None:
        kind = ReplyLost if changing else Retryable
    said = " ".join(str(error).split())[:200]
    return kind(f"OVHcloud: {what}: {type(error).__name__}: {said}")


def _by_status(status: int | None) -> type[SpringtideError] | None:
    """Of a refusal that the client has no class for; None where it is none."""
    match status:
        case HTTPStatus.UNAUTHORIZED | HTTPStatus.FORBIDDEN:
            return Misconfigured
        case HTTPStatus.TOO_MANY_REQUESTS:
            return RateLimited
        case int() if HTTPStatus.BAD_REQUEST <= status < HTTPStatus.INTERNAL_SERVER_ERROR:
            return GuardRefused
    return None
