"""Background processes that are started, found again by pid, and ended: only our own."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

_END_S = 10.0
_POLL_S = 0.1


class Processes:
    """The processes of one stack; their pids stand in `folder`, their output beside them."""

    def __init__(self, folder: Path) -> None:
        """Nothing is started; the folder is made where it is missing."""
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def start(self, name: str, command: Sequence[str], env: Mapping[str, str], cwd: Path) -> None:
        """Start one in a session of its own; its output goes to `<name>.log`."""
        with self.log(name).open("ab") as log:
            process = subprocess.Popen(  # noqa: S603 - our own programs
                command, env=env, cwd=cwd, stdout=log, stderr=log, start_new_session=True
            )
        record = {"pid": process.pid, "born": _born(process.pid)}
        self._record(name).write_text(json.dumps(record))

    def log(self, name: str) -> Path:
        """Where the process's output goes."""
        return self._folder / f"{name}.log"

    def alive(self, name: str) -> bool:
        """Whether the process that was started under this name still runs."""
        return self._pid(name) is not None

    def wait_until(self, name: str, ready: Callable[[], bool], timeout_s: float) -> None:
        """Return when `ready` says so.

        Raises:
            RuntimeError: the process ended before, or time is up; the message names its log.
        """
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            if ready():
                return
            if not self.alive(name):
                raise RuntimeError(f"{name} ended at its start: see {self.log(name)}")
            time.sleep(_POLL_S)
        raise RuntimeError(f"{name} was not ready within {timeout_s:g} s: see {self.log(name)}")

    def end(self, name: str) -> None:
        """End the process and its children: asked first, then made to. Gone already is fine."""
        pid = self._pid(name)
        for number in (signal.SIGTERM, signal.SIGKILL):
            if pid is None:
                break
            os.killpg(pid, number)
            deadline = time.monotonic() + _END_S
            while time.monotonic() < deadline and (pid := self._pid(name)) is not None:
                _reap(pid)
                time.sleep(_POLL_S)
        self._record(name).unlink(missing_ok=True)

    def end_all(self) -> None:
        """End every process of this folder, the youngest first."""
        records = sorted(self._folder.glob("*.pid"), key=lambda p: p.stat().st_mtime, reverse=True)
        for record in records:
            self.end(record.stem)

    def _record(self, name: str) -> Path:
        return self._folder / f"{name}.pid"

    def _pid(self, name: str) -> int | None:
        try:
            record = json.loads(self._record(name).read_text())
        except (OSError, ValueError):
            return None
        # A pid may have been given to somebody else since: the time of birth tells.
        return record["pid"] if _born(record["pid"]) == record["born"] else None


def _born(pid: int) -> str | None:
    """When the process was born, in the kernel's ticks; None where it is gone or a zombie."""
    try:
        after_name = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if after_name[0] == "Z" else after_name[19]


def _reap(pid: int) -> None:
    try:
        os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return
