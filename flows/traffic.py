"""Watching the traffic: a fleet asks for a surge by itself, before its servers are too few.

It changes nothing of the fleet: it looks, decides, and starts the same surge that people start,
within the same limits. It never asks for fewer servers.
"""

from prefect import State, flow, get_run_logger
from prefect.runtime import flow_run
from prefect.states import Completed, Failed

from springtide.estate import estate_path
from springtide.model.traffic import TrafficAnswer, TrafficVerdict
from springtide.planning.claim_book import Note
from springtide.planning.traffic import (
    plan_traffic,
    remembered,
    surge_ask,
    traffic_input,
    watched,
)
from tasks.calls import calls_notes
from tasks.claims import remember_note
from tasks.outage import best_effort
from tasks.traffic import asking_failure, read_traffic, show_traffic
from tasks.watch import open_watch


@flow(name="watch-traffic", flow_run_name="watch the traffic of {fleet}")
async def watch_traffic(fleet: str = "api", *, dry_run: bool = False) -> State[TrafficVerdict]:
    """Ask for a surge where more sessions are to be expected than the claimed servers carry.

    Args:
        fleet: Name of the fleet in the estate file; its entry has `traffic`.
        dry_run: Show the verdict, ask for nothing and remember nothing.
    """
    watch = await open_watch(estate_path(), fleet)
    policy = watched(watch.fleet)
    readings = await read_traffic(watch.order())
    given = traffic_input(watch.decider(flow_run.id), await watch.look(), readings)
    verdict = plan_traffic(given)
    get_run_logger().info("traffic=%s %s", verdict.answer, verdict.reason)
    with best_effort("verdict"):
        await show_traffic(verdict)
    told = f"{verdict.answer}: {verdict.reason}"
    if dry_run:
        return Completed(message=told, data=verdict)
    asks, failure = verdict.answer is TrafficAnswer.ASK, None
    if asks:
        failure = await asking_failure(surge_ask(verdict, policy))
    learnt = remembered(given, verdict, asked=asks and failure is None)
    notes: tuple[Note, ...] = (learnt, *calls_notes(watch.order()))
    for note in notes:
        with best_effort("note"):
            await remember_note(note)
    if failure or verdict.alarm:
        return Failed(message=failure or told, data=verdict)
    return Completed(message=told, data=verdict)
