"""What pricing, proving, showing and writing a year of usage take, and how it grows with its rows.

The usage is a year of servers that stand each hour: of 300 servers 2.6 million rows. The floor is
the same sums by bare DuckDB, of which nothing is made. Bounds are held in seconds of processor:
what else runs on the machine does not count, and by the clock it takes no longer.
"""

import os
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tests.bench.backup.measuring import Measured, measured
from tests.bench.figures import Figure

_SERVERS, _TIMES = 300, 10
_MOST_CPU_S, _MOST_MIB = 10.0, 600.0
_MOST_TIME, _MOST_MEMORY, _AIM = 12.0, 1.5, 1.5
STEPS = {
    "floor": "bare DuckDB, the same sums",
    "price": "what each day and group cost",
    "report": "priced, proved and rendered as a page",
    "files": "a charge a server and day, as CSV and Parquet",
}


@dataclass(frozen=True)
class _Year:
    servers: int
    steps: dict[str, Measured]

    @property
    def case(self) -> str:
        return f"{self.servers} servers, {self.servers * 8760 / 1e6:.1f} M rows"

    @property
    def report_s(self) -> float:
        return self.steps["report"].cpu_s


def measure_costs() -> list[Figure]:
    """Seconds and memory of each step, for a year of 300 servers and of ten times as many."""
    small, large = _measured(_SERVERS), _measured(_SERVERS * _TIMES)
    figures = [figure for year in (small, large) for figure in _figures(year)]
    memory = {y.servers: max(step.rss_mib for step in y.steps.values()) for y in (small, large)}
    figures += [
        _figure(small, "most resident", memory[small.servers], "MiB", _MOST_MIB),
        _figure(
            large,
            "a report's time, of the smaller's",
            large.report_s / small.report_s,
            "x",
            _MOST_TIME,
        ),
        _figure(
            large,
            "memory, of the smaller's",
            memory[large.servers] / memory[small.servers],
            "x",
            _MOST_MEMORY,
        ),
        _figure(
            large,
            "pricing, of the floor",
            large.steps["price"].cpu_s / large.steps["floor"].cpu_s,
            "x",
            _AIM,
        ),
    ]
    return figures


def _measured(servers: int) -> _Year:
    with tempfile.TemporaryDirectory(prefix="springtide-bench-") as name:
        folder = Path(name)
        environment = {**os.environ, "SERVERS": str(servers)}

        def step(which: str) -> Measured:
            command = [sys.executable, "-m", "tests.bench.cost_steps", which, str(folder)]
            return measured(command, environment, folder / "log")

        step("write")
        return _Year(servers, {which: step(which) for which in STEPS})


def _figures(year: _Year) -> list[Figure]:
    found = []
    for which, what in STEPS.items():
        taken = year.steps[which]
        note = f"{taken.wall_s:.1f} s by the clock"
        bound = _MOST_CPU_S if (which, year.servers) == ("report", _SERVERS) else None
        found.append(_figure(year, what, taken.cpu_s, "s", bound, note=note))
        found.append(_figure(year, f"{what}: resident", taken.rss_mib, "MiB"))
    return found


def _figure(  # noqa: PLR0913 - a row of the table
    year: _Year, what: str, value: float, unit: str, bound: float | None = None, *, note: str = ""
) -> Figure:
    return Figure(
        bench="costs", case=year.case, what=what, value=value, unit=unit, bound=bound, note=note
    )
