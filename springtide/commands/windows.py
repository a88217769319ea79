"""`springtide windows`: when fleets stand, why not on some dates, and what that costs."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from springtide.commands.estate import EstateFile
from springtide.errors import Misconfigured
from springtide.estate import estate_path, load_estate, school_holidays
from springtide.model.estate import Estate
from springtide.model.fleet import Fleet
from springtide.model.window import Evening, SkippedEvening, Window
from springtide.planning.evening_schedules import estate_schedules
from springtide.planning.evening_window import evenings
from springtide.planning.ical import to_ical
from springtide.planning.school_calendar import SchoolCalendar
from springtide.pricing.evening_cost import EveningCost, evening_cost

Found = tuple[Evening | SkippedEvening, ...]
From = Annotated[
    datetime | None,
    typer.Option("--from", formats=["%Y-%m-%d"], help="The first date; else today."),
]
Days = Annotated[int, typer.Option("--days", min=1, max=3660, help="How many dates to look at.")]
Output = Annotated[
    Path | None, typer.Option("--output", "-o", help="Write to this file; else to the terminal.")
]

app = typer.Typer(help="When fleets stand, and why not on some dates.", no_args_is_help=True)


@app.command()
def preview(estate: EstateFile = None, days: Days = 14, first: From = None) -> None:
    """Show each date's evening, or why it is skipped, and what it costs."""
    path = estate or estate_path()
    found = load_estate(path)
    fleets = {fleet.name: fleet for fleet in found.fleets}
    for window, each in _evenings(found, path, first=first, days=days):
        Console().print(_table(window, fleets[window.fleet], each))


@app.command()
def ical(
    estate: EstateFile = None, days: Days = 365, first: From = None, output: Output = None
) -> None:
    """Write the evenings as a calendar file (iCalendar); skipped dates are cancelled events."""
    path = estate or estate_path()
    by_window = _evenings(load_estate(path), path, first=first, days=days)
    calendar = to_ical((e for _, found in by_window for e in found), stamp=datetime.now(UTC))
    if output is None:
        typer.echo(calendar, nl=False)
        return
    try:
        output.write_bytes(calendar)
    except OSError as error:
        raise Misconfigured(f"{output}: cannot be written: {error.strerror}") from error


@app.command()
def schedules(estate: EstateFile = None) -> None:
    """Show the schedules that windows and surges need, as deployments/prefect.yaml has them."""
    table = Table("slug", "fleet", "cron", "timezone", box=SIMPLE_HEAD)
    for each in estate_schedules(load_estate(estate or estate_path())):
        table.add_row(each.slug, each.fleet, each.cron, each.timezone)
    Console().print(table)


def _evenings(
    estate: Estate, path: Path, *, first: datetime | None, days: int
) -> Iterator[tuple[Window, Found]]:
    calendar = SchoolCalendar(school_holidays(estate, path))
    now = datetime.now(UTC)
    for window in estate.windows:
        begin = first.date() if first else now.astimezone(window.zone).date()
        last = begin + timedelta(days=days - 1)
        yield window, evenings(window, calendar, first=begin, last=last)


def _table(window: Window, fleet: Fleet, found: Found) -> Table:
    table = Table(
        title=f"window {window.name}, fleet {window.fleet}, times of {window.timezone}",
        caption="paid: hours of each server; cost: of all, without VAT;"
        " of which lead: what lead and tail add to the window's own hours",
        box=None,
        padding=(0, 2, 0, 0),
    )
    table.add_column("date", no_wrap=True)
    for heading in (
        "opens",
        "closes",
        "servers",
        "paid",
        f"cost {fleet.currency}",
        "of which lead",
    ):
        table.add_column(heading, justify="right", max_width=8)
    table.add_column("why")
    for each in found:
        table.add_row(f"{each.date:%a %Y-%m-%d}", *_cells(each, window, fleet), each.reason)
    return table


def _cells(found: Evening | SkippedEvening, window: Window, fleet: Fleet) -> tuple[str, ...]:
    if isinstance(found, SkippedEvening):
        return ("", "", "skipped", "", "", "")
    cost = evening_cost(found, fleet)
    return (
        f"{found.claim_starts_at.astimezone(window.zone):%H:%M}",
        f"{found.closes_at.astimezone(window.zone):%H:%M}",
        str(found.servers),
        f"{cost.paid_hours.normalize():f} h",
        f"{cost.cost:.2f}" if cost.cost is not None else "",
        _extra(cost),
    )


def _extra(cost: EveningCost) -> str:
    if not cost.extra_hours:
        return ""
    hours = f"{cost.extra_hours.normalize():f} h"
    return hours if cost.extra_cost is None else f"{hours} {cost.extra_cost:.2f}"
