"""A session: stored before anything is read, honoured while it lasts, gone at its end."""

from datetime import timedelta
from pathlib import Path

import pytest

from springtide.errors import Damaged, GuardRefused, ReplyLost, Retryable, SnapshotInDoubt
from springtide.vault.blobs import BlobKind, blob_id
from springtide.vault.locks import exclusive_lock
from springtide.vault.repository import Repository
from springtide.vault.sessions import LiveSession, list_sessions, read_session, write_session
from springtide.vault.tombstones import Stage, name_packs
from tests.vault.pruned_world import (
    IDENTITY,
    POLICY,
    SESSION_S,
    GuardedStore,
    Killed,
    World,
    content,
    killing_at,
    opened,
    put_pack,
)

DATA = BlobKind.DATA


@pytest.fixture
def world() -> World:
    """A store with nothing in it."""
    return World()


def test_it_is_stored_before_tombstones_and_these_before_the_index_are_read(
    world: World, tmp_path: Path
) -> None:
    """What the pruner's waiting rests on."""
    calls: list[str] = []
    store = GuardedStore(world, lambda call, name: calls.append(f"{call} {name}"))
    with (
        opened(store, tmp_path) as repository,
        write_session(repository, identity=IDENTITY, policy=POLICY),
    ):
        pass
    wanted = ("put sessions/", "put locks/", "listing tombstones/", "listing index/")
    ends = ("delete locks/", "delete sessions/")
    order = [start for call in calls for start in (*wanted, *ends) if call.startswith(start)]
    assert [*wanted, *ends] == order
    assert {} == world.objects


def test_what_is_tombstoned_is_not_counted_on(world: World, tmp_path: Path) -> None:
    """It is stored once more, though it can still be read."""
    with opened(world, tmp_path) as repository:
        pack = put_pack(repository, DATA, content("a"))
        put_pack(repository, DATA, content("b"))
        name_packs(repository, Stage.TOMBSTONE, [pack])
        name_packs(repository, Stage.SIGHTED, repository.index.packs())
        with write_session(repository, identity=IDENTITY, policy=POLICY) as session:
            assert {pack} == session.tombstoned
            saved = [repository.save(DATA, content(name)) for name in "ab"]
            assert [True, False] == [blob.new for blob in saved]
            assert content("a") == repository.load(DATA, saved[0].id)


@pytest.mark.parametrize(
    ("age_s", "refused"),
    [
        pytest.param(0, False, id="at-once"),
        pytest.param(SESSION_S, False, id="at-its-greatest-age"),
        pytest.param(SESSION_S + 1, True, id="a-second-older"),
    ],
)
def test_it_expires(world: World, tmp_path: Path, age_s: int, *, refused: bool) -> None:
    """By the store's clock."""
    with (
        opened(world, tmp_path) as repository,
        write_session(repository, identity=IDENTITY, policy=POLICY) as session,
    ):
        world.clock_s += age_s
        if refused:
            with pytest.raises(GuardRefused, match="expired"):
                session.refuse_if_expired()
        else:
            session.refuse_if_expired()


def test_one_that_was_ended_by_somebody_else_commits_nothing(world: World, tmp_path: Path) -> None:
    """Whatever its age."""
    with (
        opened(world, tmp_path) as repository,
        write_session(repository, identity=IDENTITY, policy=POLICY) as session,
    ):
        repository.remove_document("sessions", session.id)
        with pytest.raises(GuardRefused, match="ended by somebody else"):
            session.refuse_if_expired()


@pytest.mark.parametrize(
    ("error", "left"),
    [
        pytest.param(Retryable("away"), 0, id="an-error"),
        pytest.param(KeyboardInterrupt(), 0, id="stopped-by-hand"),
        pytest.param(ReplyLost("a pack may arrive yet"), 0, id="a-lost-reply"),
        pytest.param(SnapshotInDoubt("it may arrive yet"), 1, id="a-lost-reply-to-a-snapshot"),
    ],
)
def test_what_an_error_leaves(
    world: World, tmp_path: Path, error: BaseException, left: int
) -> None:
    """Nothing but a session whose snapshot may still arrive."""
    with opened(world, tmp_path) as repository:
        with pytest.raises(type(error)):
            fail_within(repository, error)
        assert left == len(list_sessions(repository))
    assert [] == world.names("locks")


def fail_within(repository: Repository, error: BaseException) -> None:
    """A session in which that goes wrong."""
    with write_session(repository, identity=IDENTITY, policy=POLICY):
        raise error


def test_a_killed_writer_leaves_its_session(world: World, tmp_path: Path) -> None:
    """With its times by the store's clock."""
    store = GuardedStore(world, killing_at(8))
    with opened(store, tmp_path) as repository, pytest.raises(Killed):
        fail_within(repository, Killed())
    with opened(world, tmp_path) as repository:
        until = world.now() + POLICY.session_age
        expected = [(world.now(), until)]
        assert expected == [(s.started, s.until) for s in list_sessions(repository)]


def test_sessions_are_listed_oldest_first(world: World, tmp_path: Path) -> None:
    """However they are named."""
    with opened(world, tmp_path) as repository:
        for age_s in (30, 10, 20):
            started = world.now() - timedelta(seconds=age_s)
            times = {"time": started.isoformat(), "until": world.now().isoformat()}
            repository.save_document("sessions", times)
        found: tuple[LiveSession, ...] = list_sessions(repository)
    assert [30, 20, 10] == [(world.now() - s.started).total_seconds() for s in found]


def test_an_index_that_cannot_be_read_is_told_and_stops_nobody(
    world: World, tmp_path: Path
) -> None:
    """What it names is stored once more."""
    with opened(world, tmp_path / "1") as repository:
        put_pack(repository, DATA, content("a"))
    (name,) = world.names("index")
    world.objects[name] = bytes(len(world.objects[name]))
    with (
        opened(world, tmp_path / "2") as repository,
        write_session(repository, identity=IDENTITY, policy=POLICY) as session,
    ):
        assert (name,) == session.damaged
        assert repository.save(DATA, content("a")).new


def test_a_tombstone_that_cannot_be_read_stops_a_writer(world: World, tmp_path: Path) -> None:
    """What is about to go is not known; and its session is no longer in the way."""
    with opened(world, tmp_path) as repository:
        name_packs(repository, Stage.TOMBSTONE, [bytes(32)])
        (name,) = world.names("tombstones")
        world.objects[name] = bytes(len(world.objects[name]))
        with pytest.raises(Damaged) as damaged:
            fail_within(repository, Retryable("not reached"))
        assert ((name,), ()) == (damaged.value.objects, list_sessions(repository))


def test_a_tombstone_of_a_later_release_stops_a_writer(world: World, tmp_path: Path) -> None:
    """What it means is not known."""
    with opened(world, tmp_path) as repository:
        repository.save_document("tombstones", {"stage": "haunted", "packs": []})
        with pytest.raises(Damaged, match="no known kind"):
            fail_within(repository, Retryable("not reached"))


@pytest.mark.parametrize("kind", ["locks", "tombstones"])
def test_nothing_damaged_stops_a_reader(world: World, tmp_path: Path, kind: str) -> None:
    """A restore is worth more than prune's order; there is no session then, nor one with locks."""
    with opened(world, tmp_path) as repository:
        pack = put_pack(repository, DATA, content("a"))
        damaged = repository.save_document(kind, {"stage": "tombstone", "packs": [pack.hex()]})
        world.objects[f"{kind}/{damaged}"] = bytes(9)
    with (
        opened(world, tmp_path) as repository,
        read_session(repository, identity=IDENTITY, policy=POLICY),
    ):
        assert [f"{kind}/{damaged}"] == [*world.names("locks"), *world.names("tombstones")]
        assert content("a") == repository.load(DATA, blob_id(content("a")))


def test_a_reader_has_a_session_where_it_can(world: World, tmp_path: Path) -> None:
    """So nothing that it counts on goes; and what goes wrong while it reads is not hidden."""
    with opened(world, tmp_path) as repository:
        with read_session(repository, identity=IDENTITY, policy=POLICY):
            assert 1 == len(list_sessions(repository))
        session = read_session(repository, identity=IDENTITY, policy=POLICY)
        with pytest.raises(Damaged, match="a pack"), session:
            raise Damaged("a pack")
        assert () == list_sessions(repository)


def restic_lock(repository: Repository, *, exclusive: bool) -> None:
    """A lock as restic writes it."""
    lock = {"time": repository.store.now().isoformat(), "exclusive": exclusive, "pid": 1}
    repository.save_document("locks", lock)


@pytest.mark.parametrize(
    ("exclusive", "refused"),
    [pytest.param(True, True, id="exclusive"), pytest.param(False, False, id="shared")],
)
def test_the_locks_of_restic_are_honoured(
    world: World, tmp_path: Path, *, exclusive: bool, refused: bool
) -> None:
    """A writer waits for restic's prune and not for its backup; refused, it leaves no session."""
    with opened(world, tmp_path) as repository:
        restic_lock(repository, exclusive=exclusive)
        expected = GuardRefused if refused else SnapshotInDoubt
        with pytest.raises(expected):
            fail_within(repository, SnapshotInDoubt("reached"))
        assert (0 if refused else 1) == len(list_sessions(repository))


def test_our_prune_and_our_sessions_do_not_wait_for_each_other(
    world: World, tmp_path: Path
) -> None:
    """Neither the one begun first nor the other; two prunes do, and prune for restic."""
    with opened(world, tmp_path) as repository:
        with (
            exclusive_lock(repository, IDENTITY),
            write_session(repository, identity=IDENTITY, policy=POLICY),
            pytest.raises(GuardRefused),
        ):
            exclusive_lock(repository, IDENTITY).__enter__()
        with (
            write_session(repository, identity=IDENTITY, policy=POLICY),
            exclusive_lock(repository, IDENTITY),
        ):
            assert 2 == len(world.names("locks"))
        assert [] == world.names("locks")
        restic_lock(repository, exclusive=False)
        with pytest.raises(GuardRefused):
            exclusive_lock(repository, IDENTITY).__enter__()


@pytest.mark.parametrize(
    ("paused_s", "kept"),
    [
        pytest.param(300, "the same", id="five-minutes"),
        pytest.param(301, "a new one", id="a-second-longer"),
        pytest.param(1800, "a new one", id="half-an-hour"),
        pytest.param(1801, "none", id="stale"),
    ],
)
def test_an_exclusive_lock_is_kept_fresh(
    world: World, tmp_path: Path, paused_s: int, kept: str
) -> None:
    """And who slept longer than it lasts goes no further."""
    with opened(world, tmp_path) as repository, exclusive_lock(repository, IDENTITY) as lock:
        first = lock.id
        world.clock_s += paused_s
        if kept == "none":
            with pytest.raises(GuardRefused, match="stale"):
                lock.keep()
        else:
            assert world.now() == lock.keep()
            assert [f"locks/{lock.id}"] == world.names("locks")
            assert kept == ("the same" if lock.id == first else "a new one")
