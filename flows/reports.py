"""How every lifecycle of a fleet ends: an outcome artifact, and a state that says it in a line."""

from prefect import State
from prefect.states import Completed, Failed

from springtide.errors import GuardRefused
from springtide.model.outcome import Ending, Outcome
from springtide.model.window import SkippedEvening
from springtide.planning.telling import Row, broken_promise, outcome_rows
from springtide.pricing.lives import cost_of
from tasks.screens import show_outcome
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
    hours = sum(watch.lives.paid_hours(outcome.ended_at))
    cost = cost_of(hours, watch.fleet)
    paid: Row = {"measure": "paid server hours seen", "value": hours}
    rows = [*outcome_rows(outcome), paid, *more]
    if cost is not None:
        rows.append({"measure": "cost without VAT", "value": f"{cost} {watch.fleet.currency}"})
    troubles = [t for t in (broken_promise(outcome), trouble, *outcome.alarms) if t]
    await show_outcome(watch.fleet.name, rows, "; ".join(troubles) or "as desired")
    if troubles and outcome.ending not in (Ending.DRY_RUN, Ending.FROZEN):
        return Failed(message="; ".join(troubles), data=outcome)
    # A state of another name than Completed would look to the zombie automation like no end at all.
    told = "; ".join((outcome.ending.value, *troubles))
    return Completed(message=told, data=outcome)
