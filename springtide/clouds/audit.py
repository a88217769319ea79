"""The audit log: every change to a cloud leaves an intent before it and an outcome after.

The lines of one run are a chain in a file of its own (`springtide.model.audit`). A run that is
killed and started again, or that goes on in two processes, goes on with the same chain. On another
worker, which has not that file, it has another chain: there the run's name ends with the worker's.
"""

import errno
import fcntl
import json
import logging
import os
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

from springtide.errors import GuardRefused, Misconfigured
from springtide.model.audit import AuditLine, beginning_of, digest_of
from springtide.model.estate import Estate

log = logging.getLogger(__name__)

FOLDER_VARIABLE = "SPRINGTIDE_AUDIT_LOG"
WORKER_VARIABLE = "SPRINGTIDE_WORKER"

_TAIL_BYTES = 64 * 1024
"""Most lines are shorter; one that names a thousand members is read in more steps."""

Values = Mapping[str, tuple[Any, Any]]
"""What changes: field → from, to."""


def named_folder(environment: Mapping[str, str] = os.environ) -> Path | None:
    """Where this machine's runs write their lines; None: the environment does not say."""
    return Path(named) if (named := environment.get(FOLDER_VARIABLE)) else None


def worker_name(environment: Mapping[str, str] = os.environ) -> str:
    """Who writes and seals here: `SPRINGTIDE_WORKER`, else this machine's name; its key's, too."""
    return environment.get(WORKER_VARIABLE) or socket.gethostname().lower()


class Act:
    """One change under way; whoever makes it tells how it ended."""

    def __init__(self) -> None:
        """Not ended yet."""
        self.result = "unknown: no reply"
        self.request_id: str | None = None


class AuditLog:
    """Writes one line for each intent and each outcome; no secrets, no user data."""

    def __init__(
        self,
        folder: Path | None,
        *,
        run: str,
        who: str,
        approved_by: tuple[str, ...] = (),
        required: bool = False,
    ) -> None:
        """Write to `<run>.jsonl` in the folder, both made where they are missing.

        Without a folder changes are logged only; where one is `required` they are refused.

        Raises:
            Misconfigured: the folder is a file.
        """
        if folder is not None and folder.is_file():
            raise Misconfigured(f"{folder} is a file", field=FOLDER_VARIABLE, allowed="a folder")
        self._path = folder / f"{run}.jsonl" if folder is not None else None
        self._required = required
        self._run = run
        self._said = {"who": who, "approved_by": approved_by}
        self._acts = 0
        self._lock = threading.Lock()

    @classmethod
    def of(cls, estate: Estate, *, run: str, who: str, approved_by: tuple[str, ...] = ()) -> Self:
        """The log in the folder that the environment names; required where the estate keeps one.

        Raises:
            Misconfigured: the folder is a file.
        """
        required = estate.audit is not None
        return cls(named_folder(), run=run, who=who, approved_by=approved_by, required=required)

    def demand_folder(self) -> None:
        """There is a folder, or none is required.

        Raises:
            Misconfigured: changes would leave no trace, and the estate keeps an audit log.
        """
        if self._required and self._path is None:
            told = "it is not set, and the estate keeps an audit log: nothing is changed"
            raise Misconfigured(told, field=FOLDER_VARIABLE, allowed="a folder")

    @contextmanager
    def change(  # noqa: PLR0913 - what a line tells
        self,
        method: str,
        path: str,
        *,
        region: str,
        service: str,
        why: str,
        values: Values | None = None,
    ) -> Iterator[Act]:
        """Write the intent, yield the act, write the outcome whatever happens.

        Raises:
            GuardRefused: the intent cannot be written: what leaves no trace is not done.
            Misconfigured: as `demand_folder`.
        """
        self.demand_folder()
        what = {
            "region": region,
            "service": service,
            "method": method,
            "path": path,
            "why": why,
            "values": dict(values or {}),
        }
        try:
            number = self._write({**what, "step": "intent"})
        except (OSError, ValueError, KeyError) as error:
            raise GuardRefused(f"the audit log cannot be written: {error}") from error
        act, began = Act(), time.monotonic()
        try:
            yield act
        finally:
            outcome = {
                **what,
                "act": number,
                "step": "outcome",
                "result": act.result,
                "request_id": act.request_id,
                "seconds": round(time.monotonic() - began, 3),
            }
            try:
                self._write(outcome)
            except (OSError, ValueError, KeyError):
                # The act is done; its caller needs to know how it ended more than this.
                log.exception("audit outcome=unwritten act=%d", number)

    def _write(self, said: Mapping[str, object]) -> int:
        """The act's number: of an intent, that of its own line."""
        with self._lock:
            if self._path is None:
                self._acts += 1
                log.info("audit %s", self._line(said, self._acts, beginning_of(self._run)).decode())
                return self._acts
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(self._path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
            try:
                # Whoever else goes on with this run waits here: a line follows the last one.
                fcntl.flock(descriptor, fcntl.LOCK_EX)
                return self._append(descriptor, said)
            finally:
                os.close(descriptor)

    def _append(self, descriptor: int, said: Mapping[str, object]) -> int:
        last, torn = _last_line(descriptor)
        number = 1 if last is None else int(json.loads(last)["number"]) + 1
        line = self._line(
            said, number, beginning_of(self._run) if last is None else digest_of(last)
        )
        if torn:
            # Of a full disk or a lost machine: it was never whole, and is taken back.
            os.ftruncate(descriptor, os.lseek(descriptor, 0, os.SEEK_END) - torn)
        written = os.write(descriptor, line + b"\n")
        if written <= len(line):
            # A disk that has just become full takes a part, and tells so by this number alone.
            raise OSError(errno.ENOSPC, f"{written} bytes of {len(line) + 1} were written")
        log.info("audit %s", line.decode())
        return number

    def _line(self, said: Mapping[str, object], number: int, previous: str) -> bytes:
        now = datetime.now(UTC)
        chained = {"run": self._run, "number": number, "previous": previous, "time": now}
        return AuditLine.model_validate({"act": number, **self._said, **chained, **said}).raw()


def _last_line(descriptor: int) -> tuple[bytes | None, int]:
    """The last whole line without its end, or None; and how many bytes are torn after it."""
    size, length = os.lseek(descriptor, 0, os.SEEK_END), _TAIL_BYTES
    while True:
        tail = os.pread(descriptor, length, max(0, size - length))
        whole, _, torn = tail.rpartition(b"\n")
        if length >= size or b"\n" in whole:
            return (whole.rpartition(b"\n")[2] or None, len(torn))
        length *= 2
