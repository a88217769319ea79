"""How a stack starts: a port that somebody takes first costs a second try, and no more."""

import subprocess
import sys
from pathlib import Path

import pytest

from deployments import stack
from deployments.processes import Processes
from deployments.stack_clouds import Ground

SERVER = """
import os, pathlib, sys
tries = pathlib.Path(sys.argv[1])
tried = tries.read_text().split() if tries.exists() else []
tries.write_text(" ".join([*tried, os.environ["PREFECT_SERVER_API_PORT"]]))
if len(tried) < int(sys.argv[2]):
    sys.exit("address already in use")
import http.server
class Healthy(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if self.path == "/api/health" else 404)
        self.end_headers()
address = "127.0.0.1", int(os.environ["PREFECT_SERVER_API_PORT"])
http.server.HTTPServer(address, Healthy).serve_forever()
"""

NO_ESTATE = r"(?s)^deploying failed: see \S+deploy\.log\n.*estate\.yaml: cannot be read: [^\n]+$"
"""What `up` says then, and the last line of the log."""


class NoCloud:
    """A cloud that is not asked for anything."""

    def ready(self, folder: Path, processes: Processes) -> Ground:
        """Nowhere."""
        del processes
        return Ground(folder / "estate.yaml", folder / "clouds.yaml", control_url="")


@pytest.mark.parametrize(
    ("ended", "why", "starts"),
    [
        pytest.param(0, NO_ESTATE, 1, id="free: the deploying comes next, and says why not"),
        pytest.param(1, NO_ESTATE, 2, id="taken once"),
        pytest.param(9, "address already in use$", 2, id="never free: the error says why"),
    ],
)
def test_a_port_that_was_taken(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    ended: int,
    why: str,
    starts: int,
) -> None:
    """The server is started again at another port, once; everything is ended where that fails."""
    tries = tmp_path / "tries"
    monkeypatch.setattr(stack, "SERVER", (sys.executable, "-c", SERVER, str(tries), str(ended)))
    with pytest.raises(RuntimeError, match=why):
        stack.up(tmp_path, cloud=NoCloud())
    ports = tries.read_text().split()
    assert (starts, starts) == (len(ports), len(set(ports)))
    assert not Processes(tmp_path / "run").alive("server")


def test_a_shell_speaks_with_the_stack(tmp_path: Path) -> None:
    """After the file `springtide` and `prefect` are found and know cloud, estate and server."""
    folder = tmp_path / "a folder"
    folder.mkdir()
    found = stack.Stack(
        folder=folder,
        api_url="http://127.0.0.1:4200/api",
        ui_url="http://127.0.0.1:4200",
        estate=stack.ESTATE,
        clouds_yaml=folder / "clouds.yaml",
        control_url="",
        front_url=None,
    )
    told = stack.write_shell(found)
    script = (
        f'. "{told}"; command -v springtide; command -v prefect;'
        ' echo "$OS_CLOUD $PREFECT_API_URL"; echo "$OS_CLIENT_CONFIG_FILE"'
    )
    said = subprocess.run(
        ["/bin/sh", "-c", script], capture_output=True, text=True, check=True, env={"PATH": "/bin"}
    )
    programs = [f"{Path(sys.executable).parent}/{name}" for name in ("springtide", "prefect")]
    expected = [*programs, "ovh http://127.0.0.1:4200/api", str(folder / "clouds.yaml")]
    assert expected == said.stdout.splitlines()


def test_a_server_by_the_book_knows_its_leases_after_a_restart() -> None:
    """What operators are told to set is what the stack sets, and what its kills are tested with."""
    told = (stack.ROOT / "docs" / "getting-started.md").read_text("utf-8")
    assert f"\nPREFECT_SERVER_CONCURRENCY_LEASE_STORAGE={stack.LEASES}\n" in told
