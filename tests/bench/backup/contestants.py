"""Who backs up, and each one's steps as commands."""

import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

Command = list[str]
_OURS = (
    "import runpy, sys\n"
    "sys.modules['keystoneclient'] = None\n"
    "runpy.run_module('tests.bench.backup.ours', run_name='__main__')\n"
)
"""As a worker has it: keystoneclient comes with the tests' own command-line clients alone, and
python-swiftclient loads it wherever it is, which takes a fifth of a second."""


class Step(StrEnum):
    """What is measured."""

    FIRST = "first backup"
    REPEAT = "repeat after 1 % change"
    RESTORE = "full restore"
    CHECK = "check of everything"


@dataclass(frozen=True)
class Ground:
    """Where one contestant works."""

    folder: Path
    """Its own, for caches and passwords."""
    source: Path
    container: str
    environment: Mapping[str, str]

    @property
    def target(self) -> Path:
        """Where it restores to."""
        return self.folder / "restored"


@dataclass(frozen=True)
class Contestant:
    """A program that backs up."""

    name: str
    command: Callable[[Ground, Step], Command | None]
    """None: it has no such step."""
    prepare: Callable[[Ground], None]


def contestants(rclone: Path | None) -> tuple[Contestant, ...]:
    """Those that are installed; ours first."""
    found = [Contestant("springtide", _ours, _prepare_ours)]
    if shutil.which("restic"):
        found.append(Contestant("restic", _restic, _prepare_restic))
    if rclone is not None:
        found.append(
            Contestant("rclone crypt", lambda *given: _rclone(rclone, *given), lambda _: None)
        )
    found.append(Contestant("swift upload", _swift, lambda _: None))
    return tuple(found)


def _ours(ground: Ground, step: Step) -> Command:
    program = [sys.executable, "-c", _OURS]
    match step:
        case Step.FIRST | Step.REPEAT:
            return [*program, "backup", str(ground.source)]
        case Step.RESTORE:
            return [*program, "restore", str(ground.target)]
        case Step.CHECK:
            return [*program, "check", str(ground.target)]


def _prepare_ours(ground: Ground) -> None:
    _run([sys.executable, "-c", _OURS, "init", "/"], ground)


def _restic(ground: Ground, step: Step) -> Command:
    program = ["restic", "--quiet", "-r", f"swift:{ground.container}:/"]
    match step:
        case Step.FIRST | Step.REPEAT:
            return [*program, "backup", str(ground.source)]
        case Step.RESTORE:
            return [*program, "restore", "latest", "--target", str(ground.target)]
        case Step.CHECK:
            return [*program, "check", "--read-data"]


def _prepare_restic(ground: Ground) -> None:
    repository = f"swift:{ground.container}:/"
    _run(["restic", "-r", repository, "init", "--repository-version", "2"], ground)


def _rclone(program: Path, ground: Ground, step: Step) -> Command | None:
    remote = "benchcrypt:"
    command = [str(program), "--config", "/dev/null", "--transfers", "4"]
    match step:
        case Step.FIRST | Step.REPEAT:
            return [*command, "sync", str(ground.source), remote]
        case Step.RESTORE:
            return [*command, "copy", remote, str(ground.target)]
        case Step.CHECK:
            return [*command, "cryptcheck", str(ground.source), remote]


def _swift(ground: Ground, step: Step) -> Command | None:
    program = [str(Path(sys.executable).with_name("swift")), "--quiet"]
    account = ["--os-storage-url", ground.environment["OS_STORAGE_URL"]]
    account += ["--os-auth-token", ground.environment["OS_AUTH_TOKEN"]]
    match step:
        case Step.FIRST | Step.REPEAT:
            options = ["--changed", "--segment-size", "67108864", "--object-name", "data"]
            return [*program, *account, "upload", *options, ground.container, str(ground.source)]
        case Step.RESTORE:
            where = ["--output-dir", str(ground.target)]
            return [*program, *account, "download", *where, ground.container]
        case Step.CHECK:
            return None


def _run(command: Command, ground: Ground) -> None:
    done = subprocess.run(command, env=dict(ground.environment), capture_output=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{command[0]}: {done.stderr.decode(errors='replace')[-2000:]}")
