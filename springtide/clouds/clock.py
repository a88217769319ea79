"""What time it is: the real time, or in a rehearsal the sandbox's."""

from datetime import UTC, datetime
from functools import cache

import httpx

from springtide.errors import Retryable
from springtide.model.estate import Estate

_TIMEOUT_S = 5.0


def present(estate: Estate) -> datetime:
    """The present (aware, UTC); in a rehearsal the sandbox's.

    Raises:
        Retryable: the sandbox does not tell.
    """
    if estate.rehearsal is None:
        return datetime.now(UTC)
    url = str(estate.rehearsal.clock_url)
    try:
        answer = _client().get(url).raise_for_status()
        return datetime.fromisoformat(answer.json()["now"]).astimezone(UTC)
    except (httpx.HTTPError, KeyError, ValueError) as error:
        raise Retryable(f"the rehearsal's clock {url} does not tell the time") from error


@cache
def _client() -> httpx.Client:
    """One for all questions: each new one reads every authority that is trusted, in 20 ms.

    It keeps no connection, which the sandbox might close just when it is used again.
    """
    limits = httpx.Limits(max_keepalive_connections=0)
    return httpx.Client(timeout=_TIMEOUT_S, trust_env=False, limits=limits)
