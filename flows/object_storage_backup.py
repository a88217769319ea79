"""Backup to object storage: each part of a source a snapshot, confirmed and read back.

A run that is killed loses nothing: the next one takes over what has arrived. Verification is a run
of its own, and so does not trust what the backup said of itself.
"""

import asyncio
from datetime import UTC, datetime

from prefect import State, flow
from prefect.futures import PrefectFuture
from prefect.runtime import flow_run
from prefect.states import Completed, Failed

from springtide.estate import estate_path
from springtide.model.backup import (
    BackupSource,
    PartOutcome,
    ShardOrder,
    SnapshotVerdict,
    VaultExpiry,
    VaultVerification,
)
from springtide.model.sources import Source, check_parts
from springtide.model.wal_state import WalVerdict
from springtide.planning.object_storage_backup import (
    backup_alarm,
    backup_rows,
    backup_summary,
    expiry_rows,
    expiry_summary,
    verification_alarm,
    verification_rows,
    verification_summary,
)
from springtide.planning.wal_archive import wal_verdict_rows, wal_verdict_summary
from tasks.cloud import read_estate
from tasks.database_backups import submit_part
from tasks.outage import best_effort
from tasks.screens import show_table
from tasks.shards import join_shards, run_shard, worker_name
from tasks.vault_expiry import expire_snapshots, prune_vault
from tasks.vaults import VaultOrder, back_up_part, verify_vault
from tasks.wal_archives import expire_log


@flow(name="back-up-to-object-storage", flow_run_name="back up {source}")
async def back_up_to_object_storage(
    source: str, *, parts: tuple[int, ...] = ()
) -> State[tuple[PartOutcome, ...]]:
    """Back up a source; Failed unless each part is stored, confirmed, and read back in a sample.

    Args:
        source: Name of the source in the estate file.
        parts: Only those of its paths, counted from 1; empty: all.
    """
    path = estate_path()
    found = read_estate(path).source(source)
    check_parts(found, *parts, field="parts")
    order = VaultOrder(estate_file=path, vault=found.vault)
    chosen = parts or found.part_paths
    if isinstance(found, BackupSource) and found.shards > 1:
        outcomes = await asyncio.gather(*(_in_shards(order, found, part) for part in chosen))
    else:
        outcomes = await asyncio.gather(*(_whole(order, found, part) for part in chosen))
    summary = backup_summary(source, tuple(outcomes))
    with best_effort("outcome"):
        await show_table(f"backup-{source}", backup_rows(outcomes), summary)
    if (alarm := backup_alarm(source, tuple(outcomes))) is not None:
        return Failed(message=alarm, data=tuple(outcomes))
    return Completed(message=summary, data=tuple(outcomes))


@flow(name="back-up-shard", flow_run_name="back up {source}, part {part}, shard {shard} of {of}")
async def back_up_shard(
    source: str, part: int, shard: int, of: int, run: str
) -> State[PartOutcome]:
    """Back up one shard of a part, on whichever worker has room; started by the source's run.

    Args:
        source: Name of the source in the estate file.
        part: Which of its paths, counted from 1.
        shard: Which of the shards, counted from 1.
        of: How many there are.
        run: The run that joins them.
    """
    path = estate_path()
    found = read_estate(path).directories(source)
    order = VaultOrder(estate_file=path, vault=found.vault)
    outcome = await _outcome(
        part, back_up_part.submit(order, found, part, ShardOrder(number=shard, of=of, run=run))
    )
    if outcome.failure is not None:
        return Failed(message=outcome.failure, data=outcome)
    told = f"{backup_summary(source, (outcome,))}; on {worker_name()}"
    return Completed(message=told, data=outcome)


async def _whole(order: VaultOrder, source: Source, part: int) -> PartOutcome:
    return await _outcome(part, submit_part(order, source, part))


async def _in_shards(order: VaultOrder, source: BackupSource, part: int) -> PartOutcome:
    run, of = str(flow_run.id), source.shards
    shards = (run_shard(source.name, part, number, of, run) for number in range(1, of + 1))
    failures = [failure for failure in await asyncio.gather(*shards) if failure]
    if failures:
        return PartOutcome(part=part, failure="; ".join(failures))
    return await _outcome(part, join_shards.submit(order, source, part, run))


async def _outcome(part: int, future: PrefectFuture[PartOutcome]) -> PartOutcome:
    done = await asyncio.to_thread(future.result, raise_on_failure=False)
    if isinstance(done, BaseException):
        return PartOutcome(part=part, failure=str(done) or type(done).__name__)
    return done


@flow(name="verify-backups", flow_run_name="verify {vault}")
async def verify_backups(vault: str, *, everything: bool = False) -> State[VaultVerification]:
    """Verify a vault; Failed where anything is damaged, missing, or was not backed up in time.

    Args:
        vault: Name of the vault in the estate file.
        everything: Read all packs; else those that are due today (`verified_in_days`).
    """
    path = estate_path()
    days = 1 if everything else read_estate(path).vault(vault).verified_in_days
    today = datetime.now(UTC).toordinal() % days + 1
    order = VaultOrder(estate_file=path, vault=vault)
    found = await asyncio.to_thread(verify_vault.submit(order, today, days).result)
    summary = verification_summary(found)
    with best_effort("outcome"):
        rows = verification_rows(found)
        await show_table(f"verification-{vault}", rows, summary)
    if (alarm := verification_alarm(found)) is not None:
        return Failed(message=alarm, data=found)
    return Completed(message=summary, data=found)


@flow(name="expire-backups", flow_run_name="expire backups of {vault}")
async def expire_backups(vault: str, *, dry_run: bool = True) -> State[VaultExpiry]:
    """Remove the snapshots that no rule of the vault's retention keeps, and what nobody needs.

    Packs go in steps over days, each run doing what is due; backups run meanwhile.

    Args:
        vault: Name of the vault in the estate file.
        dry_run: Show what would go, and why the rest stays; change nothing.
    """
    order = VaultOrder(estate_file=estate_path(), vault=vault)
    future = expire_snapshots.submit(order, dry_run=dry_run)
    verdicts = await asyncio.to_thread(future.result)
    gone = frozenset(verdict.snapshot for verdict in verdicts if not verdict.kept)
    for database in order.estate.databases_in(order.estate.vault(vault).copy_of or vault):
        logs = expire_log.submit(order, database, gone, dry_run=dry_run)
        await _show_log(database.name, await asyncio.to_thread(logs.result), dry_run=dry_run)
    return await _pruned(order, verdicts, dry_run=dry_run)


@flow(name="sweep-vault", flow_run_name="sweep {vault}")
async def sweep_vault(vault: str) -> State[VaultExpiry]:
    """Show how much of a vault no snapshot needs, and what it costs; nothing is changed.

    Args:
        vault: Name of the vault in the estate file.
    """
    return await _pruned(VaultOrder(estate_file=estate_path(), vault=vault), (), dry_run=True)


async def _show_log(source: str, verdicts: tuple[WalVerdict, ...], *, dry_run: bool) -> None:
    with best_effort("outcome"):
        rows = wal_verdict_rows(verdicts)
        told = wal_verdict_summary(source, verdicts, dry_run=dry_run)
        await show_table(f"wal-expiry-{source}", rows, told)


async def _pruned(
    order: VaultOrder, verdicts: tuple[SnapshotVerdict, ...], *, dry_run: bool
) -> State[VaultExpiry]:
    future = prune_vault.submit(order, verdicts, dry_run=dry_run)
    found = await asyncio.to_thread(future.result)
    summary = expiry_summary(found)
    with best_effort("outcome"):
        rows = expiry_rows(found)
        await show_table(f"expiry-{order.vault}", rows, summary)
    return Completed(message=summary, data=found)
