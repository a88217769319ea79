"""Snapshots that no rule keeps, and packs that no snapshot needs."""

from typing import cast

from prefect import task

from springtide.model.backup import SnapshotVerdict, VaultExpiry
from springtide.model.calendar import PARIS
from springtide.model.retention import BackupSnapshot
from springtide.model.vault_keys import KeyRole
from springtide.planning.snapshot_expiry import monthly_cost, plan_expiry
from springtide.stores.vaults import opened_vault, writer_identity
from springtide.vault.pruning import prune
from springtide.vault.repository import Repository
from springtide.vault.sessions import write_session
from springtide.vault.snapshots import KIND, list_snapshots
from springtide.vault.wal_archive import WAL_TAG
from tasks.retrying import may_pass
from tasks.vaults import VaultOrder


@task(
    task_run_name="expire snapshots of {order.vault}",
    retries=2,
    retry_delay_seconds=60,
    retry_condition_fn=may_pass,
)
def expire_snapshots(order: VaultOrder, *, dry_run: bool) -> tuple[SnapshotVerdict, ...]:
    """What the retention says of each snapshot; those that no rule keeps are removed."""
    vault = order.estate.vault(order.vault)
    with opened_vault(order.estate, vault, role=KeyRole.PRUNE) as repository:
        if dry_run:
            return _judged(order, repository)
        with write_session(repository, identity=writer_identity(), policy=vault.prune):
            verdicts = _judged(order, repository)
            for verdict in verdicts:
                if not verdict.kept:
                    repository.remove_document(KIND, verdict.snapshot)
            return verdicts


@task(
    task_run_name="prune {order.vault}",
    retries=2,
    retry_delay_seconds=60,
    retry_condition_fn=may_pass,
)
def prune_vault(
    order: VaultOrder, verdicts: tuple[SnapshotVerdict, ...], *, dry_run: bool
) -> VaultExpiry:
    """What is due by now of the packs that no snapshot needs; see `springtide.vault.pruning`."""
    vault = order.estate.vault(order.vault)
    with opened_vault(order.estate, vault, role=KeyRole.PRUNE) as repository:
        report = prune(repository, identity=writer_identity(), policy=vault.prune, dry_run=dry_run)
    return VaultExpiry(
        vault=order.vault,
        dry_run=dry_run,
        verdicts=verdicts,
        packs=report.plan.packs,
        size=report.plan.size,
        freed=report.plan.freed,
        freed_per_month=monthly_cost(report.plan.freed, vault.price_per_gb_month),
        tombstoned_packs=len(report.tombstoned),
        deleted_packs=len(report.deleted),
        erasing_packs=report.plan.erasing,
        blocked=report.blocked,
        again_at=report.again_at,
    )


def _judged(order: VaultOrder, repository: Repository) -> tuple[SnapshotVerdict, ...]:
    # A log stays as long as what needs it: that is judged for itself.
    known = tuple(each for each in list_snapshots(repository) if WAL_TAG not in each.tags)
    # Frozen, so its fields are read-only, which the protocol asks and the checker cannot see.
    snapshots = cast("tuple[BackupSnapshot, ...]", known)
    retention = order.estate.vault(order.vault).retention
    plan = plan_expiry(snapshots, retention, repository.store.now(), PARIS)
    return tuple(
        SnapshotVerdict(
            snapshot=verdict.snapshot.id,
            source=group.hostname,
            at=verdict.snapshot.time,
            kept=verdict.kept,
            reasons=verdict.reasons,
        )
        for group in plan.groups
        for verdict in group.verdicts
    )
