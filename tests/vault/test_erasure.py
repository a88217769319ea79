"""Lawful erasure: no snapshot holds the document any more, and its bytes go for good."""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from springtide.errors import Damaged, NotFound, Retryable
from springtide.model.retention import OFFLOADED, PrunePolicy
from springtide.vault.blobs import BlobId, BlobKind, blob_id
from springtide.vault.erasure import (
    KIND,
    ORDER_KEPT,
    Erasing,
    ErasureOrder,
    erase,
    is_carried_out,
    load_order,
    read_condemned,
    save_order,
)
from springtide.vault.packs import read_header
from springtide.vault.pruning import PruneReport, prune
from springtide.vault.reports import load_report, save_report
from springtide.vault.repository import Repository
from springtide.vault.sessions import write_session
from springtide.vault.snapshots import (
    Snapshot,
    Summary,
    list_snapshots,
    load_snapshot,
    save_snapshot,
)
from springtide.vault.tombstones import read_ledger
from springtide.vault.trees import tree_size
from springtide.vault.troubles import Trouble, TroubleKind
from springtide.vault.verification import verify_repository
from tests.vault.folder_store import FolderStore
from tests.vault.places import EVERYTHING, IDENTITY, a_repository
from tests.vault.test_tree_editing import files_of, tree_of
from tests.vault.vaults import a_snapshot, names, opened, pack_id, restic_check

PUPIL = b"/srv/documents/3/martin.pdf"
SECRET = b"marks of one pupil" * 50
OTHER = {f"/srv/documents/{n}/{n}.txt": b"%d" % n * 5000 for n in range(4)}
SIZE = sum(map(len, OTHER.values()))
WITH = OTHER | {PUPIL.decode(): SECRET}
POLICY = PrunePolicy()
HOUR = timedelta(hours=1)


class TimedStore(FolderStore):
    """A folder whose clock goes on when it is told to."""

    def __init__(self, folder: Path) -> None:
        """Now."""
        super().__init__(folder)
        self.passed = timedelta(0)
        self.stuck = ""

    def now(self) -> datetime:
        """As `Store.now`."""
        return super().now() + self.passed

    def delete(self, name: str) -> None:
        """As `Store.delete`; of what is stuck nothing goes."""
        if self.stuck and name.startswith(self.stuck):
            raise Retryable("503")
        super().delete(name)


@pytest.fixture
def store(tmp_path: Path) -> TimedStore:
    """Where the repository is."""
    return TimedStore(tmp_path / "repository")


@pytest.fixture
def repository(tmp_path: Path, store: TimedStore) -> Iterator[Repository]:
    """Two snapshots with the document, one of them protected, and one without."""
    with a_repository(tmp_path, store) as made:
        for files, tags in ((WITH, ()), (WITH, (OFFLOADED,)), (OTHER, ())):
            snapshot = a_snapshot(made, tree_of(made, files).hex())
            save_snapshot(made, snapshot.model_copy(update={"tags": tags}))
            store.passed += HOUR
        yield made


def erased(repository: Repository, order: str) -> Erasing:
    """The order carried out."""
    with write_session(repository, identity=IDENTITY, policy=POLICY) as session:
        return erase(repository, load_order(repository, order), session=session)


def pruned(repository: Repository) -> PruneReport:
    """One run of prune, which must leave everything whole that is needed."""
    report = prune(repository, identity=IDENTITY, policy=POLICY, dry_run=False)
    repository.load_index()
    assert set() == verify_repository(repository, EVERYTHING).findings
    return report


def stored_blobs(repository: Repository) -> set[tuple[BlobKind, BlobId]]:
    """What is in any pack, whatever an index says."""
    return {
        (entry.kind, entry.id)
        for listed in repository.store.listing("data/")
        for entry in read_header(
            repository.key, repository.store, pack_id(listed.name), listed.size
        )
    }


def held(repository: Repository) -> list[Mapping[str, bytes]]:
    """The files of each snapshot."""
    trees = (bytes.fromhex(each.tree) for each in list_snapshots(repository))
    return [files_of(repository, tree) for tree in trees]


@pytest.mark.parametrize("judged", [pytest.param(True, marks=pytest.mark.real), False])
def test_a_document_is_gone_from_snapshots_and_then_from_packs(
    repository: Repository, store: TimedStore, tmp_path: Path, *, judged: bool
) -> None:
    """In the order in which it is promised; nothing else is lost, and no trace of a name stays."""
    doomed = {(BlobKind.DATA, blob_id(SECRET))}
    before = {snapshot.id for snapshot in list_snapshots(repository)}
    order = save_order(repository, [PUPIL])
    done = erased(repository, order)
    assert (2, 2, True) == (done.snapshots, done.files, is_carried_out(repository, order))
    assert [OTHER] * 3 == held(repository)
    assert 1 == len(before & {snapshot.id for snapshot in list_snapshots(repository)})
    assert doomed <= stored_blobs(repository)
    assert pruned(repository).plan.erasing >= 1
    for _ in range(4):
        store.passed += POLICY.grace + HOUR
        pruned(repository)
    assert set() == stored_blobs(repository) & done.blobs
    assert [OTHER] * 3 == held(repository)
    assert () == read_condemned(repository)
    assert (order, True) == (load_order(repository, order).id, is_carried_out(repository, order))
    store.passed += ORDER_KEPT
    pruned(repository)
    assert [] == names(store, f"{KIND}/")
    if judged:
        restic_check(tmp_path)


def test_where_the_order_does_not_lie(repository: Repository, store: TimedStore) -> None:
    """The second site knows for as long that it was carried out, and then nothing of it is left."""
    order = ErasureOrder("5ec0" * 16, store.now(), (PUPIL,))
    with write_session(repository, identity=IDENTITY, policy=POLICY) as session:
        erase(repository, order, session=session)
    for _ in range(5):
        pruned(repository)
        assert is_carried_out(repository, order.id)
        store.passed += POLICY.grace + HOUR
    assert () == read_condemned(repository)
    assert 1 == len(names(store, f"{KIND}/"))
    store.passed += ORDER_KEPT
    pruned(repository)
    assert [] == names(store, f"{KIND}/")


def test_an_order_goes_where_something_always_is_on_its_way_out(
    repository: Repository, store: TimedStore
) -> None:
    """By daily backups, expiry and prune; and never before the bytes are gone."""
    doomed = {(BlobKind.DATA, blob_id(SECRET))}
    for day in range(8):
        a_day(repository, store, WITH | {"/srv/documents/daily": b"%d" % day * 5000})
    erased(repository, save_order(repository, [PUPIL]))
    for day in range(8, 8 + ORDER_KEPT.days + 3):
        a_day(repository, store, OTHER | {"/srv/documents/daily": b"%d" % day * 5000})
        assert any(not each.swept for each in read_ledger(repository).tombstones)
        assert read_condemned(repository) or not doomed & stored_blobs(repository)
    assert [] == names(store, f"{KIND}/")


def a_day(repository: Repository, store: TimedStore, files: Mapping[str, bytes]) -> None:
    """A backup, the oldest snapshot gone, and a run of prune."""
    save_snapshot(repository, a_snapshot(repository, tree_of(repository, files).hex()))
    repository.remove_document("snapshots", list_snapshots(repository)[0].id)
    pruned(repository)
    store.passed += timedelta(days=1)


def test_an_order_stays_where_the_removal_of_a_pack_was_cut_short(
    repository: Repository, store: TimedStore
) -> None:
    """Between the old index and the pack: no index names it any more, and it stands."""
    doomed = {(BlobKind.DATA, blob_id(SECRET))}
    erased(repository, save_order(repository, [PUPIL]))
    store.stuck = "data/"
    with pytest.raises(Retryable):
        pruned_daily(repository, store, days=6)
    store.stuck = ""
    assert doomed <= stored_blobs(repository)
    lock = {"time": store.now().isoformat(), "exclusive": False, "pid": 1}
    held_by_restic = repository.save_document("locks", lock)
    assert pruned(repository).blocked
    assert () != read_condemned(repository)
    repository.remove_document("locks", held_by_restic)
    pruned_daily(repository, store, days=2)
    assert (set(), ()) == (doomed & stored_blobs(repository), read_condemned(repository))


def pruned_daily(repository: Repository, store: TimedStore, *, days: int) -> None:
    """A run each day."""
    for _ in range(days):
        pruned(repository)
        store.passed += POLICY.grace + HOUR


def test_a_dry_run_counts_and_stores_nothing(repository: Repository) -> None:
    """The same figures as the run itself."""
    order = load_order(repository, save_order(repository, [PUPIL]))
    before = names(repository.store)
    shown = erase(repository, order, session=None)
    assert before == names(repository.store)
    assert (shown.snapshots, shown.files) == (2, 2)
    done = erased(repository, order.id)
    assert (shown.files, shown.blobs) == (done.files, done.blobs)


def test_snapshots_keep_what_they_were(repository: Repository) -> None:
    """Time, source, paths and tags stay: retention judges them as before."""
    before = [_kept(snapshot) for snapshot in list_snapshots(repository)]
    erased(repository, save_order(repository, [PUPIL]))
    after = list_snapshots(repository)
    assert before == [_kept(snapshot) for snapshot in after]
    assert 2 == sum(snapshot.original is not None for snapshot in after)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param(
            Summary(
                files_unmodified=5,
                data_added=7,
                total_files_processed=5,
                total_bytes_processed=SIZE + len(SECRET),
            ),
            Summary(
                files_unmodified=4,
                data_added=7,
                total_files_processed=4,
                total_bytes_processed=SIZE,
            ),
            id="less what went",
        ),
        pytest.param(
            Summary(total_files_processed=9, files_unmodified=3, total_bytes_processed=10**9),
            Summary(
                total_files_processed=8,
                files_unmodified=3,
                total_bytes_processed=10**9 - len(SECRET),
            ),
            id="as much as was told",
        ),
        pytest.param(Summary(), Summary(), id="never less than nothing"),
        pytest.param(None, None, id="of none there is none"),
    ],
)
def test_a_snapshot_still_tells_its_size(
    tmp_path: Path, before: Summary | None, after: Summary | None
) -> None:
    """A restore over production asks for that much room; a backup, whether all has gone."""
    with a_repository(tmp_path) as repository:
        snapshot = a_snapshot(repository, tree_of(repository, WITH).hex())
        save_snapshot(repository, snapshot.model_copy(update={"summary": before}))
        erased(repository, save_order(repository, [PUPIL]))
        (found,) = list_snapshots(repository)
        assert after == found.summary
        assert SIZE == tree_size(repository, bytes.fromhex(found.tree))


def _kept(snapshot: Snapshot) -> tuple[object, ...]:
    return snapshot.time, snapshot.hostname, snapshot.paths, snapshot.tags


@pytest.mark.parametrize("number", range(1, 8))
def test_a_run_killed_at_any_write_is_done_by_the_next(
    repository: Repository, tmp_path: Path, number: int
) -> None:
    """After so many writes and removals; nothing of the document is left in any snapshot."""
    order = save_order(repository, [PUPIL])
    deadly = DyingStore(tmp_path / "repository", number)
    with opened(tmp_path, deadly) as dying:
        try:
            erased(dying, order)
        except _KilledError:
            pass
        else:
            assert number > 7
    assert not is_carried_out(repository, order)
    pruned(repository)
    assert not is_carried_out(repository, order)
    done = erased(repository, order)
    repository.load_index()
    assert is_carried_out(repository, order)
    assert [OTHER] * 3 == held(repository)
    doomed = frozenset().union(*(each.blobs for each in read_condemned(repository)))
    assert (BlobKind.DATA, blob_id(SECRET)) in doomed
    assert done.blobs <= doomed


class _KilledError(BaseException):
    """As a kill: nothing catches it."""


class DyingStore(FolderStore):
    """Of so many changes the last one is made, and no more."""

    def __init__(self, folder: Path, number: int) -> None:
        """Dies at the next one."""
        super().__init__(folder)
        self._left = number

    def put(self, name: str, data: bytes) -> None:
        """As `Store.put`."""
        self._change()
        super().put(name, data)

    def delete(self, name: str) -> None:
        """As `Store.delete`."""
        self._change()
        super().delete(name)

    def _change(self) -> None:
        self._left -= 1
        if self._left < 0:
            raise _KilledError


def test_what_another_document_has_in_common_stays(repository: Repository) -> None:
    """The same bytes under another pupil's name are that pupil's."""
    both = WITH | {"/srv/documents/2/copy.pdf": SECRET}
    save_snapshot(repository, a_snapshot(repository, tree_of(repository, both).hex()))
    erased(repository, save_order(repository, [PUPIL]))
    left = {path: content for path, content in both.items() if path != PUPIL.decode()}
    assert left in held(repository)
    for _ in range(3):
        pruned(repository)
    assert (BlobKind.DATA, blob_id(SECRET)) in stored_blobs(repository)


def test_reports_that_name_it_are_cleaned(repository: Repository) -> None:
    """What a backup could not read is told in a sealed report: by name."""
    (first, *_) = list_snapshots(repository)
    other = Trouble(b"/srv/documents/x", TroubleKind.UNREADABLE, "EACCES")
    named = Trouble(PUPIL, TroubleKind.CHANGED)
    save_report(repository, [named, other], snapshot=first.id, at=first.time)
    assert 1 == erased(repository, save_order(repository, [PUPIL])).reports
    (anew, *_) = list_snapshots(repository)
    assert anew.id != first.id
    assert (other,) == load_report(repository, anew)
    pruned(repository)
    assert (other,) == load_report(repository, anew)


def test_a_report_is_found_whatever_was_erased_since(repository: Repository) -> None:
    """It names none of that, and stays; with its snapshot it goes."""
    (first, *others) = list_snapshots(repository)
    other = Trouble(b"/srv/documents/x", TroubleKind.UNREADABLE, "EACCES")
    save_report(repository, [other], snapshot=first.id, at=first.time)
    for path in (PUPIL, b"/srv/documents/1"):
        erased(repository, save_order(repository, [path]))
        pruned(repository)
    (anew, *_) = list_snapshots(repository)
    assert ((other,), ()) == (load_report(repository, anew), load_report(repository, others[0]))
    repository.remove_document("snapshots", anew.id)
    pruned(repository)
    assert [] == names(repository.store, "reports/")


def test_a_report_of_an_erasure_that_was_cut_short(repository: Repository) -> None:
    """By the id that its snapshot had before; the next run puts down the new one."""
    (first, *_) = list_snapshots(repository)
    other = Trouble(b"/srv/documents/x", TroubleKind.UNREADABLE, "EACCES")
    order = save_order(repository, [PUPIL])
    erased(repository, order)
    save_report(repository, [other], snapshot=first.id, at=first.time)
    pruned(repository)
    (anew, *_) = list_snapshots(repository)
    assert (other,) == load_report(repository, anew)
    erased(repository, order)
    assert [anew.id] == [each["snapshot"] for _, each in repository.documents("reports")]


def test_a_backup_without_trouble_has_no_report(repository: Repository) -> None:
    """Nobody has anything to read then."""
    (first, *_) = list_snapshots(repository)
    save_report(repository, (), snapshot=first.id, at=first.time)
    assert ([], ()) == (names(repository.store, "reports/"), load_report(repository, first))


def test_a_report_that_cannot_be_read_stops_no_prune(
    repository: Repository, tmp_path: Path
) -> None:
    """It stays, and who asks for it is told."""
    name = repository.save_document("reports", {"of": "nothing"})
    (tmp_path / "repository" / "reports" / name).write_bytes(b"rotten")
    pruned(repository)
    with pytest.raises(Damaged, match=f"reports/{name} cannot be read"):
        load_report(repository, *list_snapshots(repository))


def test_an_order_of_what_is_nowhere(repository: Repository) -> None:
    """It is carried out, and changes nothing; another id is none."""
    before = list_snapshots(repository)
    order = save_order(repository, [b"/srv/documents/nobody.pdf"])
    assert (0, 0) == ((done := erased(repository, order)).snapshots, done.files)
    assert before == list_snapshots(repository)
    assert is_carried_out(repository, order)
    (other,) = set(names(repository.store, f"{KIND}/")) - {f"{KIND}/{order}"}
    with pytest.raises(NotFound, match="is no order"):
        load_order(repository, other.removeprefix(f"{KIND}/"))
    with pytest.raises(NotFound):
        load_snapshot(repository, order)
    # The second site may hold it still, and asks.
    pruned(repository)
    erased(repository, order)
    assert is_carried_out(repository, order)
    assert [other] == sorted(set(names(repository.store, f"{KIND}/")) - {f"{KIND}/{order}"})
