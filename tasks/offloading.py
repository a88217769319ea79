"""Documents that nobody touches: stored, removed once whole at both sites, fetched back."""

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from prefect import task
from prefect.tasks import exponential_backoff

from springtide.errors import GuardRefused, Misconfigured
from springtide.model.backup import BackupSource, Vault
from springtide.model.offload import FetchOutcome, OffloadOutcome, OffloadPolicy
from springtide.model.retention import OFFLOADED
from springtide.model.vault_keys import KeyRole
from springtide.planning.document_offload import Document, plan_offload, untouched
from springtide.planning.second_site import sameness
from springtide.stores.vaults import opened_vault, writer_identity
from springtide.vault.adoption import adopt_packs
from springtide.vault.fetching import fetch_path
from springtide.vault.offloading import (
    newest_offloaded,
    nodes_at,
    offload_host,
    releasable,
    remove_documents,
    save_manifest,
    scan,
    stands_as_stored,
    store_documents,
)
from springtide.vault.references import opened_path
from springtide.vault.repository import Repository
from springtide.vault.sessions import Session, load_for_reading, write_session
from springtide.vault.snapshots import Snapshot, list_snapshots
from tasks.retrying import may_pass
from tasks.vaults import VaultOrder

_MOST_SKEW_S = 3600.0
"""Between the machine's clock, which dates its files, and the store's."""


@task(
    task_run_name="offload {source.name}, part {part}",
    retries=2,
    retry_delay_seconds=exponential_backoff(20),
    retry_condition_fn=may_pass,
)
def offload_part(
    order: VaultOrder, source: BackupSource, part: int, *, dry_run: bool
) -> OffloadOutcome:
    """Remove what was stored before and is whole at both sites; store what is untouched by now.

    Nothing is removed in the run that stored it. Another run after a kill goes on.
    """
    policy = source.offload
    if policy is None:
        raise Misconfigured(
            f"{source.name} says nothing of it", field="offload", allowed="an offload policy"
        )
    vault = order.estate.vault(order.vault)
    copies = [each for each in order.estate.vaults if each.copy_of == vault.name]
    if not copies:
        raise Misconfigured(
            f"nothing is removed that stands at one site only: {vault.name} has no second site",
            field="copy_of",
        )
    with _sites(order, vault, copies) as (session, sites):
        run = _Offloading(source, part, policy, sites)
        if not dry_run:
            adopt_packs(sites[0], except_for=session.tombstoned)
        return run.outcome(session, dry_run=dry_run)


class _Offloading:
    """One run over one part; the first of the sites is the one that is written."""

    def __init__(
        self, source: BackupSource, part: int, policy: OffloadPolicy, sites: list[Repository]
    ) -> None:
        self._source, self._part, self._policy = source, part, policy
        self._sites, self._path = sites, source.paths[part - 1]
        self._now = _now(sites[0])
        self._known = list_snapshots(sites[0])
        self._newest = newest_offloaded(self._known, source.name, self._path)

    def outcome(self, session: Session, *, dry_run: bool) -> OffloadOutcome:
        """What became of it."""
        found = scan(Path(self._path), self._source.excludes)
        documents = (Document(each.path, each.size, each.touched) for each in found)
        due = untouched(documents, self._policy, self._now)
        stored = self._stored({each.path for each in due})
        told = OffloadOutcome(
            source=self._source.name,
            part=self._part,
            dry_run=dry_run,
            untouched_files=len(due),
            untouched_bytes=sum(each.size for each in due),
        )
        told = self._release(told, [d for d in due if d.path in stored])
        return self._store(told, [d for d in due if d.path not in stored], session)

    def _stored(self, paths: set[bytes]) -> set[bytes]:
        """Those that were offloaded as they stand."""
        if self._newest is None:
            return set()
        nodes = nodes_at(self._sites[0], bytes.fromhex(self._newest.tree), paths)
        return {path for path, node in nodes.items() if stands_as_stored(path, node)}

    def _release(self, told: OffloadOutcome, documents: list[Document]) -> OffloadOutcome:
        whole = self._at_every_site()
        if whole is None:
            return told.model_copy(update={"waiting_files": len(documents)})
        plan = plan_offload(documents, self._policy)
        tree = bytes.fromhex(whole.tree)
        there = nodes_at(self._sites[-1], tree, {each.path for each in documents})
        found = releasable(self._sites, tree, {each.path for each in plan} & there.keys())
        files, size = len(found.whole), sum(node.size for _, node in found.whole)
        if not told.dry_run:
            files, size = remove_documents(found)
        changes = {
            "removed_files": files,
            "removed_bytes": size,
            "waiting_files": len(documents) - len(there),
            "kept_files": found.kept,
            "failures": tuple(sorted(found.failures)),
        }
        return told.model_copy(update=changes)

    def _at_every_site(self) -> Snapshot | None:
        """The newest snapshot of what was offloaded that stands at all of them."""
        there = [{sameness(each) for each in list_snapshots(site)} for site in self._sites[1:]]
        host = offload_host(self._source.name)
        everywhere = [
            each
            for each in self._known
            if (each.hostname, each.paths) == (host, (self._path,))
            and all(sameness(each) in known for known in there)
        ]
        return max(everywhere, key=lambda each: each.time, default=None)

    def _store(
        self, told: OffloadOutcome, documents: list[Document], session: Session
    ) -> OffloadOutcome:
        plan = plan_offload(documents, self._policy)
        size = sum(each.size for each in plan)
        told = told.model_copy(update={"stored_files": len(plan), "stored_bytes": size})
        if told.dry_run or not plan:
            return told
        snapshot, troubles = self._save(plan, session)
        unread = (f"{troubles} files could not be read, and stay",) if troubles else ()
        changes = {"snapshot": snapshot, "failures": (*told.failures, *unread)}
        return told.model_copy(update=changes)

    def _save(self, plan: tuple[Document, ...], session: Session) -> tuple[str, int]:
        earlier = bytes.fromhex(self._newest.tree) if self._newest else None
        repository = self._sites[0]
        paths = [each.path for each in plan]
        tree, backup = store_documents(repository, paths, earlier=earlier)
        session.refuse_if_expired()
        snapshot = Snapshot(
            time=repository.store.now(),
            tree=tree.hex(),
            paths=(self._path,),
            hostname=offload_host(self._source.name),
            username=writer_identity().username,
            parent=self._newest.id if self._newest else None,
            tags=(OFFLOADED,),
        )
        made = save_manifest(repository, snapshot, earlier=self._newest)
        return made.id, len(backup.troubles)


@task(task_run_name="fetch a document of {source.name}")
def fetch_document(order: VaultOrder, source: BackupSource, document: str) -> FetchOutcome:
    """Put a document that was offloaded back in its place; what stands there is left as it is."""
    began = time.monotonic()
    vault = order.estate.vault(order.vault)
    with opened_vault(order.estate, vault, role=KeyRole.RESTORE) as repository:
        found = fetch_path(repository, source, opened_path(repository.key, document))
    took = time.monotonic() - began
    return FetchOutcome(source=source.name, **asdict(found), took_s=took)


@contextmanager
def _sites(
    order: VaultOrder, vault: Vault, copies: list[Vault]
) -> Iterator[tuple[Session, list[Repository]]]:
    """The vault, in a session of a writer, and its copies, which are only read."""
    with ExitStack() as stack:
        first = stack.enter_context(opened_vault(order.estate, vault))
        session = stack.enter_context(
            write_session(first, identity=writer_identity(), policy=vault.prune)
        )
        sites = [first]
        for copy in copies:
            site = stack.enter_context(opened_vault(order.estate, copy, role=KeyRole.RESTORE))
            load_for_reading(site)
            sites.append(site)
        yield session, sites


def _now(repository: Repository) -> datetime:
    """The time, on which this machine and the store agree.

    Raises:
        GuardRefused: they don't: how old a file is, is not known.
    """
    now = repository.store.now()
    skew = abs((datetime.now(UTC) - now).total_seconds())
    if skew > _MOST_SKEW_S:
        raise GuardRefused(f"this machine's clock and the store's are {skew:.0f} s apart")
    return now
