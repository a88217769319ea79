"""One command at a time, on an empty and idle cloud, under the watcher's eyes."""

import os
import resource
import signal
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from tests.bench.peers.contestants import Contestant
from tests.bench.peers.ground import Ground
from tests.bench.peers.results import Phase, Run
from tests.bench.peers.watching import Seen, Watcher

_LOOK_S = 0.5
_LATE_S = 30.0
"""How long after a command's end what it was to do may still come about."""
_EMPTY_S = 900.0
_IDLE_S = 30.0
_IDLE_SHARE = 0.3
"""Of all processors' time; services and their timers take some even when nobody calls."""
_STOP_S = 30.0
_LAST_WORDS = 300


@dataclass(frozen=True)
class Bench:
    """What measures."""

    ground: Ground
    watcher: Watcher
    patience_s: float
    """How long one command may take."""
    say: Callable[[str], None]

    def run(self, contestant: Contestant, servers: int, number: int) -> Run:
        """One opening, its closing, and an empty cloud afterwards; `number` is the round's.

        What was not opened whole is not closed by its contestant: fewer servers are no measure.
        """
        name = contestant.name
        self.say(f"round {number}, {servers} servers: {name}")
        opening = self._phase(contestant, "open", servers)
        self.say(f"  open  {_told(opening)}")
        closing = None
        if opening.reached_s is not None:
            self._settle()
            closing = self._phase(contestant, "close", servers)
            self.say(f"  close {_told(closing)}")
        self.empty()
        return Run(
            contestant=name,
            title=contestant.title,
            is_floor=contestant.is_floor,
            servers=servers,
            round=number,
            opening=opening,
            closing=closing,
        )

    def empty(self) -> None:
        """Return when nothing is left, whoever made it, and the machine is idle.

        Raises:
            TimeoutError: something will not go away.
        """
        deadline = time.monotonic() + _EMPTY_S
        while any(self.watcher.left()):
            if time.monotonic() > deadline:
                raise TimeoutError(f"the cloud is not empty after {_EMPTY_S} s")
            self.watcher.remove()
            time.sleep(5)
        self._settle()

    def _settle(self) -> None:
        deadline = time.monotonic() + _IDLE_S
        for share in _busy_shares():
            if share < _IDLE_SHARE or time.monotonic() > deadline:
                return

    def _phase(self, contestant: Contestant, act: str, servers: int) -> Phase:
        command = contestant.command(self.ground, act, servers)
        calls_url = f"{self.ground.control_url}/admin/calls"
        httpx.delete(calls_url, trust_env=False).raise_for_status()
        log = self.ground.folder / f"{contestant.name}-{act}.log"
        before, began = _children_cpu_s(), time.monotonic()
        with log.open("wb") as output:
            process = subprocess.Popen(
                command,
                cwd=self.ground.folder,
                env=self.ground.environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            try:
                seen = self._watch(process, act, servers, began)
            finally:
                _end(process)
        found = httpx.get(calls_url, trust_env=False).raise_for_status().json()["calls"]
        calls: dict[str, int] = {}
        for one in found:
            calls[one["service"]] = calls.get(one["service"], 0) + one["count"]
        return Phase(
            reached_s=seen.reached_s,
            servers_s=seen.servers_s,
            returned_s=seen.returned_s,
            cpu_s=_children_cpu_s() - before,
            calls=calls,
            failure=self._failure(process, seen, log),
        )

    def _watch(
        self, process: subprocess.Popen[bytes], act: str, servers: int, began: float
    ) -> "_Course":
        """Look until the command has ended and what was wanted is seen, or is late."""
        course = _Course()
        while True:
            looked_s = time.monotonic() - began
            seen = self.watcher.opening(servers) if act == "open" else self.watcher.closing()
            course.take(seen, servers if act == "open" else 0, time.monotonic() - began)
            if course.returned_s == 0 and process.poll() is not None:
                course.returned_s = time.monotonic() - began
            if course.done or looked_s > self.patience_s:
                course.returned_s = course.returned_s or looked_s
                return course
            if course.returned_s and looked_s > course.returned_s + _LATE_S:
                return course
            time.sleep(max(0.0, _LOOK_S - (time.monotonic() - began - looked_s)))

    def _failure(self, process: subprocess.Popen[bytes], seen: "_Course", log: Path) -> str | None:
        if process.returncode == 0 and seen.reached_s is not None:
            return None
        what = f"ended with {process.returncode}" if process.returncode else "returned"
        if seen.reached_s is None:
            what += f", {seen.last.servers} servers and {seen.last.members or 0} members seen"
        faults = sorted(set(self.watcher.faults()))
        words = " ".join(log.read_text("utf-8", "replace").split())[-_LAST_WORDS:]
        return "; ".join([what, *faults[:1], words])


@dataclass
class _Course:
    """What the watcher has seen of one command so far."""

    servers_s: float | None = None
    reached_s: float | None = None
    returned_s: float = 0
    """0: it runs."""
    last: Seen = field(default_factory=lambda: Seen(0))

    @property
    def done(self) -> bool:
        return self.reached_s is not None and self.returned_s > 0

    def take(self, seen: Seen, wanted: int, after_s: float) -> None:
        self.last = seen
        if self.servers_s is None and seen.members is not None:
            self.servers_s = after_s
        if self.reached_s is None and seen == Seen(wanted, wanted):
            self.reached_s = after_s


def rotated(contestants: Iterable[Contestant], number: int) -> list[Contestant]:
    """The contestants, each round beginning with the next one: nobody is always first."""
    ordered = list(contestants)
    first = number % len(ordered)
    return ordered[first:] + ordered[:first]


def _end(process: subprocess.Popen[bytes]) -> None:
    """Wait for it; one that hangs is told to stop, with its children, and then killed."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        if process.poll() is not None:
            return
        # It leads a session of its own, so the group is itself and its children.
        os.killpg(process.pid, number)
        with suppress(subprocess.TimeoutExpired):
            process.wait(_STOP_S)


def _children_cpu_s() -> float:
    """Of children that have ended, and theirs: only a contestant ends while it is measured."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _busy_shares() -> Iterator[float]:
    """The share of all processors' time that was used, over two seconds each."""
    while True:
        idle, total = _ticks()
        time.sleep(2)
        idle_now, total_now = _ticks()
        yield 1 - (idle_now - idle) / max(1, total_now - total)


def _ticks() -> tuple[int, int]:
    first = Path("/proc/stat").read_text("ascii").split("\n", 1)[0]
    ticks = [int(one) for one in first.split()[1:9]]
    return ticks[3] + ticks[4], sum(ticks)


def _told(phase: Phase) -> str:
    if phase.failure:
        return f"FAILED: {phase.failure}"
    calls = sum(phase.calls.values())
    return (
        f"{phase.reached_s:.1f} s (servers {phase.servers_s:.1f}, returned {phase.returned_s:.1f}),"
        f" {calls} calls, {phase.cpu_s:.1f} s of client CPU"
    )
