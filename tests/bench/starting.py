"""How long a run takes to begin: what Python imports, and what Prefect and its worker do."""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any
from uuid import uuid4

import httpx
from starlette.testclient import TestClient
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_fixed

from deployments.stack import Stack, down, up
from tests.bench.figures import Figure
from tests.bench.stage import ROOT
from tests.deployments.gateway import gateway_before

_IMPORTS = ("prefect", "openstack", "springtide.commands.hand", "flows.emergency_surge")
_IMPORT_TIMES, _RUN_TIMES = 5, 3
_ORDER = {"fleet": "api", "servers": 60, "hours": 3, "reason": "a measurement"}
_ENDED = ("COMPLETED", "FAILED", "CRASHED", "CANCELLED")
_PATIENCE_S = 180.0
_PULLING = "Running 1 deployment pull step(s)"
_STEPS = (
    ("asked to created", "the gateway's call of Prefect", ("asked", "created")),
    ("created to PENDING", "the worker's poll, once a second", ("created", "PENDING")),
    ("PENDING to the pull step", "a Python that imports prefect", ("PENDING", _PULLING)),
    ("the pull step to RUNNING", "imports the flow; the engine", (_PULLING, "RUNNING")),
    ("RUNNING to first POST", "token, claims, a look, the plan's artifact", ("RUNNING", "first")),
    ("asked to first POST", "all of these", ("asked", "first")),
    ("first POST to all serving", "60 servers that boot in 1 to 3 s", ("first", "COMPLETED")),
)
_MOST_S = 5.0
"""From the gateway's being asked to the first server that is asked for, on two idle cores."""


def time_start(say: Callable[[str], None]) -> list[Figure]:
    """Seconds of imports, and of a run from its creation to the first server that is asked for."""
    return [*_time_imports(say), *_time_runs(say)]


def _time_imports(say: Callable[[str], None]) -> list[Figure]:
    figures = []
    for name in _IMPORTS:
        say(f"import {name}")
        command = [sys.executable, "-c", f"import {name}"]
        seconds = []
        # The first writes the bytecode.
        for _ in range(_IMPORT_TIMES + 1):
            began = time.monotonic()
            subprocess.run(command, check=True, cwd=ROOT)
            seconds.append(time.monotonic() - began)
        figures.append(_seconds(f"import {name}", "with bytecode", median(seconds[1:])))
    return figures


def _time_runs(say: Callable[[str], None]) -> list[Figure]:
    with tempfile.TemporaryDirectory(prefix="springtide-bench-") as name:
        folder = Path(name)
        say("sandbox, Prefect's server and worker start")
        began = time.monotonic()
        try:
            stack = up(folder)
            up_s = time.monotonic() - began
            with gateway_before(stack) as gateway:
                runs = []
                for number in range(_RUN_TIMES):
                    say(f"surge {number + 1} of {_RUN_TIMES}")
                    runs.append(_time_surge(stack, gateway))
        finally:
            down(folder)
    figures = [_seconds("the stack", "up, everything deployed", up_s)]
    for what, note, (start, end) in _STEPS:
        seconds = median((run[end] - run[start]).total_seconds() for run in runs)
        most_s = _MOST_S if (start, end) == ("asked", "first") else None
        figures.append(_seconds("a surge by the gateway", what, seconds, note, at_most=most_s))
    return figures


def _time_surge(stack: Stack, gateway: TestClient) -> dict[str, datetime]:
    """When the surge was asked for, reached each state, and asked for its first server."""
    httpx.post(f"{stack.control_url}/admin/reset", trust_env=False).raise_for_status()
    asked = datetime.now(UTC)
    headers = {"Idempotency-Key": f"measured-{uuid4()}"}
    answer = gateway.post("/surges", headers=headers, json=_ORDER).raise_for_status()
    run = _ask(stack, "GET", f"/flow_runs/{answer.json()['run']}")
    deadline = time.monotonic() + _PATIENCE_S
    while (state := _ask(stack, "GET", f"/flow_runs/{run['id']}")["state_type"]) not in _ENDED:
        if time.monotonic() > deadline:
            raise RuntimeError(f"the run is still {state} after {_PATIENCE_S} s")
        time.sleep(1)
    if state != "COMPLETED":
        raise RuntimeError(f"the run ended as {state}")
    states = _ask(stack, "GET", f"/flow_run_states/?flow_run_id={run['id']}")
    reached = {one["type"]: datetime.fromisoformat(one["timestamp"]) for one in reversed(states)}
    logs = {"logs": {"flow_run_id": {"any_": [run["id"]]}}, "sort": "TIMESTAMP_ASC"}
    for line in _ask(stack, "POST", "/logs/filter", json=logs):
        reached.setdefault(line["message"], datetime.fromisoformat(line["timestamp"]))
    (audit,) = (stack.folder / "audit").glob(f"{run['id']}*.jsonl")
    lines = (json.loads(line) for line in audit.read_text("utf-8").splitlines())
    first = next(one["time"] for one in lines if one["method"] == "POST")
    made = {"asked": asked.isoformat(), "created": run["created"], "first": first}
    return reached | {name: datetime.fromisoformat(at) for name, at in made.items()}


def _ask(stack: Stack, method: str, path: str, **kwargs: Any) -> Any:  # noqa: ANN401 - httpx's own
    """Prefect's answer; on SQLite the server says 503 while its database is busy."""
    for attempt in Retrying(
        retry=retry_if_exception_type(httpx.HTTPError),
        stop=stop_after_attempt(10),
        wait=wait_fixed(1),
        reraise=True,
    ):
        with attempt:
            answer = httpx.request(method, f"{stack.api_url}{path}", trust_env=False, **kwargs)
            return answer.raise_for_status().json()
    raise AssertionError


def _seconds(
    case: str, what: str, value: float, note: str = "", *, at_most: float | None = None
) -> Figure:
    return Figure(
        bench="start", case=case, what=what, value=value, unit="s", bound=at_most, note=note
    )
