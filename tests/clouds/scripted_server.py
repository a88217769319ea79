"""A server on loopback that answers what a test has written down, and keeps what it was asked."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Answer = tuple[int, Any]
"""Status, and a document; text as it stands."""


@dataclass
class ScriptedServer:
    """Answers by method and path, such as `GET /patroni`; 404 for the rest."""

    url: str = ""
    answers: dict[str, Answer] = field(default_factory=dict)
    asked: list[tuple[str, Any, str | None]] = field(default_factory=list)
    """Method and path, document, and the Authorization header of each request."""


@contextmanager
def scripted_server(**answers: Answer) -> Iterator[ScriptedServer]:
    """One that is ended with the context."""
    script = ScriptedServer(answers=dict(answers))

    class Handler(BaseHTTPRequestHandler):
        """Speaks by the script."""

        def _answer(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length)) if length else None
            what = f"{self.command} {self.path}"
            script.asked.append((what, body, self.headers.get("Authorization")))
            status, document = script.answers.get(what, (404, "no such thing"))
            text = document if isinstance(document, str) else json.dumps(document)
            self.send_response(status)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text.encode())

        do_GET = do_POST = _answer  # noqa: N815 - names of its base

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its base's name
            """Stay silent."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        script.url = f"http://127.0.0.1:{server.server_port}"
        yield script
        server.shutdown()
