"""Watching the private cloud: hosts, datastores, machines, databases; it tells, never changes.

People are told when something becomes red, not every few minutes while it is. Once a day it is
noted how full the datastores are, from which their fills are foretold.
"""

import asyncio
from datetime import UTC, datetime
from pathlib import Path

from prefect import State, flow
from prefect.states import Completed, Failed

from springtide.errors import SpringtideError
from springtide.estate import estate_path
from springtide.model.core_watch import CoreFinding
from springtide.planning.core_watch import (
    CoreLook,
    core_alarm,
    core_rows,
    core_summary,
    look_at_core,
    telling_after,
    unanswered,
)
from tasks.cloud import read_estate
from tasks.core_watch import CoreMemory, note_fills, recall, remember_telling
from tasks.database_watch import look_at_databases
from tasks.outage import best_effort
from tasks.private_cloud import read_core
from tasks.screens import show_table


@flow(name="watch-core", flow_run_name="watch the private cloud")
async def watch_core(*, dry_run: bool = False) -> State[tuple[CoreFinding, ...]]:
    """Look at the private cloud; Failed where something has become red.

    Args:
        dry_run: Show what is found, note nothing, and fail whatever people know already.
    """
    now, memory = datetime.now(UTC), CoreMemory()
    with best_effort("memory"):
        memory = await recall()
    findings, samples, outdated = await _look(estate_path(), memory)
    findings += await look_at_databases(estate_path())
    alarm = core_alarm(findings, None if dry_run else memory.told, now)
    summary = core_summary(findings)
    with best_effort("findings"):
        await show_table("core", core_rows(findings), summary)
    if not dry_run:
        with best_effort("fills"):
            await note_fills(samples, outdated)
        with best_effort("telling"):
            await remember_telling(telling_after(findings, memory.told, alarm=alarm, now=now))
    if alarm is not None:
        return Failed(message=alarm, data=findings)
    return Completed(message=summary, data=findings)


async def _look(path: Path, memory: CoreMemory) -> CoreLook:
    """What is found, and what is to be noted; a vCenter that does not answer is a finding.

    Without a private cloud nothing is: the database clusters are all that is watched.
    """
    if read_estate(path).core is None:
        return CoreLook(())
    try:
        inventory = await asyncio.to_thread(read_core.submit(path).result)
    except SpringtideError as error:
        return unanswered(str(error))
    return look_at_core(inventory, memory.fills, read_estate(path).private_cloud())
