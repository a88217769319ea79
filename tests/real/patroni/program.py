"""Patroni in an environment of its own, as locked, where the user postgres may execute it."""

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

_LOCK = Path(__file__).with_name("patroni.lock")
_PLACE = Path("/var/cache/springtide-patroni")
_PYTHON = "/usr/bin/python3"
"""The distribution's: one below a home directory could not be executed by another user."""
_INSTALLING_S = 300.0


def patroni_program() -> Path:
    """The command `patroni`; installed at the first time, and anew when the lock changes."""
    digest = hashlib.sha256(_LOCK.read_bytes()).hexdigest()[:16]
    place = _PLACE / digest
    if not (place / "ready").exists():
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir(parents=True)
        _install(place)
        (place / "ready").touch()
    return place / "bin" / "patroni"


def _install(place: Path) -> None:
    # What an outer environment says of its own Python would make this one's another.
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "VIRTUAL_ENV"))}
    pip = [place / "bin" / "python", "-m", "pip", "install", "-qq", "--disable-pip-version-check"]
    for command in (
        [_PYTHON, "-m", "venv", place],
        [*pip, "--no-deps", "--require-hashes", "-r", _LOCK],
        ["chmod", "-R", "a+rX", _PLACE],
    ):
        subprocess.run(
            [str(part) for part in command], check=True, env=clean, timeout=_INSTALLING_S
        )
