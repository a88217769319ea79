"""What a run does without while Prefect's server is away: it goes on, and says so in its log."""

from collections.abc import Iterator
from contextlib import contextmanager

import httpx
from prefect import get_run_logger
from prefect.exceptions import PrefectException


@contextmanager
def best_effort(what: str) -> Iterator[None]:
    """Let what shows, remembers or clears something fail without ending the run.

    `what` names it in the warning. The fleet's state is in the cloud; only its picture is late.
    """
    try:
        yield
    except (httpx.HTTPError, PrefectException) as error:
        get_run_logger().warning("not-done=%s why=%s: %s", what, type(error).__name__, error)
