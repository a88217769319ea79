"""Restores to new places: for people, and for drills that prove they work."""

import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path, PurePosixPath
from typing import NamedTuple
from uuid import uuid4

from prefect import task
from prefect.tasks import exponential_backoff

from springtide.clouds.restic import is_installed, restore_by_restic
from springtide.errors import Damaged, GuardRefused, Misconfigured, NotFound
from springtide.model.backup import BackupSource, DrillOutcome, RestoreOutcome
from springtide.model.retention import OFFLOADED
from springtide.model.sources import Source
from springtide.model.vault_keys import KeyRole
from springtide.stores.vaults import open_store, opened_vault, writer_identity
from springtide.vault.offloading import newest_offloaded, offload_host
from springtide.vault.repository import Repository
from springtide.vault.sessions import load_for_reading, read_session
from springtide.vault.sharding import newest_snapshot
from springtide.vault.snapshots import Snapshot, chosen_snapshot, naming, read_snapshots, unread
from springtide.vault.tree_comparison import compare_tree
from springtide.vault.tree_restore import restore_tree
from springtide.vault.troubles import Trouble
from tasks.retrying import may_pass
from tasks.vaults import VaultOrder

LATEST = "latest"
_OURS, _RESTIC = "springtide", "restic"


class Wanted(NamedTuple):
    """What is restored of a part, and to where."""

    snapshot: str
    """The first digits of its id, `latest` or `offloaded`."""
    paths: tuple[str, ...]
    """As they were backed up; empty: everything."""
    folder: str
    """The name of a new one."""


@task(task_run_name="restore {source.name}, part {part}")
def restore_part(order: VaultOrder, source: Source, part: int, wanted: Wanted) -> RestoreOutcome:
    """Restore what is wanted of a snapshot to a new folder; what stands there is never touched."""
    began = time.monotonic()
    target = Path(source.restore_folder) / wanted.folder
    with reading(order) as repository:
        snapshot, others = chosen_for(repository, source, part, wanted.snapshot)
        tree = bytes.fromhex(snapshot.tree)
        only = tuple(map(PurePosixPath, wanted.paths))
        restored = restore_tree(repository, tree, target, paths=only)
    if restored.troubles:
        _list_beside(target, restored.troubles)
    return RestoreOutcome(
        source=source.name,
        part=part,
        snapshot=snapshot.id,
        target=str(target),
        files=restored.files,
        bytes=restored.bytes,
        troubles=len(restored.troubles),
        unread=others,
        took_s=time.monotonic() - began,
    )


@task(
    task_run_name="drill {source.name}, part {part}",
    retries=2,
    retry_delay_seconds=exponential_backoff(20),
    retry_condition_fn=may_pass,
)
def drill_part(order: VaultOrder, source: BackupSource, part: int) -> tuple[DrillOutcome, ...]:
    """Restore the newest snapshot by us and by restic, and hold both against the snapshot.

    The scratch folders are removed again. Without restic on the machine there is one outcome.
    """
    with reading(order) as repository:
        snapshot, others = chosen_for(repository, source, part, LATEST)
        point: timedelta = repository.store.now() - snapshot.time
        drill = SnapshotDrill(order, source, repository, snapshot)
        ways: dict[str, Callable[[Path], tuple[int, int]]] = {_OURS: drill.by_us}
        if is_installed():
            ways[_RESTIC] = drill.by_restic
        outcomes: list[DrillOutcome] = []
        for by, way in ways.items():
            known = {"source": source.name, "part": part, "by": by, "snapshot": snapshot.id}
            known |= {"recovery_point_s": point.total_seconds(), "unread": others}
            outcomes.append(DrillOutcome.model_validate(known | drill.measured(way)))
            if outcomes[-1].failure or outcomes[-1].differences:
                break  # restic asks for what is not there for many minutes
        return tuple(outcomes)


class SnapshotDrill:
    """The restores of one snapshot, each to a scratch folder of its own."""

    def __init__(
        self,
        order: VaultOrder,
        source: Source,
        repository: Repository,
        snapshot: Snapshot,
    ) -> None:
        """Nothing is restored yet."""
        self._order, self._source = order, source
        self._repository, self._snapshot = repository, snapshot
        self._tree = bytes.fromhex(snapshot.tree)

    def measured(self, way: Callable[[Path], tuple[int, int]]) -> dict[str, object]:
        """What a way of restoring came to."""
        with _scratch(self._source) as folder:
            began = time.monotonic()
            try:
                files, size = way(folder)
            except (Damaged, NotFound) as error:
                return {"failure": str(error)}
            took = time.monotonic() - began
            differences = sum(1 for _ in compare_tree(self._repository, self._tree, folder))
        return {"files": files, "bytes": size, "restore_s": took, "differences": differences}

    def by_us(self, folder: Path) -> tuple[int, int]:
        """How many files of how many bytes."""
        restored = restore_tree(self._repository, self._tree, folder)
        return restored.files, restored.bytes

    def by_restic(self, folder: Path) -> tuple[int, int]:
        """The same, by the other program."""
        estate = self._order.estate
        vault = estate.vault(self._order.vault)
        with open_store(estate, vault, reading=True) as store:
            restore_by_restic(
                store,
                Path(vault.password_file_of(KeyRole.RESTORE)),
                snapshot=self._snapshot.id,
                target=folder,
            )
        summary = self._snapshot.summary
        return (summary.total_files_processed, summary.total_bytes_processed) if summary else (0, 0)


@contextmanager
def reading(order: VaultOrder) -> Iterator[Repository]:
    """The vault, its index read; nothing of it can go meanwhile where a session may be written.

    By a `read_cloud` none may: then what is about to go is read where it stays.
    """
    vault = order.estate.vault(order.vault)
    with opened_vault(order.estate, vault, role=KeyRole.RESTORE) as repository:
        if vault.read_cloud is not None:
            with suppress(Damaged):  # what is named damaged is missed file by file
                load_for_reading(repository)
            yield repository
            return
        with read_session(repository, identity=writer_identity(), policy=vault.prune):
            yield repository


@contextmanager
def _scratch(source: Source) -> Iterator[Path]:
    folder = Path(source.restore_folder) / f".drill-{uuid4().hex}"
    folder.mkdir(mode=0o700, parents=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def chosen_for(
    repository: Repository, source: Source, part: int, start: str
) -> tuple[Snapshot, str]:
    """The part's snapshot whose id begins so, or `latest`, or `offloaded`; and which are unread.

    Raises:
        NotFound: there is none.
        Misconfigured: it is a snapshot of something else.
        Damaged: it may be one of those that cannot be read.
    """
    known, damaged = read_snapshots(repository)
    with naming(damaged):
        return _chosen(known, source, part, start), unread(damaged)


def _chosen(known: tuple[Snapshot, ...], source: Source, part: int, start: str) -> Snapshot:
    path = source.part_paths[part]
    if start == OFFLOADED:
        manifest = newest_offloaded(known, source.name, path)
        if manifest is None:
            raise NotFound(f"{source.name}, part {part}: nothing was ever offloaded")
        return manifest
    if start == LATEST:
        found = newest_snapshot(known, source.name, path)
        if found is None:
            raise NotFound(f"{source.name}, part {part}: there is no snapshot")
        return found
    found = chosen_snapshot(known, start)
    if found.hostname not in {source.name, offload_host(source.name)} or found.paths != (path,):
        raise Misconfigured(
            f"{found.id[:8]} is a snapshot of something else",
            field="snapshot",
            allowed=f"one of {source.name}, part {part}",
        )
    return found


def _list_beside(target: Path, troubles: list[Trouble]) -> None:
    """Names of files stay on the machine whose they are."""
    beside = target.with_name(f"{target.name}.troubles")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        for each in troubles:
            file.write(b"%s: %s %s\n" % (each.path, each.kind.encode(), each.reason.encode()))


def new_folder(source: Source, name: str) -> str:
    """The name of a folder that a restore may make.

    Raises:
        GuardRefused: it would be somewhere else, or is there already.
    """
    target = Path(source.restore_folder) / name
    if target.name != name or name in {"", ".", ".."} or os.path.lexists(target):
        raise GuardRefused(
            f"a restore goes to a new folder below {source.restore_folder}, and nowhere else"
        )
    return name
