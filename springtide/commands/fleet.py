"""`springtide fleet`: the same convergence without Prefect, for the evening on which it is down."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from springtide.clouds.prefect_server import open_prefect
from springtide.commands.estate import EstateFile
from springtide.commands.hand import FleetHand, open_hand
from springtide.commands.sections import show_sections
from springtide.errors import Misconfigured, SpringtideError
from springtide.estate import estate_path, load_estate, read_yaml
from springtide.model.claim import ClaimBook
from springtide.model.glance import FleetGlance
from springtide.model.outcome import UNTOUCHED
from springtide.planning.claim_book import PREFIX, entry_mistakes
from springtide.planning.fleet_glance import glance_sections
from springtide.planning.telling import Row, broken_promise, outcome_rows

app = typer.Typer(help="Look at fleets, and converge them without Prefect.", no_args_is_help=True)

ClaimsFile = Annotated[
    Path | None,
    typer.Option(
        "--claims",
        help="YAML of stored entries by name, as exported from Prefect's variables: all that hold,"
        " for servers beyond them go. Without it the store counts as unreadable, and nothing is"
        " scaled in.",
    ),
]


@app.command("converge")
def converge_command(
    fleet: Annotated[str, typer.Argument(help="Name of the fleet.")],
    estate: EstateFile = None,
    claims: ClaimsFile = None,
    no_claims: Annotated[
        bool,
        typer.Option(
            "--no-stored-claims",
            help="You know that no surge, order, ceiling or freeze is stored: scale in too.",
        ),
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Tell, and change nothing.")] = False,
) -> None:
    """Make the fleet what its claims ask for now.

    Ends with 1 where that was not reached, or where a person should hear of something at once.
    """
    path = estate or estate_path()
    typer.echo(f"estate {path.resolve()}")
    hand = open_hand(path, fleet, say=typer.echo)
    book = _stored(claims, none=no_claims, hand=hand)
    outcome = asyncio.run(hand.converge(book, dry_run=dry_run))
    _show("outcome", outcome_rows(outcome))
    troubles = [t for t in (broken_promise(outcome), *outcome.alarms) if t]
    for trouble in troubles:
        typer.echo(trouble, err=True)
    if troubles and outcome.ending not in UNTOUCHED:
        raise typer.Exit(1)


@app.command("status")
def status_command(
    fleet: Annotated[str | None, typer.Argument(help="Name of the fleet; else all.")] = None,
    estate: EstateFile = None,
    claims: ClaimsFile = None,
) -> None:
    """Show what stands, what is desired and why, the last runs, leftovers and the next evenings.

    What is stored, ran and was shown is read from Prefect where PREFECT_API_URL names it.
    """
    path = estate or estate_path()
    names = [fleet] if fleet else [each.name for each in load_estate(path).fleets]
    for name in names:
        hand = open_hand(path, name, say=typer.echo)
        glance = asyncio.run(_glance(hand, claims))
        show_sections(glance_sections(glance, hand.fleet))


async def _glance(hand: FleetHand, claims: Path | None) -> FleetGlance:
    """The fleet by the cloud and by Prefect; without Prefect its cloud is told all the same."""
    told: dict[str, object] = {}
    book = _stored(claims, none=False, hand=hand)
    try:
        async with open_prefect() as prefect:
            if prefect is not None and claims is None:
                book = hand.book_of(await prefect.entries(PREFIX))
            if prefect is not None:
                told["runs"] = await prefect.last_runs(hand.fleet.name)
                told["leftovers"] = await prefect.shown("leftovers")
    except SpringtideError as error:
        told["troubles"] = (str(error),)
    return (await hand.look_once(book)).model_copy(update=told)


def _stored(path: Path | None, *, none: bool, hand: FleetHand) -> ClaimBook:
    if path is None:
        return hand.book_of({} if none else None)
    entries = read_yaml(path)
    wrong = entry_mistakes(entries, [fleet.name for fleet in hand.estate.fleets])
    if wrong:
        raise Misconfigured("\n".join(f"{path}: {mistake}" for mistake in wrong))
    return hand.book_of(entries)


def _show(title: str, rows: list[Row]) -> None:
    table = Table(*rows[0], title=title)
    for row in rows:
        table.add_row(*(str(value) for value in row.values()))
    Console().print(table)
