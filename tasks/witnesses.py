"""What our own runs tell of a period: its surges, its late evenings, the servers they deleted."""

import os
from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Any

from prefect import State, get_client, get_run_logger, task
from prefect.client.schemas.filters import (
    FlowFilter,
    FlowFilterName,
    FlowRunFilter,
    FlowRunFilterStartTime,
)
from prefect.client.schemas.objects import FlowRun
from prefect.client.schemas.sorting import FlowRunSort

from springtide.auditing.reading import archived_lines, local_lines
from springtide.commands.audit_hand import FOLDER_VARIABLE, open_site
from springtide.costing.gathering import Gathered
from springtide.costing.report import Premises, Standpoint
from springtide.model.bill import Deletion
from springtide.model.claim import Claim, ClaimKind
from springtide.model.cost_figures import ServiceFigures
from springtide.model.cost_report import ReportPeriod
from springtide.model.usage import UsageKind
from springtide.planning.cost_report import evenings_between
from springtide.planning.cost_service import OpeningRun, late_openings
from springtide.pricing.audit_reconciliation import deletions_of
from springtide.pricing.cost_breakdown import counted
from tasks.cost_editions import CostOrder
from tasks.vaults import may_pass

_AROUND = timedelta(hours=2)
"""A day of Paris begins up to so long before that of UTC."""
_SURGE = "emergency-surge"
_OPENING = "open-evening-window"
_PAGE = 200
_MOST_PAGES = 100


@task(task_run_name="read surges of {period.name}", retries=2, retry_delay_seconds=5)
def read_surges(fleet: str, period: ReportPeriod) -> tuple[Claim, ...]:
    """The fleet's surges that began in the period, by their runs; longer ago ones are forgotten."""
    found = (_surge(run, fleet) for run in _runs(_SURGE, fleet, period))
    return tuple(claim for claim in found if claim)


@task(task_run_name="read openings of {at.period.name}", retries=2, retry_delay_seconds=5)
def witness_service(premises: Premises, at: Standpoint, gathered: Gathered) -> ServiceFigures:
    """Evenings that opened late, connections and failed requests, as far as anybody counted."""
    evenings = evenings_between(
        premises.windows, premises.calendar, first=at.period.first, last=at.last_known
    )
    runs = [
        OpeningRun(run.start_time, run.end_time if run.state and run.state.is_completed() else None)
        for run in _runs(_OPENING, premises.fleet.name, at.period)
        if run.start_time
    ]
    return ServiceFigures(
        evenings=len(evenings),
        late_openings=late_openings(evenings, runs),
        connections=counted(gathered.sums, UsageKind.CONNECTIONS),
        failed_requests=counted(gathered.sums, UsageKind.REQUEST_ERRORS),
        seconds_short=counted(gathered.sums, UsageKind.SHORTAGE),
    )


@task(
    task_run_name="read deletions of {period.name}",
    retries=2,
    retry_delay_seconds=5,
    retry_condition_fn=may_pass,
)
def read_deletions(order: CostOrder, period: ReportPeriod) -> tuple[Deletion, ...] | None:
    """The servers that were deleted by us since the period began; None where nobody keeps a log.

    The audit log's first site knows of all workers. Where the estate has none, this machine's own
    lines are all there is.
    """
    since = datetime.combine(period.first, time(0), UTC) - _AROUND
    if order.estate.audit is not None:
        with open_site(order.estate, "first") as store:
            return deletions_of(archived_lines(store, since))
    if folder := os.environ.get(FOLDER_VARIABLE):
        return deletions_of(local_lines(Path(folder), since))
    return None


def known(
    state: State[tuple[Deletion, ...] | None],
) -> tuple[tuple[Deletion, ...] | None, tuple[str, ...]]:
    """The deletions; None where they could not be read, and why."""
    if not state.is_completed():
        return None, (f"The audit log could not be read: {state.message}",)
    return state.result(), ()


def _runs(flow: str, fleet: str, period: ReportPeriod) -> Iterator[FlowRun]:
    """The flow's runs for the fleet that began in the period."""
    after = datetime.combine(period.first, time(0), UTC) - _AROUND
    before = datetime.combine(period.last, time(0), UTC) + timedelta(days=1)
    began = FlowRunFilter(start_time=FlowRunFilterStartTime(after_=after, before_=before))
    named = FlowFilter(name=FlowFilterName(any_=[flow]))
    with get_client(sync_client=True) as client:
        for page in range(_MOST_PAGES):
            found = client.read_flow_runs(
                flow_filter=named,
                flow_run_filter=began,
                sort=FlowRunSort.START_TIME_ASC,
                limit=_PAGE,
                offset=page * _PAGE,
            )
            yield from (run for run in found if run.parameters.get("fleet") == fleet)
            if len(found) < _PAGE:
                return


def _surge(run: FlowRun, fleet: str) -> Claim | None:
    """The claim that a run asked for; None where its parameters are none of a surge's."""
    given: dict[str, Any] = run.parameters
    try:
        hours, servers = float(given["hours"]), int(given["servers"])
        if run.start_time is None or not hours > 0:
            return None
        return Claim(
            key=f"surge-{run.id}",
            fleet=fleet,
            kind=ClaimKind.SURGE,
            servers=servers,
            starts_at=run.start_time,
            ends_at=run.start_time + timedelta(hours=hours),
            owner=f"flow run {run.name}",
            reason=str(given.get("reason") or "a surge")[:500].ljust(3),
        )
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        get_run_logger().warning("surge=unreadable run=%s why=%s", run.name, error)
        return None
