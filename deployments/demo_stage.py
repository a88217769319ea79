"""What the demo sees and does from outside: Prefect's HTTP API, and the sandbox's controls."""

import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
from openstack.config import OpenStackConfig
from openstack.connection import Connection
from rich.console import Console
from tenacity import retry, retry_if_exception_type, stop_after_attempt, wait_fixed

from deployments.rehearsal import next_evening_of
from deployments.stack import Stack, down, up
from deployments.stack_clouds import Cloud
from springtide.estate import load_estate
from springtide.model.calendar import PARIS
from springtide.model.window import Evening
from springtide.pricing.paid_hours import clock_hours_touched

_FLEET_TAG = "springtide:fleet:api"
_ENTRY_S = 30.0
_ENTRY_POLL_S = 0.2
_ANSWERS_IN_A_ROW = 5
_RUN_S = 400.0
_RUN_POLL_S = 0.5
_ENDS = ("COMPLETED", "FAILED", "CRASHED", "CANCELLED")
Row = tuple[str, int, int, int, int]


@contextmanager
def staged(folder: Path, cloud: Cloud | None = None) -> Iterator["Stage"]:
    """A stack of its own in the folder, which is emptied before; it ends whatever happens.

    `cloud` is as for `up`.

    Raises:
        RuntimeError: something did not start.
    """
    empty(folder)
    try:
        yield Stage(up(folder, cloud=cloud))
    finally:
        down(folder)


def empty(folder: Path) -> None:
    """Nothing is in the folder: what a demo that was killed has left running there is ended."""
    down(folder)
    shutil.rmtree(folder)
    folder.mkdir()


def tell_verdict(console: Console, wrong: Sequence[str]) -> int:
    """Say what was wrong, or that nothing was; the exit code for the shell."""
    for each in wrong:
        console.print(f"[bold red]{each}[/bold red]")
    console.print("[green]All as it should be.[/green]" if not wrong else "FAILED")
    return 1 if wrong else 0


@dataclass(frozen=True)
class End:
    """How a run of a deployment ended, or how it stood when time was up."""

    deployment: str
    state: str
    """The state's type, e.g. COMPLETED."""
    message: str
    took_s: float
    """From the call to its end."""

    @property
    def wrong(self) -> list[str]:
        """What was wrong with it: nothing where it completed."""
        bad = f"{self.deployment} ended as {self.state}: {self.message}"
        return [] if self.state == "COMPLETED" else [bad]


class Stage:
    """A running stack, looked at with no code of the flows."""

    def __init__(self, stack: Stack) -> None:
        """Nothing is called yet."""
        self.stack = stack
        self._prefect = httpx.Client(base_url=stack.api_url, timeout=10, trust_env=False)
        self._sandbox = httpx.Client(base_url=stack.control_url, timeout=10, trust_env=False)
        clouds = OpenStackConfig(config_files=[str(stack.clouds_yaml)], load_envvars=False)
        estate = load_estate(stack.folder / "estate.yaml")
        self._regions = {
            name: Connection(config=clouds.get_one("sandbox", region_name=name))
            for name in estate.residency
        }
        self.core: set[str] = set()
        """Ids of the private cloud's own servers."""
        self._server_port = estate.fleets[0].health.port

    def evening(self) -> Evening:
        """The evening that is rehearsed."""
        an_hour_ago = self.now() - timedelta(hours=1)
        return next_evening_of(self.stack.folder / "estate.yaml", an_hour_ago)

    def now(self) -> datetime:
        """The sandbox's time, in Paris."""
        at = self._get("/admin/clock")["now"]
        return datetime.fromisoformat(at).astimezone(PARIS)

    def set_clock(self, at: datetime) -> None:
        """Move the sandbox's clock."""
        self._sandbox.post("/admin/clock", json={"at": at.isoformat()}).raise_for_status()

    def finished(
        self,
        deployment: str,
        parameters: dict[str, Any] | None = None,
        *,
        look_on: Callable[[str], None] = lambda _: None,
    ) -> End:
        """How a run of the deployment ends; `look_on` is called with its state at each look."""
        began = time.monotonic()
        run_id = self.start(deployment, parameters)
        while True:
            state = self.state_of(run_id)
            look_on(state)
            took_s = time.monotonic() - began
            if state in _ENDS or took_s > _RUN_S:
                return End(deployment, state, self.why(run_id), took_s)
            time.sleep(_RUN_POLL_S)

    def start(self, deployment: str, parameters: dict[str, Any] | None = None) -> str:
        """Start a deployment as any program would: by its name, over HTTP; the run's id."""
        found = self._ask("GET", f"/deployments/name/{deployment}")
        path = f"/deployments/{found['id']}/create_flow_run"
        # With a key of its own the call may be repeated: there will be one run.
        order = {"idempotency_key": str(uuid4()), "parameters": parameters or {}}
        return str(self._ask("POST", path, json=order)["id"])

    def state_of(self, run_id: str) -> str:
        """The run's state type, e.g. RUNNING."""
        return str(self._flow_run(run_id)["state_type"])

    def why(self, run_id: str) -> str:
        """The message of the run's state."""
        return str((self._flow_run(run_id)["state"] or {}).get("message"))

    def regions(self) -> list[Row]:
        """Region, servers building, active and otherwise, and our members with a weight."""
        state = self._get("/admin/state")["regions"]
        return [self._row(name, found["servers"]) for name, found in state.items()]

    def serving(self) -> int:
        """Members of ours with a weight, over all regions, counted by the SDK."""
        return sum(self._members(name) for name in self._regions)

    def left_behind(self) -> dict[str, int]:
        """What of ours still exists anywhere: servers, ports, members."""
        servers = sum(
            sum(1 for _ in cloud.compute.servers(tags=_FLEET_TAG))
            for cloud in self._regions.values()
        )
        ports = sum(
            sum(1 for port in cloud.network.ports() if port.device_id not in self.core)
            for cloud in self._regions.values()
        )
        members = sum(self._members(name, weighted=False) for name in self._regions)
        return {"servers": servers, "ports": ports, "members": members}

    def add_core_server(self, region: str) -> None:
        """Put a server of the private cloud into that region's pool, as the customer has it."""
        body = {"region": region, "name": "core-api-1", "tags": ["core"]}
        made = self._sandbox.post("/admin/servers", json=body).raise_for_status().json()
        cloud = self._regions[region]
        server = cloud.compute.get_server(made["id"])
        address = next(iter(server.addresses.values()))[0]["addr"]
        pool = next(cloud.load_balancer.pools())
        cloud.load_balancer.create_member(
            pool, address=address, protocol_port=self._server_port, name="core-api-1"
        )
        self.core.add(made["id"])

    def wait_for_entry(self) -> None:
        """Return when the customers' entry answers by way of the core's server.

        Raises:
            RuntimeError: it does not within 30 s.
        """
        deadline = time.monotonic() + _ENTRY_S
        answered = 0
        while answered < _ANSWERS_IN_A_ROW:
            if time.monotonic() > deadline:
                raise RuntimeError("the entry does not answer: HAProxy sees no core server")
            time.sleep(_ENTRY_POLL_S)
            answered = answered + 1 if self._entry_answers() else 0

    def _entry_answers(self) -> bool:
        try:
            url = self.stack.front_url or ""
            return httpx.get(url, timeout=2, trust_env=False).is_success
        except httpx.TransportError:
            return False

    def paid_hours(self) -> list[int]:
        """Clock hours touched by each server of the fleet that was deleted, by Nova's usage."""
        hours = []
        for cloud in self._regions.values():
            project = cloud.current_project_id
            path = f"/os-simple-tenant-usage/{project}"
            usage = cloud.compute.get(path).json().get("tenant_usage", {})
            for server in usage.get("server_usages", []):
                if server["ended_at"] and server["name"].startswith("api-"):
                    span = (_utc(server["started_at"]), _utc(server["ended_at"]))
                    hours.append(clock_hours_touched(*span))
        return hours

    def _row(self, name: str, servers: dict[str, int]) -> Row:
        known = servers.get("BUILD", 0), servers.get("ACTIVE", 0)
        return (name, *known, sum(servers.values()) - sum(known), self._members(name))

    def _members(self, region: str, *, weighted: bool = True) -> int:
        balancer = self._regions[region].load_balancer
        members = (m for pool in balancer.pools() for m in balancer.members(pool))
        ours = (m for m in members if _FLEET_TAG in (m.tags or []))
        return sum(1 for m in ours if m.weight or not weighted)

    def _flow_run(self, run_id: str) -> dict[str, Any]:
        return self._ask("GET", f"/flow_runs/{run_id}")

    @retry(
        retry=retry_if_exception_type(httpx.HTTPError),
        stop=stop_after_attempt(10),
        wait=wait_fixed(1),
        reraise=True,
    )
    def _ask(self, method: str, path: str, **kwargs: Any) -> dict[str, Any]:  # noqa: ANN401 - httpx's own
        """Prefect's answer; on SQLite the server says 503 while its database is busy."""
        found: dict[str, Any] = (
            self._prefect.request(method, path, **kwargs).raise_for_status().json()
        )
        return found

    def _get(self, path: str) -> dict[str, Any]:
        found: dict[str, Any] = self._sandbox.get(path).raise_for_status().json()
        return found


def _utc(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
