"""The archive of a log as the vault holds it: what is added, united, expired and removed."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from springtide.errors import Damaged, GuardRefused, NotFound
from springtide.model.retention import PrunePolicy
from springtide.model.wal import Segment, Switch
from springtide.vault.adoption import adopt_packs
from springtide.vault.blobs import BlobKind, blob_id, pack_name
from springtide.vault.sessions import write_session
from springtide.vault.snapshot_copy import TreeCopier, save_copy
from springtide.vault.snapshots import list_snapshots
from springtide.vault.wal_archive import WAL_TAG, WalArchive
from tests.vault.folder_store import FolderStore
from tests.vault.places import IDENTITY, a_repository
from tests.vault.vaults import KIB, Restic, contents, opened, restic_check

LAG = timedelta(minutes=10)
SIZE = 16 * 1024 * KIB


class ClockedStore(FolderStore):
    """A folder with a clock that is put forward."""

    at = datetime(2026, 3, 16, 18, tzinfo=UTC)

    def now(self) -> datetime:
        """What the clock says."""
        return self.at


class Archiving:
    """One run of an archiver over a repository, on an index of its own."""

    def __init__(self, folder: Path, store: ClockedStore, *, work: str) -> None:
        """The archive as it is found."""
        self.folder, self.store = folder, store
        self.repository = opened(folder, store, work=work)
        self._session = write_session(self.repository, identity=IDENTITY, policy=PrunePolicy())
        self.session = self._session.__enter__()
        snapshots = list_snapshots(self.repository)
        self.archive = WalArchive(self.repository, "core", snapshots)
        self.archive.note(system=7, segment_bytes=SIZE)

    def add(self, *numbers: int, timeline: int = 1) -> None:
        """Archive those segments, in one commit."""
        for number in numbers:
            path = self.folder / Segment(timeline, number).name()
            path.write_bytes(contents(1, size=4 * KIB, seed=number)[0])
            self.archive.add(path)
        self.commit()

    def commit(self) -> None:
        """Store what was added."""
        self.archive.commit(self.session, username="springtide", lag=LAG)

    def later(self, minutes: float) -> None:
        """Put the clock forward."""
        self.store.at += timedelta(minutes=minutes)

    def held(self) -> list[int]:
        """The numbers that are archived."""
        return sorted(segment.number for segment in self.archive.contents().segments)

    def lose(self, number: int) -> None:
        """The pack of that segment's chunk is lost in the store."""
        chunk = blob_id((self.folder / Segment(1, number).name()).read_bytes())
        place = self.repository.place(BlobKind.DATA, chunk)
        self.store.delete(pack_name(place.pack))

    def snapshots(self) -> int:
        """How many snapshots stand."""
        return len(list_snapshots(self.repository))

    def end(self) -> None:
        """End the run."""
        self._session.__exit__(None, None, None)
        self.repository.close()


@pytest.fixture
def store(tmp_path: Path) -> ClockedStore:
    """A store with an empty repository."""
    found = ClockedStore(tmp_path / "repository")
    a_repository(tmp_path, found).close()
    return found


def run(store: ClockedStore, folder: Path, work: str) -> Archiving:
    """Another run, somewhere else."""
    return Archiving(folder, store, work=work)


def test_segments_are_archived_and_fetched(store: ClockedStore, tmp_path: Path) -> None:
    """As restic sees them, too: files below /wal, in folders of 256."""
    first = run(store, tmp_path, "a")
    first.add(255, 256, 257)
    first.end()
    again = run(store, tmp_path, "b")
    assert [255, 256, 257] == again.held()
    target = tmp_path / "fetched"
    again.archive.fetch("000000010000000100000001", target)
    assert (tmp_path / "000000010000000100000001").read_bytes() == target.read_bytes()
    with pytest.raises(NotFound):
        again.archive.fetch("000000010000000100000002", target)
    (snapshot,) = list_snapshots(again.repository)
    assert WAL_TAG in snapshot.tags
    again.end()
    restic_check(tmp_path)


def test_what_is_superseded_while_it_is_copied_is_copied(
    store: ClockedStore, tmp_path: Path
) -> None:
    """A copy lasts longer than a snapshot of a log stands; what contains it comes beside it."""
    archiving = run(store, tmp_path, "a")
    archiving.add(1)
    (first,) = list_snapshots(archiving.repository)
    for number in (2, 3):
        archiving.later(11)
        archiving.add(number)
    archiving.end()
    with opened(tmp_path, store) as source, a_repository(tmp_path / "second") as target:
        source.load_index()
        standing = list_snapshots(source)
        assert first not in standing
        copier, held = TreeCopier(source, target), []
        for snapshot in (first, standing[-1]):
            copier.copy(bytes.fromhex(snapshot.tree))
            assert save_copy(source, target, snapshot) is not None
            archive = WalArchive(target, "core", list_snapshots(target))
            held.append(sorted(each.number for each in archive.contents().segments))
    assert [[1], [1, 2, 3]] == held


def test_a_segment_of_which_a_part_is_gone_is_damaged(store: ClockedStore, tmp_path: Path) -> None:
    """Not found is what is not archived: a recovering server takes that for the log's end."""
    archiving = run(store, tmp_path, "a")
    for number in (1, 2, 3):
        archiving.add(number)
    archiving.lose(2)
    archiving.end()
    again = run(store, tmp_path, "b")
    assert [1, 2, 3] == again.held()
    target = tmp_path / "fetched"
    with pytest.raises(Damaged, match="000000010000000000000002 is archived, and a part of it is"):
        again.archive.fetch("000000010000000000000002", target)
    assert not target.exists()
    again.archive.fetch("000000010000000000000003", target)
    again.end()


def test_histories_are_read(store: ClockedStore, tmp_path: Path) -> None:
    """A history file says where a timeline was left."""
    archiving = run(store, tmp_path, "a")
    path = tmp_path / "00000002.history"
    path.write_text("1\t0/5000158\tno recovery target specified\n")
    archiving.archive.add(path)
    archiving.add(5, timeline=2)
    assert {2: (Switch(1, 0x5000158),)} == archiving.archive.contents().histories
    archiving.end()


def test_two_archivers_at_once_undo_nothing(store: ClockedStore, tmp_path: Path) -> None:
    """Each stores what it knows; whoever comes next knows all of it."""
    one, two = run(store, tmp_path, "a"), run(store, tmp_path, "b")
    one.add(1, 2)
    two.add(2, 3)
    one.later(11)
    one.add(4)
    two.add(5)
    assert [1, 2, 4] == one.held()
    third = run(store, tmp_path, "c")
    assert [1, 2, 3, 4, 5] == third.held()
    third.add(6)
    for each in (one, two, third):
        each.end()
    restic_check(tmp_path)


def test_what_is_contained_goes_after_the_lag(store: ClockedStore, tmp_path: Path) -> None:
    """A snapshot stays until the one that contains it has been there for the listing's lag."""
    archiving = run(store, tmp_path, "a")
    for number in range(3):
        archiving.add(number)
        archiving.later(1)
    assert 3 == archiving.snapshots()
    archiving.later(8.1)  # the second one is older than the lag, and contains the first
    archiving.add(3)
    assert 3 == archiving.snapshots()
    archiving.later(30)
    archiving.add(4)
    assert 2 == archiving.snapshots()
    assert [0, 1, 2, 3, 4] == archiving.held()
    archiving.end()


def test_short_runs_heap_up_nothing(store: ClockedStore, tmp_path: Path) -> None:
    """A run that finds old snapshots in the newest one removes them at once."""
    for number in range(5):
        archiving = run(store, tmp_path, f"run-{number}")
        archiving.add(number)
        archiving.later(20)
        archiving.end()
    last = run(store, tmp_path, "last")
    last.archive.remove_superseded(LAG)
    assert (1, [0, 1, 2, 3, 4]) == (last.snapshots(), last.held())
    last.end()
    restic_check(tmp_path)


def test_what_expired_does_not_come_back(store: ClockedStore, tmp_path: Path) -> None:
    """An archiver that began before still has it in its snapshots; nobody believes them."""
    archiver = run(store, tmp_path, "a")
    archiver.add(0, 1, 2, 3, 4)
    expiry = run(store, tmp_path, "b")
    # Of an old base backup segment 1 stays.
    expiry.archive.remove((Segment(1, 0), Segment(1, 2)), floor=3)
    expiry.commit()
    archiver.add(5)
    assert [0, 1, 2, 3, 4, 5] == archiver.held()
    again = run(store, tmp_path, "c")
    assert [1, 3, 4, 5] == again.held()
    # And once more: now the old base backup has gone as well.
    again.archive.remove((Segment(1, 1),), floor=3)
    again.commit()
    last = run(store, tmp_path, "d")
    assert [3, 4, 5] == last.held()
    for each in (archiver, expiry, again, last):
        each.end()
    restic_check(tmp_path)


def test_a_cluster_that_was_set_back_behind_the_floor_is_refused(
    store: ClockedStore, tmp_path: Path
) -> None:
    """Its segments would be taken for expired ones."""
    archiving = run(store, tmp_path, "a")
    archiving.add(3, 4)
    archiving.archive.remove((Segment(1, 3),), floor=4)
    archiving.commit()
    with pytest.raises(GuardRefused, match="older than the archive's beginning"):
        archiving.add(2, timeline=2)
    archiving.end()


def test_a_killed_run_sends_nothing_twice(store: ClockedStore, tmp_path: Path) -> None:
    """Its packs have arrived and nothing names them: the next run takes them over."""
    killed = run(store, tmp_path, "a")
    path = tmp_path / Segment(1, 7).name()
    path.write_bytes(contents(1, size=400 * KIB, seed=7)[0])
    killed.archive.add(path)
    killed.repository._writer.flush()  # noqa: SLF001 - as far as it came
    killed.repository.close()
    again = run(store, tmp_path, "b")
    assert [] == again.held()
    assert 0 < adopt_packs(again.repository).packs
    assert 0 == again.archive.add(path)
    again.commit()
    assert [7] == again.held()
    again.end()
    Restic(tmp_path).says("unlock", "--remove-all")  # which a killed run leaves
    restic_check(tmp_path)
