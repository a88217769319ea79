"""`springtide sandbox`: which clouds.yaml it spares, and what it says where it cannot start."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest
import yaml
from typer.testing import CliRunner, Result

from springtide.cli import app
from springtide.sandbox.sockets import free_port
from tests.sandbox.balancing import own_cidr

START_S = 60.0


def an_entry(url: str) -> dict[str, object]:
    """A cloud as a clouds.yaml has it."""
    return {"auth": {"auth_url": url, "username": "somebody", "password": "a secret"}}


EARLIER = {"sandbox": an_entry("http://127.0.0.1:8774/identity/v3")}
REAL = an_entry("https://auth.example.org/v3")


def run(folder: Path, settings: dict[str, object], **environment: str) -> Result:
    """What a sandbox of that configuration says that does not start."""
    config = folder / "sandbox.yaml"
    config.write_text(yaml.safe_dump(settings), "utf-8")
    options = ["--config", str(config), "--clouds-yaml", str(folder / "clouds.yaml")]
    return CliRunner().invoke(app, ["sandbox", *options], env=environment)


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(yaml.safe_dump({"clouds": {"ovh": REAL}}), id="another cloud"),
        pytest.param(yaml.safe_dump({"clouds": EARLIER | {"ovh": REAL}}), id="another beside it"),
        pytest.param(yaml.safe_dump({"clouds": {"sandbox": REAL}}), id="a real one of that name"),
        pytest.param(yaml.safe_dump({"clouds": EARLIER, "cache": {}}), id="settings beside it"),
        pytest.param("# password: a secret\n", id="comments"),
        pytest.param("clouds: [", id="no YAML"),
        pytest.param("a secret", id="a word"),
    ],
)
def test_what_is_no_sandboxs_stays(tmp_path: Path, content: str) -> None:
    """Byte for byte, and nothing is started."""
    path = tmp_path / "clouds.yaml"
    path.write_text(content, "utf-8")
    result = run(tmp_path, {"data_plane": False})
    assert (2, content) == (result.exit_code, path.read_text("utf-8"))
    assert f"{path} is no sandbox's: name another file by --clouds-yaml\n" == result.stderr


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(None, id="nothing"),
        pytest.param("", id="an empty file"),
        pytest.param(yaml.safe_dump({"clouds": EARLIER}), id="an earlier sandbox's"),
    ],
)
def test_it_runs_until_it_is_ended(tmp_path: Path, content: str | None) -> None:
    """It tells where it is in both files, answers there, and ends well."""
    clouds, ready, config = (tmp_path / n for n in ("clouds.yaml", "ready.json", "sandbox.yaml"))
    config.write_text("data_plane: false\n", "utf-8")
    if content is not None:
        clouds.write_text(content, "utf-8")
    command = [sys.executable, "-m", "springtide.cli", "sandbox", "--clouds-yaml", str(clouds)]
    command += ["--config", str(config), "--ready-file", str(ready)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as running:
        try:
            deadline = time.monotonic() + START_S
            while not ready.exists() and time.monotonic() < deadline:
                time.sleep(0.05)
            told = json.loads(ready.read_text("utf-8"))
            answer = httpx.get(f"{told['url']}/admin/clock", trust_env=False)
        finally:
            running.send_signal(signal.SIGTERM)
        said, code = running.communicate(timeout=30)[0], running.returncode
    (entry,) = yaml.safe_load(clouds.read_text("utf-8"))["clouds"].values()
    assert (200, 0, None) == (answer.status_code, code, told["front_url"])
    assert f"{told['url']}/identity/v3" == entry["auth"]["auth_url"]
    assert "entry:   none: HAProxy is not installed" in said


def test_an_address_that_is_taken_is_told_in_a_line(tmp_path: Path) -> None:
    """Nothing is written."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        result = run(tmp_path, {"port": port, "data_plane": False})
    assert (2, False) == (result.exit_code, (tmp_path / "clouds.yaml").exists())
    assert result.stderr.startswith(f"127.0.0.1:{port} is in use, perhaps by another sandbox")


def test_a_broken_haproxy_is_told_in_a_line(tmp_path: Path) -> None:
    """With its last words."""
    program = tmp_path / "bin" / "haproxy"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\necho broken on purpose\nexit 1\n", "utf-8")
    program.chmod(0o755)
    regions = [{"name": "GRA11", "cidr": str(own_cidr())}]
    settings: dict[str, object] = {"regions": regions, "server_port": free_port()}
    result = run(tmp_path, settings, PATH=f"{program.parent}:{os.environ['PATH']}")
    assert (2, "HAProxy did not start: broken on purpose\n") == (result.exit_code, result.stderr)


def test_an_object_store_that_cannot_run_is_told_in_a_line(tmp_path: Path) -> None:
    """Here a file stands where its folder should; where Swift is missing, that is told."""
    (tmp_path / "devices").touch()
    store = {"object_store": True, "object_store_folder": str(tmp_path)}
    result = run(tmp_path, {"data_plane": False} | store)
    assert (2, 1) == (result.exit_code, len(result.stderr.splitlines()))
    assert "swift" in result.stderr.lower()
