"""Archives of write-ahead logs: filled while a run lasts, looked at, rid of what nobody needs."""

import time
from datetime import timedelta
from pathlib import Path

from prefect import task
from prefect.logging import get_run_logger

from springtide.clouds.postgres.receiver import held_spool
from springtide.model.postgres import PostgresSource
from springtide.model.wal_state import WalOutcome, WalState, WalVerdict
from springtide.planning.wal_archive import plan_wal_archive, wal_verdicts
from springtide.stores.vaults import opened_vault, writer_identity
from springtide.vault.adoption import adopt_packs
from springtide.vault.base_backups import base_backups
from springtide.vault.sessions import write_session
from springtide.vault.snapshots import list_snapshots, read_snapshots
from springtide.vault.wal_archive import WalArchive
from tasks.log_states import log_state
from tasks.retrying import may_pass
from tasks.vaults import VaultOrder
from tasks.wal_archiver import Archiver


@task(
    task_run_name="archive the log of {source.name}",
    retries=2,
    retry_delay_seconds=20,
    retry_condition_fn=may_pass,
)
def archive_log(order: VaultOrder, source: PostgresSource, lasts: timedelta) -> WalOutcome:
    """Archive a server's log for so long; whatever it has archived stands when it ends or dies.

    Another try, or another run after a kill, goes on where the vault's confirmation ends.
    """
    began = time.monotonic()
    vault = order.estate.vault(order.vault)
    with held_spool(Path(source.spool_folder)), opened_vault(order.estate, vault) as repository:
        # Before the session reads the index: of one that comes between it would not know all.
        snapshots, damaged = read_snapshots(repository)
        with write_session(repository, identity=writer_identity(), policy=vault.prune) as session:
            adopted = adopt_packs(repository, except_for=session.tombstoned)
            archive = WalArchive(repository, source.name, snapshots)
            archiver = Archiver(
                source, archive, session, lag=vault.prune.listing_lag, log=get_run_logger()
            )
            failure = archiver.run(lasts)
        if damaged and not failure:
            failure = f"{', '.join(damaged)} cannot be read"
        return WalOutcome(
            source=source.name,
            segments=archiver.segments,
            bytes=archiver.bytes,
            stored_bytes=sum(pack.size for pack in repository.stored),
            packs=len(repository.stored),
            adopted_packs=adopted.packs,
            newest=archiver.newest,
            complete_at=archiver.complete_at,
            took_s=time.monotonic() - began,
            failure=failure,
        )


@task(
    task_run_name="look at the log of {source.name}",
    retries=2,
    retry_delay_seconds=20,
    retry_condition_fn=may_pass,
)
def look_at_log(order: VaultOrder, source: PostgresSource) -> WalState:
    """How complete a source's archive is, by what the vault holds alone."""
    vault = order.estate.vault(order.vault)
    with opened_vault(order.estate, vault) as repository:
        snapshots = list_snapshots(repository)  # before the index, as above
        with write_session(repository, identity=writer_identity(), policy=vault.prune):
            return log_state(repository, source, snapshots, repository.store.now())


@task(
    task_run_name="expire the log of {source.name}",
    retries=2,
    retry_delay_seconds=60,
    retry_condition_fn=may_pass,
)
def expire_log(
    order: VaultOrder, source: PostgresSource, gone: frozenset[str], *, dry_run: bool
) -> tuple[WalVerdict, ...]:
    """What becomes of a source's segments; those that no base backup needs are left out.

    `gone` are snapshots that have gone, or would have in a dry run.
    """
    vault = order.estate.vault(order.vault)
    user = writer_identity()
    with opened_vault(order.estate, vault) as repository:
        snapshots = list_snapshots(repository)  # before the index, as above
        with write_session(repository, identity=user, policy=vault.prune) as session:
            archive = WalArchive(repository, source.name, snapshots)
            bases = [b for b in base_backups(snapshots, source.name) if b.snapshot not in gone]
            contents = archive.contents()
            plan = plan_wal_archive(contents, bases, source.recover_within, repository.store.now())
            lag = vault.prune.listing_lag
            if plan.removed and not dry_run:
                archive.remove(plan.removed, floor=plan.floor)
                archive.commit(session, username=user.username, lag=lag)
            if not dry_run:
                # Where nobody archives, as at a second site, they would heap up.
                archive.remove_superseded(lag)
            return wal_verdicts(contents, plan)
