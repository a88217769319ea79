"""How every lifecycle of a fleet ends: an outcome artifact, and a state that says it in a line."""

from prefect import State
from prefect.states import Completed, Failed

from springtide.errors import GuardRefused
from springtide.estate import price_books
from springtide.model.outcome import UNTOUCHED, Outcome
from springtide.model.window import SkippedEvening
from springtide.planning.telling import (
    Row,
    broken_promise,
    ending_told,
    outcome_rows,
    outcome_told,
)
from springtide.pricing.run_cost import run_cost
from tasks.glances import renew_glance
from tasks.outage import best_effort
from tasks.screens import show_table
from tasks.watch import FleetWatch


def skipped(evening: SkippedEvening, *, servers: int | None) -> State[Outcome]:
    """The end of an opening on a date that the windows skip.

    Raises:
        GuardRefused: a person asked for a number of servers: they should know that it is skipped.
    """
    why = f"window {evening.window} is skipped on {evening.date}: {evening.reason}"
    if servers is not None:
        raise GuardRefused(f"{why}; to open all the same, put the date into add_dates")
    return Completed(message=why)


async def report(
    watch: FleetWatch, outcome: Outcome, *, more: tuple[Row, ...] = (), trouble: str | None = None
) -> State[Outcome]:
    """Show the outcome; Failed where the promise was broken or an alarm was raised."""
    return await _report(watch, outcome, more, [broken_promise(outcome), trouble])


async def report_keeping(watch: FleetWatch, outcome: Outcome) -> State[Outcome]:
    """Show the outcome of a run that another one takes up in minutes.

    What is only still under way is no failure of it: servers take longer than it may.
    """
    found = None if outcome.under_way else broken_promise(outcome)
    return await _report(watch, outcome, (), [found])


async def _report(
    watch: FleetWatch, outcome: Outcome, more: tuple[Row, ...], found: list[str | None]
) -> State[Outcome]:
    lives = watch.lives.records(watch.fleet, outcome.ended_at)
    cost = run_cost(lives, watch.fleet, price_books(watch.estate, watch.estate_file))
    notes = watch.own.told()
    rows = outcome_rows(outcome) + [{"measure": "note", "value": note} for note in notes]
    rows += [*cost.rows(), *more]
    troubles = [t for t in (*found, *outcome.alarms) if t]
    summary = "; ".join(troubles) or outcome_told(outcome)
    with best_effort("outcome"):
        await show_table(f"outcome-{watch.fleet.name}", rows, summary)
    with best_effort("glance"):
        await renew_glance(watch, outcome.last)
    if troubles and outcome.ending not in UNTOUCHED:
        return Failed(message="; ".join(troubles), data=outcome)
    # A state of another name than Completed would look to the zombie automation like no end at all.
    return Completed(message=ending_told(outcome, *notes, *troubles), data=outcome)
