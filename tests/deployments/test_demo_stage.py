"""A demo's stage: what was left on it is ended first, and every end of a run is seen as one."""

import json
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from types import ModuleType
from typing import NoReturn

import pytest

from deployments import demo, demo_backup
from deployments.demo_stage import End, Stage, empty
from deployments.processes import Processes
from deployments.stack import Stack
from tests.estates import an_estate, written

CLOUDS = """
clouds:
  sandbox:
    auth: {auth_url: "http://127.0.0.1:1/v3", username: a, password: b, project_name: c}
    regions: [GRA11, SBG5]
"""


def test_what_a_killed_demo_has_left_is_ended(tmp_path: Path) -> None:
    """Its processes first, for they are found by what stands in the folder."""
    folder = tmp_path / "demo"
    left = Processes(folder / "run")
    left.start(
        "server", [sys.executable, "-c", "import time; time.sleep(60)"], os.environ, tmp_path
    )
    try:
        before = left.running("server")
        empty(folder)
        assert (1, []) == (len(before), left.running("server"))
    finally:
        left.end("server")


@pytest.mark.parametrize("each", [demo, demo_backup])
def test_a_demo_that_does_not_start_says_so_in_a_line(
    each: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The README's first command shows no traceback."""

    def refused(*_: object) -> NoReturn:
        raise RuntimeError("sandbox was not ready within 60 s")

    monkeypatch.setattr(each, "staged", refused)
    with pytest.raises(SystemExit, match=r"^sandbox was not ready within 60 s$"):
        each.main()


def test_a_stage_begins_empty(tmp_path: Path) -> None:
    """Also where nothing has ever stood."""
    folder = tmp_path / "state" / "demo"
    for _ in range(2):
        empty(folder)
        assert [] == list(folder.iterdir())
        (folder / "estate.yaml").touch()


@contextmanager
def a_prefect(*states: str) -> Iterator[str]:
    """The API of a Prefect whose only run is in one of these states after the other."""
    left = list(states)

    class Handler(BaseHTTPRequestHandler):
        """Knows one deployment and its run."""

        def do_GET(self) -> None:
            """The id of either, and the run's next state; the last one stays."""
            state = left.pop(0) if len(left) > 1 and "flow_runs" in self.path else left[0]
            told = {"id": "1", "state_type": state, "state": {"message": "as it was told"}}
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps(told).encode())

        def do_POST(self) -> None:
            """The run was made."""
            self.rfile.read(int(self.headers["Content-Length"]))
            self.do_GET()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its base's name
            """Stay silent."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/api"
        server.shutdown()


def a_stage(folder: Path, api_url: str) -> Stage:
    """A stage before that Prefect; of its cloud nothing is asked."""
    clouds = folder / "clouds.yaml"
    clouds.write_text(CLOUDS, "utf-8")
    estate = written(folder, an_estate())
    return Stage(Stack(folder, api_url, "", estate, clouds, "http://127.0.0.1:1", None))


@pytest.mark.parametrize("state", ["COMPLETED", "FAILED", "CRASHED", "CANCELLED"])
def test_every_end_of_a_run_is_one(tmp_path: Path, state: str) -> None:
    """Whoever waits is shown each state, and told at once; only one of them is good."""
    seen: list[str] = []
    with a_prefect("RUNNING", state) as api_url:
        end = a_stage(tmp_path, api_url).finished("keep-fleet/api", look_on=seen.append)
    assert (["RUNNING", state], state) == (seen, end.state)
    good = [] if state == "COMPLETED" else [f"keep-fleet/api ended as {state}: as it was told"]
    assert good == end.wrong


def test_a_run_that_does_not_end_is_wrong() -> None:
    """As it stood when time was up."""
    assert End("a/b", "RUNNING", "still", 400.5).wrong
