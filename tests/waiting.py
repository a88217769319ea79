"""Waiting for what comes by itself, within bounds."""

import time
from collections.abc import Callable
from typing import TypeVar

Found = TypeVar("Found")


def wait_until(
    found: Callable[[], Found | None],
    what: str = "it is so",
    timeout_s: float = 20.0,
    *,
    poll_s: float = 0.01,
) -> Found:
    """What `found` returns, once that is true; it is asked every `poll_s` seconds.

    Raises:
        TimeoutError: when it is not within that time.
    """
    deadline = time.monotonic() + timeout_s
    while not (result := found()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {timeout_s:g} s: {what}")
        time.sleep(poll_s)
    return result
