"""A running stack as the tests use it: runs by Prefect's API, faults by the cloud's controls."""

import json
import os
import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
from tenacity import retry, retry_if_exception, stop_after_delay, wait_fixed

from deployments.automations import end_zombies
from deployments.demo_stage import Stage
from deployments.deploy import ROOT
from deployments.processes import Processes
from deployments.stack import SERVER, WORKER, Stack, environment
from deployments.wanted import all_tags
from springtide.planning.approvals import signing_command
from springtide.planning.claim_book import PREFIX
from tests import waiting
from tests.signing import Person

OPEN, CLOSE, KEEP = "open-evening-window/api", "close-evening-window/api", "keep-fleet/api"
ON_CALL = "on-call@example.org"
TELLING = ("springtide: tell failures", "springtide: tell approvals")
TURN = "fleet-api"
ENDS = ("COMPLETED", "FAILED", "CRASHED", "CANCELLED")
UNFINISHED = ("SCHEDULED", "PENDING", "RUNNING", "CANCELLING", "PAUSED")
CHANGES = ("POST", "PUT", "PATCH", "DELETE")
COMMANDS = {"server": SERVER, "worker": WORKER}
RUN_S = 240.0  # on SQLite Prefect's server may wait a whole minute for a lock of its own

# Each look is a request to Prefect's server.
wait_until = partial(waiting.wait_until, poll_s=0.2)


@dataclass(frozen=True)
class End:
    """How a flow run ended."""

    kind: str
    """The state's type, e.g. COMPLETED."""
    name: str
    message: str


class PrefectRig:
    """One stack, whatever cloud it stands on; every wait is bounded."""

    def __init__(self, stack: Stack, variables: dict[str, str]) -> None:
        """Schedules are switched off: the real clock may say that it is a Monday evening.

        Notices are switched off too, until a test wants them.

        `variables` are those of the environment with which the stack was started.
        """
        self._prefect = httpx.Client(base_url=stack.api_url, timeout=90, trust_env=False)
        self._admin = httpx.Client(
            base_url=f"{stack.control_url}/admin", timeout=10, trust_env=False
        )
        self._processes = Processes(stack.folder / "run")
        self._env = environment(stack) | variables
        self.switch_schedules(active=False)
        self._tell(enabled=False)

    def begin(self) -> None:
        """Prefect as after its start: nothing runs, nothing is stored; and a cloud without faults.

        What a failed test has killed and not started again runs once more.
        """
        for name in COMMANDS:
            if not self._processes.alive(name):
                self.start_again(name)
        self.wait_for_server()
        self._end_runs()
        self.control("DELETE", "/faults")
        for name in self.stored():
            self.ask("DELETE", f"/variables/name/{name}")
        self.free_turn()
        self.control("DELETE", "/calls")

    def start(self, deployment: str, **parameters: object) -> str:
        """Start a deployment; the run's id."""
        return str(self.order(deployment, **parameters).raise_for_status().json()["id"])

    def switch_schedules(self, *, active: bool) -> None:
        """Have Prefect create runs at the schedules' times, or no more."""
        for deployment in self.ask("POST", "/deployments/filter", {}).json():
            for schedule in deployment["schedules"]:
                path = f"/deployments/{deployment['id']}/schedules/{schedule['id']}"
                self.ask("PATCH", path, {"active": active}).raise_for_status()

    def expected(self, deployment: str) -> list[datetime]:
        """When the deployment's runs that have not begun are to begin."""
        found = self.ask("GET", f"/deployments/name/{deployment}").raise_for_status().json()
        wish = {
            "flow_runs": {
                "deployment_id": {"any_": [found["id"]]},
                "state": {"type": {"any_": ["SCHEDULED"]}},
            }
        }
        runs = self.ask("POST", "/flow_runs/filter", wish).raise_for_status().json()
        return [datetime.fromisoformat(run["expected_start_time"]) for run in runs]

    def free_turn(self) -> None:
        """Have the turn at the fleet be free at once: a killed run holds it for a minute."""
        turn = f"/v2/concurrency_limits/{TURN}"
        self.ask("PATCH", turn, {"active_slots": 0}).raise_for_status()

    def turns_taken(self) -> int:
        """How many runs hold the turn at the fleet, as the server counts."""
        found = self.ask("GET", f"/v2/concurrency_limits/{TURN}").raise_for_status().json()
        return int(found["active_slots"])

    def lease(self, run_id: str) -> str:
        """The lease by which the run holds its deployment's slot."""
        state = self.ask("GET", f"/flow_runs/{run_id}").raise_for_status().json()["state"]
        return str(state["state_details"]["deployment_concurrency_lease_id"])

    def renew(self, lease: str) -> int:
        """The status by which the server renews the lease, as a run's engine asks it to."""
        path = f"/v2/concurrency_limits/leases/{lease}/renew"
        return self.ask("POST", path, {"lease_duration": 300}).status_code

    def order(self, deployment: str, **parameters: object) -> httpx.Response:
        """Prefect's answer to the wish to start a deployment with these parameters."""
        found = self.ask("GET", f"/deployments/name/{deployment}").raise_for_status().json()
        # With a key of its own the call may be repeated: there will be one run.
        wish = {"parameters": parameters, "idempotency_key": str(uuid4())}
        return self.ask("POST", f"/deployments/{found['id']}/create_flow_run", wish)

    def run(self, deployment: str, **parameters: object) -> End:
        """How a run of the deployment ends."""
        return self.end(self.start(deployment, **parameters))

    def end(self, run_id: str, timeout_s: float = RUN_S) -> End:
        """How the run ends, once it has."""

        def ended() -> End | None:
            end = self.state(run_id)
            return end if end.kind in ENDS else None

        return wait_until(ended, f"the run ends: {self.state(run_id)}", timeout_s)

    def state(self, run_id: str) -> End:
        """The state in which the run is."""
        state = self.ask("GET", f"/flow_runs/{run_id}").raise_for_status().json()["state"]
        return End(state["type"], state["name"], state["message"] or "")

    def name(self, run_id: str) -> str:
        """The run's name."""
        return str(self.ask("GET", f"/flow_runs/{run_id}").raise_for_status().json()["name"])

    def tasks(self, run_id: str) -> list[str]:
        """The names of the run's tasks, in the order of their start."""
        wish = {"flow_runs": {"id": {"any_": [run_id]}}, "sort": "EXPECTED_START_TIME_ASC"}
        found = self.ask("POST", "/task_runs/filter", wish).raise_for_status().json()
        return [str(task["name"]) for task in found]

    def artifact(self, key: str, run_id: str) -> dict[str, Any]:
        """The newest artifact of that key, which that run has made."""
        wish = {
            "artifacts": {"key": {"any_": [key]}, "flow_run_id": {"any_": [run_id]}},
            "sort": "CREATED_DESC",
        }
        found = self.ask("POST", "/artifacts/filter", wish).raise_for_status().json()
        return dict(found[0])

    def table(self, key: str, run_id: str) -> dict[str, str]:
        """The values of a table artifact of the run, by their measures."""
        rows = json.loads(self.artifact(key, run_id)["data"])
        return {row["measure"]: row["value"] for row in rows}

    def resume(self, run_id: str, answer: dict[str, object]) -> str:
        """Give a suspended run a person's answer: what the server makes of it, e.g. ACCEPT."""

        def answered() -> dict[str, Any] | None:
            # Prefect says that a run is suspended before it has stored which answer it waits for.
            asked = self.ask("POST", f"/flow_runs/{run_id}/resume", {"run_input": answer})
            done: dict[str, Any] = asked.raise_for_status().json()
            reason = (done.get("details") or {}).get("reason")
            return None if reason == "Run input schema not found." else done

        return str(wait_until(answered, "its form is stored", RUN_S)["status"])

    def statement(self, run_id: str, kind: str) -> str:
        """The line that the run has shown, by which its proposal is approved."""
        text = self.artifact(f"proposal-{kind}", run_id)["data"]
        shown = re.search(r"springtide-approval-v1 .+", text)
        assert shown, text
        return shown[0]

    def suspended(self, run_id: str, kind: str) -> str:
        """The line that the run shows to be signed, and the command that signs it, once it waits.

        Raises:
            AssertionError: it has ended instead, or does not show the command.
        """
        wait_until(lambda: self.state(run_id).name in ("Suspended", "Failed"), "it waits", RUN_S)
        assert "Suspended" == self.state(run_id).name, self.state(run_id)
        line = self.statement(run_id, kind)
        assert signing_command(line) in self.artifact(f"proposal-{kind}", run_id)["data"]
        return line

    def entry(self, name: str) -> dict[str, Any]:
        """What is stored under that name."""
        found = self.ask("GET", f"/variables/name/{name}").raise_for_status().json()
        return dict(found["value"])

    def stored(self) -> list[str]:
        """The names of all stored entries of ours."""
        wish = {"variables": {"name": {"like_": f"{PREFIX}%"}}}
        found = self.ask("POST", "/variables/filter", wish).raise_for_status().json()
        return [str(entry["name"]) for entry in found]

    def control(self, method: str, path: str, body: object = None) -> Any:  # noqa: ANN401 - JSON
        """The answer of the cloud's controls."""
        answer = self._admin.request(method, path, json=body).raise_for_status()
        return answer.json() if answer.content else None

    def hold(self, service: str, method: str, path_regex: str, *, when: str) -> None:
        """Keep the next such request waiting, before or after its effect."""
        rule = {"service": service, "method": method, "path_regex": path_regex, "when": when}
        self.control("POST", "/faults", {**rule, "effect": "hold", "times": 1})

    def wait_held(self) -> None:
        """Return when a request is being held."""
        wait_until(lambda: self.control("GET", "/holds")["holds"], "a request is held", RUN_S)

    def changes(self) -> int:
        """Calls of the cloud that changed something, beside those for tokens."""
        calls = self.control("GET", "/calls")["calls"]
        counted = [c for c in calls if c["method"] in CHANGES and c["service"] != "identity"]
        return sum(call["count"] for call in counted)

    def kill_flow(self, run_id: str) -> None:
        """SIGKILL the flow's own process, a child of the worker's."""
        (pid,) = _processes_of(run_id)
        os.kill(pid, signal.SIGKILL)

    def crash(self, run_id: str) -> None:
        """Have Prefect take the run for crashed."""
        wish = {"state": {"type": "CRASHED"}, "force": True}
        self.ask("POST", f"/flow_runs/{run_id}/set_state", wish).raise_for_status()

    @contextmanager
    def quick_zombies(self, silence_s: float) -> Iterator[None]:
        """For that long the server takes runs for dead after so many seconds, at least ten."""
        automation = end_zombies(all_tags()).model_dump(mode="json", exclude={"owner_resource"})
        path = self._automation(automation["name"])
        quick = {**automation, "trigger": {**automation["trigger"], "within": silence_s}}
        self.ask("PUT", path, quick).raise_for_status()
        try:
            yield
        finally:
            self.ask("PUT", path, automation).raise_for_status()

    @contextmanager
    def telling(self) -> Iterator[None]:
        """For that long people are told of runs; each notice is a process of two seconds."""
        self._tell(enabled=True)
        try:
            yield
        finally:
            self._tell(enabled=False)

    def kill(self, name: str) -> None:
        """SIGKILL the stack's process of that name with all of its children."""
        self._processes.signal(name, signal.SIGKILL)

    def start_again(self, name: str) -> None:
        """Start the stack's process of that name once more, as the stack does."""
        self._processes.start(name, COMMANDS[name], self._env, ROOT)

    def wait_for_server(self) -> None:
        """Return when Prefect's server answers."""
        wait_until(self._healthy, "Prefect's server answers", RUN_S)

    def ask(self, method: str, path: str, body: object = None) -> httpx.Response:
        """Prefect's answer."""
        return ask(self._prefect, method, path, body)

    def _tell(self, *, enabled: bool) -> None:
        for name in TELLING:
            self.ask("PATCH", self._automation(name), {"enabled": enabled}).raise_for_status()

    def _automation(self, name: str) -> str:
        wish = {"automations": {"name": {"any_": [name]}}}
        (found,) = self.ask("POST", "/automations/filter", wish).raise_for_status().json()
        return f"/automations/{found['id']}"

    def _end_runs(self) -> None:
        """End what another test has left behind: late notices, and all that a failed one did."""
        wish = {"flow_runs": {"state": {"type": {"any_": UNFINISHED}}}}
        for run in self.ask("POST", "/flow_runs/filter", wish).raise_for_status().json():
            for pid in _processes_of(run["id"]):
                os.kill(pid, signal.SIGKILL)
            if run["auto_scheduled"] and run["state_type"] == "SCHEDULED":
                # A round of the scheduler may make it after the switch. Ended in any other way it
                # would stay, and Prefect makes no other for its time.
                self.ask("DELETE", f"/flow_runs/{run['id']}")
            else:
                self.crash(run["id"])

    def _healthy(self) -> bool:
        try:
            return self._prefect.get("/health").is_success
        except httpx.HTTPError:
            return False


class Rig(PrefectRig):
    """A stack on its sandbox."""

    def __init__(self, stack: Stack, variables: dict[str, str]) -> None:
        """As every stack, with the sandbox's own evening."""
        super().__init__(stack, variables)
        self.stage = Stage(stack)
        self.evening = self.stage.evening()
        self.on_call = Person(ON_CALL, stack.folder / "keys" / ON_CALL)

    def begin(self) -> None:
        """An empty cloud without faults at the evening's first minute, and an empty store."""
        super().begin()
        self.control("POST", "/reset")
        self.stage.set_clock(self.evening.opens_at)
        self.control("DELETE", "/calls")

    def fleet(self) -> tuple[int, int, int]:
        """Members that serve, servers and ports of the fleet, over all regions."""
        left = self.stage.left_behind()
        return self.stage.serving(), left["servers"], left["ports"]


def _processes_of(run_id: str) -> list[int]:
    mark, found = f"PREFECT__FLOW_RUN_ID={run_id}".encode(), []
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if mark in (folder / "environ").read_bytes().split(b"\0"):
                found.append(int(folder.name))
    return found


def _busy(error: BaseException) -> bool:
    if isinstance(error, httpx.HTTPStatusError):
        return error.response.status_code == httpx.codes.SERVICE_UNAVAILABLE
    return isinstance(error, httpx.TransportError)


@retry(
    retry=retry_if_exception(_busy), stop=stop_after_delay(90), wait=wait_fixed(0.5), reraise=True
)
def ask(client: httpx.Client, method: str, path: str, body: object) -> httpx.Response:
    """The answer; on SQLite the server says 503, or nothing, while its database is busy."""
    answer = client.request(method, path, json=body)
    if answer.status_code == httpx.codes.SERVICE_UNAVAILABLE:
        answer.raise_for_status()
    return answer
