"""`make demo`: an evening of thirty servers over three regions, in two minutes.

Everything is real but the cloud and the clock: Prefect's server, worker and UI, the deployments,
the flows, HAProxy and the traffic through it. It ends with 0 only if all servers served, all went,
nothing was left behind, and no request was lost.
"""

import os
import sys
import time
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from rich.console import Console
from rich.live import Live
from rich.table import Table

from deployments.demo_stage import Stage, staged, tell_verdict
from deployments.deploy import ROOT
from springtide.errors import SpringtideError
from springtide.model.window import Evening
from springtide.sandbox.traffic import Traffic, TrafficReport

_STEADY_S = 8.0
_REQUESTS_PER_S = 200.0
_POLL_S = 0.5


@dataclass
class Findings:
    """What the evening showed, and what was wrong with it."""

    wanted: int
    """Servers of the window."""
    served: int = 0
    left: dict[str, int] = field(default_factory=dict)
    opened_s: float = 0.0
    closed_s: float = 0.0
    ended_at: datetime | None = None
    paid_hours: list[int] = field(default_factory=list)
    traffic: TrafficReport | None = None
    wrong: list[str] = field(default_factory=list)


def main() -> int:
    """Run the evening; the exit code for the shell."""
    try:
        return _demo(Console())
    except (RuntimeError, SpringtideError) as error:
        sys.exit(str(error))


def _demo(console: Console) -> int:
    console.print("Starting a sandbox cloud, a Prefect server and a worker …")
    began = time.monotonic()
    with staged(ROOT / ".springtide" / "demo") as stage:
        console.print(f"Up after {time.monotonic() - began:.0f} s.")
        console.print(f"[bold]Look on while it runs: {stage.stack.ui_url}[/bold]")
        findings = _rehearsed(console, stage, stage.evening())
    _tell(console, findings, time.monotonic() - began)
    return tell_verdict(console, findings.wrong)


def _rehearsed(console: Console, stage: Stage, evening: Evening) -> Findings:
    findings = Findings(evening.servers)
    if stage.stack.front_url is None:
        note = "traffic not tested: HAProxy is not installed"
        console.print(f"[yellow]{note}[/yellow]")
        if os.environ.get("CI"):
            findings.wrong.append(note)
        _open_and_close(console, stage, findings, evening.claim_ends_at)
        return findings
    stage.add_core_server("RBX1")
    stage.wait_for_entry()
    with Traffic(stage.stack.front_url, _REQUESTS_PER_S) as traffic:
        _open_and_close(console, stage, findings, evening.claim_ends_at)
        time.sleep(1)
        traffic.end()
    findings.traffic = traffic.report()
    if findings.traffic.failed:
        findings.wrong.append(f"{findings.traffic.failed} requests were lost")
    return findings


def _open_and_close(console: Console, stage: Stage, findings: Findings, closing: datetime) -> None:
    console.print(f"{stage.now():%A %d %B %Y, %H:%M}: the window opens.")
    findings.opened_s = _run(console, stage, "open-evening-window/api", findings)
    findings.served = stage.serving()
    if findings.served != findings.wanted:
        findings.wrong.append(f"{findings.served} of {findings.wanted} servers served")
    _look_on(console, stage)
    stage.set_clock(closing)
    console.print(f"{stage.now():%H:%M}: the tide turns (the sandbox's clock was moved on).")
    findings.closed_s = _run(console, stage, "close-evening-window/api", findings)
    findings.ended_at = stage.now()
    findings.paid_hours = stage.paid_hours()
    findings.left = stage.left_behind()
    findings.wrong += [f"left behind: {n} {what}" for what, n in findings.left.items() if n]
    if findings.ended_at > closing + timedelta(minutes=10):
        findings.wrong.append(f"closed only at {findings.ended_at:%H:%M}")


def _run(console: Console, stage: Stage, deployment: str, findings: Findings) -> float:
    """Start the deployment by the API and watch it; the seconds from the call to its end."""
    with _live(console) as live:
        end = stage.finished(
            deployment,
            look_on=lambda state: live.update(_table(stage, f"{deployment}: {state.lower()}")),
        )
    findings.wrong += end.wrong
    return end.took_s


def _look_on(console: Console, stage: Stage) -> None:
    """Show the regions live for a while."""
    until = time.monotonic() + _STEADY_S
    with _live(console) as live:
        while time.monotonic() < until:
            live.update(_table(stage, "all serve, traffic flows"))
            time.sleep(_POLL_S)


def _live(console: Console) -> Live:
    return Live(console=console, refresh_per_second=4, transient=not console.is_terminal)


def _table(stage: Stage, title: str) -> Table:
    table = Table("region", "building", "active", "else", "in the pool", title_justify="left")
    table.title = title
    table.caption = (
        "RBX1 has a server of the private cloud beside the fleet's" if stage.core else None
    )
    for row in stage.regions():
        table.add_row(*(str(value) for value in row))
    return table


def _tell(console: Console, findings: Findings, seconds: float) -> None:
    table = Table("what", "result", title="The evening")
    hours = sorted(set(findings.paid_hours))
    rows = [
        ("served at once", f"{findings.served} of {findings.wanted}"),
        ("call to all serving", f"{findings.opened_s:.1f} s"),
        ("call to all gone", f"{findings.closed_s:.1f} s"),
        ("left behind", ", ".join(f"{n} {what}" for what, n in findings.left.items())),
        ("paid clock hours of each server", ", ".join(map(str, hours))),
    ]
    if findings.traffic:
        report = findings.traffic
        rows.append(("requests through HAProxy", f"{report.sent} sent, {report.failed} lost"))
        rows += [("lost", str(example)) for example in report.examples]
    else:
        rows.append(("requests through HAProxy", "traffic not tested"))
    rows.append(("the whole demo", f"{seconds:.0f} s"))
    for row in rows:
        table.add_row(*row)
    console.print(table)


if __name__ == "__main__":
    sys.exit(main())
