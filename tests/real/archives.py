"""A vault in a folder for a cluster's backups, and runs over it without Prefect."""

import logging
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from multiprocessing import get_context
from pathlib import Path

from springtide.clouds.postgres.receiver import held_spool
from springtide.model.object_storage import Store
from springtide.model.postgres import BASE, PART_PATHS, PostgresSource
from springtide.model.retention import PrunePolicy
from springtide.model.wal import WalContents
from springtide.model.wal_state import WalState
from springtide.planning.database_restore import RestorePoint, plan_database_restore
from springtide.vault.adoption import adopt_packs
from springtide.vault.repository import Repository
from springtide.vault.sessions import Session, write_session
from springtide.vault.snapshots import Snapshot, list_snapshots, save_snapshot
from springtide.vault.wal_archive import WalArchive
from tasks.database_backups import save_base_backup
from tasks.database_restores import Place
from tasks.log_states import log_state
from tasks.wal_archiver import Archiver
from tests.real.clusters import Ground, numbers_in
from tests.vault.folder_store import FolderStore
from tests.vault.killed_writer import DeadlyStore
from tests.vault.places import IDENTITY, a_repository
from tests.vault.vaults import opened

LAG = timedelta(minutes=10)
_LIFE_S = 20.0
_RUNS = 20


class Archives:
    """The vault of a ground's source; each call is a run of its own, on an index of its own."""

    def __init__(self, ground: Ground) -> None:
        """A new repository beside the clusters."""
        self.folder, self.source = ground.folder, ground.source()
        a_repository(self.folder).close()

    def archive(self, seconds: float = 0.0) -> tuple[Archiver, str | None]:
        """What a run of the archiver did, and why it failed."""
        return run_archiver(self.folder, self.source, FolderStore(self._vault), seconds)

    def archive_all(self) -> None:
        """Archive, run after run, until all is there that was written before."""
        began = datetime.now(UTC)
        for number in range(_RUNS):
            # Longer and longer: on a busy machine what is short ends before it has caught up.
            archiver, failure = self.archive(1.5 + number)
            assert None is failure
            complete = archiver.complete_at
            if complete is not None and complete > began:
                return
        raise AssertionError("the archiver does not catch up")

    def archive_killed(self, prefix: str, number: int, when: str) -> int | None:
        """Archive in a process that dies at that write; how it ended."""
        store = DeadlyStore(self._vault, prefix, number=number, when=when)
        # Forked: an interpreter of its own would take longer than all it does.
        process = get_context("fork").Process(
            target=run_archiver, args=(self.folder, self.source, store, _LIFE_S)
        )
        process.start()
        process.join(2 * _LIFE_S)
        return process.exitcode

    def back_up(self, **changes: object) -> str:
        """The id of a base backup's snapshot."""
        source = self.source.model_copy(update=changes)
        with ExitStack() as stack:
            session = self._session(stack)
            repository = session.repository
            tree, _, tags = save_base_backup(repository, source, lambda _: None)
            repository.flush()
            made = Snapshot(
                time=datetime.now().astimezone(),
                tree=tree.hex(),
                paths=(PART_PATHS[BASE],),
                hostname=source.name,
                tags=tags,
            )
            return save_snapshot(repository, made).id

    def contents(self) -> WalContents:
        """What the archive holds."""
        with ExitStack() as stack:
            repository = self._session(stack).repository
            snapshots = list_snapshots(repository)
            return WalArchive(repository, self.source.name, snapshots).contents()

    def state(self) -> WalState:
        """How the archive stands now."""
        with ExitStack() as stack:
            repository = self._session(stack).repository
            snapshots = list_snapshots(repository)
            return log_state(repository, self.source, snapshots, datetime.now().astimezone())

    def restored(self, name: str, point: RestorePoint | None = None) -> list[int]:
        """The lines of the book in the cluster, restored to that point."""
        with self.place(name) as place:
            plan = plan_database_restore(place.contents, place.bases, point or RestorePoint())
            with place.recovered(plan, durable=False):
                pass
            return numbers_in(place.data)

    @contextmanager
    def place(self, name: str) -> Iterator[Place]:
        """Where the cluster is restored, in a folder of that name."""
        with ExitStack() as stack:
            repository = self._session(stack).repository
            yield Place(self.folder / "restores" / name, repository, self.source)

    @property
    def _vault(self) -> Path:
        return self.folder / "repository"

    def _session(self, stack: ExitStack) -> Session:
        return stack.enter_context(a_session(stack.enter_context(opened(self.folder))))


def a_session(repository: Repository):  # type: ignore[no-untyped-def] # noqa: ANN201 - a context
    """A session of a writer."""
    return write_session(repository, identity=IDENTITY, policy=PrunePolicy())


def run_archiver(
    folder: Path, source: PostgresSource, store: Store, seconds: float
) -> tuple[Archiver, str | None]:
    """As the task runs it."""
    with (
        held_spool(Path(source.spool_folder)),
        opened(folder, store, work="archiver") as repository,
        a_session(repository) as session,
    ):
        adopt_packs(repository, except_for=session.tombstoned)
        archive = WalArchive(repository, source.name, list_snapshots(repository))
        log = logging.getLogger(__name__)
        archiver = Archiver(source, archive, session, lag=LAG, log=log)
        return archiver, archiver.run(timedelta(seconds=seconds))
