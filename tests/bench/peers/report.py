"""The results as a Markdown table and a plot.

`python -m tests.bench.peers.report RESULTS … [--table FILE] [--plot FILE]` takes what several
starts of the bench wrote.
"""

import argparse
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from tests.bench.peers.ground import TESTBED, environment_of
from tests.bench.peers.results import Middle, Results, Standing, floor_s, standings

_HEAD = (
    "| contestant | open s | of floor | close s | of floor | API calls, open + close |"
    " client CPU s, open + close |\n|---|---|---|---|---|---|---|\n"
)


def table(all_results: Iterable[Results]) -> str:
    """A Markdown table for each number of servers, and what it was measured on."""
    many = list(all_results)
    found = standings(run for results in many for run in results.runs)
    parts = []
    for servers in sorted({one.servers for one in found}):
        rows = [one for one in found if one.servers == servers]
        times = f"medians of {max(one.times for one in rows)}"
        parts.append(f"### {servers} servers ({times})\n\n{_HEAD}" + "".join(_rows(rows, found)))
    return "\n".join([*parts, *_failures(found), *(_made_on(results) for results in many[:1])])


def _rows(rows: list[Standing], found: list[Standing]) -> list[str]:
    most = max(one.times for one in rows)
    return [
        f"| {_title(one, most)} | {_seconds(one, 'opening', found)}"
        f" | {_seconds(one, 'closing', found)}"
        f" | {_both(one, 'calls')} | {_both(one, 'cpu_s')} |\n"
        for one in sorted(rows, key=lambda s: s.opening.seconds if s.opening else float("inf"))
    ]


def _title(one: Standing, most: int) -> str:
    """Its name, and how often it was measured where others were more often."""
    return one.title if one.times == most else f"{one.title} ({one.times} of {most} runs)"


def _seconds(one: Standing, what: str, found: list[Standing]) -> str:
    middle: Middle | None = getattr(one, what)
    floor = floor_s(found, one.servers, what)
    if middle is None:
        return "failed | "
    if floor is None:
        return f"{middle.seconds:.1f} | "
    return f"{middle.seconds:.1f} | {middle.seconds / floor:.2f}"


def _both(one: Standing, what: str) -> str:
    digits = 0 if what == "calls" else 1
    middles = (one.opening, one.closing)
    return " + ".join(f"{getattr(m, what):.{digits}f}" if m else "failed" for m in middles)


def _failures(found: list[Standing]) -> list[str]:
    lines = [
        f"- {one.title}, {one.servers} servers, {len(one.failures)} in {one.times} runs:"
        f" {one.failures[0]}\n"
        for one in found
        if one.failures
    ]
    return ["Failed:\n\n" + "".join(lines)] if lines else []


def _made_on(results: Results) -> str:
    machine = results.machine
    versions = ", ".join(f"{name} {number}" for name, number in sorted(results.versions.items()))
    return (
        f"Measured on {results.began_at:%Y-%m-%d %H:%M} UTC on {results.ground}; client and"
        f" services share {machine.cores} cores ({machine.processor}),"
        f" {machine.memory_mib / 1024:.0f} GiB, Linux {machine.kernel}; {versions}.\n"
    )


def draw(all_results: Iterable[Results], file: Path, environments: Path) -> None:
    """Write the plot, an SVG, with matplotlib in an environment of its own.

    Raises:
        subprocess.CalledProcessError: it could not be drawn.
    """
    found = standings(run for results in all_results for run in results.runs)
    told = "[" + ",".join(one.model_dump_json() for one in found) + "]"
    python = environment_of("plot", environments)
    program = Path(__file__).with_name("programs") / "plot.py"
    file.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run([python, program, file], input=told, text=True, check=True)


def main() -> None:
    """Report what the files hold."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.peers.report", description=__doc__)
    parser.add_argument("results", type=Path, nargs="+")
    parser.add_argument("--table", type=Path, help="Where to write the table; else it is printed.")
    parser.add_argument("--plot", type=Path, help="Where to write the plot.")
    parser.add_argument("--environments", type=Path, default=TESTBED / "peers")
    asked = parser.parse_args()
    many = [Results.model_validate_json(path.read_text("utf-8")) for path in asked.results]
    text = table(many)
    if asked.table:
        asked.table.write_text(text, "utf-8")
    else:
        sys.stdout.write(text)
    if asked.plot:
        draw(many, asked.plot, asked.environments)


if __name__ == "__main__":
    main()
