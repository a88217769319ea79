"""The evening window: a fleet rises at its first minute, is kept, and is gone before its last.

All three flows are one convergence to what the claims say at that moment, so each makes good what
another missed, and any of them can be killed and run again at any point.
"""

from dataclasses import replace

from prefect import State, flow
from prefect.runtime import flow_run

from flows.reports import report, report_keeping, skipped
from flows.rounds import converge_fleet
from springtide.convergence import Pace
from springtide.estate import estate_path
from springtide.model.outcome import UNTOUCHED, Outcome
from springtide.model.window import SkippedEvening
from springtide.planning.evening_orders import (
    closing_patience_s,
    evening_to_close,
    evening_to_open,
    late_by_s,
    opening_order,
    opening_patience_s,
)
from springtide.planning.lead_time import evening_startups, timed_windows
from springtide.planning.leftover_sweep import residue_rows, residue_told
from springtide.pricing.evening_cost import lead_note
from tasks.claims import store_entry
from tasks.leftovers import find_residue, sweep_fleet
from tasks.turn import fleet_turn
from tasks.watch import open_watch

_KEEP_S = 240.0
"""A keeping ends before the next one is due."""


@flow(name="open-evening-window", flow_run_name="open the window of {fleet}")
async def open_evening_window(
    fleet: str = "api", servers: int | None = None, *, dry_run: bool = False
) -> State[Outcome]:
    """Open the fleet's evening window: launch what its claims ask for until all of it serves.

    Args:
        fleet: Name of the fleet in the estate file.
        servers: An order for more than the window's number; it is stored as a claim that ends with
            the window's, at `until` less the tail. Empty: the window's number.
        dry_run: Show the plan and change nothing.
    """
    watch = await open_watch(estate_path(), fleet, whole=True)
    decider = watch.decider(flow_run.id)
    now = watch.now()
    book = await watch.read_book(now)
    windows = timed_windows(decider.windows, book.startups, now)
    evening = evening_to_open(windows, decider.calendar, fleet=watch.fleet, now=now)
    if isinstance(evening, SkippedEvening):
        return skipped(evening, servers=servers)
    order = opening_order(
        evening, watch.fleet, servers=servers, owner=f"flow run {flow_run.name}", now=now
    )
    await watch.prepare_launch(required=True)
    note = lead_note(evening, watch.fleet, evening_startups(evening, decider.windows, book))
    if order and dry_run:
        decider = replace(decider, orders=(order,))
    elif order:
        await store_entry(order)
        watch.count(order)
    pace = Pace(watch.estate.poll_interval_s, opening_patience_s(watch.fleet), dry_run=dry_run)
    async with fleet_turn(fleet, wait_s=30):
        outcome = await converge_fleet(watch, decider, pace, note=note)
    return await report(watch, outcome)


@flow(name="close-evening-window", flow_run_name="close the window of {fleet}")
async def close_evening_window(fleet: str = "api", *, dry_run: bool = False) -> State[Outcome]:
    """Close the fleet's evening window: drain, leave, delete, until only what is claimed stands.

    It takes away nothing that another claim (a surge, an order) still asks for, and nothing at all
    while the window's own claim holds: to close earlier, set a ceiling with `limit_fleet`.

    Args:
        fleet: Name of the fleet in the estate file.
        dry_run: Show the plan and change nothing.
    """
    watch = await open_watch(estate_path(), fleet)
    decider = watch.decider(flow_run.id)
    now = watch.now()
    evening = evening_to_close(decider.windows, decider.calendar, now=now)
    claims = await watch.claims_of(evening)
    patience_s = closing_patience_s(watch.fleet, evening, now)
    async with fleet_turn(fleet, wait_s=30):
        outcome = await converge_fleet(
            watch, decider, Pace(watch.estate.poll_interval_s, patience_s, dry_run=dry_run)
        )
    touched = outcome.ending not in UNTOUCHED
    swept = await sweep_fleet(watch) if touched else ()
    left = await find_residue(watch, outcome) if touched else ()
    late_s = late_by_s(evening, claims, outcome.ended_at) if outcome.changed("delete") else 0.0
    late = f"closed {late_s:.0f} s after the paid hour turned" if late_s else None
    trouble = "; ".join(filter(None, (late, residue_told(left)))) or None
    return await report(watch, outcome, more=residue_rows(swept, left), trouble=trouble)


@flow(name="keep-fleet", flow_run_name="keep {fleet}")
async def keep_fleet(fleet: str = "api", *, dry_run: bool = False) -> State[Outcome]:
    """Keep the fleet at what its claims ask for; makes good a missed or failed opening or closing.

    Args:
        fleet: Name of the fleet in the estate file.
        dry_run: Show the plan and change nothing.
    """
    watch = await open_watch(estate_path(), fleet)
    pace = Pace(watch.estate.poll_interval_s, _KEEP_S, dry_run=dry_run)
    async with fleet_turn(fleet, wait_s=20):
        outcome = await converge_fleet(watch, watch.decider(flow_run.id), pace)
    if outcome.ending not in UNTOUCHED:
        await sweep_fleet(watch)
    return await report_keeping(watch, outcome)
