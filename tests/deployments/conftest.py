"""One whole stack for all tests that need it, and a webhook that keeps what it is sent."""

import json
import os
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from deployments.processes import Processes
from deployments.stack import ESTATE, down, up
from deployments.stack_clouds import SandboxCloud
from tests.deployments.rig import ON_CALL, Rig
from tests.signing import a_person, allow

# Addresses of its own: other tests, on other workers too, run their sandboxes beside this one.
SIBLING = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % 16
REGIONS = [
    {"name": name, "cidr": f"127.{41 + number}.{16 * SIBLING}.0/20"}
    for number, name in enumerate(("GRA11", "SBG5", "RBX1"))
]
SANDBOX: dict[str, object] = {
    "regions": REGIONS,
    "boot": {"least_s": 0.1, "most_s": 0.4, "answer_s": 0.1},
    "balancer_update_s": 0.0,
}
QUICKER = {
    # How long an enqueued run waits before it asks again, instead of Prefect's 30 s.
    "PREFECT_SERVER_DEPLOYMENTS_CONCURRENCY_SLOT_WAIT_SECONDS": "2",
    # How often runs are made of schedules, instead of each minute.
    "PREFECT_SERVER_SERVICES_SCHEDULER_LOOP_SECONDS": "5",
    # What becomes of tasks is stored together each second, instead of by a transaction each.
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_BATCH_SIZE": "50",
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_FLUSH_INTERVAL": "1",
    # Each of the many clients would first ask for a token that the server does not want.
    "PREFECT_CLIENT_CSRF_SUPPORT_ENABLED": "false",
}


@pytest.fixture(scope="package")
def notices() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """The URL of a webhook, and what was sent there so far."""
    sent: list[dict[str, Any]] = []

    class Sink(BaseHTTPRequestHandler):
        """Takes whatever is posted."""

        def do_POST(self) -> None:
            """Keep the notice."""
            sent.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its base's name
            """Stay silent."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Sink) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/", sent
        server.shutdown()


@pytest.fixture(scope="package")
def running(
    tmp_path_factory: pytest.TempPathFactory, notices: tuple[str, list[dict[str, Any]]]
) -> Iterator[Rig]:
    """Server, worker and sandbox in processes of their own, ended with the folder's last test."""
    folder = tmp_path_factory.mktemp("stack")
    variables = QUICKER | {"SPRINGTIDE_NOTICE_WEBHOOK": notices[0]}
    try:
        stack = up(folder, cloud=SandboxCloud(ESTATE, SANDBOX), variables=variables)
        quicken(folder / "estate.yaml")
        yield Rig(stack, variables)
    finally:
        # Connected to a server that a test has started later, the worker would keep this waiting.
        Processes(folder / "run").end("worker")
        down(folder)


@pytest.fixture
def rig(running: Rig) -> Rig:
    """The stack at the evening's first minute, with an empty cloud and an empty store."""
    running.begin()
    return running


def quicken(estate_file: Path) -> None:
    """Shorten the rehearsal's pauses, and have somebody who may approve."""
    estate = yaml.safe_load(estate_file.read_text("utf-8"))
    estate["poll_interval_s"] = 0.3
    # What a test holds is not given up meanwhile.
    estate["request_timeout_s"] = 300
    estate["rate_limit"] = {"requests_per_s": 500, "burst": 100}
    for fleet in estate["fleets"]:
        fleet["join_interval_s"] = 0.5
    estate_file.write_text(yaml.safe_dump(estate, sort_keys=False), "utf-8")
    on_call = a_person(estate_file.parent / "keys", ON_CALL)
    allow(estate_file.parent / estate["approvals"]["allowed_signers_file"], on_call)
