"""The rollout of an image: the fleet's servers are replaced in batches, a canary first.

A rollout is a stored order. Once it is stored every convergence of the fleet goes on with it: this
run, and the keeping after it, also when this run is killed.
"""

from dataclasses import replace

from prefect import State, flow
from prefect.runtime import flow_run

from flows.reports import report
from flows.rounds import converge_fleet
from springtide.convergence import Pace
from springtide.errors import GuardRefused
from springtide.estate import estate_path
from springtide.model.outcome import Outcome
from springtide.planning.rollout_orders import (
    rollout_limitation,
    rollout_order,
    rollout_patience_s,
    unfinished_rollout,
)
from tasks.claims import store_entry
from tasks.turn import fleet_turn
from tasks.watch import open_watch


@flow(name="roll-out-image", flow_run_name="roll out an image on {fleet}: {reason}")
async def roll_out_image(  # noqa: PLR0913 - the fields of its form
    fleet: str = "api",
    *,
    owner: str,
    reason: str,
    image: str = "",
    hours: float = 12,
    max_surge: int | None = None,
    max_unavailable: int = 0,
    dry_run: bool = False,
) -> State[Outcome]:
    """Have every server of the fleet run that image, a few at a time.

    Args:
        fleet: Name of the fleet in the estate file.
        owner: Who asks.
        reason: Why.
        image: Name of an image that matches the fleet's pattern in each region. Empty: the newest.
            `previous`: the one before the newest that a server of the fleet has.
        hours: For how long new servers get this image and old ones are replaced, at most 744.
        max_surge: Most servers above the desired size. Empty: a tenth of it.
        max_unavailable: Most servers below the desired size.
        dry_run: Show the next batch and change nothing.
    """
    watch = await open_watch(estate_path(), fleet, whole=True)
    await watch.prepare_launch(required=True)
    observation = await watch.look()
    decider = watch.decider(flow_run.id)
    given = decider.given(observation)
    asked = {"owner": owner, "reason": reason, "image": image, "hours": hours}
    limits = {"max_surge": max_surge, "max_unavailable": max_unavailable}
    key = f"rollout-{fleet}-{flow_run.id[:8]}"
    order = rollout_order(given, observation.snapshot, asked={**asked, **limits, "key": key})
    if (why := rollout_limitation(order, given)) is not None:
        raise GuardRefused(why)
    if dry_run:
        decider = replace(decider, rollouts=(order,))
    else:
        await store_entry(order)
        watch.count(order)
    pace = Pace(watch.estate.poll_interval_s, rollout_patience_s(order, given), dry_run=dry_run)
    async with fleet_turn(fleet, wait_s=20):
        outcome = await converge_fleet(watch, decider, pace)
    return await report(watch, outcome, trouble=unfinished_rollout(outcome))
