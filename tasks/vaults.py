"""Vaults: parts of a source backed up, packs verified, and what people see of it."""

import threading
import time
from collections import Counter
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from random import Random

from prefect import task
from prefect.artifacts import (
    create_progress_artifact,
    update_progress_artifact,
)
from prefect.tasks import exponential_backoff

from springtide.errors import GuardRefused
from springtide.model.backup import (
    BackupSource,
    PartOutcome,
    ShardOrder,
    Vault,
    VaultFinding,
    VaultVerification,
)
from springtide.model.base import Name
from springtide.model.estate import Estate
from springtide.model.postgres import PostgresSource
from springtide.model.sources import Source
from springtide.planning.backup_sources import emptied_limitation, source_ages
from springtide.stores.vaults import opened_vault, writer_identity
from springtide.vault.adoption import adopt_packs
from springtide.vault.reports import save_report
from springtide.vault.repository import Repository
from springtide.vault.sessions import write_session
from springtide.vault.sharding import as_shard, dealt, newest_for
from springtide.vault.snapshot_copy import CopyCounts
from springtide.vault.snapshots import (
    Snapshot,
    Summary,
    read_snapshots,
    save_snapshot,
    unread,
)
from springtide.vault.tree_backup import Counts, TreeBackup, TreeSource, back_up_tree
from springtide.vault.troubles import TroubleKind
from springtide.vault.verification import (
    Fault,
    Finding,
    Part,
    Verification,
    verify_pack,
    verify_repository,
)
from tasks.cloud import EstateOrder
from tasks.log_states import log_state
from tasks.outage import best_effort
from tasks.retrying import may_pass

_READ_BACK = 4
"""Of a run's new packs, so many are read back."""
_SHOWN_EVERY_S = 5.0


class VaultOrder(EstateOrder):
    """Which estate's vault it is."""

    vault: Name


@task(
    task_run_name="back up {source.name}, part {part}",
    retries=3,
    retry_delay_seconds=exponential_backoff(20),
    retry_jitter_factor=0.5,
    retry_condition_fn=may_pass,
)
def back_up_part(
    order: VaultOrder, source: BackupSource, part: int, shard: ShardOrder | None = None
) -> PartOutcome:
    """A snapshot of one of the source's paths, or of a shard of it, confirmed by the store.

    Another try, or another run after a kill, takes over what has arrived.
    """
    began = time.monotonic()
    path = source.paths[part - 1]
    vault = order.estate.vault(order.vault)
    with (
        opened_vault(order.estate, vault) as repository,
        write_session(repository, identity=writer_identity(), policy=vault.prune) as session,
    ):
        adopted = adopt_packs(repository, except_for=session.tombstoned)
        known, damaged = read_snapshots(repository)
        earlier = newest_for(known, source, path, shard)
        meter = Meter(
            f"backup-{source.name}-{part}" + (f"-{shard.number}" if shard else ""), earlier
        )
        backup = back_up_tree(
            repository,
            TreeSource((Path(path),), source.excludes, source.cutting, dealt(source, shard)),
            earlier=bytes.fromhex(earlier.tree) if earlier else None,
            progress=meter.show,
        )
        if shard is None:
            refuse_emptied(backup.counts.files, earlier)
        repository.flush()
        session.refuse_if_expired()
        made = _snapshot(repository, source, path, (backup, earlier))
        snapshot = save_snapshot(repository, as_shard(made, shard) if shard else made)
        save_report(repository, backup.troubles, snapshot=snapshot.id, at=snapshot.time)
        sample, findings = read_back_sample(repository)
        meter.end(backup.counts)
    kinds = Counter(trouble.kind for trouble in backup.troubles)
    return PartOutcome(
        part=part,
        snapshot=snapshot.id,
        **asdict(backup.counts),
        stored_bytes=sum(pack.size for pack in repository.stored),
        packs=len(repository.stored),
        adopted_packs=adopted.packs,
        read_back_packs=sample,
        unreadable=kinds[TroubleKind.UNREADABLE],
        changed=kinds[TroubleKind.CHANGED] + kinds[TroubleKind.GONE],
        took_s=time.monotonic() - began,
        # A shard is joined all the same: who joins them tells.
        failure=in_one_line(failures_of(findings), unread(damaged) if shard is None else ""),
    )


def refuse_emptied(files: int, before: Snapshot | None) -> None:
    """Go on only with what is not suddenly empty.

    Raises:
        GuardRefused: it is.
    """
    summary = before.summary if before else None
    held = summary.total_files_processed if summary else None
    if (why_not := emptied_limitation(files, held)) is not None:
        raise GuardRefused(why_not)


@task(
    task_run_name="verify {order.vault}, part {part} of {of}",
    retries=2,
    retry_delay_seconds=exponential_backoff(20),
    retry_condition_fn=may_pass,
)
def verify_vault(order: VaultOrder, part: int, of: int) -> VaultVerification:
    """Whether all packs are there, one part of them whole, and all snapshots complete."""
    began = time.monotonic()
    vault = order.estate.vault(order.vault)
    meter = Meter(f"verify-{order.vault}", None)
    with (
        opened_vault(order.estate, vault) as repository,
        # A long read: nothing is to go while it is looked at.
        write_session(repository, identity=writer_identity(), policy=vault.prune) as session,
    ):
        found = verify_repository(repository, Part(part, of), progress=meter.show_read)
        now = repository.store.now()
        sources = _expected_in(order.estate, vault)
        databases = (each for each in sources if isinstance(each, PostgresSource))
        logs = tuple(log_state(repository, each, found.snapshots, now) for each in databases)
    findings = found.findings | {Finding(name, Fault.CONTENT) for name in session.damaged}
    newest: dict[tuple[str, str], datetime] = {}
    for snapshot in found.snapshots:
        for path in snapshot.paths:
            newest[snapshot.hostname, path] = snapshot.time
    return VaultVerification(
        vault=order.vault,
        part=f"part {part} of {of}" if of > 1 else "everything",
        packs=found.packs,
        read_packs=found.read_packs,
        read_bytes=found.read_bytes,
        snapshots=len(found.snapshots),
        findings=tuple(VaultFinding(name=f.name, fault=f.fault) for f in sorted(findings)),
        ages=source_ages(sources, newest, now),
        logs=logs,
        took_s=time.monotonic() - began,
    )


def read_back_sample(repository: Repository) -> tuple[int, set[Finding]]:
    """How many of this run's packs were read back, and what is wrong with them."""
    packs = [pack.id for pack in repository.stored]
    sample = Random().sample(packs, min(_READ_BACK, len(packs)))  # noqa: S311 - a sample
    findings: set[Finding] = set()
    for pack in sample:
        findings |= verify_pack(repository, pack)[1]
    return len(sample), findings


class Meter:
    """A progress bar in the UI: so much of what it was the last time, MB/s, time left."""

    def __init__(self, key: str, earlier: Snapshot | None) -> None:
        """Nothing is shown yet."""
        self._key = key
        summary = earlier.summary if earlier else None
        self._expected = summary.total_bytes_processed if summary else 0
        self._began = self._shown = time.monotonic()
        self._artifact: object = None
        self._lock = threading.Lock()

    def show(self, counts: Counts) -> None:
        """How far a backup is; drawn every few seconds at most, by whichever thread comes."""
        self._draw(counts.bytes, f"{counts.files} files, {counts.new_bytes / 1e6:,.0f} MB new")

    def show_read(self, found: Verification) -> None:
        """How far a verification is."""
        self._draw(found.read_bytes, f"{found.read_packs} of {found.packs} packs looked at")

    def show_copied(self, counts: CopyCounts) -> None:
        """How far a copy is."""
        self._draw(counts.bytes, f"{counts.blobs} blobs")

    def end(self, counts: Counts) -> None:
        """All is done."""
        self._expected = counts.bytes
        self._shown = 0.0
        self.show(counts)

    def _draw(self, done: int, text: str) -> None:
        now = time.monotonic()
        with self._lock:
            if now - self._shown < _SHOWN_EVERY_S:
                return
            self._shown = now
        rate = done / max(now - self._began, 0.001)
        left = max(0, self._expected - done) / rate if rate and self._expected else None
        percent = min(100.0, 100 * done / self._expected) if self._expected else 0.0
        text += f", {rate / 1e6:,.0f} MB/s" + (f", {left:,.0f} s left" if left is not None else "")
        with best_effort("progress"):
            self._put(percent, text)

    def _put(self, percent: float, text: str) -> None:
        if self._artifact is None:
            self._artifact = create_progress_artifact(percent, key=self._key, description=text)
        else:
            update_progress_artifact(self._artifact, percent, description=text)  # type: ignore[arg-type] # its own id


def _expected_in(estate: Estate, vault: Vault) -> list[Source]:
    """The sources whose snapshots are to be there; a second site has twice the time for each."""
    if vault.copy_of is None:
        return [each for each in estate.sources if each.vault == vault.name]
    return [each.with_twice_the_time() for each in estate.sources if each.vault == vault.copy_of]


def failures_of(findings: set[Finding]) -> str | None:
    """What was found to be wrong, in one line."""
    return "; ".join(f"{found.name} {found.fault}" for found in sorted(findings)) or None


def in_one_line(*failures: str | None) -> str | None:
    """Those that there are; None: there are none."""
    return "; ".join(failure for failure in failures if failure) or None


def _snapshot(
    repository: Repository,
    source: BackupSource,
    path: str,
    made: tuple[TreeBackup, Snapshot | None],
) -> Snapshot:
    backup, earlier = made
    counts = backup.counts
    return Snapshot(
        time=repository.store.now().astimezone(UTC),
        tree=backup.tree.hex(),
        paths=(path,),
        hostname=source.name,
        username=writer_identity().username,
        parent=earlier.id if earlier else None,
        excludes=source.excludes,
        summary=Summary(
            files_unmodified=counts.unchanged_files,
            data_added=counts.new_bytes,
            total_files_processed=counts.files,
            total_bytes_processed=counts.bytes,
        ),
    )
