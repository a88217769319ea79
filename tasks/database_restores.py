"""A cluster restored to a point in time: for people a stopped one, in drills one that is asked."""

import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from uuid import uuid4

from prefect import task
from prefect.tasks import exponential_backoff

from springtide.clouds.postgres.feeding import Feeder
from springtide.clouds.postgres.programs import Programs
from springtide.clouds.postgres.scratch import ScratchServer, Target, sync
from springtide.clouds.postgres.waldump import commit_times
from springtide.clouds.restic import is_installed
from springtide.errors import Damaged, GuardRefused, Misconfigured, NotFound, SpringtideError
from springtide.model.backup import DrillOutcome, RestoreOutcome
from springtide.model.postgres import BASE, PostgresSource
from springtide.model.wal import Segment, WalContents, parse_segment
from springtide.planning.database_restore import (
    DatabaseRestorePlan,
    RestorePoint,
    plan_database_restore,
)
from springtide.vault.base_backups import base_backups
from springtide.vault.repository import Repository
from springtide.vault.snapshots import load_snapshot, naming, read_snapshots, unread
from springtide.vault.tree_restore import Restored, restore_tree
from springtide.vault.wal_archive import WalArchive
from tasks.restores import SnapshotDrill, reading
from tasks.retrying import may_pass
from tasks.vaults import VaultOrder

_PATIENCE_S = 24 * 3600.0
_LOOKED_AT = 16
"""Of the newest segments, so many are searched for the drill's point in time."""
_LAST_COMMIT = "SELECT extract(epoch FROM pg_last_xact_replay_timestamp())"
_DATABASES = "SELECT datname FROM pg_database WHERE datallowconn ORDER BY datname"
TABLES = "SELECT count(*) FROM pg_class WHERE relkind IN ('r', 'm', 'p')"


@task(task_run_name="restore {source.name} to a point in time")
def restore_database(
    order: VaultOrder, source: PostgresSource, point: RestorePoint, name: str
) -> RestoreOutcome:
    """A stopped cluster in a new folder, recovered to the point: to be started where it is wanted.

    Nothing is left in its configuration; it is on a timeline of its own.
    """
    began = time.monotonic()
    folder = Path(source.restore_folder) / name
    with reading(order) as repository:
        place = Place(folder, repository, source)
        with naming(place.damaged):
            plan = plan_database_restore(place.contents, place.bases, point)
        with place.recovered(plan, durable=True) as server:
            restored_to = last_commit(server)
        sync(source, place.data)
    return RestoreOutcome(
        source=source.name,
        part=BASE,
        snapshot=plan.base.snapshot,
        target=str(place.data),
        files=place.restored.files,
        bytes=place.restored.bytes,
        troubles=0,
        unread=unread(place.damaged),
        restored_to=restored_to,
        took_s=time.monotonic() - began,
    )


@task(
    task_run_name="drill {source.name}",
    retries=2,
    retry_delay_seconds=exponential_backoff(20),
    retry_condition_fn=may_pass,
)
def drill_database(order: VaultOrder, source: PostgresSource) -> tuple[DrillOutcome, ...]:
    """Restore a cluster to a point in time, start it, check it, ask it; remove it again.

    Where that went well and restic is installed, it restores the same base backup once more: the
    second outcome, held against the snapshot file by file.
    """
    with reading(order) as repository, drill_folder(source) as folder:
        place = Place(folder, repository, source)
        complete = place.contents.complete_at
        lost = repository.store.now() - complete if complete else None
        known = {
            "source": source.name,
            "part": BASE,
            "by": "springtide",
            "snapshot": place.bases[-1].snapshot if place.bases else "",
            "recovery_point_s": max(0.0, lost.total_seconds()) if lost else 0.0,
            "unread": unread(place.damaged),
        }
        try:
            measured = _drill(place)
        except (Damaged, NotFound, GuardRefused, Misconfigured) as error:
            measured = {"failure": str(error)}
        ours = DrillOutcome.model_validate(known | measured)
        if ours.failure or ours.differences or not is_installed():
            return (ours,)
        drill = SnapshotDrill(order, source, repository, load_snapshot(repository, ours.snapshot))
        known |= {"by": "restic", "snapshot": ours.snapshot}
        return ours, DrillOutcome.model_validate(known | drill.measured(drill.by_restic))


def _drill(place: "Place") -> dict[str, object]:
    plan = place.drill_plan()
    began = time.monotonic()
    with place.recovered(plan, durable=False) as server:
        took = time.monotonic() - began
        reached = last_commit(server)
        names = [row[0] for row in server.ask(_DATABASES)]
        tables = sum(int(server.ask(TABLES, name)[0][0]) for name in names)
        differences = server.check()
    asked = plan.point.time
    if asked is not None and reached is not None and reached > asked:
        return {"failure": f"recovery went on to {reached.isoformat()}, past {asked.isoformat()}"}
    to = f"to {reached:%Y-%m-%d %H:%M:%S} UTC" if reached else "to the base backup's end"
    return {
        "snapshot": plan.base.snapshot,
        "files": place.restored.files,
        "bytes": place.restored.bytes,
        "restore_s": took,
        "differences": differences,
        "checked": f"recovered {to}, started, {tables} tables in {len(names)} databases checked",
    }


@dataclass
class Place:
    """A folder in which a cluster is restored."""

    folder: Path
    repository: Repository
    source: PostgresSource

    def __post_init__(self) -> None:
        """Know what the vault has of the source."""
        snapshots, self.damaged = read_snapshots(self.repository)
        self.archive = WalArchive(self.repository, self.source.name, snapshots)
        self.contents: WalContents = self.archive.contents()
        self.bases = base_backups(snapshots, self.source.name)
        self.restored = Restored()
        self.data = self.folder / "base"

    @contextmanager
    def recovered(self, plan: DatabaseRestorePlan, *, durable: bool) -> Iterator[ScratchServer]:
        """A server that has recovered by the plan; it has ended after the context."""
        self._restore(plan)
        with tempfile.TemporaryDirectory(prefix="springtide-pg-") as name:
            # A socket's path may have 107 characters, and a restore folder's more.
            work = Path(name)
            server = ScratchServer(self.source, self.data, work)
            server.prepare()
            feeder = Feeder(
                self.folder / "feed", self.archive.fetch, self._following, owner=server.owner
            )
            target = Target(plan.point.time, plan.timeline)
            try:
                with feeder:
                    server.recover(feeder.command, target, durable=durable, patience_s=_PATIENCE_S)
                self._refuse_cut_short(plan, feeder.given)
                yield server
            except SpringtideError:
                if feeder.failure is not None:
                    raise feeder.failure from None
                kept_log(work / "server.log", self.folder)
                raise
            finally:
                server.end()
                shutil.rmtree(self.folder / "feed", ignore_errors=True)

    def drill_plan(self) -> DatabaseRestorePlan:
        """To a moment between two commits, the newest that is archived; without any, to the end."""
        point = RestorePoint(time=self._newest_pause())
        try:
            return plan_database_restore(self.contents, self.bases, point)
        except NotFound:
            return plan_database_restore(self.contents, self.bases, RestorePoint())

    def _restore(self, plan: DatabaseRestorePlan) -> None:
        tree = bytes.fromhex(load_snapshot(self.repository, plan.base.snapshot).tree)
        self.restored = restore_tree(self.repository, tree, self.folder)
        # Where the worker is root another account has to come through, and see nothing else.
        self.folder.chmod(0o711)
        # Owners are set afterwards: here they are those of another machine.
        if damaged := self.restored.damaged:
            raise Damaged(f"{len(damaged)} files of the base backup are damaged in the vault")

    def _refuse_cut_short(self, plan: DatabaseRestorePlan, given: set[str]) -> None:
        """Return where the server came to the newest segment, if it was to.

        At a record that it cannot read a server takes its log for ended, whatever lies beyond.
        """
        newest = self.contents.name(plan.newest)
        if plan.point.time is None and newest not in given:
            size = self.contents.segment_bytes
            last = max((name for name in given if parse_segment(name, size)), default="its base")
            raise Damaged(
                f"the log is archived up to {newest}, and recovery ended in {last}: restore to a"
                " time before that"
            )

    def _following(self, name: str) -> list[str]:
        size = self.contents.segment_bytes
        segment = parse_segment(name, size)
        if segment is None:
            return []
        after = (Segment(segment.timeline, segment.number + ahead) for ahead in range(1, 9))
        return [each.name(size) for each in after if each in self.contents.segments]

    def _newest_pause(self) -> datetime | None:
        """The time of the last commit but one that is archived, of those with a later one."""
        head = self.contents.head
        times: list[datetime] = []
        with tempfile.TemporaryDirectory(prefix="springtide-wal-") as name:
            for back in range(_LOOKED_AT if head else 0):
                segment = Segment(head.timeline, head.number - back)  # type: ignore[union-attr] # there is one
                if segment not in self.contents.segments:
                    break
                file = Path(name) / self.contents.name(segment)
                self.archive.fetch(file.name, file)
                times = commit_times(Programs(self.source), file) + times
                file.unlink()
                pauses = [one for one, after in pairwise(times) if one < after]
                if pauses:
                    return pauses[-1]
        return None


def last_commit(server: ScratchServer) -> datetime | None:
    """When the last transaction that was replayed ended; None: none was."""
    found = server.ask(_LAST_COMMIT)
    return datetime.fromtimestamp(float(found[0][0]), UTC) if found and found[0][0] else None


def kept_log(log: Path, folder: Path) -> None:
    """Keep a server's log beside the folder; for the worker's user alone: it may name tables."""
    kept = folder.with_name(f"{folder.name.lstrip('.')}.log")
    kept.touch(mode=0o600)
    if log.exists():
        shutil.copyfile(log, kept)


@contextmanager
def drill_folder(source: PostgresSource) -> Iterator[Path]:
    """An empty folder below the source's restore folder, that is removed again."""
    folder = Path(source.restore_folder) / f".drill-{uuid4().hex}"
    folder.mkdir(mode=0o711, parents=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
