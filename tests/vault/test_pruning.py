"""Prune step by step: when each thing happens, and where it can be killed."""

import os
import shutil
import subprocess
from collections.abc import Callable
from copy import deepcopy
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from pydantic import ValidationError

from springtide.model.retention import PrunePolicy
from springtide.vault.blobs import BlobKind
from springtide.vault.pruning import plan_prune, prune
from springtide.vault.repository import Repository
from springtide.vault.store import FolderStore
from springtide.vault.tombstones import Stage
from tests.vault.pruned_world import (
    GRACE_S,
    IDENTITY,
    LAG_S,
    POLICY,
    GuardedStore,
    Killed,
    back_up,
    content,
    put_pack,
)
from tests.vault.pruning_stand import Stand, sizes

DATA = BlobKind.DATA
PASSWORD = "correct horse battery staple"  # noqa: S105 - of a repository of this test's own


def test_a_whole_cycle(stand: Stand) -> None:
    """Each step in its own run, each as soon as it is due; what is needed moves before."""
    before = sum(len(stand.world.objects[name]) for name in stand.world.names("data"))
    seen = []
    for _ in range(7):
        report = stand.prune()
        assert [] == stand.missing()
        due_s = int((report.again_at - stand.world.now()).total_seconds()) if report.again_at else 0
        seen.append((sizes(stand), len(report.tombstoned), len(report.deleted), due_s))
        stand.wait(due_s)
    assert [
        ({"sighted_now": 2}, 0, 0, 1),
        ({"unneeded": 1, "wasteful": 1}, 2, 0, GRACE_S + 1),
        ({"tombstoned": 2}, 0, 0, LAG_S + 1),
        ({"tombstoned": 2}, 0, 2, GRACE_S + 1),
        ({}, 0, 0, 0),
        ({}, 0, 0, 0),
        ({}, 0, 0, 0),
    ] == seen
    after = sum(len(stand.world.objects[name]) for name in stand.world.names("data"))
    assert before - after == stand.reports[0].plan.freed - len_of_a_pack_around_a()
    assert (3, 0) == (len(stand.packs()), stand.reports[-1].plan.freed)
    assert [] == [
        n for kind in ("tombstones", "sessions", "locks") for n in stand.world.names(kind)
    ]


def len_of_a_pack_around_a() -> int:
    """What a pack costs beside its blobs: its header, sealed, and its length."""
    return 4 + 32 + 37


def test_a_dry_run_changes_nothing(stand: Stand) -> None:
    """It is what happens unless one asks for more."""
    objects = dict(stand.world.objects)
    with stand.opened() as repository:
        report = prune(repository, identity=IDENTITY, policy=POLICY)
        assert plan_prune(repository, POLICY) == report.plan
    assert objects == stand.world.objects
    assert (2, (), ()) == (len(report.plan.sighted_now), report.tombstoned, report.deleted)


@pytest.mark.parametrize(
    ("stage", "waited_s", "expected"),
    [
        pytest.param(Stage.SIGHTED, 50, {"sighted_before": 2}, id="left-for-a-killed-run"),
        pytest.param(Stage.SIGHTED, 51, {"unneeded": 1, "wasteful": 1}, id="left-long-enough"),
        pytest.param(Stage.STANDING, GRACE_S, [0, 0], id="within-the-grace"),
        pytest.param(Stage.STANDING, GRACE_S + 1, [1, 0], id="after-the-grace"),
        pytest.param(Stage.CLEARED, LAG_S, [1, 0], id="within-the-lag"),
        pytest.param(Stage.CLEARED, LAG_S + 1, [1, 1], id="after-the-lag"),
    ],
)
def test_each_step_has_its_time(
    stand: Stand, stage: Stage, waited_s: int, expected: dict[str, int] | list[int]
) -> None:
    """Not a second before."""
    policy = POLICY.model_copy(update={"resume_within": timedelta(seconds=50)})
    stand.prune_up_to(stage)
    stand.wait(waited_s)
    stand.prune(policy)
    if isinstance(expected, dict):
        assert expected == sizes(stand)
    else:
        told = [document["stage"] for document in stand.ledger()]
        assert expected == [told.count(Stage.CLEARED), told.count(Stage.SWEPT)]


def test_the_tombstone_stays_for_a_grace_after_the_pack(stand: Stand) -> None:
    """So long somebody may see the old index."""
    stand.prune_up_to(Stage.SWEPT)
    stand.wait(GRACE_S)
    stand.prune()
    assert Stage.TOMBSTONE in [told["stage"] for told in stand.ledger()]
    stand.wait(1)
    stand.prune()
    assert Stage.TOMBSTONE not in [told["stage"] for told in stand.ledger()]


@pytest.mark.parametrize(
    ("share", "expected"),
    [pytest.param(2 / 3, 1, id="so-large"), pytest.param(0.67, 0, id="larger-than-it-is")],
)
def test_a_pack_is_stored_anew_above_a_share_of_waste(
    stand: Stand, share: float, expected: int
) -> None:
    """Two of three equal blobs are waste."""
    policy = POLICY.model_copy(update={"waste_share": share})
    stand.prune(policy)
    stand.wait(1)
    stand.prune(policy)
    assert expected == len(stand.reports[-1].plan.wasteful)


STAGES = [None, *Stage]


@pytest.mark.parametrize("stage", STAGES)
def test_it_may_be_killed_before_any_change(stand: Stand, tmp_path: Path, stage: Stage) -> None:
    """In each step; later runs do what is left, and at no time anything needed is missing."""
    if stage:
        stand.prune_up_to(stage)
    stand.wait(GRACE_S + 1)
    world = stand.world
    for number in range(100):
        stand.world, stand.folder = deepcopy(world), tmp_path / f"{stage}-{number}"
        try:
            stand.prune(store=GuardedStore(stand.world, killing_at_change(number)))
        except Killed:
            assert [] == stand.missing()
            stand.prune_to_the_end()
        else:
            break
    assert number in range(3, 99)


def killing_at_change(number: int) -> Callable[[str, str], None]:
    """Leave up to the change of that number."""
    changes = [0]

    def leave(call: str, _name: str) -> None:
        changes[0] += call in {"put", "delete"}
        if changes[0] > number:
            raise Killed

    return leave


@pytest.mark.parametrize(
=======
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


def damage(kind: str) -> Callable[[Stand], None]:
    """Have no object of that kind be what was stored."""

    def harm(stand: Stand) -> None:
        with stand.opened("other") as repository:
            time = stand.world.now().isoformat()
            for name in {kind} & {"locks", "sessions"}:
                repository.save_document(name, {"time": time, "until": time, "exclusive": True})
        for name in stand.world.names(kind):
            stand.world.objects[name] = bytes(len(stand.world.objects[name]))

    return harm


def lose_trees(stand: Stand) -> None:
    """Have no pack of trees."""
    with stand.opened("other") as repository:
        repository.load_index()
        for pack in repository.index.packs():
            if any(entry.kind == TREE for entry in entries_of(repository.index, pack)):
                stand.world.delete(pack_name(pack))


@pytest.mark.parametrize("stage", [Stage.STANDING, Stage.CLEARED])
@pytest.mark.parametrize(
    ("harm", "error"),
    [
        pytest.param(damage("index"), Damaged, id="an-index"),
        pytest.param(damage("snapshots"), Damaged, id="a-snapshot"),
        pytest.param(damage("tombstones"), Damaged, id="a-tombstone"),
        pytest.param(damage("locks"), Damaged, id="a-lock"),
        pytest.param(damage("data"), Damaged, id="packs"),
        pytest.param(lose_trees, GuardRefused, id="a-tree-is-gone"),
    ],
)
def test_where_something_is_wrong_nothing_is_deleted(
    stand: Stand, stage: Stage, harm: Callable[[Stand], None], error: type[Exception]
) -> None:
    """Prune knows what is not needed only where it knows all that is."""
    stand.prune_up_to(stage)
    stand.wait(GRACE_S + 1)
    harm(stand)
    stand.folder /= "knows-nothing-yet"
    before = {kind: stand.world.names(kind) for kind in ("data", "index", "tombstones")}
    with pytest.raises(error):
        stand.prune()
    assert before == {kind: stand.world.names(kind) for kind in before}


def test_a_session_that_cannot_be_read_is_waited_for(stand: Stand) -> None:
    """Whose it is, and since when, is not known."""
    stand.prune_up_to(Stage.STANDING)
    stand.wait(GRACE_S + 1)
    damage("sessions")(stand)
    with pytest.raises(Damaged):
        stand.prune()
    assert Stage.CLEARED not in [told["stage"] for told in stand.ledger()]


def test_a_blob_that_no_index_names_stops_it(stand: Stand) -> None:
    """The listing of the index is late, or worse."""
    with stand.opened("other") as repository:
        tree = put_pack(repository, TREE, tree_of("nowhere"))
        (entry,) = entries_of(repository.index, tree)
        snapshot = store_tree(repository, "a").model_copy(update={"tree": entry.id.hex()})
        save_snapshot(repository, snapshot)
    with pytest.raises(GuardRefused, match="no index names 1 blobs"):
        stand.prune()


@pytest.mark.parametrize(
    ("exclusive", "age_s", "blocked"),
    [
        pytest.param(False, 1800, True, id="restic-is-reading"),
        pytest.param(False, 1801, False, id="a-stale-lock"),
        pytest.param(True, 1801, False, id="a-stale-exclusive-lock"),
    ],
)
def test_the_locks_of_restic_are_honoured(
    stand: Stand, age_s: int, *, exclusive: bool, blocked: bool
) -> None:
    """Nothing is deleted while anybody who knows nothing of tombstones is at work."""
    stand.prune_up_to(Stage.CLEARED)
    with stand.opened("other") as repository:
        time = stand.world.now().isoformat()
        repository.save_document("locks", {"time": time, "exclusive": exclusive})
    stand.wait(age_s)
    report = stand.prune()
    assert (0 if blocked else 2) == len(report.deleted)
    assert blocked == any("has been locked since" in reason for reason in report.blocked)


def test_what_was_seen_too_long_ago_is_not_acted_on(stand: Stand) -> None:
    """A pruner that was asleep for half the grace plans anew."""
    stand.prune_up_to(Stage.CLEARED)
    stand.wait(LAG_S + 1)

    def leave(call: str, name: str) -> None:
        if call == "listing" and name == "sessions/":
            return
        if call == "delete" and name.startswith("sessions/"):
            stand.wait(GRACE_S // 2 + 1)

    report = stand.prune(store=GuardedStore(stand.world, leave))
    assert ((), ("what prune has seen is too long ago to act on: plan again",)) == (
        report.deleted,
        report.blocked,
    )
    stand.prune_to_the_end()


def test_an_index_that_names_what_is_gone_is_replaced(stand: Stand) -> None:
    """Such as another pruner stored that did not know: before the tombstone goes."""
    stand.prune_up_to(Stage.CLEARED)
    with stand.opened("other") as repository:
        repository.load_index()
        gone = {pack: tuple(found) for pack, found in repository.index.by_pack()}
    stand.wait(LAG_S + 1)
    report = stand.prune()
    assert 2 == len(report.deleted)
    with stand.opened("other") as repository:
        repository.add_to_index(gone)
    stand.wait(GRACE_S + 1)
    report = stand.prune()
    assert ("an index names packs that are gone: it is replaced",) == report.blocked
    stand.prune_up_to(Stage.SWEPT)
    stand.prune_to_the_end()
    with stand.opened("reader") as repository:
        repository.load_index()
        assert stand.packs() == repository.index.packs()


def test_a_clearance_for_tombstones_that_are_gone_is_dropped(stand: Stand) -> None:
    """Another pruner was quicker, and its packs may be in use again."""
    packs = stand.packs()
    with stand.opened("other") as repository:
        told = {"packs": [pack.hex() for pack in packs], "indexes": [], "tombstones": ["00" * 32]}
        write_down(repository, Stage.CLEARED, told)
    stand.wait(LAG_S + 1)
    stand.prune()
    assert (packs, []) == (stand.packs(), stand.world.names("tombstones"))


@pytest.mark.parametrize(
>>>>>>> 02016c9 (Ask the index once for many chunks, and touch a small file once)
    ("grace", "refused"),
    [
        pytest.param(timedelta(seconds=40), False, id="four-times-the-lag"),
        pytest.param(timedelta(seconds=39), True, id="less"),
    ],
)
def test_the_grace_is_well_above_the_lag(grace: timedelta, *, refused: bool) -> None:
    """Else the protocol's waiting would not add up."""
    if refused:
        with pytest.raises(ValidationError, match="four times"):
            PrunePolicy(listing_lag=timedelta(seconds=10), grace=grace)
    else:
        PrunePolicy(listing_lag=timedelta(seconds=10), grace=grace)


class LaterStore(FolderStore):
    """A folder whose clock can be put forward."""

    later = timedelta(0)

    def now(self) -> datetime:
        """As many hours later."""
        return super().now() + self.later


@pytest.mark.real
def test_restic_finds_nothing_wrong_after_a_cycle(tmp_path: Path) -> None:
    """It reads every pack; and what had gone is not there."""
    restic = shutil.which("restic")
    if not restic and not os.environ.get("CI"):
        pytest.skip("restic is not installed")
    store = LaterStore(tmp_path / "repository")
    with Repository.create(
        store, PASSWORD.encode(), identity=IDENTITY, work_folder=tmp_path / "work"
    ) as repository:
        for contents in ("xyz", "abc", "de"):
            put_pack(repository, DATA, *map(content, contents))
        forgotten = back_up(repository, "xyz")
        back_up(repository, "ade")
        repository.remove_document("snapshots", forgotten.id)
        deleted = 0
        for _ in range(7):
            report = prune(repository, identity=IDENTITY, policy=POLICY, dry_run=False)
            deleted += len(report.deleted)
            store.later += timedelta(seconds=GRACE_S + 1)
            assert restic
            subprocess.run(
                [restic, "-r", tmp_path / "repository", "--no-cache", "check", "--read-data"],
                env={**os.environ, "RESTIC_PASSWORD": PASSWORD},
                capture_output=True,
                check=True,
                timeout=120,
            )
    assert (3, None) == (deleted, report.again_at)
    assert [] == [*store.listing("tombstones/"), *store.listing("sessions/")]
