"""Fleet healing: what is sick is replaced, a few at a time; nothing where the fault is elsewhere.

By schedule it is what `keep_fleet` does every five minutes; here it is asked for, and goes on until
the fleet is whole again.
"""

from prefect import State, flow
from prefect.runtime import flow_run

from flows.reports import report
from flows.rounds import converge_fleet
from springtide.convergence import Pace
from springtide.estate import estate_path
from springtide.model.outcome import Outcome
from springtide.planning.fleet_healing import healed_fleet, healing_patience_s
from tasks.turn import fleet_turn
from tasks.watch import open_watch


@flow(name="heal-fleet", flow_run_name="heal {fleet}")
async def heal_fleet(
    fleet: str = "api", *, stop_share: float | None = None, dry_run: bool = False
) -> State[Outcome]:
    """Repair what is sick until the fleet is whole, or say why nothing is touched.

    Args:
        fleet: Name of the fleet in the estate file.
        stop_share: Of all members; above it nothing is repaired. Empty: as the estate says. Raise
            it for this one run when you have looked, and know that so many are really dead.
        dry_run: Show the plan and change nothing.
    """
    watch = await open_watch(estate_path(), fleet)
    watch.fleet = healed_fleet(watch.fleet, stop_share)
    pace = Pace(watch.estate.poll_interval_s, healing_patience_s(watch.fleet), dry_run=dry_run)
    async with fleet_turn(fleet, wait_s=20):
        outcome = await converge_fleet(watch, watch.decider(flow_run.id), pace)
    return await report(watch, outcome)
