"""The sandbox's configuration file is refused like the estate: by its place, before it starts."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from springtide.cli import app


@pytest.mark.parametrize(
    ("content", "why"),
    [
        pytest.param(b"server_port: 0\n", "server_port: given 0, must be", id="out of bounds"),
        pytest.param(
            b"speed: 1\nspeed: 2\n", "is not YAML: the key speed stands twice", id="a key twice"
        ),
        pytest.param(b"\x89PNG\r\n\x1a\n\x00", "is not YAML", id="a picture"),
        pytest.param(b"", "fields are wanted at the top, given nothing", id="empty"),
        pytest.param(None, "cannot be read: No such file", id="missing"),
    ],
)
def test_a_wrong_configuration_is_named(tmp_path: Path, content: bytes | None, why: str) -> None:
    """In a line, with its file."""
    path = tmp_path / "sandbox.yaml"
    if content is not None:
        path.write_bytes(content)
    said = CliRunner().invoke(app, ["sandbox", "--config", str(path)])
    assert (2, True) == (said.exit_code, f"{path}: {why}" in said.stderr)
