"""What was measured: runs as they were made, and what they come to."""

import os
import platform
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Self

from pydantic import Field

from springtide.model.base import Model, Moment

_PACKAGES = ("springtide", "openstacksdk", "python-openstackclient", "python-octaviaclient")


class Phase(Model):
    """One command, an opening or a closing."""

    reached_s: float | None
    """From the command's start until the watcher saw what was wanted; None: it never did."""
    servers_s: float | None
    """The same for the servers alone."""
    returned_s: float
    """From its start to its end."""
    cpu_s: float
    """Processor time of the command and its children, system time too."""
    calls: dict[str, int]
    """Calls to each service's public endpoint."""
    failure: str | None = None
    """Why it does not count."""


class Run(Model):
    """One contestant, once."""

    contestant: str
    title: str
    is_floor: bool
    servers: int
    round: int
    opening: Phase
    closing: Phase | None = None
    """None: it was not opened whole."""

    @property
    def failures(self) -> tuple[str, ...]:
        """What failed of it."""
        phases = {"opening": self.opening, "closing": self.closing}
        return tuple(f"{k}: {p.failure}" for k, p in phases.items() if p and p.failure)


class Machine(Model):
    """What it was measured on."""

    cores: int
    memory_mib: int
    kernel: str
    processor: str

    @classmethod
    def here(cls) -> Self:
        """This machine."""
        processors = Path("/proc/cpuinfo").read_text("utf-8")
        named = re.search(r"^model name\s*: (.*)$", processors, re.MULTILINE)
        pages, page_bytes = os.sysconf("SC_PHYS_PAGES"), os.sysconf("SC_PAGE_SIZE")
        return cls(
            cores=os.cpu_count() or 1,
            memory_mib=pages * page_bytes // 2**20,
            kernel=platform.release(),
            processor=named[1] if named else platform.machine(),
        )


class Results(Model):
    """Everything that one start of the bench measured."""

    began_at: Moment
    ground: str
    machine: Machine
    versions: dict[str, str]
    runs: tuple[Run, ...] = ()

    @classmethod
    def begun(cls, ground: str, lock: Path) -> Self:
        """Nothing yet, on this machine, now."""
        versions = {name: version(name) for name in _PACKAGES} | {
            "python": platform.python_version()
        }
        for name in ("ansible", "ansible-core", "openstacksdk"):
            found = re.search(rf"^{name}==(\S+)", lock.read_text("utf-8"), re.MULTILINE)
            if found:
                versions[f"{name} of Ansible" if name in versions else name] = found[1]
        return cls(
            began_at=datetime.now(UTC), ground=ground, machine=Machine.here(), versions=versions
        )

    def with_run(self, run: Run) -> Self:
        """The same and one run more."""
        return self.model_copy(update={"runs": (*self.runs, run)})


class Middle(Model):
    """The medians of a contestant's opening or closing at one number of servers."""

    seconds: float
    servers_s: float
    returned_s: float
    cpu_s: float
    calls: int


class Standing(Model):
    """One contestant at one number of servers."""

    contestant: str
    title: str
    is_floor: bool
    servers: int
    opening: Middle | None
    """None: it never got there."""
    closing: Middle | None
    times: int
    """How many runs the medians are of."""
    failures: tuple[str, ...] = Field(default=())


def standings(runs: Iterable[Run]) -> list[Standing]:
    """Each contestant's medians at each number of servers, in the order of measuring."""
    by_case: dict[tuple[int, str], list[Run]] = {}
    for run in runs:
        by_case.setdefault((run.servers, run.contestant), []).append(run)
    return [_standing(by_case[case]) for case in sorted(by_case, key=lambda case: case[0])]


def floor_s(found: Iterable[Standing], servers: int, what: str) -> float | None:
    """The better of the floor's seconds in `what`, `opening` or `closing`; None: none got there."""
    middles = (getattr(s, what) for s in found if s.is_floor and s.servers == servers)
    return min((middle.seconds for middle in middles if middle), default=None)


def _standing(runs: list[Run]) -> Standing:
    first = runs[0]
    return Standing(
        contestant=first.contestant,
        title=first.title,
        is_floor=first.is_floor,
        servers=first.servers,
        opening=_middle([run.opening for run in runs]),
        closing=_middle([run.closing for run in runs if run.closing]),
        times=len(runs),
        failures=tuple(failure for run in runs for failure in run.failures),
    )


def _middle(phases: list[Phase]) -> Middle | None:
    done = [p for p in phases if p.failure is None and p.reached_s is not None]
    if not done:
        return None
    return Middle(
        seconds=median(p.reached_s or 0 for p in done),
        servers_s=median(p.servers_s or 0 for p in done),
        returned_s=median(p.returned_s for p in done),
        cpu_s=median(p.cpu_s for p in done),
        calls=round(median(sum(p.calls.values()) for p in done)),
    )
