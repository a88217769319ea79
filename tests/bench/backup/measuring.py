"""One command measured: wall time, processor time and memory of it and its children."""

import os
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

_POLL_S = 0.01


@dataclass(frozen=True)
class Measured:
    """What one command took."""

    wall_s: float
    cpu_s: float
    """User and system, of the process and its children."""
    rss_mib: float
    """The most that one process had."""


def measured(command: list[str], environment: Mapping[str, str], log: Path) -> Measured:
    """Run it.

    Raises:
        RuntimeError: it did not end with 0; the message ends with what it said.
    """
    began = time.monotonic()
    with log.open("wb") as said:
        process = subprocess.Popen(
            command, env=dict(environment), stdout=said, stderr=subprocess.STDOUT
        )
        peak_kib, ended = 0, False
        while not ended:
            # Not `ru_maxrss`: that begins with what its parent had.
            peak_kib = max(peak_kib, _peak_kib(process.pid))
            pid, status, usage = os.wait4(process.pid, os.WNOHANG)
            ended = bool(pid)
            time.sleep(0 if ended else _POLL_S)
    wall = time.monotonic() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        told = log.read_text("utf-8", errors="replace")[-2000:]
        raise RuntimeError(f"{command[0]} ended with {process.returncode}: {told}")
    return Measured(wall, usage.ru_utime + usage.ru_stime, peak_kib / 1024)


def _peak_kib(pid: int) -> int:
    """The most memory that the process has had so far."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("VmHWM:")), 0)
