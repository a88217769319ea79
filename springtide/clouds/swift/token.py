"""One token for all threads: asked for once, and again when the store takes it no more."""

import threading
import time
from collections.abc import Callable
from typing import NamedTuple

from springtide.errors import Retryable

Authenticate = Callable[[], tuple[str, str]]
"""Asks for a token; returns the storage URL and the token."""

_PAUSE_S = 1.0
"""Nobody asks again within it after a failure, where the identity service advised no other."""


class Access(NamedTuple):
    """What a call needs."""

    url: str
    """The storage URL: the account's address."""
    token: str


class SharedToken:
    """The token that all threads share; one of them asks while the others wait."""

    def __init__(self, authenticate: Authenticate) -> None:
        """Nothing is asked before the first call."""
        self._authenticate = authenticate
        self._lock = threading.Lock()
        self._access: Access | None = None
        self._again_at = 0.0

    def current(self) -> Access:
        """The token.

        Raises:
            Retryable: the identity service does not answer just now, or was asked a moment ago.
            Misconfigured: it refuses the credentials.
        """
        with self._lock:
            if self._access is None:
                self._access = self._asked()
            return self._access

    def forget(self, access: Access) -> None:
        """Have the next call ask for another, unless a thread has done so already."""
        with self._lock:
            if self._access is access:
                self._access = None

    def _asked(self) -> Access:
        # Many threads that ask one after another are what identity services refuse with 429.
        left_s = self._again_at - time.monotonic()
        if left_s > 0:
            raise Retryable("the token was asked for in vain a moment ago", retry_after_s=left_s)
        try:
            return Access(*self._authenticate())
        except Retryable as error:
            self._again_at = time.monotonic() + (error.retry_after_s or _PAUSE_S)
            raise
