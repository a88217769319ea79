"""A surge gateway to call, and the Prefect behind it: a server that keeps what it is asked."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from uuid import uuid4

from starlette.testclient import TestClient

from deployments.deploy import ROOT
from deployments.stack import Stack
from deployments.surge_gateway.access import Scope, Token, new_token
from deployments.surge_gateway.app import make_gateway
from deployments.surge_gateway.configuration import AlertRule, GatewayConfiguration
from deployments.surge_gateway.runs import SurgeRuns
from springtide.estate import load_estate

DEPLOYMENT_ID = "5f3c9a0e-0000-4000-8000-000000000001"
ESTATE = ROOT / "deployments" / "estate.yaml"
SHIPPED = load_estate(ESTATE)
"""Read once: a gateway never changes it."""
ALERTS = (AlertRule(alert="ApiServersSaturated", fleet="api", servers=120, hours=3),)


@dataclass
class FakePrefect:
    """What of Prefect's API the gateway may use: one deployment, runs by their keys."""

    runs: dict[str, dict[str, Any]] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    status: int | None = None
    """Answer this to everything."""
    busy: int = 0
    """Answer 503 to so many calls first."""
    lock: threading.Lock = field(default_factory=threading.Lock)

    def answer(self, method: str, path: str, body: Any) -> tuple[int, Any]:  # noqa: ANN401 - JSON
        """Status and body of the answer."""
        with self.lock:
            self.calls.append(f"{method} {path}")
            if self.busy:
                self.busy -= 1
                return 503, {"detail": "database is locked"}
            if self.status is not None:
                return self.status, {"detail": "as the test says"}
            if path == "/api/deployments/name/emergency-surge/api":
                return 200, {"id": DEPLOYMENT_ID}
            if path == f"/api/deployments/{DEPLOYMENT_ID}/create_flow_run":
                return self._create(body)
            if path == "/api/flow_runs/filter":
                keys = body["flow_runs"]["idempotency_key"]["any_"]
                return 200, [self.runs[key] for key in keys if key in self.runs]
            return 404, {"detail": "no such thing"}

    def _create(self, body: Any) -> tuple[int, Any]:  # noqa: ANN401 - JSON
        known = body["idempotency_key"] in self.runs
        run = self.runs.setdefault(
            body["idempotency_key"],
            {
                "id": str(uuid4()),
                "idempotency_key": body["idempotency_key"],
                "parameters": body["parameters"],
                "state": {"type": "SCHEDULED", "message": None},
            },
        )
        return (200 if known else 201), run


@dataclass
class Stage:
    """The gateway, its Prefect, and a token for each scope."""

    client: TestClient
    prefect: FakePrefect
    tokens: dict[str, str]
    now: datetime = datetime(2026, 11, 23, 15, 5, tzinfo=UTC)
    """By the gateway's clock."""

    def bearer(self, scope: str = Scope.START) -> dict[str, str]:
        """The header of who may do that."""
        return {"Authorization": f"Bearer {self.tokens[scope]}"}


@contextmanager
def gateway_stage(**changes: object) -> Iterator[Stage]:
    """A gateway over a Prefect that has run nothing; `changes` are of its configuration."""
    prefect = FakePrefect()
    made = {scope.value: new_token() for scope in Scope}
    names = {Scope.START: "shop", Scope.READ: "eyes", Scope.ALERT: "monitoring"}
    tokens = tuple(
        Token(name=name, sha256=made[scope][1], scopes=(scope,)) for scope, name in names.items()
    )
    configuration = GatewayConfiguration.model_validate(
        {"tokens": tokens, "alerts": ALERTS, "requests_per_minute": 100_000, **changes}
    )
    with _serving(prefect) as url:
        runs = SurgeRuns(url, configuration.deployment, patience_s=2.0)
        app = make_gateway(configuration, SHIPPED, runs, clock=lambda: stage.now)
        with TestClient(app, raise_server_exceptions=False) as client:
            stage = Stage(client, prefect, {scope: token for scope, (token, _) in made.items()})
            yield stage


def an_alert(**changes: object) -> dict[str, Any]:
    """An alert as Alertmanager sends it."""
    return {
        "status": "firing",
        "labels": {"alertname": "ApiServersSaturated", "severity": "page"},
        "annotations": {"summary": "too many sessions"},
        "startsAt": "2026-11-23T15:04:05.123Z",
        "endsAt": "0001-01-01T00:00:00Z",
        "generatorURL": "http://127.0.0.1:9090/graph",
        "fingerprint": "fd6fc1b2e3a4d5c6",
        **changes,
    }


def alarm(stage: Stage, *alerts: dict[str, Any]) -> Any:  # noqa: ANN401 - an answer
    """The answer to Alertmanager's message."""
    message = {"version": "4", "status": "firing", "receiver": "springtide", "alerts": alerts}
    return stage.client.post(
        "/alerts/alertmanager", headers=stage.bearer(Scope.ALERT), json=message
    )


@contextmanager
def gateway_before(stack: Stack, **changes: object) -> Iterator[TestClient]:
    """A gateway before a stack's real Prefect, and a caller who may do everything."""
    token, digest = new_token()
    caller = Token(name="monitoring", sha256=digest, scopes=tuple(Scope))
    configuration = GatewayConfiguration.model_validate(
        {"tokens": (caller,), "requests_per_minute": 1000, **changes}
    )
    runs = SurgeRuns(stack.api_url, configuration.deployment)
    app = make_gateway(configuration, load_estate(stack.estate), runs)
    with TestClient(app, headers={"Authorization": f"Bearer {token}"}) as client:
        yield client


@contextmanager
def _serving(prefect: FakePrefect) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        """Hands every request on."""

        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            """Answer as Prefect would."""
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length) or b"null")
            status, told = prefect.answer(self.command, self.path, body)
            data = json.dumps(told).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST  # noqa: N815 - its base's names

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its base's name
            """Stay silent."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        # Asked often whether to end: its own half second is most of a test.
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/api"
        server.shutdown()
