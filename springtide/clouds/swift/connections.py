"""Calls to a store: on few connections, with one token, tried again where that helps."""

import logging
import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import TypeVar

from swiftclient.client import (  # type: ignore[import-untyped]  # it has no types
    ClientException,
    Connection,
)

from springtide.clouds.swift.backoff import StorePolicy, pause_s
from springtide.clouds.swift.token import Access, Authenticate, SharedToken
from springtide.clouds.swift.translation import FAILURES, status_of, translate
from springtide.errors import Retryable

log = logging.getLogger(__name__)

Result = TypeVar("Result")


class Connections:
    """A bounded number of connections, shared by threads.

    python-swiftclient tries nothing again here: it knows neither `Retry-After` nor what was sent.
    """

    def __init__(self, authenticate: Authenticate, policy: StorePolicy) -> None:
        """Nothing is asked before the first call."""
        self._token = SharedToken(authenticate)
        self._policy = policy
        self._turns = threading.BoundedSemaphore(policy.connections)
        self._idle: list[Connection] = []
        # It logs each refused request as a command line, with address and headers.
        logging.getLogger("swiftclient").setLevel(logging.CRITICAL)

    def call(self, what: str, act: Callable[[Connection], Result]) -> Result:
        """What `act` returns; it is tried again after a failure that may pass.

        Each try has a connection to itself. A token that is refused is renewed once.

        Raises:
            Retryable: it did not pass within the policy's attempts; the cause is the last one.
            SpringtideError: another refusal, as the table of translations says.
        """
        failures, renewed = 0, False
        while True:
            try:
                return self._attempt(act)
            except FAILURES as error:
                if status_of(error) == HTTPStatus.UNAUTHORIZED and not renewed:
                    renewed = True
                    continue
                failures += 1
                time.sleep(self._pause_s(error, what, failures))

    def access(self) -> Access:
        """The token that its calls use just now, and where."""
        return self._token.current()

    def close(self) -> None:
        """Let go of the connections that nobody uses."""
        while self._idle:
            self._idle.pop().close()

    def _attempt(self, act: Callable[[Connection], Result]) -> Result:
        access = self._token.current()
        with self._lent(access) as connection:
            try:
                return act(connection)
            except ClientException as error:
                if status_of(error) == HTTPStatus.UNAUTHORIZED:
                    self._token.forget(access)
                raise

    @contextmanager
    def _lent(self, access: Access) -> Iterator[Connection]:
        if not self._turns.acquire(timeout=self._policy.turn_timeout_s):
            raise Retryable("object store: every connection is in use for too long")
        try:
            connection = self._taken(access)
            try:
                yield connection
            except BaseException:
                # An answer may be under way on it still.
                connection.close()
                raise
            finally:
                self._idle.append(connection)
        finally:
            self._turns.release()

    def _taken(self, access: Access) -> Connection:
        try:
            connection = self._idle.pop()
        except IndexError:
            timeouts = (self._policy.connect_timeout_s, self._policy.timeout_s)
            connection = Connection(retries=0, timeout=timeouts)
        if connection.url != access.url:
            connection.close()
        connection.url, connection.token = access
        return connection

    def _pause_s(self, error: Exception, what: str, failures: int) -> float:
        """How long to wait for the next try; where there is none, the error is raised."""
        refusal = translate(error, what)
        cause = None if refusal is error else error
        if not isinstance(refusal, Retryable) or failures >= self._policy.attempts:
            raise refusal from cause
        advised = refusal.retry_after_s
        if advised is not None and advised > self._policy.longest_advice_s:
            raise refusal from cause
        chance = random.random()  # noqa: S311 - spreads calls, hides nothing
        pause = pause_s(self._policy, failures, advised, chance)
        because = status_of(error) or type(error).__name__
        log.info(
            "object store call=%s failures=%d because=%s pause_s=%.1f",
            what,
            failures,
            because,
            pause,
        )
        return pause
