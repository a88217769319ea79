"""`springtide fleet`: the same convergence without Prefect, for the evening on which it is down."""

import asyncio
import os
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
import yaml
from rich.console import Console
from rich.table import Table

from springtide.clouds.audit import AuditLog
from springtide.clouds.observer import FleetObserver
from springtide.clouds.openstack.connection import CloudAccess
from springtide.clouds.performing import perform
from springtide.clouds.rehearsal import now_source
from springtide.convergence import Hands, Pace, converge
from springtide.errors import Misconfigured
from springtide.estate import estate_path, load_estate, school_holidays, user_data
from springtide.model.claim import ClaimBook
from springtide.model.estate import Estate
from springtide.model.fleet import Fleet
from springtide.model.outcome import Outcome
from springtide.model.plan import Action, ActionResult, Launch, RoundPlan
from springtide.model.snapshot import Observation
from springtide.planning.claim_book import read_book
from springtide.planning.deciding import Decider
from springtide.planning.evening_orders import opening_patience_s
from springtide.planning.school_calendar import SchoolCalendar
from springtide.planning.telling import (
    Row,
    action_name,
    broken_promise,
    outcome_rows,
    plan_rows,
    plan_summary,
)

app = typer.Typer(help="Converge and look at fleets without Prefect.", no_args_is_help=True)

EstateFile = Annotated[Path | None, typer.Option("--estate", help="The estate file.")]
ClaimsFile = Annotated[
    Path | None,
    typer.Option(
        "--claims",
        help="YAML of stored entries by name, as exported from Prefect's variables. Without it"
        " the store counts as unreadable, and nothing is scaled in.",
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
    """Make the fleet what its claims ask for now; ends with 1 where that was not reached."""
    hand = _open(estate, fleet)
    book = _stored(claims, none=no_claims, hand=hand)
    outcome = asyncio.run(hand.converge(book, dry_run=dry_run))
    _show("outcome", outcome_rows(outcome))
    if trouble := broken_promise(outcome):
        typer.echo(trouble, err=True)
        raise typer.Exit(1)


@app.command("status")
def status_command(
    fleet: Annotated[str, typer.Argument(help="Name of the fleet.")],
    estate: EstateFile = None,
    claims: ClaimsFile = None,
) -> None:
    """Show what stands, what is desired and why, and what a round would do."""
    hand = _open(estate, fleet)
    plan = asyncio.run(hand.look_once(_stored(claims, none=False, hand=hand)))
    typer.echo(plan_summary(plan))
    _show(f"fleet {fleet}", plan_rows(plan))


@dataclass
class _Hand:
    """One fleet, driven from the command line."""

    estate_file: Path
    estate: Estate
    fleet: Fleet
    observer: FleetObserver
    decider: Decider

    def now_book(self, entries: dict[str, object] | None) -> ClaimBook:
        if entries is None:
            return ClaimBook(trouble="Prefect's store is not read by the command line")
        return read_book(entries, now_source(self.estate)())[0]

    async def observe(self, book: ClaimBook) -> Observation:
        now = now_source(self.estate)()
        snapshot = await self.observer.look(now)
        observation = Observation(now=now, snapshot=snapshot, book=book)
        if self.decider.desired(observation).servers > 0:
            await self.observer.prepare_launch()
            snapshot = await self.observer.look(now)
        return observation.model_copy(update={"snapshot": snapshot})

    async def look_once(self, book: ClaimBook) -> RoundPlan:
        await self.observer.prepare()
        return self.decider.plan(await self.observe(book))

    async def converge(self, book: ClaimBook, *, dry_run: bool) -> Outcome:
        await self.observer.prepare()

        async def tell(plan: RoundPlan, number: int) -> None:
            typer.echo(f"round {number}: {plan_summary(plan)}")

        hands = Hands(
            observe=lambda: self.observe(book),
            decide=self.decider.plan,
            act=self.act,
            tell=tell,
            sleep=asyncio.sleep,
        )
        pace = Pace(self.estate.poll_interval_s, opening_patience_s(self.fleet), dry_run=dry_run)
        return await converge(hands, pace)

    async def act(self, plan: RoundPlan, _number: int) -> tuple[ActionResult, ...]:
        lanes: dict[str, list[Action]] = {}
        for action in plan.actions:
            lanes.setdefault(action.region, []).append(action)
        done = await asyncio.gather(*(asyncio.to_thread(self._lane, a) for a in lanes.values()))
        return tuple(result for lane in done for result in lane)

    def _lane(self, actions: list[Action]) -> list[ActionResult]:
        results = []
        for action in actions:
            data = user_data(self.fleet, self.estate_file) if isinstance(action, Launch) else None
            cloud, at = self.observer.cloud(action.region), now_source(self.estate)()
            result = perform(cloud, self.fleet, action, at=at, user_data=data)
            typer.echo(f"  {action_name(action)}: {result.verdict} {result.detail}")
            results.append(result)
        return results


def _open(estate_file: Path | None, fleet_name: str) -> _Hand:
    path = estate_file or estate_path()
    estate = load_estate(path)
    fleet = estate.fleet(fleet_name)
    log = os.environ.get("SPRINGTIDE_AUDIT_LOG")
    run = f"cli-{secrets.token_hex(4)}"
    audit = AuditLog(Path(log) if log else None, run=run, who=os.environ.get("USER", "unknown"))
    access = CloudAccess.open(estate, audit)
    calendar = SchoolCalendar(school_holidays(estate, path))
    decider = Decider(fleet, estate.windows_of(fleet.name), calendar, run.removeprefix("cli-"))
    return _Hand(path, estate, fleet, FleetObserver(access, fleet), decider)


def _stored(path: Path | None, *, none: bool, hand: _Hand) -> ClaimBook:
    if path is None:
        return hand.now_book({} if none else None)
    try:
        entries = yaml.safe_load(path.read_text("utf-8"))
    except (OSError, yaml.YAMLError) as error:
        raise Misconfigured(f"{path}: cannot be read: {error}") from error
    if not isinstance(entries, dict):
        raise Misconfigured(f"{path}: is not a mapping of stored names to entries")
    return hand.now_book(entries)


def _show(title: str, rows: list[Row]) -> None:
    table = Table(*rows[0], title=title)
    for row in rows:
        table.add_row(*(str(value) for value in row.values()))
    Console().print(table)
