"""A whole Springtide on loopback: a cloud, a Prefect server, a worker.

`python -m deployments.stack up` starts it on a sandbox of its own, `up --cloud FOLDER` on the cloud
whose `estate.yaml` and `clouds.yaml` stand in that folder, and `down` ends it.

Its state stands in one folder (`.springtide`, or `SPRINGTIDE_STATE`) that can be deleted when it is
down. Ports are chosen free. `down` ends only what `up` started, by pid. Prefect keeps its own state
in that folder too, unless `PREFECT_API_DATABASE_CONNECTION_URL` names a PostgreSQL database.
"""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from shlex import quote

import httpx

from deployments.automations import HEARTBEAT_S
from deployments.deploy import POOL, ROOT
from deployments.processes import Processes
from deployments.stack_clouds import Cloud, GivenCloud, SandboxCloud
from springtide.errors import SpringtideError
from springtide.estate import load_estate
from springtide.sandbox.sockets import free_port

ESTATE = ROOT / "deployments" / "estate.yaml"
SERVER = (sys.executable, "-m", "prefect", "server", "start")
LEASES = "prefect.server.concurrency.lease_storage.filesystem"
"""Where the server keeps who holds a slot: below its home, so that its own restart ends no run."""
WORKER = (sys.executable, "-m", "prefect", "worker", "start", "--pool", POOL, "--type", "process")
_SERVER_START_S = 240.0
_METRICS_START_S = 120.0
_OF_SHELLS = (
    *("OS_CLIENT_CONFIG_FILE", "OS_CLOUD", "PREFECT_API_URL", "PREFECT_HOME"),
    *("SPRINGTIDE_AUDIT_LOG", "SPRINGTIDE_CACHE", "SPRINGTIDE_ESTATE"),
)
"""What a person's shell needs of a worker's environment; nothing of it is secret."""


@dataclass(frozen=True)
class Stack:
    """Where a running stack is."""

    folder: Path
    api_url: str
    ui_url: str
    estate: Path
    clouds_yaml: Path
    control_url: str
    """The cloud's clock, counted calls and faults are below its `/admin`."""
    front_url: str | None
    """The customers' entry; None without HAProxy."""


def up(
    folder: Path, *, cloud: Cloud | None = None, variables: dict[str, str] | None = None
) -> Stack:
    """Start everything, deploy everything, and return where it is.

    `cloud` is what it stands on; None: a sandbox with the rehearsal of `deployments/estate.yaml`.
    `variables` are added to the environment of server and worker.

    Raises:
        RuntimeError: something did not start, or was not deployed; its log's last lines are told,
            and what was started is ended again.
        Misconfigured: the cloud's estate is wrong.
    """
    processes = Processes(folder / "run")
    processes.end_all()
    try:
        return _start(folder, processes, cloud or SandboxCloud(ESTATE), variables or {})
    except BaseException:
        processes.end_all()
        raise


def down(folder: Path) -> None:
    """End everything that `up` started in that folder."""
    Processes(folder / "run").end_all()


def environment(stack: Stack) -> dict[str, str]:
    """The environment of the stack's worker, and so of its flows."""
    return {
        **_prefect_environment(stack.folder, stack.api_url),
        "OS_CLIENT_CONFIG_FILE": str(stack.clouds_yaml),
        "SPRINGTIDE_AUDIT_LOG": str(stack.folder / "audit"),
        "SPRINGTIDE_CACHE": str(stack.folder / "cache"),
        "SPRINGTIDE_ESTATE": str(stack.estate),
    }


def start_metrics(stack: Stack) -> str:
    """Where the metrics exporter answers that is started beside the stack."""
    processes, port = Processes(stack.folder / "run"), free_port()
    command = [sys.executable, "-m", "deployments.metrics_exporter", "--port", str(port)]
    processes.start("metrics", command, environment(stack), ROOT)
    url = f"http://127.0.0.1:{port}/metrics"
    _await_answer(processes, "metrics", url, _METRICS_START_S)
    return url


def write_shell(stack: Stack) -> Path:
    """A file for `.` in a shell: after it `springtide` and `prefect` speak with this stack."""
    told = environment(stack) | {"OS_CLOUD": load_estate(stack.estate).cloud}
    lines = [f"export {name}={quote(told[name])}" for name in _OF_SHELLS]
    lines.append(f'export PATH={quote(str(Path(sys.executable).parent))}:"$PATH"')
    path = stack.folder / "shell"
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return path


def _prefect_environment(folder: Path, api_url: str) -> dict[str, str]:
    port = api_url.rsplit(":", 1)[1].split("/", maxsplit=1)[0]
    return {
        **os.environ,
        "DO_NOT_TRACK": "1",
        # The flows' own Python is found by its name (deployments/prefect.yaml).
        "PATH": os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"])),
        "PREFECT_API_URL": api_url,
        "PREFECT_FLOWS_HEARTBEAT_FREQUENCY": str(HEARTBEAT_S),
        "PREFECT_HOME": str(folder / "prefect"),
        "PREFECT_LOGGING_EXTRA_LOGGERS": "springtide",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_SERVER_API_HOST": "127.0.0.1",
        "PREFECT_SERVER_API_PORT": port,
        "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": LEASES,
        "PREFECT_WORKER_QUERY_SECONDS": "1",
        "PYTHONPATH": str(ROOT),
        "SPRINGTIDE_HOME": str(ROOT),
    }


def _start(folder: Path, processes: Processes, cloud: Cloud, variables: dict[str, str]) -> Stack:
    # The server knows nothing of the cloud: the two can start side by side.
    api_url = _begin_server(folder, processes, variables)
    ground = cloud.ready(folder, processes)
    try:
        _await_server(processes, api_url)
    except RuntimeError:
        if processes.alive("server"):
            raise
        # Something took its port while it started, which may be seconds after it was chosen.
        api_url = _begin_server(folder, processes, variables)
        _await_server(processes, api_url)
    stack = Stack(folder, api_url, api_url.removesuffix("/api"), **vars(ground))
    env = environment(stack) | variables
    _deploy(processes, env)
    processes.start("worker", WORKER, env, ROOT)
    return stack


def _deploy(processes: Processes, env: dict[str, str]) -> None:
    command = [sys.executable, "-m", "deployments.deploy"]
    with processes.log("deploy").open("wb") as log:
        done = subprocess.run(command, check=False, cwd=ROOT, env=env, stdout=log, stderr=log)  # noqa: S603 - our own
    if done.returncode:
        raise RuntimeError(f"deploying failed: {processes.story('deploy')}")


def _begin_server(folder: Path, processes: Processes, variables: dict[str, str]) -> str:
    api_url = f"http://127.0.0.1:{free_port()}/api"
    processes.start("server", SERVER, _prefect_environment(folder, api_url) | variables, ROOT)
    return api_url


def _await_server(processes: Processes, api_url: str) -> None:
    _await_answer(processes, "server", f"{api_url}/health", _SERVER_START_S)


def _await_answer(processes: Processes, name: str, url: str, timeout_s: float) -> None:
    # One client for all questions: to make one takes longer than to ask.
    with httpx.Client(timeout=2, trust_env=False) as client:

        def answers() -> bool:
            try:
                return client.get(url).is_success
            except httpx.HTTPError:
                return False

        processes.wait_until(name, answers, timeout_s)


def main() -> None:
    """`up` or `down`, in the folder of `SPRINGTIDE_STATE` or `.springtide`."""
    folder = Path(os.environ.get("SPRINGTIDE_STATE", ROOT / ".springtide")).resolve()
    try:
        match sys.argv[1:]:
            case ["down"]:
                down(folder)
            case ["up"]:
                _up(folder, SandboxCloud(ESTATE))
            case ["up", "--cloud", given]:
                _up(folder, GivenCloud(Path(given) / "estate.yaml", Path(given) / "clouds.yaml"))
            case _:
                sys.exit("usage: python -m deployments.stack up [--cloud FOLDER] | down")
    except (RuntimeError, SpringtideError) as error:
        sys.exit(str(error))


def _up(folder: Path, cloud: Cloud) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    stack = up(folder, cloud=cloud)
    sys.stdout.write(
        f"Prefect UI   {stack.ui_url}\n"
        f"metrics      {start_metrics(stack)}\n"
        f"controls     {stack.control_url}/admin/clock (of the cloud: its clock, calls, faults)\n"
        f"entry        {stack.front_url or 'none: HAProxy is not installed'} (pupils' requests)\n"
        f"estate       {stack.estate}\n"
        f"clouds.yaml  {stack.clouds_yaml}\n"
        f"`. {write_shell(stack)}` has springtide, prefect and openstack speak with it;"
        " `make down` ends it.\n"
    )


if __name__ == "__main__":
    main()
