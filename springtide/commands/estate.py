"""`springtide estate`: is the estate file right, and what does it say?"""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Column, Table

from springtide.estate import estate_path, load_estate, school_holidays
from springtide.model.estate import Estate
from springtide.model.fleet import Fleet, FleetRegion
from springtide.model.window import Evening, Window
from springtide.planning.evening_window import next_evening
from springtide.planning.school_calendar import SchoolCalendar
from springtide.pricing.evening_cost import lead_cost

EstateFile = Annotated[
    Path | None,
    typer.Option(
        "--estate", help="The estate file; else $SPRINGTIDE_ESTATE, else deployments/estate.yaml."
    ),
]

app = typer.Typer(help="The estate file: what may stand where, and when.", no_args_is_help=True)


@app.command()
def check(estate: EstateFile = None) -> None:
    """Check the estate file and show what it says; every mistake is named, and exits with 2."""
    path = estate or estate_path()
    found = load_estate(path)
    calendar = SchoolCalendar(school_holidays(found, path))
    console = Console()
    console.print(_fleets(found))
    if found.windows:
        console.print(_windows(found, calendar, now=datetime.now(UTC)))
    console.print(f"{path}: no mistakes", highlight=False, soft_wrap=True)


def _fleets(estate: Estate) -> Table:
    table = Table(
        *("fleet", "image", "flavour", "servers", "hour", "regions"),
        title=f"cloud {estate.cloud}, nothing outside {', '.join(estate.residency)}",
        box=SIMPLE_HEAD,
        pad_edge=False,
        padding=(0, 1),
    )
    for fleet in estate.fleets:
        table.add_row(
            fleet.name,
            fleet.image,
            fleet.flavour,
            f"{fleet.min_servers} to {fleet.max_servers}",
            f"{fleet.price_per_hour} {fleet.currency}" if fleet.price_per_hour is not None else "",
            "\n".join(_region(region) for region in fleet.regions),
        )
    return table


def _region(region: FleetRegion) -> str:
    cap = f", at most {region.cap}" if region.cap else ""
    pool = f"pool {region.pool} ({region.pool_kind})"
    return f"{region.name}: {pool}, weight {region.weight:g}{cap}"


def _windows(estate: Estate, calendar: SchoolCalendar, *, now: datetime) -> Table:
    table = Table(
        *(
            "window",
            "fleet",
            "servers",
            "days",
            Column("hours", overflow="fold", min_width=len("Europe/Paris")),
        ),
        *("next claim", "lead and tail cost"),
        box=SIMPLE_HEAD,
        pad_edge=False,
        padding=(0, 1),
    )
    fleets = {fleet.name: fleet for fleet in estate.fleets}
    for window in estate.windows:
        coming = next_evening(window, calendar, after=now)
        table.add_row(
            window.name,
            window.fleet,
            str(window.servers),
            " ".join(day[:3] for day in window.days),
            f"{window.opens:%H:%M} to {window.closes:%H:%M}\n{window.timezone}",
            *_next(coming, window, fleets[window.fleet]),
        )
    return table


def _next(coming: Evening | None, window: Window, fleet: Fleet) -> tuple[str, str]:
    if coming is None:
        return "none", ""
    opens = coming.claim_starts_at.astimezone(window.zone)
    return f"{opens:%a %Y-%m-%d}\n{opens:%H:%M}", lead_cost(coming, fleet) or "nothing"
