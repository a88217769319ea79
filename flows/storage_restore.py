"""Restores: to a new folder for whoever needs it, and as drills that prove they work.

Nothing that stands anywhere is written over, but for one flow that two people sign: and there it is
moved beside.
"""

import asyncio
from datetime import datetime

from prefect import State, flow
from prefect.runtime import flow_run
from prefect.states import Completed, Failed

from flows.guarded import guarded
from springtide.errors import Misconfigured
from springtide.estate import estate_path
from springtide.model.backup import DrillOutcome, RestoreOutcome
from springtide.model.change import ChangeOutcome
from springtide.model.postgres import BASE, PostgresSource
from springtide.model.sources import check_parts
from springtide.planning.database_restore import RestorePoint
from springtide.planning.storage_restore import (
    drill_alarm,
    drill_rows,
    drill_summary,
    restore_alarm,
    restore_summary,
)
from tasks.cloud import read_estate
from tasks.database_restores import drill_database, restore_database
from tasks.dump_drills import drill_dumps
from tasks.outage import best_effort
from tasks.restore_over import RestoreOver
from tasks.restores import LATEST, Wanted, drill_part, new_folder, restore_part
from tasks.screens import show_table
from tasks.vaults import VaultOrder


@flow(name="restore-from-object-storage", flow_run_name="restore {source}, part {part}")
async def restore_from_object_storage(  # noqa: PLR0913 - the fields of its form
    source: str,
    *,
    part: int = 1,
    snapshot: str = LATEST,
    paths: tuple[str, ...] = (),
    folder: str = "",
    target_time: datetime | None = None,
    timeline: int = 0,
    vault: str = "",
) -> State[RestoreOutcome]:
    """Restore a snapshot, or some paths of it, to a new folder below the source's restore folder.

    Args:
        source: Name of the source in the estate file.
        part: Which of its paths, counted from 1.
        snapshot: The first digits of its id, or `latest`, or `offloaded`: all that ever was.
        paths: Absolute paths as they were backed up; empty: everything.
        folder: Name of the new folder; empty: the run's id.
        target_time: Of a PostgreSQL cluster: the last moment that counts; empty: all there is.
        timeline: Of a PostgreSQL cluster: which timeline it follows; 0: the newest.
        vault: The source's vault, or its second site; empty: the source's vault.
    """
    path, estate = estate_path(), read_estate(estate_path())
    found = estate.source(source)
    check_parts(found, part)
    if target_time is not None and target_time.tzinfo is None:
        raise Misconfigured("it has no time zone", field="target_time", allowed="…T18:03:00+01:00")
    name = new_folder(found, folder or f"restored-{flow_run.id}")
    order = VaultOrder(estate_file=path, vault=estate.vault_of(found, vault).name)
    if isinstance(found, PostgresSource) and part == BASE:
        chosen = "" if snapshot == LATEST else snapshot
        point = RestorePoint(target_time, timeline or None, chosen)
        future = restore_database.submit(order, found, point, name)
    else:
        future = restore_part.submit(order, found, part, Wanted(snapshot, paths, name))
    outcome = await asyncio.to_thread(future.result)
    if (alarm := restore_alarm((outcome,))) is not None:
        return Failed(message=alarm, data=outcome)
    return Completed(message=restore_summary((outcome,)), data=outcome)


@flow(name="restore-over-production", flow_run_name="restore over {source}, part {part}")
async def restore_over_production(
    source: str, *, part: int = 1, snapshot: str = LATEST, vault: str = "", dry_run: bool = True
) -> State[ChangeOutcome]:
    """Put a snapshot in the place of a part, signed by two; what stood there is kept beside it.

    Stop first whatever writes there.

    Args:
        source: Name of the source in the estate file.
        part: Which of its paths, counted from 1.
        snapshot: The first digits of its id, or `latest`.
        vault: The source's vault, or its second site; empty: the source's vault.
        dry_run: Show what would be done, and ask nobody to sign it.
    """
    path, estate = estate_path(), read_estate(estate_path())
    found = estate.directories(source)
    check_parts(found, part)
    change = RestoreOver(path, estate.vault_of(found, vault).name, found, part, snapshot)
    return await guarded(change, dry_run=dry_run)


@flow(name="drill-restore", flow_run_name="drill the restore of {source}")
async def drill_restore(source: str, *, vault: str = "") -> State[tuple[DrillOutcome, ...]]:
    """Restore the newest snapshots of a source to scratch folders, compare, measure, clean up.

    Failed where anything differs, or could not be restored.

    Args:
        source: Name of the source in the estate file.
        vault: The source's vault, or its second site; empty: the source's vault.
    """
    path, estate = estate_path(), read_estate(estate_path())
    found = estate.source(source)
    order = VaultOrder(estate_file=path, vault=estate.vault_of(found, vault).name)
    outcomes: list[DrillOutcome] = []
    if isinstance(found, PostgresSource):
        outcomes += await asyncio.to_thread(drill_database.submit(order, found).result)
        outcomes.append(await asyncio.to_thread(drill_dumps.submit(order, found).result))
    else:
        # One after another: each needs the space of a whole part.
        for part in found.part_paths:
            future = drill_part.submit(order, found, part)
            outcomes += await asyncio.to_thread(future.result)
    summary = drill_summary(source, tuple(outcomes))
    with best_effort("outcome"):
        await show_table(f"drill-{source}", drill_rows(outcomes), summary)
    if (alarm := drill_alarm(source, tuple(outcomes))) is not None:
        return Failed(message=alarm, data=tuple(outcomes))
    return Completed(message=summary, data=tuple(outcomes))
