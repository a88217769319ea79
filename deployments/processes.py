"""Background processes that are started, found again by pid, and ended: only our own."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

_MARK = "SPRINGTIDE_PROCESS"
"""In the environment of what was started, and so of its children: whose it is."""
_POLL_S = 0.1
_LAST_LINES = 20
"""Of a log, told where a process did not start."""


class Processes:
    """The processes of one stack; their pids stand in `folder`, their output beside them."""

    def __init__(self, folder: Path, *, patience_s: float = 10.0) -> None:
        """Nothing is started; the folder is made where it is missing.

        `patience_s` is how long one that was asked to end may take to do so.
        """
        self._folder = folder
        self._patience_s = patience_s
        self._seen: dict[str, dict[int, str | None]] = {}
        """By name: pids that were ours, with their times of birth."""
        folder.mkdir(parents=True, exist_ok=True)

    def start(self, name: str, command: Sequence[str], env: Mapping[str, str], cwd: Path) -> None:
        """Start one in a session of its own; its output goes to `<name>.log`."""
        with self.log(name).open("ab") as log:
            process = subprocess.Popen(  # noqa: S603 - our own programs
                command,
                env={**env, _MARK: self._mark(name)},
                cwd=cwd,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        record = {"pid": process.pid, "born": _born(process.pid)}
        self._record(name).write_text(json.dumps(record))

    def log(self, name: str) -> Path:
        """Where the process's output goes."""
        return self._folder / f"{name}.log"

    def story(self, name: str) -> str:
        """Where its log is, and the last lines of it."""
        log = self.log(name)
        lines = log.read_text("utf-8", errors="replace").splitlines()
        return "\n".join((f"see {log}", *lines[-_LAST_LINES:]))

    def pid(self, name: str) -> int | None:
        """The pid of the process that was started under this name; None where it has ended."""
        record = self._recorded(name)
        born = _born(record["pid"]) if record else None
        # A pid may have been given to somebody else since: the time of birth tells.
        return record["pid"] if record and born and born == record["born"] else None

    def alive(self, name: str) -> bool:
        """Whether the process that was started under this name still runs."""
        return self.pid(name) is not None

    def wait_until(self, name: str, ready: Callable[[], bool], timeout_s: float) -> None:
        """Return when `ready` says so.

        Raises:
            RuntimeError: the process ended before, or time is up; the message names its log and
                ends with the log's last lines.
        """
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            if ready():
                return
            if not self.alive(name):
                raise RuntimeError(f"{name} ended at its start: {self.story(name)}")
            time.sleep(_POLL_S)
        raise RuntimeError(f"{name} was not ready within {timeout_s:g} s: {self.story(name)}")

    def end(self, name: str) -> None:
        """End the process and its children: asked first, then made to. Gone already is fine.

        Children that outlive their parent are ended too, e.g. the flow of a worker that was killed.
        """
        for number in (signal.SIGTERM, signal.SIGKILL):
            self.signal(name, number)
            deadline = time.monotonic() + self._patience_s
            while time.monotonic() < deadline and self.running(name):
                self._reap(name)
                time.sleep(_POLL_S)
        self._record(name).unlink(missing_ok=True)

    def signal(self, name: str, number: signal.Signals) -> None:
        """Send the signal to the process and to its children, in whatever session they are."""
        for pid in self.running(name):
            with suppress(ProcessLookupError):
                os.kill(pid, number)

    def end_all(self) -> None:
        """End every process of this folder, the youngest first."""
        records = sorted(self._folder.glob("*.pid"), key=lambda p: p.stat().st_mtime, reverse=True)
        for record in records:
            self.end(record.stem)

    def _record(self, name: str) -> Path:
        return self._folder / f"{name}.pid"

    def _mark(self, name: str) -> str:
        return str(self._record(name).resolve())

    def _recorded(self, name: str) -> dict[str, Any] | None:
        try:
            record: dict[str, Any] = json.loads(self._record(name).read_text())
        except (OSError, ValueError):
            return None
        return record

    def _reap(self, name: str) -> None:
        record = self._recorded(name)
        if record:
            with suppress(ChildProcessError):
                os.waitpid(record["pid"], os.WNOHANG)

    def running(self, name: str) -> list[int]:
        """The pids of all that bears this process's mark, or is of its session.

        A program that changes its title writes over the environment that others can read, and its
        mark with it. Its session it keeps; that is believed while the one who began it lives, and
        whoever was seen then is known by the time of birth afterwards.
        """
        mark, leader = f"{_MARK}={self._mark(name)}".encode(), self.pid(name)
        found = (
            int(process.name)
            for process in Path("/proc").glob("[0-9]*")
            if mark in _environment(process) or (leader and _session(process) == leader)
        )
        seen = self._seen.setdefault(name, {})
        seen |= {pid: _born(pid) for pid in found}
        return [pid for pid, born in seen.items() if born is not None and _born(pid) == born]


def _born(pid: int) -> str | None:
    """When the process was born, in the kernel's ticks; None where it is gone or a zombie."""
    try:
        after_name = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if after_name[0] == "Z" else after_name[19]


def _session(process: Path) -> int | None:
    """Who began the process's session; None where it is gone."""
    try:
        return int((process / "stat").read_text().rpartition(")")[2].split()[3])
    except OSError:
        return None


def _environment(process: Path) -> list[bytes]:
    try:
        return (process / "environ").read_bytes().split(b"\0")
    except OSError:
        return []
