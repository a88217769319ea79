"""What the front door's own tests stand on: a small service, and clients of the doors before it."""

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx

from springtide.sandbox.sockets import free_port
from tests.real.openstack.front_door import DoorConfig, FrontDoor, FrontDoorConfig

MIB = 1 << 20
WAIT_S = 30.0


class Service(ThreadingHTTPServer):
    """A service that answers with what it was asked, and remembers it."""

    daemon_threads = True

    def __init__(self) -> None:
        """Listen on a port of loopback that is free."""
        super().__init__(("127.0.0.1", 0), Answer)
        self.asked: list[str] = []
        self.first_part_seen = threading.Event()
        self.goes_on = threading.Event()

    @property
    def url(self) -> str:
        """Its root."""
        return f"http://127.0.0.1:{self.server_port}"


class Answer(BaseHTTPRequestHandler):
    """The answer to one request."""

    server: Service
    protocol_version = "HTTP/1.1"

    def handle_one_request(self) -> None:
        """Answer whatever the method is."""
        self.raw_requestline = self.rfile.readline()
        if not self.raw_requestline or not self.parse_request():
            self.close_connection = True
            return
        size = self._read_body()
        self.server.asked.append(f"{self.command} {self.path}")
        match self.path.split("/")[-1]:
            case "halves":
                self._answer_in_halves()
            case "breaks-off":
                self._answer_in_part()
            case "gone":
                self._answer(404, b"no such thing")
            case _:
                headers = [[name, value] for name, value in self.headers.items()]
                asked = {"asked": self.requestline, "headers": headers, "size": size}
                self._answer(200, json.dumps(asked).encode())

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
        """Stay silent."""

    def _read_body(self) -> int:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return len(self.rfile.read(int(self.headers.get("Content-Length", 0))))
        size = 0
        while length := int(self.rfile.readline(), 16):
            size += len(self.rfile.read(length))
            self.rfile.readline()
            self.server.first_part_seen.set()
        self.rfile.readline()
        return size

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("X-Part", "one")
        self.send_header("X-Part", "two")
        self.send_header("Keep-Alive", "timeout=5")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _answer_in_halves(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(2 * MIB))
        self.end_headers()
        self.wfile.write(bytes(MIB))
        assert self.server.goes_on.wait(WAIT_S)
        self.wfile.write(bytes(MIB))

    def _answer_in_part(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "10")
        self.end_headers()
        self.wfile.write(b"half")
        self.close_connection = True


class Ground:
    """A front door with doors of compute in GRA11 and identity before one service."""

    def __init__(self, service: Service, front_door: FrontDoor) -> None:
        """Speak to both doors and to the control port."""
        self.service = service
        compute, identity, nowhere = front_door.door_urls
        self.compute = httpx.Client(base_url=compute, timeout=WAIT_S, trust_env=False)
        self.identity = httpx.Client(base_url=identity, timeout=WAIT_S, trust_env=False)
        self.nowhere = httpx.Client(base_url=nowhere, timeout=WAIT_S, trust_env=False)
        self._control = httpx.Client(
            base_url=f"{front_door.control_url}/admin", timeout=WAIT_S, trust_env=False
        )

    def control(self, method: str, path: str, body: object = None) -> httpx.Response:
        """The answer of the control port."""
        return self._control.request(method, path, json=body)

    def held(self) -> dict[str, Any]:
        """The oldest request that is held, once there is one."""
        deadline = time.monotonic() + WAIT_S
        while time.monotonic() < deadline:
            if held := self.control("GET", "/holds").json()["holds"]:
                found: dict[str, Any] = held[0]
                return found
            time.sleep(0.005)
        raise TimeoutError("no request was held")

    def asked_after_a_while(self) -> list[str]:
        """What the service was asked, once that is anything."""
        deadline = time.monotonic() + WAIT_S
        while time.monotonic() < deadline and not self.service.asked:
            time.sleep(0.005)
        return self.service.asked


def once_it_answers(url: str) -> httpx.Response:
    """The answer at that address, once something listens there."""
    deadline = time.monotonic() + WAIT_S
    while True:
        try:
            return httpx.get(url, timeout=WAIT_S, trust_env=False)
        except httpx.ConnectError:
            if time.monotonic() > deadline:
                raise
        time.sleep(0.05)


def a_config(target: str) -> FrontDoorConfig:
    """Doors of compute and identity before `target`, and one before nothing."""
    doors = (
        DoorConfig(port=0, service="compute", region="GRA11", target=target),
        DoorConfig(port=0, service="identity", target=target),
        DoorConfig(port=0, service="image", target=f"http://127.0.0.1:{free_port()}"),
    )
    return FrontDoorConfig(control_port=0, doors=doors)
