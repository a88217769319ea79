"""The audit log: every change to a cloud leaves an intent before it and an outcome after."""

import json
import logging
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from springtide.errors import GuardRefused

log = logging.getLogger(__name__)


class Act:
    """One change under way; whoever makes it tells how it ended."""

    def __init__(self) -> None:
        """Not ended yet."""
        self.result = "unknown: no reply"
        self.request_id: str | None = None


class AuditLog:
    """Appends one JSON line for each intent and each outcome; no secrets, no user data.

    Lines: `time`, `run`, `who`, `act` (number within the run), `step` (intent or outcome),
    `region`, `service`, `method`, `path`, `why`, and for outcomes `result`, `request_id`,
    `seconds`.
    """

    def __init__(self, path: Path | None, *, run: str, who: str) -> None:
        """Write to `path`, made with mode 0600 where it is missing; None: to the log only."""
        self._path = path
        self._head = {"run": run, "who": who}
        self._acts = 0
        self._lock = threading.Lock()

    @contextmanager
    def change(
        self, method: str, path: str, *, region: str, service: str, why: str
    ) -> Iterator[Act]:
        """Write the intent, yield the act, write the outcome whatever happens.

        Raises:
            GuardRefused: the intent cannot be written: what leaves no trace is not done.
        """
        with self._lock:
            self._acts += 1
            number = self._acts
        what = {
            "act": number,
            "region": region,
            "service": service,
            "method": method,
            "path": path,
            "why": why,
        }
        try:
            self._write({**what, "step": "intent"})
        except OSError as error:
            raise GuardRefused(f"the audit log cannot be written: {error}") from error
        act, began = Act(), time.monotonic()
        try:
            yield act
        finally:
            seconds = round(time.monotonic() - began, 3)
            outcome = {
                **what,
                "step": "outcome",
                "result": act.result,
                "request_id": act.request_id,
                "seconds": seconds,
            }
            try:
                self._write(outcome)
            except OSError:
                # The act is done; its caller needs to know how it ended more than this.
                log.exception("audit outcome=unwritten act=%d", number)

    def _write(self, line: dict[str, object]) -> None:
        stamped = {"time": datetime.now(UTC).isoformat(), **self._head, **line}
        text = json.dumps(stamped, sort_keys=True)
        log.info("audit %s", text)
        if self._path is None:
            return
        # One write of one line with O_APPEND: lines of several processes never mix.
        descriptor = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(descriptor, text.encode() + b"\n")
        finally:
            os.close(descriptor)
