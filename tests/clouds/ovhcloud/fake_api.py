"""A small fake of the provider's API on loopback: datastores of one private cloud, and their tasks.

The provider has no API to test on, so this is a fake and no more: its paths and fields are those of
the published schemas. It orders at once and delivers after so many looks at the task.
"""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlparse

from ovh.client import ENDPOINTS

ENDPOINT = "loopback"
SERVICE = "pcc-192-0-2-7"
ENVIRONMENT = {
    "SPRINGTIDE_OVH_APPLICATION_KEY": "application",
    "SPRINGTIDE_OVH_APPLICATION_SECRET": "its secret",
    "SPRINGTIDE_OVH_CONSUMER_KEY": "consumer",
}
PROFILE = "3000-SSD"


class ServerError(Exception):
    """The API answers with an error of its own."""


class FakeProvider:
    """What the provider has, and how it answers."""

    def __init__(self) -> None:
        """One datastore, nothing under way."""
        self.filers: dict[int, dict[str, Any]] = {1: {"filerId": 1, "name": "ssd-1"}}
        self.tasks: dict[int, dict[str, Any]] = {}
        self.documents: dict[str, Any] = {}
        """Answers by their path, as they stand."""
        self.profiles = [PROFILE, "6000-SSD"]
        self.looks_to_deliver = 2
        self.ends_as = "done"
        self.orders = 0
        self.signatures: list[str] = []
        self.lose_reply = False
        self.fails_every_second_look = False
        """At the task of an order, with an error of the server."""
        self.looks_to_fail = 0
        """So many looks at the datastores end in an error of the server, once one was ordered."""
        self.refuse_with: int | None = None
        self.on_delivery: Callable[[int], None] = lambda _: None

    def add_task(self, state: str, **said: Any) -> int:  # noqa: ANN401 - JSON
        """A task that the provider has."""
        id_ = 100 + len(self.tasks)
        self.tasks[id_] = {"taskId": id_, "name": "addFiler", "state": state, "looks": 0} | said
        return id_

    def answer(self, method: str, path: str, query: dict[str, list[str]]) -> Any:  # noqa: ANN401 - JSON
        """What the API says; KeyError: there is no such thing."""
        if path in self.documents:
            return self.documents[path]
        rest = path.removeprefix(f"/dedicatedCloud/{SERVICE}/datacenter/7").strip("/")
        if (method, rest) == ("POST", "orderNewFilerHourly"):
            self.orders += 1
            return self.tasks[self.add_task("todo", ours=True)]
        what, _, id_ = rest.partition("/")
        if id_ and what in ("filer", "task"):
            return self.filers[int(id_)] if what == "filer" else self._looked_at(int(id_))
        if rest == "filer" and self.orders and self.looks_to_fail:
            self.looks_to_fail -= 1
            raise ServerError
        states = query.get("state", [])
        lists = {
            "auth/time": int(time.time()),
            "filer": sorted(self.filers),
            "orderableFilerProfiles": [{"name": name} for name in self.profiles],
            "task": [i for i, t in self.tasks.items() if not states or t["state"] in states],
        }
        return lists[rest]

    def _looked_at(self, id_: int) -> dict[str, Any]:
        task = self.tasks[id_]
        if task.get("ours") and self.fails_every_second_look:
            task["asked"] = task.get("asked", 0) + 1
            if task["asked"] % 2:
                raise ServerError
        if task.get("ours") and task["state"] in ("todo", "doing"):
            task["looks"] += 1
            task["state"] = "doing"
            if task["looks"] >= self.looks_to_deliver:
                task["state"] = self.ends_as
                if self.ends_as == "done":
                    number = len(self.filers) + 1
                    self.filers[number] = {"filerId": number, "name": f"ssd-new-{number}"}
                    task["filerId"] = number
                    self.on_delivery(number)
        return task


@contextmanager
def fake_provider() -> Iterator[FakeProvider]:
    """A provider that the client knows as the endpoint `loopback`."""
    provider = FakeProvider()

    class Handler(BaseHTTPRequestHandler):
        def _serve(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            provider.signatures.append(self.headers.get("X-Ovh-Signature", ""))
            url = urlparse(self.path)
            ordering = self.command == "POST"
            if ordering and provider.refuse_with is not None:
                self._say(provider.refuse_with, {"message": "refused"})
                return
            try:
                said = provider.answer(
                    self.command, url.path.removeprefix("/1.0"), parse_qs(url.query)
                )
            except KeyError:
                self._say(HTTPStatus.NOT_FOUND, {"message": "no such thing"})
                return
            except ServerError:
                self._say(HTTPStatus.INTERNAL_SERVER_ERROR, {"message": "try again"})
                return
            if ordering and provider.lose_reply:
                self.close_connection = True
                self.connection.close()
                return
            self._say(HTTPStatus.OK, said)

        do_GET = do_POST = _serve  # noqa: N815 - the base class's names

        def _say(self, status: int, body: object) -> None:
            text = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_: object) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    ENDPOINTS[ENDPOINT] = f"http://127.0.0.1:{server.server_port}/1.0"
    try:
        yield provider
    finally:
        del ENDPOINTS[ENDPOINT]
        server.shutdown()
        server.server_close()
