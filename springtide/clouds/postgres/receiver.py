"""pg_receivewal at work: it writes the log into the spool as the server writes it.

It is given no slot. Ours is moved on by us, when the vault has confirmed; so the server keeps what
is in the spool alone. It goes on with the newest segment or part of one that it finds there.
"""

import fcntl
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from springtide.clouds.postgres.programs import Programs, failure
from springtide.errors import GuardRefused, Misconfigured, Retryable

_PATIENCE_S = 10.0
_RECORD = "receiver.pid"
_LOG = "receiver.log"
_GONE = "has already been removed"
_MOST_LOG = 1_000_000


class Receiver:
    """One pg_receivewal, started again when it ends."""

    def __init__(self, programs: Programs, service: str, spool: Path) -> None:
        """Nothing is started yet."""
        self._programs, self._service, self._spool = programs, service, spool
        self._process: subprocess.Popen[bytes] | None = None

    def keep_up(self) -> None:
        """Start it where it does not run.

        Raises:
            LogGone: the server has not kept what comes next.
            Misconfigured: it may not connect.
            Retryable: it ended; the next call starts it again.
        """
        if self._process is not None and self._process.poll() is None:
            return
        ended, self._process = self._process, None
        if ended is not None and ended.returncode:
            said = self._log_text()
            if _GONE in said:
                raise LogGone("the server has not kept the log that comes next")
            raise failure("pg_receivewal", ended.returncode, said)
        self._start()

    def end(self) -> None:
        """End it; what it has received stays."""
        if self._process is not None:
            _end(self._process.pid)
            self._process.wait()
            self._process = None
        (self._spool / _RECORD).unlink(missing_ok=True)

    def _start(self) -> None:
        with (self._spool / _LOG).open("wb") as log:
            self._process = subprocess.Popen(  # noqa: S603 - the program and its arguments are ours
                [
                    self._programs.path("pg_receivewal"),
                    *("--directory", str(self._spool)),
                    *("--no-loop", "--no-password", "--status-interval=5"),
                ],
                env=self._programs.environment(self._service),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        born = _born(self._process.pid)
        (self._spool / _RECORD).write_text(f"{self._process.pid} {born}", "ascii")

    def _log_text(self) -> str:
        return (self._spool / _LOG).read_bytes()[-_MOST_LOG:].decode("utf-8", "replace").strip()


class LogGone(Retryable):
    """The server has not kept what comes next in its log."""


@contextmanager
def held_spool(spool: Path) -> Iterator[None]:
    """The spool for this process alone; a receiver that a killed one has left is ended.

    Raises:
        GuardRefused: another archiver is at work in it.
        Misconfigured: it cannot be made.
    """
    try:
        spool.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(spool / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise Misconfigured(
            f"{spool} cannot be used: {error.strerror}",
            field="spool_folder",
            allowed="a folder that the worker's user may write to",
        ) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(descriptor)
        raise GuardRefused(f"another archiver is at work in {spool}") from error
    try:
        _end_left(spool)
        yield
    finally:
        os.close(descriptor)


def _end_left(spool: Path) -> None:
    record = spool / _RECORD
    with suppress(FileNotFoundError, ValueError):
        pid, _, born = record.read_text("ascii").partition(" ")
        if _born(int(pid)) == born:
            _end(int(pid))
    record.unlink(missing_ok=True)


def _end(pid: int) -> None:
    born = _born(pid)
    for number in (signal.SIGINT, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.kill(pid, number)
        deadline = time.monotonic() + _PATIENCE_S
        while time.monotonic() < deadline and born and _born(pid) == born:
            time.sleep(0.02)


def _born(pid: int) -> str | None:
    """When the process was born, in the kernel's ticks; None where it is gone or a zombie."""
    try:
        after_name = Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()
    except OSError:
        return None
    return None if after_name[0] == "Z" else after_name[19]
