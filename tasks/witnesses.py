"""What our own runs tell of a period: its surges, its late evenings, the servers they deleted."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, time, timedelta
from typing import Any, TypeVar
from uuid import UUID

from prefect import State, get_client, task
from prefect.client.schemas.filters import (
    FlowFilter,
    FlowFilterName,
    FlowRunFilter,
    FlowRunFilterStartTime,
    TaskRunFilter,
    TaskRunFilterName,
    TaskRunFilterState,
    TaskRunFilterStateType,
)
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.client.schemas.sorting import FlowRunSort

from springtide.auditing.reading import archived_lines, local_lines
from springtide.clouds.audit import named_folder
from springtide.costing.gathering import Gathered
from springtide.costing.report import Premises, Standpoint
from springtide.model.bill import Deletion
from springtide.model.claim import Claim
from springtide.model.cost_figures import ServiceFigures
from springtide.model.cost_report import ReportPeriod
from springtide.model.usage import UsageKind
from springtide.planning.claim_history import MAY_LAST, ClaimRun, surges_claimed
from springtide.planning.cost_report import evenings_between
from springtide.planning.cost_service import OpeningRun, late_openings
from springtide.planning.telling import tells_settled
from springtide.pricing.audit_reconciliation import deletions_of
from springtide.pricing.cost_breakdown import counted
from springtide.stores.audit_sites import open_site
from tasks.claims import STORE_CLAIM
from tasks.cost_editions import CostOrder
from tasks.flow_names import EXTENSION, LIFTING, OPENING, SURGE
from tasks.retrying import may_pass

_AROUND = timedelta(hours=2)
"""A day of Paris begins up to so long before that of UTC."""
_REMEMBERED = timedelta(days=31)
"""Before the period: whether Prefect knew of openings then, and so would know of the period's."""
_PAGE = 200
_MOST_PAGES = 100
_Span = tuple[datetime, datetime]
Run = TypeVar("Run")


@task(task_run_name="read surges of {period.name}", retries=2, retry_delay_seconds=5)
def read_surges(fleet: str, period: ReportPeriod) -> tuple[Claim, ...]:
    """The fleet's surges that lasted into the period, by their runs; longer ago ones are forgotten.

    What a lengthened or lifted one came to is theirs, too.
    """
    span = _span(period, before=MAY_LAST + _AROUND)
    surges = [run for run in _storing(SURGE, span) if run.given.get("fleet") == fleet]
    claims = surges_claimed(surges, [*_storing(EXTENSION, span), *_lifting(span)])
    begins_at = _span(period)[0]
    return tuple(claim for claim in claims if claim.ends_at > begins_at)


@task(task_run_name="read orders of {period.name}", retries=2, retry_delay_seconds=5)
def read_orders(fleet: str, period: ReportPeriod) -> tuple[ClaimRun, ...]:
    """The openings of the fleet's windows that had a number of servers of their own."""
    found = _storing(OPENING, _span(period))
    return tuple(run for run in found if run.given.get("fleet") == fleet)


@task(task_run_name="read openings of {at.period.name}", retries=2, retry_delay_seconds=5)
def witness_service(premises: Premises, at: Standpoint, gathered: Gathered) -> ServiceFigures:
    """Evenings that opened late, connections and failed requests, as far as anybody counted."""
    evenings = evenings_between(
        premises.windows, premises.calendar, first=at.period.first, last=at.last_known
    )
    runs = [
        OpeningRun(run.start_time, run.end_time if served(run) else None)
        for run in _runs(OPENING, _span(at.period, before=_REMEMBERED))
        if run.start_time
        and run.parameters.get("fleet") == premises.fleet.name
        and not run.parameters.get("dry_run")
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
    if (folder := named_folder()) is not None:
        return deletions_of(local_lines(folder, since))
    return None


def known(
    state: State[tuple[Deletion, ...] | None],
) -> tuple[tuple[Deletion, ...] | None, tuple[str, ...]]:
    """The deletions; None where they could not be read, and why."""
    if not state.is_completed():
        return None, (f"The audit log could not be read: {state.message}",)
    return state.result(), ()


def served(run: FlowRun) -> bool:
    """Whether it ended with all servers serving, and not because it was to change nothing."""
    state = run.state
    told = (state.message if state and state.is_completed() else None) or ""
    return tells_settled(told)


def _span(period: ReportPeriod, *, before: timedelta = _AROUND) -> _Span:
    """The period's time, and so much before it."""
    begins_at = datetime.combine(period.first, time(0), UTC)
    return begins_at - before, datetime.combine(period.last, time(0), UTC) + timedelta(days=1)


def _lifting(span: _Span) -> Iterator[ClaimRun]:
    """The runs that lifted an entry, and when."""
    for run in _runs(LIFTING, span):
        if run.start_time and run.state and run.state.is_completed():
            yield ClaimRun(str(run.id), run.name, run.parameters, _plain(run.start_time))


def _storing(flow: str, span: _Span) -> list[ClaimRun]:
    """The flow's runs that stored a claim, and when."""
    tasks = TaskRunFilter(
        name=TaskRunFilterName(like_=STORE_CLAIM),
        state=TaskRunFilterState(type=TaskRunFilterStateType(any_=[StateType.COMPLETED])),
    )
    stored: dict[UUID, datetime] = {}
    with get_client(sync_client=True) as client:
        for task_run in _pages(client.read_task_runs, **_began(flow, span), task_run_filter=tasks):
            if task_run.flow_run_id and task_run.start_time:
                stored.setdefault(task_run.flow_run_id, _plain(task_run.start_time))
    return [
        ClaimRun(str(run.id), run.name, run.parameters, stored[run.id])
        for run in _runs(flow, span)
        if run.id in stored
    ]


def _plain(at: datetime) -> datetime:
    """That moment, without what Prefect's own datetimes do otherwise when one reckons with them."""
    return datetime.fromtimestamp(at.timestamp(), UTC)


def _runs(flow: str, span: _Span) -> Iterator[FlowRun]:
    """The flow's runs that began in that time."""
    with get_client(sync_client=True) as client:
        yield from _pages(
            client.read_flow_runs, **_began(flow, span), sort=FlowRunSort.START_TIME_ASC
        )


def _began(flow: str, span: _Span) -> dict[str, Any]:
    began = FlowRunFilterStartTime(after_=span[0], before_=span[1])
    return {
        "flow_filter": FlowFilter(name=FlowFilterName(any_=[flow])),
        "flow_run_filter": FlowRunFilter(start_time=began),
    }


def _pages(read: Callable[..., list[Run]], **asked: Any) -> Iterator[Run]:  # noqa: ANN401 - Prefect's filters
    for page in range(_MOST_PAGES):
        found = read(**asked, limit=_PAGE, offset=page * _PAGE)
        yield from found
        if len(found) < _PAGE:
            return
