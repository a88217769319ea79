"""Prune beside writers: those that may count on what is about to go, and those that were killed."""

from contextlib import nullcontext
from datetime import timedelta

import pytest

from springtide.model.retention import PrunePolicy
from springtide.vault.blobs import BlobKind, blob_id, pack_name
from springtide.vault.packs import OpenPack
from springtide.vault.sessions import load_for_reading, write_session
from springtide.vault.snapshots import save_snapshot
from springtide.vault.tombstones import Stage
from springtide.vault.verification import verify_repository
from tests.vault.places import EVERYTHING
from tests.vault.pruned_world import (
    GRACE_S,
    IDENTITY,
    LAG_S,
    POLICY,
    SESSION_S,
    GuardedStore,
    Killed,
    Lag,
    back_up,
    content,
    put_pack,
    store_tree,
)
from tests.vault.pruning_stand import Stand, sizes

DATA = BlobKind.DATA
IMPATIENT = PrunePolicy.model_construct(**{**dict(POLICY), "listing_lag": timedelta(0)})


@pytest.mark.parametrize(
    ("begun_s", "policy", "seen", "lost"),
    [
        pytest.param(-1, POLICY, False, False, id="begun-before-the-tombstone"),
        pytest.param(0, POLICY, False, False, id="at-that-moment"),
        pytest.param(LAG_S, POLICY, False, False, id="while-it-need-not-be-listed"),
        pytest.param(LAG_S + 1, POLICY, True, False, id="when-it-is-sure-to-be-listed"),
        pytest.param(LAG_S, IMPATIENT, False, True, id="and-a-prune-that-counts-on-listings"),
    ],
)
def test_a_writer_that_may_have_overlooked_a_tombstone(
    stand: Stand, begun_s: int, policy: PrunePolicy, *, seen: bool, lost: bool
) -> None:
    """Prune waits for it, and then sees what it committed; without patience data would be lost."""
    stand.prune_up_to(Stage.SIGHTED)
    stand.wait(1)
    if begun_s >= 0:
        stand.prune_up_to(Stage.STANDING)
        stand.wait(begun_s)
    with stand.opened("writer") as writer:
        stand.world.lag = Lag.ALL
        with write_session(writer, identity=IDENTITY, policy=POLICY) as session:
            stand.world.lag = Lag.NONE
            assert seen == bool(session.tombstoned)
            snapshot = store_tree(writer, "xb")
            if begun_s < 0:
                stand.wait(1)
                stand.prune_up_to(Stage.STANDING)
            stand.wait(GRACE_S + 1)
            for _ in range(3):
                report = stand.prune(policy)
                stand.wait(LAG_S + 1)
            assert (seen or lost) == (not report.blocked)
            session.refuse_if_expired()
            save_snapshot(writer, snapshot)
    assert lost == bool(stand.missing())
    if not lost:
        stand.prune_to_the_end()


@pytest.mark.parametrize("lost", [pytest.param(False, id="with"), pytest.param(True, id="without")])
def test_a_writer_with_or_without_a_session(stand: Stand, *, lost: bool) -> None:
    """What it has begun to count on goes, where nobody knows of it."""
    with stand.opened("writer") as writer:
        context = write_session(writer, identity=IDENTITY, policy=POLICY)
        with nullcontext() if lost else context:
            writer.load_index()
            snapshot = store_tree(writer, "xb")
            stand.prune_up_to(Stage.SIGHTED)
            for seconds in (1, GRACE_S + 1, LAG_S + 1):
                stand.wait(seconds)
                stand.prune()
            save_snapshot(writer, snapshot)
    assert lost == bool(stand.missing())


def test_a_reader_without_a_session(stand: Stand) -> None:
    """What is about to go when it begins it reads where that is to stay: it misses nothing."""
    needed = "fghijklm"
    with stand.opened("writer") as writer:
        for name in needed:
            put_pack(writer, DATA, *(content(each) for each in (name, name + "1", name + "2")))
        back_up(writer, needed)
    stand.prune_up_to(Stage.CLEARED)
    with stand.opened("reader") as reader:
        load_for_reading(reader)
        stand.wait(LAG_S + 1)
        stand.prune()
        assert Stage.SWEPT in {told["stage"] for told in stand.ledger()}
        for name in needed:
            assert content(name) == reader.load(DATA, blob_id(content(name)))


def test_a_verification_while_packs_go(stand: Stand) -> None:
    """They were about to go when it began, so nobody waits for it: that they went is no finding."""
    stand.prune_up_to(Stage.CLEARED)
    before = stand.packs()

    def sweep(call: str, name: str) -> None:
        if (call, name) == ("listing", "data/") and stand.packs() == before:
            stand.wait(LAG_S + 1)
            stand.prune()

    with (
        stand.opened("verifier", GuardedStore(stand.world, sweep)) as verifier,
        write_session(verifier, identity=IDENTITY, policy=POLICY),
    ):
        found = verify_repository(verifier, EVERYTHING)
    assert stand.packs() < before
    assert set() == found.findings


def test_a_reader_who_cannot_read_what_is_about_to_go(stand: Stand) -> None:
    """A restore is not to fail for that: it reads what there is."""
    stand.prune_up_to(Stage.STANDING)
    for name in stand.world.names("tombstones"):
        stand.world.objects[name] = b"no tombstone"
    with stand.opened("reader") as reader:
        load_for_reading(reader)
        assert content("a") == reader.load(DATA, blob_id(content("a")))


def test_a_snapshot_that_is_not_listed_yet(stand: Stand) -> None:
    """Committed just before the last writer was gone: seen a lag later, and its packs stay."""
    with stand.opened("writer") as writer:
        stand.prune_up_to(Stage.SIGHTED)
        with write_session(writer, identity=IDENTITY, policy=POLICY) as session:
            stand.wait(1)
            stand.prune_up_to(Stage.STANDING)
            snapshot = store_tree(writer, "xb")
            stand.wait(GRACE_S + 1)
            session.refuse_if_expired()
            save_snapshot(writer, snapshot)
    stand.world.lag = Lag.NEW
    stand.prune()
    assert 2 == len(stand.reports[-1].plan.tombstoned)
    stand.wait(LAG_S + 1)
    stand.prune()
    assert ({"rescued": 2}, ("a new snapshot needs packs that were to go: they stay",)) == (
        sizes(stand),
        stand.reports[-1].blocked,
    )
    stand.world.lag = Lag.NONE
    stand.prune_to_the_end()
    assert content("x") == loaded(stand, "x")


def loaded(stand: Stand, name: str) -> bytes:
    """That content, as the repository gives it back."""
    with stand.opened("reader") as repository:
        repository.load_index()
        return repository.load(DATA, blob_id(content(name)))


def test_a_machine_that_remembers_the_old_index(stand: Stand) -> None:
    """Its listing still names it, too; yet it counts on nothing that has gone."""
    with stand.opened("writer") as writer:
        writer.load_index()
    stand.prune_up_to(Stage.SWEPT)
    stand.world.lag = Lag.ALL
    with stand.opened("writer") as writer:
        back_up(writer, "xyz")
    assert [] == stand.missing()


def killed_in_its_session(stand: Stand) -> None:
    """A writer dies before its snapshot."""
    store = GuardedStore(stand.world, kill_at_snapshot)
    with stand.opened("writer", store) as writer, pytest.raises(Killed):
        back_up(writer, "xb")


def kill_at_snapshot(call: str, name: str) -> None:
    """No leave to commit, nor for anything after that."""
    if call == "delete" or name.startswith("snapshots/"):
        raise Killed


@pytest.mark.parametrize(
    ("over_s", "cleared"),
    [pytest.param(0, False, id="it-may-commit"), pytest.param(1, True, id="it-cannot-any-more")],
)
def test_a_killed_writer_is_waited_for_until_it_has_expired(
    stand: Stand, over_s: int, *, cleared: bool
) -> None:
    """And a grace longer: so long its last call may take."""
    killed_in_its_session(stand)
    stand.prune_up_to(Stage.SIGHTED)
    stand.wait(1)
    stand.prune_up_to(Stage.STANDING)
    stand.world.clock_s = LAG_S + 1 + SESSION_S + GRACE_S + over_s
    stand.prune()
    assert cleared == (Stage.CLEARED in [told["stage"] for told in stand.ledger()])
    assert (0 if cleared else 1) == len(stand.world.names("sessions"))


def test_what_a_killed_run_has_stored_is_adopted_and_goes_in_the_end(stand: Stand) -> None:
    """No index names it: it is found by its own header."""
    with stand.opened("writer") as repository:
        pack = OpenPack()
        plain = content("orphan")
        sealed = repository.key.seal(plain)
        pack.add(DATA, blob_id(plain), sealed, (len(plain), False))
        finished = pack.finish(repository.key)
        stand.world.put(pack_name(finished.id), finished.data)
    report = stand.prune()
    assert (1, True) == (
        report.adopted_packs,
        finished.id in {use.pack for use in report.plan.sighted_now},
    )
    stand.prune_to_the_end()
    assert finished.id not in stand.packs()
