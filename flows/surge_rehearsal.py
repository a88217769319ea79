"""The surge's rehearsal: the same convergence on a sandbox that is shaped after the fleet's cloud.

Nothing is stored, nothing of the real fleet changes, and its turn, its audit log and its artifacts
are left alone. The cloud itself is only read, and only where `measured` says so.
"""

from dataclasses import replace

from prefect import State, flow
from prefect.runtime import flow_run
from prefect.states import Completed

from flows.rounds import converge_fleet
from springtide.convergence import Pace
from springtide.estate import estate_path
from springtide.model.outcome import Outcome
from springtide.model.rehearsal import Measures, RehearsalReport, RehearsalSettings, Sightings
from springtide.model.surge import LONGEST_HOURS
from springtide.planning.emergency_surge import surge_claim, surge_patience_s, surge_request
from springtide.planning.surge_rehearsal import (
    rehearsal_report,
    rehearsal_rows,
    rehearsal_settings,
    rehearsal_summary,
)
from springtide.pricing.surge_cost import surge_cost
from tasks.cloud import order_for, read_estate
from tasks.outage import best_effort
from tasks.rehearsals import measure_cloud, rehearsal_begun, show_rehearsal


@flow(name="rehearse-surge", flow_run_name="rehearse {fleet} at {servers}")
async def rehearse_surge(  # noqa: PLR0913 - the fields of its form
    fleet: str = "api",
    *,
    servers: int,
    hours: float,
    regions: list[str] | None = None,
    measured: bool = False,
    quota: dict[str, int] | None = None,
    boot_least_s: float | None = None,
    boot_most_s: float | None = None,
    answer_s: float = 2,
    proven: bool = True,
    speed: float = 10,
) -> State[RehearsalReport]:
    """Rehearse a surge on a sandbox: when how many would serve, the shortfall, the cost.

    Args:
        fleet: Name of the fleet in the estate file.
        servers: The size of the whole fleet, at most its max_servers.
        hours: For how long the surge would be; its cost follows from it.
        regions: Fill these regions first, in this order. Empty: as the estate says.
        measured: Read the real cloud's quotas and its servers' boot times. Else it is not called.
        quota: Most servers by region, instead of what is measured there.
        boot_least_s: Quickest boot. Empty: as measured, else 60.
        boot_most_s: Slowest boot. Empty: as measured, else 180.
        answer_s: From ACTIVE to the first answer of the health page.
        proven: The image has served before, so that no canary goes ahead.
        speed: Run through the boots so many times as quickly; 1 takes as long as the surge would.
    """
    real = read_estate(estate_path()).fleet(fleet)
    asked = {"servers": servers, "hours": hours, "owner": "rehearsal", "reason": "a rehearsal"}
    request = surge_request(real, {**asked, "key": flow_run.id, "regions": regions or ()})
    said: dict[str, object] = {"quota": quota or {}, "proven": proven, "speed": speed}
    said |= {"boot_least_s": boot_least_s, "boot_most_s": boot_most_s, "answer_s": answer_s}
    measures = await measure_cloud(order_for(estate_path(), fleet)) if measured else Measures()
    settings = rehearsal_settings(real, request, said, measures)
    outcome, seen = await _rehearsed(settings)
    cost = surge_cost(real, servers=servers, hours=hours)
    told = rehearsal_report(settings, real, seen, outcome=outcome, cost=cost)
    with best_effort("rehearsal"):
        await show_rehearsal(fleet, rehearsal_rows(told), rehearsal_summary(told))
    return Completed(message=rehearsal_summary(told), data=told)


async def _rehearsed(settings: RehearsalSettings) -> tuple[Outcome, Sightings]:
    """The convergence of an emergency surge, and what it left on the sandbox."""
    async with rehearsal_begun(read_estate(estate_path()), settings) as rehearsal:
        watch = rehearsal.watch
        # How a surge ends is no part of it: it must not end while it is looked at.
        here = {"fleet": watch.fleet.name, "hours": LONGEST_HOURS}
        request = settings.request.model_copy(update=here)
        decider = watch.decider(flow_run.id)
        decider = replace(decider, orders=(surge_claim(request, watch.now()),))
        pace = Pace(watch.estate.poll_interval_s, surge_patience_s(watch.fleet))
        outcome = await converge_fleet(watch, decider, pace, note="This is a rehearsal.")
        return outcome, await rehearsal.sightings(outcome)
