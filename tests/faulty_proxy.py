"""A reverse proxy on loopback that does wrong what a test asks for, and the rest right.

`with FaultyProxy(url) as proxy: proxy.add(Fault("PUT", "/data/", Kind.LOSE_REPLY))` has the next
PUT of a path that matches carried out behind it, and its answer lost.
"""

import http.client
import re
import socket
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import NamedTuple, Self
from urllib.parse import urlsplit

UPSTREAM_S = 60.0
HANG_S = 30.0
"""A hanging request is let go after this, or when the proxy ends."""
_HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "host"}


class Kind(StrEnum):
    """What goes wrong."""

    ANSWER = "answer"
    """`status` and `headers` are answered; the request goes no further."""
    CUT_REQUEST = "cut-request"
    """Half of the body goes on, then both connections break."""
    SHORTEN_REQUEST = "shorten-request"
    """Half of the body goes on, as though it were all."""
    FLIP_REQUEST = "flip-request"
    """The body's first bit is another."""
    CUT_REPLY = "cut-reply"
    """Half of the answer's body comes back, then the connection breaks."""
    SHORTEN_REPLY = "shorten-reply"
    """Half of the answer's body comes back, as though it were all."""
    LOSE_REPLY = "lose-reply"
    """The request is carried out; instead of its answer the connection breaks."""
    STALL_REQUEST = "stall-request"
    """Half of the body goes on, and no more; nothing is answered."""
    HANG = "hang"
    """The request goes no further, and nothing is answered."""
    HANG_AFTER = "hang-after"
    """The request is carried out, and nothing is answered."""


@dataclass
class Fault:
    """One kind of trouble for some requests."""

    method: str
    """A regular expression for the whole of it."""
    path: str
    """A regular expression for any part of path and query."""
    kind: Kind
    times: int = 1
    """How many requests it strikes; the first ones that match."""
    status: int = 503
    headers: Mapping[str, str] = field(default_factory=dict)
    spared: int = 0
    """How many of those that match pass before it strikes one."""
    hanging: threading.Event = field(default_factory=threading.Event)
    """Set once a request hangs: what it was to do is done, or half of it, or nothing."""

    def strikes(self, method: str, path: str) -> bool:
        """Whether it is for that request, which counts down."""
        if not (self.times and re.fullmatch(self.method, method) and re.search(self.path, path)):
            return False
        if self.spared:
            self.spared -= 1
            return False
        self.times -= 1
        return True


class Call(NamedTuple):
    """One request that came in, in the order of arrival."""

    method: str
    path: str
    token: str
    sent: int
    """Bytes of the body."""
    struck: Kind | None
    at: float
    """When, by `time.monotonic()`."""


class FaultyProxy:
    """A proxy before `upstream`, for as long as the context lasts."""

    def __init__(self, upstream: str) -> None:
        """`upstream` is an address such as a storage URL; its path is kept."""
        parts = urlsplit(upstream)
        self._path = parts.path
        self._server = _Server((parts.hostname or "", parts.port or 80))
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True
        )

    def __enter__(self) -> Self:
        """Start it."""
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End it; what hangs is let go."""
        self._server.ending.set()
        self._server.shutdown()
        self._server.server_close()

    @property
    def url(self) -> str:
        """The upstream's address, by way of the proxy."""
        return f"http://127.0.0.1:{self._server.server_port}{self._path}"

    def add(self, fault: Fault) -> Fault:
        """Have it strike; `fault.times` counts down."""
        with self._server.turn:
            self._server.faults.append(fault)
        return fault

    def clear(self) -> None:
        """Forget all faults and calls."""
        with self._server.turn:
            self._server.faults.clear()
            self._server.calls.clear()

    def calls(self, method: str = ".*", path: str = "") -> list[Call]:
        """The requests that came in, of that method and path (regular expressions)."""
        with self._server.turn:
            return [
                call
                for call in self._server.calls
                if re.fullmatch(method, call.method) and re.search(path, call.path)
            ]


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 64

    def __init__(self, upstream: tuple[str, int]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.upstream = upstream
        self.turn = threading.Lock()
        self.faults: list[Fault] = []
        self.calls: list[Call] = []
        self.ending = threading.Event()

    def struck(self, method: str, path: str, token: str, sent: int) -> Fault | None:
        """The fault for that request; the request is noted."""
        with self.turn:
            fault = next((f for f in self.faults if f.strikes(method, path)), None)
            kind = fault.kind if fault else None
            self.calls.append(Call(method, path, token, sent, kind, time.monotonic()))
            return fault


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Else the client's delayed acknowledgement holds up each answer's body.
    disable_nagle_algorithm = True
    server: _Server

    def handle_one_request(self) -> None:
        """As the base has it; a client that has gone is no error."""
        try:
            super().handle_one_request()
        except OSError:
            self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
        """Nothing."""

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        token = self.headers.get("X-Auth-Token", "")
        fault = self.server.struck(self.command, self.path, token, len(body))
        kind = fault.kind if fault else None
        if fault is None:
            self._pass_on(None, body)
        elif kind is Kind.ANSWER:
            self._answer(fault.status, dict(fault.headers), b"")
        elif kind is Kind.HANG:
            self._hang(fault)
        elif kind in {Kind.CUT_REQUEST, Kind.STALL_REQUEST}:
            self._pass_on_half(fault, body)
        else:
            self._pass_on(fault, _CHANGED.get(fault.kind, bytes)(body))

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _serve  # noqa: N815 - the base's names

    def _pass_on(self, fault: Fault | None, body: bytes) -> None:
        kind = fault.kind if fault else None
        connection = http.client.HTTPConnection(*self.server.upstream, timeout=UPSTREAM_S)
        try:
            headers = self._passed_headers(len(body))
            connection.request(self.command, self.path, body or None, headers)
            answer = connection.getresponse()
            content = answer.read()
            told = dict(answer.getheaders())
        finally:
            connection.close()
        if kind is Kind.LOSE_REPLY:
            self._break()
        elif fault is not None and kind is Kind.HANG_AFTER:
            self._hang(fault)
        elif kind is Kind.SHORTEN_REPLY:
            told["Content-Length"] = str(len(content) // 2)
            self._answer(answer.status, told, content[: len(content) // 2])
        elif kind is Kind.CUT_REPLY:
            self._answer(answer.status, told, content[: len(content) // 2])
            self._break()
        else:
            self._answer(answer.status, told, content)

    def _pass_on_half(self, fault: Fault, body: bytes) -> None:
        connection = http.client.HTTPConnection(*self.server.upstream, timeout=UPSTREAM_S)
        connection.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
        for name, value in self._passed_headers(len(body)).items():
            connection.putheader(name, value)
        connection.endheaders(body[: len(body) // 2])
        if fault.kind is Kind.STALL_REQUEST:
            self._hang(fault)
        connection.close()
        self._break()

    def _passed_headers(self, length: int) -> dict[str, str]:
        passed = {
            name: value
            for name, value in self.headers.items()
            if name.lower() not in _HOP_BY_HOP | {"content-length"}
        }
        if self.command in {"PUT", "POST"}:
            passed["Content-Length"] = str(length)
        host, port = self.server.upstream
        return passed | {"Host": f"{host}:{port}"}

    def _answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
        told = {n: v for n, v in headers.items() if n.lower() not in _HOP_BY_HOP}
        if not any(name.lower() == "content-length" for name in told):
            told["Content-Length"] = str(len(body))
        self.send_response_only(status)
        for name, value in told.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
        self.wfile.flush()

    def _hang(self, fault: Fault) -> None:
        fault.hanging.set()
        self.server.ending.wait(HANG_S)
        self._break()

    def _break(self) -> None:
        self.close_connection = True
        with suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)


def _half(body: bytes) -> bytes:
    return body[: len(body) // 2]


def _flipped(body: bytes) -> bytes:
    return bytes([body[0] ^ 1]) + body[1:]


_CHANGED = {Kind.SHORTEN_REQUEST: _half, Kind.FLIP_REQUEST: _flipped}
