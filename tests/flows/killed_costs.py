"""Reports and collections that are killed in the midst: a process forked for each of them.

`python -m tests.flows.killed_costs FILE`: the file is a JSON list of deeds. Of each deed a child is
killed before its `kill`-th `event`; then the same is done again by another child, to its end.
"""

import json
import os
import signal
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from springtide.costing.proving import Evidence
from springtide.costing.report import Findings, cost_report
from springtide.model.cost_figures import ServiceFigures
from springtide.planning.cost_report import month_of
from tasks.cost_editions import CostOrder, choose_standpoint, find_edition_before
from tasks.cost_reports import price_period, publish_report, render_report
from tasks.usage import UsageOrder, keep_usage
from tests.flows.desk import FIRST
from tests.pricing.using import a_record

Deed = dict[str, Any]
BEGIN, END = datetime(2026, 10, 31, 20, tzinfo=UTC), datetime(2026, 11, 1, 4, tzinfo=UTC)
"""Over a month's end: two files of the ledger change."""


def report(deed: Deed) -> None:
    """November's report, by the steps of the flow that leave something behind."""
    order = CostOrder(estate_file=Path(deed["estate"]), fleet="api")
    premises = order.premises()
    # At one moment, which is on the page: those that say another thing stand beside each other.
    at = replace(choose_standpoint.fn(order, month_of(FIRST), None), now=END)
    before = find_edition_before.fn(order, at)
    priced = price_period.fn(order, premises, at, before=before)
    evidence = Evidence(charges=priced.charges)
    found = Findings(priced.gathered, evidence, ServiceFigures(evenings=0))
    files = render_report.fn(order, cost_report(at, premises, found), at)
    publish_report.fn(order, at, files)


def collect(deed: Deed) -> None:
    """Two servers into the ledger, over a month's end."""
    order = UsageOrder(estate_file=Path(deed["estate"]), begins_at=BEGIN, ends_at=END)
    later = timedelta(hours=1)
    records = [a_record(BEGIN, END), a_record(BEGIN + later, END - later, resource="i-2")]
    keep_usage.fn(order, Path(deed["folder"]), records)


DEEDS: dict[str, Callable[[Deed], None]] = {"report": report, "collect": collect}


def is_rename(event: str, _args: tuple[Any, ...]) -> bool:
    """A finished file takes its name."""
    return event == "os.rename"


def is_put(event: str, args: tuple[Any, ...]) -> bool:
    """An object is sent."""
    return event == "http.client.send" and bytes(args[1][:4]) == b"PUT " and b"/2024-11/" in args[1]


EVENTS = {"rename": is_rename, "put": is_put}


def kill_before(event: str, number: int) -> None:
    """Have this process die before its event of that number."""
    seen = 0

    def hook(name: str, args: tuple[Any, ...]) -> None:
        nonlocal seen
        if name in {"os.rename", "http.client.send"} and EVENTS[event](name, args):
            seen += 1
            if seen == number:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)


def child(deed: Deed, kill: int | None) -> int:
    """How a child ended that did it: 0, or less the signal that killed it."""
    pid = os.fork()
    if pid:
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if kill is not None:
        kill_before(deed["event"], kill)
    DEEDS[deed["what"]](deed)
    os._exit(0)


def main() -> None:
    """Do the deeds; print how each child ended."""
    deeds = json.loads(Path(sys.argv[1]).read_text("utf-8"))
    with pytest.MonkeyPatch.context() as patch:
        # Without pictures, which take seconds each: nothing is killed while they are drawn.
        patch.setattr("springtide.reporting.cost_page.cost_charts", lambda _report: {})
        ends = [(child(deed, deed["kill"]), child(deed, None)) for deed in deeds]
    print(json.dumps(ends))  # noqa: T201 - read by the test


if __name__ == "__main__":
    main()
