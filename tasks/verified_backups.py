"""When a source's backup was last verified, as Prefect remembers the runs that did it."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

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

from springtide.model.cluster_view import BackupFacts, DatabaseFacts
from springtide.model.estate import Estate
from springtide.model.postgres import PostgresSource
from tasks.cloud import read_estate
from tasks.vaults import VaultOrder
from tasks.wal_archives import look_at_log

_RUNS = 100
"""Newest runs that are looked at: days of them."""
_VERIFY, _DRILL = "verify-backups", "drill-restore"


async def backup_facts(
    estate_file: Path, source: str, facts: Sequence[DatabaseFacts]
) -> BackupFacts:
    """When the source's backup was verified, and up to when its log is archived.

    Of a log that Springtide archives the vault is asked, whatever the server says; of any other one
    the server itself (`facts`).
    """
    estate = read_estate(estate_file)
    found = estate.source(source)
    verified_at = await newest_verified_at(estate, source)
    if isinstance(found, PostgresSource):
        order = VaultOrder(estate_file=estate_file, vault=found.vault)
        state = await asyncio.to_thread(look_at_log.submit(order, found).result)
        return BackupFacts(verified_at=verified_at, archived_at=state.complete_at)
    archived = [fact.archived_at for fact in facts if fact.archived_at is not None]
    return BackupFacts(verified_at=verified_at, archived_at=max(archived, default=None))


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
    return next((run.start_time for run in runs if is_of(run.parameters, source, vault)), None)


def is_of(parameters: Mapping[str, Any], source: str, vault: str) -> bool:
    """Whether a run with these parameters looked at the source's backups in its vault.

    A verification names the vault, a drill one of its sources; the drill of another source in the
    same vault, or of a second site, says nothing of this one.
    """
    named = parameters.get("source")
    if named:
        return bool(named == source and parameters.get("vault") in (None, "", vault))
    return bool(parameters.get("vault") == vault)
