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
from springtide.vault.tombstones import Stage
from tests.vault.folder_store import FolderStore
from tests.vault.pruned_world import (
    GRACE_S,
    IDENTITY,
    LAG_S,
    POLICY,
    GuardedStore,
    Killed,
    World,
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


class Ticking(World):
    """A world in which each look at the clock comes a second later."""

    def now(self) -> datetime:
        """As `Store.now`."""
        self.clock_s += 1
        return super().now()


def test_by_a_run_each_day(tmp_path: Path) -> None:
    """At one hour: what a run has put down is a day old a little after the next one has begun."""
    stand, days = Stand(tmp_path), dict[str, int]()
    stand.world = Ticking()
    with stand.opened("first") as repository:
        put_pack(repository, DATA, content("x"))
    for day in range(8):
        stand.wait(max(0, day * 24 * 3600 - stand.world.clock_s))
        stand.prune(PrunePolicy())
        days |= {str(told["stage"]): day for told in stand.ledger() if told["stage"] not in days}
    assert {"sighted": 0, "tombstone": 4, "standing": 4, "cleared": 6, "swept": 7} == days
    assert set() == stand.packs()


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
