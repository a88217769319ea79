"""A light HTTP/1.1 client for many small GETs, which keeps connections and never tries twice."""

import asyncio
import os
import re
import time
from collections.abc import Callable
from http import HTTPStatus
from typing import NamedTuple, TypeAlias


class Outcome(NamedTuple):
    """What became of one request."""

    latency_s: float
    server: str = ""
    """The server that answered, by its X-Server header; empty where there was none."""
    failure: str | None = None


Done: TypeAlias = Callable[[str, Outcome], None]
"""Called once for each request, with its target."""


class _Exchange(NamedTuple):
    target: str
    done: Done
    started_at: float
    timer: asyncio.TimerHandle


class Client:
    """Sends GETs to one address over as many connections as it takes."""

    def __init__(self, host: str, port: int, *, timeout_s: float) -> None:
        """Remember where to; nothing is connected yet."""
        self.host, self.port = host, port
        self.in_flight = 0
        self._timeout_s = timeout_s
        self._idle: list[_Connection] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._drained = asyncio.Event()

    def get(self, target: str, done: Done) -> None:
        """Send one GET; `done` hears of its outcome, the time to connect included."""
        self.in_flight += 1
        connection = self._idle.pop() if self._idle else _Connection(self)
        timer = asyncio.get_running_loop().call_later(
            self._timeout_s, connection.fail, "no answer in time"
        )
        connection.exchange = _Exchange(target, done, time.monotonic(), timer)
        if connection.transport is not None:
            connection.send()
            return
        task = asyncio.get_running_loop().create_task(self._connect(connection))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def close(self) -> None:
        """Close the connections that nothing is under way on."""
        while self._idle:
            self._idle.pop().drop()

    async def drained(self) -> None:
        """Wait until nothing is under way."""
        while self.in_flight:
            self._drained.clear()
            await self._drained.wait()

    def ended(self, connection: "_Connection", *, reusable: bool) -> None:
        """Hear from a connection that its exchange is over."""
        self.in_flight -= 1
        self._drained.set()
        if reusable:
            self._idle.append(connection)
        else:
            connection.drop()

    def lost(self, connection: "_Connection") -> None:
        """Hear from an idle connection that the other side has closed it."""
        if connection in self._idle:
            self._idle.remove(connection)

    async def _connect(self, connection: "_Connection") -> None:
        loop = asyncio.get_running_loop()
        try:
            await loop.create_connection(lambda: connection, self.host, self.port)
        except OSError as error:
            reason = os.strerror(error.errno) if error.errno is not None else repr(error)
            connection.fail(f"no connection: {reason}")


class _Connection(asyncio.Protocol):
    def __init__(self, client: Client) -> None:
        self.transport: asyncio.Transport | None = None
        self.exchange: _Exchange | None = None
        self._client = client
        self._buffer = b""

    def send(self) -> None:
        if self.exchange is not None and self.transport is not None:
            head = f"GET {self.exchange.target} HTTP/1.1\r\nHost: {self._client.host}\r\n\r\n"
            self.transport.write(head.encode())

    def drop(self) -> None:
        if self.transport is not None:
            self.transport.abort()

    def fail(self, reason: str) -> None:
        self._end(server="", failure=reason, reusable=False)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - for the type checker
        self.transport = transport
        if self.exchange is None:
            transport.abort()
        self.send()

    def connection_lost(self, exc: Exception | None) -> None:
        self.transport = None
        self._client.lost(self)
        self.fail("connection reset" if exc is not None else "connection closed before the answer")

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, end, body = self._buffer.partition(b"\r\n\r\n")
        length = _LENGTH.search(head)
        if not end or (length is not None and len(body) < int(length.group(1))):
            return
        self._buffer = b""
        status = _STATUS.match(head)
        server = _SERVER.search(head)
        failure = None if status and int(status[1]) == HTTPStatus.OK else _refused(head)
        reusable = length is not None and not _CLOSE.search(head)
        self._end(server=server[1].decode() if server else "", failure=failure, reusable=reusable)

    def _end(self, *, server: str, failure: str | None, reusable: bool) -> None:
        exchange, self.exchange = self.exchange, None
        if exchange is None:
            return
        exchange.timer.cancel()
        latency_s = time.monotonic() - exchange.started_at
        self._client.ended(self, reusable=reusable)
        exchange.done(exchange.target, Outcome(latency_s, server, failure))


def _refused(head: bytes) -> str:
    return head.partition(b"\r\n")[0].decode(errors="replace").partition(" ")[2] or "no HTTP"


_STATUS = re.compile(rb"HTTP/1\.[01] (\d{3})")
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d{1,9})", re.IGNORECASE)
_SERVER = re.compile(rb"\r\nx-server: *([^\r\n]+)", re.IGNORECASE)
_CLOSE = re.compile(rb"\r\nconnection: *close", re.IGNORECASE)
