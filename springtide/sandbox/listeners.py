"""The servers' own web servers: each ACTIVE server answers HTTP on its own loopback address.

`/health` gives the health status, `/in-flight` the number of requests in progress, and any other
path the server's name, after `delay_ms` milliseconds (at most 10,000) if the query says so.
"""

import asyncio
import re
import time
from http import HTTPStatus
from typing import NamedTuple

from springtide.sandbox.records import ServerUp
from springtide.sandbox.sockets import listening_socket

MOST_DELAY_S = 10.0
_MOST_HEAD = 32 * 1024
_MOST_BODY = 1024 * 1024
_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*(\d{1,9})[ \t]*(?:\r\n|$)")
_DELAY = re.compile(rb"[?&]delay_ms=(\d{1,6})(?:&|$)")


class WebServer:
    """The web server of one server, from ACTIVE to its end."""

    def __init__(self, server: ServerUp) -> None:
        """Remember when it will answer; nothing listens before `open`."""
        self.server = server
        self.answers_from = time.monotonic() + server.answer_after_s
        """Monotonic, in seconds."""
        self.changed_at = 0.0
        """When its health page was last told to say something else (monotonic, in seconds)."""
        self.in_flight = 0
        """Requests in progress, those for the two status pages not counted."""
        self.served = 0
        self.connections: set[_Connection] = set()
        self._loop_server: asyncio.Server | None = None
        self._opening: asyncio.TimerHandle | asyncio.Task[None] | None = None
        name = server.name.encode("ascii", "replace")
        self.page = _response(HTTPStatus.OK, name, b"X-Server: " + name + b"\r\n")

    @property
    def key(self) -> tuple[str, int]:
        """Its address and port."""
        return self.server.address, self.server.port

    @property
    def answers(self) -> bool:
        """Whether it accepts connections by now."""
        return not self.server.never_answers and time.monotonic() >= self.answers_from

    def healthy(self, *, timeout_s: float) -> bool:
        """Whether a health check with that time-out would succeed now."""
        return (
            self.answers
            and self.server.health_status == HTTPStatus.OK
            and self.server.health_delay_s < timeout_s
        )

    def be(self, server: ServerUp) -> None:
        """Say from now on what the health page is to say; address and name stay."""
        self.server = server
        self.changed_at = time.monotonic()

    def open(self) -> None:
        """Listen as soon as it is due; a server that never answers never does.

        Raises:
            AddressBusyError: when something else listens on its address.
        """
        # Found out now, when someone can be told, and not in a timer.
        listening_socket(self.server.address, self.server.port).close()
        if not self.server.never_answers:
            loop = asyncio.get_running_loop()
            wait_s = max(0.0, self.answers_from - time.monotonic())
            self._opening = loop.call_later(wait_s, self._listen)

    def close(self) -> None:
        """Stop listening, and cut every connection as the death of the machine would."""
        if self._opening is not None:
            self._opening.cancel()
        if self._loop_server is not None:
            self._loop_server.close()
        for connection in tuple(self.connections):
            connection.abort()

    def _listen(self) -> None:
        self._opening = asyncio.get_running_loop().create_task(self._serve())

    async def _serve(self) -> None:
        claimed = listening_socket(self.server.address, self.server.port)
        loop = asyncio.get_running_loop()
        self._loop_server = await loop.create_server(lambda: _Connection(self), sock=claimed)


class _Request(NamedTuple):
    target: bytes
    close: bool
    head_only: bool


class _Connection(asyncio.Protocol):
    """One client's connection: requests are answered in order, one at a time."""

    __slots__ = ("_buffer", "_pending", "_transport", "_web")

    def __init__(self, web: WebServer) -> None:
        self._web = web
        self._buffer = b""
        self._pending: tuple[asyncio.TimerHandle, bool] | None = None
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - for the type checker
        self._transport = transport
        self._web.connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        self._web.connections.discard(self)
        if self._pending is not None:
            timer, counted = self._pending
            timer.cancel()
            self._web.in_flight -= counted
            self._pending = None

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        self._answer_all()

    def abort(self) -> None:
        """Cut the connection at once."""
        if self._transport is not None:
            self._transport.abort()

    def _answer_all(self) -> None:
        while self._pending is None and self._transport is not None:
            request = self._next_request()
            if request is None:
                return
            self._answer(request)

    def _next_request(self) -> _Request | None:
        head, end, rest = self._buffer.partition(b"\r\n\r\n")
        if not end:
            if len(head) > _MOST_HEAD:
                self.abort()
            return None
        lowered = head.lower()
        length = _LENGTH.search(lowered)
        body_bytes = int(length.group(1)) if length else 0
        parts = head.split(b" ", 2)
        if body_bytes > _MOST_BODY or len(parts) != _PARTS or b"transfer-encoding:" in lowered:
            self.abort()
            return None
        if len(rest) < body_bytes:
            return None
        self._buffer = rest[body_bytes:]
        close = b"\r\nconnection: close" in lowered or parts[2].startswith(b"HTTP/1.0")
        return _Request(parts[1], close, parts[0] == b"HEAD")

    def _answer(self, request: _Request) -> None:
        web = self._web
        path = request.target.partition(b"?")[0]
        if path == b"/health":
            self._reply(
                request, _health_page(web.server.health_status), delay_s=web.server.health_delay_s
            )
        elif path == b"/in-flight":
            self._reply(request, _response(HTTPStatus.OK, b"%d" % web.in_flight))
        else:
            web.served += 1
            delay = _DELAY.search(request.target)
            delay_s = min(int(delay.group(1)) / 1000, MOST_DELAY_S) if delay else 0.0
            self._reply(request, web.page, delay_s=delay_s, counted=True)

    def _reply(
        self, request: _Request, page: bytes, *, delay_s: float = 0.0, counted: bool = False
    ) -> None:
        if delay_s <= 0:
            self._write(request, page)
            return
        loop = asyncio.get_running_loop()
        self._pending = (loop.call_later(delay_s, self._late, request, page), counted)
        self._web.in_flight += counted

    def _late(self, request: _Request, page: bytes) -> None:
        if self._pending is not None:
            self._web.in_flight -= self._pending[1]
            self._pending = None
            self._write(request, page)
            self._answer_all()

    def _write(self, request: _Request, page: bytes) -> None:
        if self._transport is None:
            return
        self._transport.write(page[: page.index(b"\r\n\r\n") + 4] if request.head_only else page)
        if request.close:
            self._transport.close()
            self._transport = None


def _response(status: int, body: bytes, headers: bytes = b"") -> bytes:
    phrase = HTTPStatus(status).phrase.encode() if status in _KNOWN else b"Status"
    return (
        b"HTTP/1.1 %d %s\r\n%sContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n"
        % (status, phrase, headers, len(body))
    ) + body


def _health_page(status: int) -> bytes:
    return _response(status, b"ok" if status == HTTPStatus.OK else b"not ok")


_KNOWN = frozenset(int(status) for status in HTTPStatus)
_PARTS = 3
