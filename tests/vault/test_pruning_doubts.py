"""Prune where something is damaged, locked, late or done by others: it deletes nothing."""

from collections.abc import Callable

import pytest

from springtide.errors import Damaged, GuardRefused
from springtide.vault.blobs import BlobKind, pack_name
from springtide.vault.snapshots import save_snapshot
from springtide.vault.tombstones import Stage, write_down
from tests.vault.pruned_world import (
    GRACE_S,
    LAG_S,
    GuardedStore,
    put_pack,
    store_tree,
    tree_of,
)
from tests.vault.pruning_stand import Stand
from tests.vault.vaults import entries_of

TREE = BlobKind.TREE


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
