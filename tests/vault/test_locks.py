"""Locks: who waits for whom, for how long, and what restic says to ours."""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from springtide.errors import Damaged, GuardRefused
from springtide.vault.locks import (
    KIND,
    REFRESHED_AFTER,
    STALE_AFTER,
    exclusive_lock,
    session_lock,
)
from springtide.vault.repository import Repository
from tests.vault.folder_store import FolderStore
from tests.vault.places import IDENTITY, a_repository
from tests.vault.vaults import LateStore, Restic, contents, flip, names, restic_check, saved

Take = Callable[[], AbstractContextManager[object]]
SECOND = timedelta(seconds=1)


class ClockedStore(FolderStore):
    """A folder whose clock the test sets."""

    def __init__(self, folder: Path) -> None:
        """It begins at the present, so that restic believes it."""
        super().__init__(folder)
        self.at = datetime.now(UTC).replace(microsecond=0)

    def now(self) -> datetime:
        """As `Store.now`."""
        return self.at


@pytest.fixture
def store(tmp_path: Path) -> ClockedStore:
    """Where the repository stands."""
    return ClockedStore(tmp_path / "repository")


@pytest.fixture
def repository(store: ClockedStore, tmp_path: Path) -> Iterator[Repository]:
    """An empty one."""
    with a_repository(tmp_path, store) as made:
        yield made


def foreign(repository: Repository, *, exclusive: bool, at: str = "") -> str:
    """A lock of restic's own, as it writes it; its id."""
    lock = {
        "time": at or repository.store.now().isoformat(),
        "exclusive": exclusive,
        "hostname": "elsewhere",
        "username": "root",
        "pid": 4711,
    }
    return repository.save_document(KIND, lock)


def takers(repository: Repository) -> dict[str, Take]:
    """Each kind of lock that one may take."""
    return {
        "session": lambda: session_lock(repository, IDENTITY),
        "exclusive": lambda: exclusive_lock(repository, IDENTITY),
    }


REFUSED = {
    ("session", "session"): False,
    ("session", "exclusive"): False,
    ("exclusive", "session"): False,
    ("exclusive", "exclusive"): True,
    ("restic's shared", "session"): False,
    ("restic's shared", "exclusive"): True,
    ("restic's exclusive", "session"): True,
    ("restic's exclusive", "exclusive"): True,
}


@pytest.mark.parametrize(("held", "wanted"), REFUSED, ids=[" then ".join(pair) for pair in REFUSED])
def test_who_waits_for_whom(repository: Repository, held: str, wanted: str) -> None:
    """Whoever is refused leaves no lock behind."""
    with _held(repository, held):
        before = names(repository.store, "locks/")
        take = takers(repository)[wanted]
        if REFUSED[held, wanted]:
            with pytest.raises(GuardRefused, match="has been locked since"), take():
                pytest.fail("it was not refused")
        else:
            with take():
                assert 2 == len(names(repository.store, "locks/"))
        assert before == names(repository.store, "locks/")


@contextmanager
def _held(repository: Repository, kind: str) -> Iterator[None]:
    """A lock of that kind."""
    if kind in takers(repository):
        with takers(repository)[kind]():
            yield
    else:
        foreign(repository, exclusive="exclusive" in kind)
        yield


@pytest.mark.parametrize("kind", ["session", "exclusive"])
def test_a_lock_goes_with_its_holder(repository: Repository, kind: str) -> None:
    """In success and in failure."""
    with takers(repository)[kind]():
        assert 1 == len(names(repository.store, "locks/"))
    with pytest.raises(ZeroDivisionError), takers(repository)[kind]():
        raise ZeroDivisionError
    assert [] == names(repository.store, "locks/")


@pytest.mark.parametrize("exclusive", [False, True], ids=["shared", "exclusive"])
@pytest.mark.parametrize(
    ("age", "refused"),
    [
        pytest.param(timedelta(0), True, id="fresh"),
        pytest.param(timedelta(minutes=29), True, id="29 minutes"),
        pytest.param(STALE_AFTER, True, id="half an hour"),
        pytest.param(STALE_AFTER + SECOND, False, id="a second more"),
        pytest.param(timedelta(minutes=31), False, id="31 minutes"),
        pytest.param(-timedelta(hours=2), True, id="of a clock that is ahead"),
    ],
)
def test_how_old_a_lock_counts(
    repository: Repository, age: timedelta, *, refused: bool, exclusive: bool
) -> None:
    """By the store's clock: that of a writer may be wrong."""
    at = (repository.store.now() - age).isoformat()
    foreign(repository, exclusive=exclusive, at=at)
    take = session_lock if exclusive else exclusive_lock
    if refused:
        with pytest.raises(GuardRefused, match="locked since"), take(repository, IDENTITY):
            pytest.fail("it was not refused")
    else:
        with take(repository, IDENTITY):
            pass


@pytest.mark.parametrize(
    "at",
    [
        pytest.param("2020-03-16T19:00:00.123456789+01:00", id="restic's nanoseconds"),
        pytest.param("2020-03-16T18:00:00.1Z", id="of few digits, in UTC"),
        pytest.param("2020-03-16T18:00:00Z", id="of whole seconds"),
    ],
)
def test_a_time_as_restic_writes_it(store: ClockedStore, repository: Repository, at: str) -> None:
    """With any number of digits and any zone."""
    foreign(repository, exclusive=True, at=at)
    for minute, refused in ((29, True), (31, False)):
        store.at = datetime(2020, 3, 16, 18, minute, tzinfo=UTC)
        if refused:
            with pytest.raises(GuardRefused), session_lock(repository, IDENTITY):
                pytest.fail("it was not refused")
        else:
            with session_lock(repository, IDENTITY):
                pass


def test_a_lock_that_is_kept_stands(store: ClockedStore, repository: Repository) -> None:
    """It is written anew now and then, before the earlier one goes."""
    with exclusive_lock(repository, IDENTITY) as held:
        first = names(store, "locks/")
        store.at += REFRESHED_AFTER
        held.keep()
        assert first == names(store, "locks/")
        store.at += SECOND
        held.keep()
        second = names(store, "locks/")
        assert (1, False) == (len(second), first == second)
        store.at += STALE_AFTER
        with pytest.raises(GuardRefused), exclusive_lock(repository, IDENTITY):
            pytest.fail("it was not refused")
        held.keep()
    assert [] == names(store, "locks/")


def test_a_lock_that_was_not_kept_is_lost(store: ClockedStore, repository: Repository) -> None:
    """Somebody else may hold one by now: nothing more is done under it."""
    with exclusive_lock(repository, IDENTITY) as held:
        store.at += STALE_AFTER + SECOND
        with pytest.raises(GuardRefused, match="gone stale"):
            held.keep()


def test_a_damaged_lock_is_named(repository: Repository, tmp_path: Path) -> None:
    """Nobody knows whose it is: whoever reads the name may remove it."""
    name = f"locks/{foreign(repository, exclusive=False)}"
    flip(tmp_path / "repository" / name, 20)
    with pytest.raises(Damaged) as caught, session_lock(repository, IDENTITY):
        pytest.fail("it was not refused")
    assert (name,) == caught.value.objects
    assert [name] == names(repository.store, "locks/")


def test_a_lock_that_went_since_the_listing(repository: Repository, tmp_path: Path) -> None:
    """Is none."""
    gone = {f"locks/{foreign(repository, exclusive=True)}"}
    repository.store = LateStore(tmp_path / "repository", gone=gone)
    with session_lock(repository, IDENTITY):
        pass


def test_a_lock_names_nothing_but_who_holds_it(repository: Repository) -> None:
    """Restic's own fields, and which of our protocols; all of it sealed."""
    with session_lock(repository, IDENTITY):
        ((_, lock),) = repository.documents(KIND)
    fields = {"exclusive", "gid", "hostname", "pid", "protocol", "time", "uid", "username"}
    assert (fields, IDENTITY.hostname) == (set(lock), lock["hostname"])


@pytest.mark.real
@pytest.mark.parametrize("kind", ["session", "exclusive"])
@pytest.mark.parametrize("command", ["prune", "backup"])
def test_what_restic_says_to_ours(
    repository: Repository, tmp_path: Path, kind: str, command: str
) -> None:
    """Its prune is refused by each of ours; its backup by the exclusive one alone."""
    saved(repository, contents(4))
    source = tmp_path / "source"
    source.mkdir()
    restic = Restic(tmp_path)
    arguments = [command, str(source)] if command == "backup" else [command]
    with takers(repository)[kind]():
        said = restic.run(*arguments)
    refused = command == "prune" or kind == "exclusive"
    assert (refused, refused) == (said.returncode != 0, b"already locked" in said.stderr)
    restic.says(*arguments)
    restic_check(tmp_path)


@pytest.mark.real
@pytest.mark.parametrize(
    ("arguments", "exclusive"),
    [
        pytest.param(("backup", "--stdin"), False, id="a backup"),
        pytest.param(("check", "--read-data", "--limit-download", "1"), True, id="a check"),
    ],
)
def test_what_we_say_to_restics(
    repository: Repository, tmp_path: Path, arguments: tuple[str, ...], *, exclusive: bool
) -> None:
    """While restic is at work with a lock of its own; killed, it holds us off for half an hour."""
    saved(repository, contents(4, size=100 * 1024))
    with Restic(tmp_path).working(*arguments):
        _wait_for_a_lock(repository)
        _assert_refused(repository, exclusive=exclusive)
    _assert_refused(repository, exclusive=exclusive)
    ((_, lock),) = repository.documents(KIND)
    assert exclusive is lock["exclusive"]
    repository.store.at += timedelta(minutes=31)  # type: ignore[attr-defined] # of the fixture
    with exclusive_lock(repository, IDENTITY):
        pass


def _wait_for_a_lock(repository: Repository) -> None:
    for _ in range(600):
        # restic writes a file of a folder bit by bit; in an object store it is there as a whole.
        with suppress(Damaged):
            if list(repository.documents("locks")):
                return
        time.sleep(0.05)
    pytest.fail("restic took no lock")


def _assert_refused(repository: Repository, *, exclusive: bool) -> None:
    with pytest.raises(GuardRefused), exclusive_lock(repository, IDENTITY):
        pytest.fail("it was not refused")
    if exclusive:
        with pytest.raises(GuardRefused), session_lock(repository, IDENTITY):
            pytest.fail("it was not refused")
    else:
        with session_lock(repository, IDENTITY):
            pass
