"""The log of a PostgreSQL cluster: archived while a run lasts, one run after another.

Between two runs, and while nothing runs, the server keeps its log: nothing is lost, and the
recovery point grows until the next run has caught up.
"""

import asyncio
from datetime import timedelta

from prefect import State, flow
from prefect.states import Completed, Failed

from springtide.errors import Misconfigured
from springtide.estate import estate_path
from springtide.model.wal_state import WalOutcome, WalState
from springtide.planning.wal_archive import (
    wal_alarm,
    wal_state_alarm,
    wal_state_rows,
    wal_summary,
)
from tasks.cloud import read_estate
from tasks.outage import best_effort
from tasks.screens import show_table
from tasks.vaults import VaultOrder
from tasks.wal_archives import archive_log, look_at_log

_MOST_MINUTES = 24 * 60


@flow(name="archive-wal", flow_run_name="archive the log of {source}")
async def archive_wal(source: str, *, minutes: float = 59) -> State[WalOutcome]:
    """Archive the log of a PostgreSQL cluster for so long; Failed where segments are lost.

    Args:
        source: Name of the source in the estate file.
        minutes: How long the run lasts; the next one goes on where it ends.
    """
    if not 0 < minutes <= _MOST_MINUTES:
        raise Misconfigured(
            f"given {minutes:g}", field="minutes", allowed=f"above 0, at most {_MOST_MINUTES}"
        )
    path = estate_path()
    found = read_estate(path).database(source)
    order = VaultOrder(estate_file=path, vault=found.vault)
    future = archive_log.submit(order, found, timedelta(minutes=minutes))
    outcome = await asyncio.to_thread(future.result)
    if (alarm := wal_alarm(outcome)) is not None:
        return Failed(message=alarm, data=outcome)
    return Completed(message=wal_summary(outcome), data=outcome)


@flow(name="watch-recovery-point", flow_run_name="watch the log of {source}")
async def watch_recovery_point(source: str) -> State[WalState]:
    """Failed where what was written too long ago is not archived, or the archive has gaps.

    It looks at the vault alone, and so notices an archiver that does not run.

    Args:
        source: Name of the source in the estate file.
    """
    path = estate_path()
    found = read_estate(path).database(source)
    order = VaultOrder(estate_file=path, vault=found.vault)
    state = await asyncio.to_thread(look_at_log.submit(order, found).result)
    with best_effort("outcome"):
        rows, told = wal_state_rows(state), f"the log of {source}"
        await show_table(f"wal-{source}", rows, told)
    if (alarm := wal_state_alarm(state)) is not None:
        return Failed(message=alarm, data=state)
    return Completed(message=f"{source}: complete until {state.complete_at}", data=state)
