"""A vault's second site: snapshots pulled there, by an identity that may write nowhere else."""

import time

from prefect import task
from prefect.tasks import exponential_backoff

from springtide.errors import Damaged, Misconfigured, NotFound
from springtide.model.backup import CopyOutcome, Vault
from springtide.model.calendar import PARIS
from springtide.model.vault_keys import KeyRole
from springtide.planning.second_site import nearest_base, plan_copy
from springtide.stores.vaults import opened_vault, writer_identity
from springtide.vault.adoption import Adoption, adopt_packs
from springtide.vault.repository import Repository
from springtide.vault.sessions import Session, load_for_reading, write_session
from springtide.vault.snapshot_copy import CopyCounts, TreeCopier, save_copy
from springtide.vault.snapshots import Snapshot, read_snapshots
from tasks.retrying import may_pass
from tasks.vaults import Meter, VaultOrder, read_back_sample


@task(
    task_run_name="copy to {order.vault}",
    retries=3,
    retry_delay_seconds=exponential_backoff(20),
    retry_jitter_factor=0.5,
    retry_condition_fn=may_pass,
)
def copy_vault(order: VaultOrder) -> CopyOutcome:
    """Have the second site hold what its original holds and its retention keeps.

    Nothing is written to the original. Another try, or another run after a kill, goes on.
    """
    began = time.monotonic()
    estate = order.estate
    vault, original = estate.vault(order.vault), _original(order)
    with (
        opened_vault(estate, original, role=KeyRole.RESTORE) as source,
        opened_vault(estate, vault) as target,
        write_session(target, identity=writer_identity(), policy=vault.prune) as session,
    ):
        copying = _Copying(vault, source, target, session)
        copying.run()
        sample, findings = read_back_sample(target)
        stored = target.stored
    failures = (*copying.failures, *(f"{f.name} {f.fault}" for f in sorted(findings)))
    return CopyOutcome(
        vault=vault.name,
        copied=copying.copied,
        present=len(copying.here),
        gone=copying.gone,
        blobs=copying.counts.blobs,
        new_bytes=copying.counts.bytes,
        stored_bytes=sum(pack.size for pack in stored),
        packs=len(stored),
        adopted_packs=copying.adopted.packs,
        read_back_packs=sample,
        failures=failures,
        took_s=time.monotonic() - began,
    )


class _Copying:
    def __init__(
        self, vault: Vault, source: Repository, target: Repository, session: Session
    ) -> None:
        self._vault, self._source, self._target = vault, source, target
        self._session = session
        self._meter = Meter(f"copy-{vault.name}", None)
        self._copier = TreeCopier(source, target)
        self.adopted = Adoption(0, 0, ())
        self.here: list[Snapshot] = []
        self.copied = self.gone = 0
        self.counts = CopyCounts()
        self.failures: list[str] = []

    def run(self) -> None:
        """Copy what is missing, oldest first; what cannot be is told, and stops nothing else."""
        self.adopted = adopt_packs(self._target, except_for=self._session.tombstoned)
        # Before the index: of a snapshot that is stored between the two it would not know all.
        there, damaged = read_snapshots(self._source)
        try:
            load_for_reading(self._source)
        except Damaged as error:
            damaged += error.objects
        self.failures += (f"{name} is not what was stored" for name in damaged)
        here, damaged_here = read_snapshots(self._target)
        self.failures += (
            f"{name} of {self._vault.name} is not what was stored" for name in damaged_here
        )
        self.here = list(here)
        now = self._target.store.now()
        for snapshot in plan_copy(there, self.here, self._vault.retention, now=now, zone=PARIS):
            self._copy(snapshot)

    def _copy(self, snapshot: Snapshot) -> None:
        # While something is about to go, all is looked at, once: it may be what a base counts on.
        base = None if self._session.tombstoned else nearest_base(snapshot, self.here)
        before = self.counts
        try:
            self.counts += self._copier.copy(
                bytes.fromhex(snapshot.tree),
                base=bytes.fromhex(base.tree) if base else None,
                progress=lambda counts: self._meter.show_copied(before + counts),
            )
        except (Damaged, NotFound) as error:
            self.failures.append(f"snapshots/{snapshot.id} needs what is not there: {error}")
            return
        self._session.refuse_if_expired()
        copy = save_copy(self._source, self._target, snapshot)
        if copy is None:
            self.gone += 1
            return
        self.here.append(copy)
        self.copied += 1


def _original(order: VaultOrder) -> Vault:
    name = order.estate.vault(order.vault).copy_of
    if name is None:
        copies = ", ".join(v.name for v in order.estate.vaults if v.copy_of) or "none is there"
        raise Misconfigured(f"{order.vault} is no copy", field="vault", allowed=copies)
    return order.estate.vault(name)
