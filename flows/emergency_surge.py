"""The emergency surge: a fleet grows to hundreds at a word, for some hours, and shrinks by itself.

A surge is a stored claim. Once it is stored, every convergence of the fleet serves it: this run,
the keeping after it (also when this run is killed), a window that opens or closes meanwhile.
"""

from dataclasses import replace

from prefect import State, flow
from prefect.runtime import flow_run

from flows.reports import report
from flows.rounds import converge_fleet
from springtide.convergence import Pace
from springtide.estate import estate_path
from springtide.model.outcome import Outcome
from springtide.planning.emergency_surge import surge_patience_s, surge_request
from tasks.surges import accepted_claim
from tasks.turn import fleet_turn
from tasks.watch import open_watch


@flow(name="emergency-surge", flow_run_name="surge {fleet} to {servers}: {reason}")
async def emergency_surge(  # noqa: PLR0913 - the fields of its form
    fleet: str = "api",
    *,
    servers: int,
    hours: float,
    owner: str,
    reason: str,
    regions: list[str] | None = None,
    key: str | None = None,
    dry_run: bool = False,
) -> State[Outcome]:
    """Have the fleet stand at so many servers for so many hours, within what is authorised.

    Args:
        fleet: Name of the fleet in the estate file.
        servers: The size of the whole fleet, at most its max_servers.
        hours: For how long, above 0 and at most 744; the surge ends by itself.
        owner: Who asks.
        reason: Why.
        regions: Fill these regions first, in this order. Empty: as the estate says.
        key: The same key asked for twice is one surge. Empty: this run is a surge of its own.
        dry_run: Show spread, shortfall and cost, and change nothing.
    """
    watch = await open_watch(estate_path(), fleet)
    asked = {"servers": servers, "hours": hours, "owner": owner, "reason": reason}
    request = surge_request(
        watch.fleet, {**asked, "key": key or flow_run.id, "regions": regions or ()}
    )
    await watch.prepare_launch(required=False)
    decider = watch.decider(flow_run.id)
    claim = await accepted_claim(watch, decider, request, dry_run=dry_run)
    if dry_run:
        decider = replace(decider, orders=(claim,))
    else:
        watch.count(claim)
    pace = Pace(watch.estate.poll_interval_s, surge_patience_s(watch.fleet), dry_run=dry_run)
    async with fleet_turn(fleet, wait_s=20):
        outcome = await converge_fleet(watch, decider, pace)
    return await report(watch, outcome)
