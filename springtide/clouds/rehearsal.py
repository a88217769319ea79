"""What time it is: the real time, or in a rehearsal the sandbox's."""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache

import httpx

from springtide.errors import Retryable
from springtide.model.estate import Estate

_TIMEOUT_S = 5.0


def now_source(estate: Estate) -> Callable[[], datetime]:
    """A function that returns the present (aware, UTC); in a rehearsal it asks the sandbox.

    It raises Retryable where the sandbox does not tell.
    """
    if estate.rehearsal is None:
        return lambda: datetime.now(UTC)
    url = str(estate.rehearsal.clock_url)

    def rehearsed() -> datetime:
        try:
            answer = _client().get(url).raise_for_status()
            return datetime.fromisoformat(answer.json()["now"]).astimezone(UTC)
        except (httpx.HTTPError, KeyError, ValueError) as error:
            raise Retryable(f"the rehearsal's clock {url} does not tell the time") from error

    return rehearsed


@cache
def _client() -> httpx.Client:
    """One for all questions: each new one reads every authority that is trusted, in 20 ms.

    It keeps no connection, which the sandbox might close just when it is used again.
    """
    limits = httpx.Limits(max_keepalive_connections=0)
    return httpx.Client(timeout=_TIMEOUT_S, trust_env=False, limits=limits)
