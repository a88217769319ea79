"""`make bench`: what Springtide adds to the cloud's own time, and what it asks of the cloud's API.

`python -m tests.bench [calls] [overhead] [waves] [memory] [growth] [start] [listeners] [costs]`;
else all.
"""

import os
import platform
import time
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from tests.bench.costs import measure_costs
from tests.bench.counting import count_calls
from tests.bench.figures import Figure, show, write_lines
from tests.bench.growth import measure_growth
from tests.bench.listeners import measure_listeners
from tests.bench.runs import Runs
from tests.bench.starting import time_start
from tests.bench.timing import compare_waves, measure_memory, time_overhead

if TYPE_CHECKING:
    from collections.abc import Callable

_FILE_WIDTH = 150


class Bench(StrEnum):
    """What can be measured."""

    CALLS = "calls"
    OVERHEAD = "overhead"
    WAVES = "waves"
    MEMORY = "memory"
    GROWTH = "growth"
    START = "start"
    LISTENERS = "listeners"
    COSTS = "costs"


_TITLES = {
    Bench.CALLS: "Calls to the cloud's API, as the sandbox counted them",
    Bench.OVERHEAD: "Seconds from the call to all serving, and what of it is ours",
    Bench.WAVES: "300 servers, by the size of the waves",
    Bench.MEMORY: "What the process takes",
    Bench.GROWTH: "How an opening grows with its servers",
    Bench.START: "From a run's creation to its first server",
    Bench.LISTENERS: "What the sandbox's own servers answer",
    Bench.COSTS: "A year of usage priced, proved and written",
}


def main(
    names: Annotated[
        list[Bench] | None, typer.Argument(help="What to measure; all if none.")
    ] = None,
    json: Annotated[
        Path | None, typer.Option(help="Also write JSON to it, a figure a line.")
    ] = None,
    *,
    full: Annotated[
        bool, typer.Option("--full", help="Boots of minutes with an unproven image too.")
    ] = False,
) -> None:
    """Measure; ends with 1 where a bound is missed."""
    console, began = _console(), time.monotonic()
    # Else each start of Python would compile anew what is not compiled yet.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    runs = Runs(console)
    benches: dict[Bench, Callable[[], list[Figure]]] = {
        Bench.CALLS: lambda: count_calls(runs, full=full),
        Bench.OVERHEAD: lambda: time_overhead(runs),
        Bench.WAVES: lambda: compare_waves(runs),
        Bench.MEMORY: lambda: measure_memory(runs),
        Bench.GROWTH: lambda: measure_growth(runs),
        Bench.START: lambda: time_start(runs.say),
        Bench.LISTENERS: measure_listeners,
        Bench.COSTS: measure_costs,
    }
    measured: list[Figure] = []
    for bench in names or list(Bench):
        figures = benches[bench]()
        show(console, _TITLES[bench], figures)
        measured += figures
    console.print(
        f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC; {os.cpu_count()} cores, load"
        f" {os.getloadavg()[0]:.1f}; Python {platform.python_version()};"
        f" measured in {time.monotonic() - began:.0f} s."
    )
    if json is not None:
        write_lines(json, measured)
    if any(figure.verdict == "missed" for figure in measured):
        raise typer.Exit(1)


def _console() -> Console:
    """The terminal; where there is none, wide enough for a row in a line."""
    console = Console()
    return console if console.is_terminal else Console(width=_FILE_WIDTH)


if __name__ == "__main__":
    typer.run(main)
