"""When a source's backup was last verified, as Prefect remembers the runs that did it."""

from datetime import datetime

import httpx
from prefect import get_client
from prefect.client.schemas.filters import (
    FlowFilter,
    FlowFilterName,
    FlowRunFilter,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import StateType
from prefect.client.schemas.sorting import FlowRunSort
from prefect.exceptions import PrefectException

from springtide.model.estate import Estate

_RUNS = 100
"""Newest runs that are looked at: days of them."""
_VERIFY, _DRILL = "verify-backups", "drill-restore"


async def newest_verified_at(estate: Estate, source: str) -> datetime | None:
    """When the newest run began that verified the source's backup and found nothing wrong.

    None where there is none, or Prefect does not tell.
    """
    vault = estate.source(source).vault
    names = FlowFilter(name=FlowFilterName(any_=[_VERIFY, _DRILL]))
    done = FlowRunFilter(
        state=FlowRunFilterState(type=FlowRunFilterStateType(any_=[StateType.COMPLETED]))
    )
    try:
        async with get_client() as client:
            runs = await client.read_flow_runs(
                flow_filter=names,
                flow_run_filter=done,
                sort=FlowRunSort.START_TIME_DESC,
                limit=_RUNS,
            )
    except (httpx.HTTPError, PrefectException):
        return None
    for run in runs:
        if run.parameters.get("source") == source or run.parameters.get("vault") == vault:
            return run.start_time
    return None
