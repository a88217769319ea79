"""A whole Springtide on loopback: sandbox, Prefect server, worker.

`python -m deployments.stack up` starts it and `down` ends it.

Its state stands in one folder (`.springtide`, or `SPRINGTIDE_STATE`) that can be deleted when it is
down. Ports are chosen free. `down` ends only what `up` started, by pid.
"""

import json
import os
import socket
import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import httpx
import yaml

from deployments.automations import HEARTBEAT_S
from deployments.deploy import POOL, ROOT
from deployments.processes import Processes
from deployments.rehearsal import next_evening_of, write_rehearsal

ESTATE = ROOT / "deployments" / "estate.yaml"
SERVER = (sys.executable, "-m", "prefect", "server", "start")
WORKER = (sys.executable, "-m", "prefect", "worker", "start", "--pool", POOL, "--type", "process")
_SERVER_START_S = 120.0
_START_S = 60.0


@dataclass(frozen=True)
class Stack:
    """Where a running stack is."""

    folder: Path
    api_url: str
    ui_url: str
    sandbox_url: str
    front_url: str | None
    """The customers' entry; None without HAProxy."""

    def save(self) -> None:
        """Write it down for `down` and for other commands."""
        data = {k: v for k, v in vars(self).items() if k != "folder"}
        (self.folder / "stack.json").write_text(json.dumps(data))


def up(
    folder: Path,
    *,
    sandbox: dict[str, object] | None = None,
    variables: dict[str, str] | None = None,
) -> Stack:
    """Start everything, deploy everything, and return where it is.

    `sandbox` changes the sandbox's config, `variables` the environment of everything.

    Raises:
        RuntimeError: something did not start; what was started is ended again.
    """
    processes = Processes(folder / "run")
    processes.end_all()
    try:
        return _start(folder, processes, sandbox or {}, variables or {})
    except BaseException:
        processes.end_all()
        raise


def down(folder: Path) -> None:
    """End everything that `up` started in that folder."""
    Processes(folder / "run").end_all()
    (folder / "stack.json").unlink(missing_ok=True)


def environment(folder: Path, api_url: str) -> dict[str, str]:
    """The environment of everything that belongs to the stack."""
    port = api_url.rsplit(":", 1)[1].split("/", maxsplit=1)[0]
    return {
        **os.environ,
        "DO_NOT_TRACK": "1",
        "OS_CLIENT_CONFIG_FILE": str(folder / "clouds.yaml"),
        "PREFECT_API_URL": api_url,
        "PREFECT_FLOWS_HEARTBEAT_FREQUENCY": str(HEARTBEAT_S),
        "PREFECT_HOME": str(folder / "prefect"),
        "PREFECT_LOGGING_EXTRA_LOGGERS": "springtide",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_SERVER_API_HOST": "127.0.0.1",
        "PREFECT_SERVER_API_PORT": port,
        "PREFECT_WORKER_QUERY_SECONDS": "1",
        "PYTHONPATH": str(ROOT),
        "SPRINGTIDE_AUDIT_LOG": str(folder / "audit.jsonl"),
        "SPRINGTIDE_ESTATE": str(folder / "estate.yaml"),
        "SPRINGTIDE_HOME": str(ROOT),
    }


def _start(
    folder: Path, processes: Processes, sandbox: dict[str, object], variables: dict[str, str]
) -> Stack:
    api_url = f"http://127.0.0.1:{_free_port()}/api"
    env = environment(folder, api_url) | variables
    processes.start("server", SERVER, env, ROOT)
    found = _start_sandbox(folder, processes, env, sandbox)
    processes.wait_until("server", lambda: _answers(f"{api_url}/health"), _SERVER_START_S)
    subprocess.run(
        [sys.executable, "-m", "deployments.deploy"],
        check=True,
        cwd=ROOT,
        env=env,
        stdout=processes.log("deploy").open("wb"),
        stderr=subprocess.STDOUT,
    )
    processes.start("worker", WORKER, env, ROOT)
    ui_url = api_url.removesuffix("/api")
    stack = Stack(folder, api_url, ui_url, found["url"] or "", found["front_url"])
    stack.save()
    return stack


def _start_sandbox(
    folder: Path, processes: Processes, env: dict[str, str], changes: dict[str, object]
) -> dict[str, str | None]:
    ready, config = folder / "sandbox.json", folder / "sandbox.yaml"
    ready.unlink(missing_ok=True)
    evening = next_evening_of(ESTATE, datetime.now(UTC))
    server_port = _free_port()
    settings = {
        "starts_at": evening.opens_at.isoformat(),
        "server_port": server_port,
        **changes,
    }
    config.write_text(yaml.safe_dump(settings), "utf-8")
    command = [sys.executable, "-m", "springtide.cli", "sandbox", "--config", str(config)]
    command += ["--clouds-yaml", str(folder / "clouds.yaml"), "--ready-file", str(ready)]
    processes.start("sandbox", command, env, ROOT)
    processes.wait_until("sandbox", ready.exists, _START_S)
    found: dict[str, str | None] = json.loads(ready.read_text())
    write_rehearsal(
        ESTATE,
        folder / "estate.yaml",
        sandbox_url=found["url"] or "",
        server_port=server_port,
    )
    return found


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=2, trust_env=False).is_success
    except httpx.HTTPError:
        return False


def main() -> None:
    """`up` or `down`, in the folder of `SPRINGTIDE_STATE` or `.springtide`."""
    folder = Path(os.environ.get("SPRINGTIDE_STATE", ROOT / ".springtide")).resolve()
    if sys.argv[1:] == ["down"]:
        down(folder)
    elif sys.argv[1:] == ["up"]:
        folder.mkdir(parents=True, exist_ok=True)
        stack = up(folder)
        sys.stdout.write(
            f"Prefect UI   {stack.ui_url}\n"
            f"sandbox      {stack.sandbox_url}/admin/state\n"
            f"entry        {stack.front_url or 'none: HAProxy is not installed'}\n"
            f"clouds.yaml  {folder / 'clouds.yaml'}\n"
            "End it with `make down`.\n"
        )
    else:
        sys.exit("usage: python -m deployments.stack up|down")


if __name__ == "__main__":
    main()
