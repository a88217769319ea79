"""Restores and drills as flows, on a real Swift and the sandbox's Keystone."""

from dataclasses import dataclass
from typing import Any

import pytest
from prefect import State, flow

from flows.guarded import guarded
from flows.object_storage_backup import back_up_to_object_storage
from flows.storage_restore import (
    drill_restore,
    restore_from_object_storage,
    restore_over_production,
)
from springtide.clouds.restic import is_installed
from springtide.errors import Damaged
from springtide.estate import load_estate
from springtide.model.approval import Approval, Proposal
from springtide.model.change import ChangeOutcome
from springtide.model.postgres import PostgresSource
from springtide.model.restoring import RestoreOverPlan
from springtide.planning.database_restore import RestorePoint
from springtide.vault.snapshots import list_snapshots, save_snapshot
from tasks.database_restores import restore_database
from tasks.restore_over import RestoreOver, look_at_part, restore_beside
from tasks.vaults import VaultOrder
from tests.flows.storage import SECRET, Storage, packs_of, two_have_signed
from tests.vault.places import seen_in


def test_a_drill_measures_and_leaves_nothing(storage: Storage) -> None:
    """Restored by us, and by restic where it is installed; compared; the scratch is gone."""
    storage.run(back_up_to_object_storage, source="documents")
    state = storage.run(drill_restore, source="documents")
    assert state.is_completed(), state.message
    outcomes = state.result()
    assert ["springtide", *["restic"] * is_installed()] == [each.by for each in outcomes]
    assert [0] * len(outcomes) == [each.differences for each in outcomes]
    assert all(each.restore_s > 0 for each in outcomes)
    assert [] == list(storage.restores.iterdir())
    assert "recovery time" in storage.artifact("drill-documents")


def test_paths_are_fetched_back(storage: Storage) -> None:
    """One file of the snapshot, within the time of a coffee."""
    storage.run(back_up_to_object_storage, source="documents")
    wanted = storage.source / "2025" / f"{SECRET}-7.txt"
    state = storage.run(
        restore_from_object_storage, source="documents", paths=(str(wanted),), folder="one"
    )
    assert state.is_completed(), state.message
    again = (storage.restores / "one").joinpath(*wanted.parts[1:])
    assert wanted.read_bytes() == again.read_bytes()


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        pytest.param({"source": "films"}, "source: no source 'films' in the estate", id="source"),
        pytest.param(
            {"source": "documents", "part": 2}, "part: documents has no part 2", id="part"
        ),
        pytest.param(
            {"source": "documents", "folder": "../etc"}, "to a new folder below", id="outside"
        ),
        pytest.param(
            {"source": "documents", "snapshot": "ffff"}, "0 snapshots begin with", id="snapshot"
        ),
    ],
)
def test_a_restore_that_cannot_be(
    storage: Storage, parameters: dict[str, object], said: str
) -> None:
    """Refused with the field and what is allowed; nothing is made."""
    state = storage.run(restore_from_object_storage, **parameters)
    assert state.is_failed()
    assert said in (state.message or "")
    assert not storage.restores.exists() or [] == list(storage.restores.iterdir())


@dataclass
class Signed(RestoreOver):
    """The change, signed by two before it is proposed."""

    async def standing_approval(self, proposal: Proposal) -> Approval | None:
        """What two have signed."""
        return two_have_signed(proposal)


def restored_over(storage: Storage, snapshot: str = "latest") -> State[Any]:
    """The state in which it ends, once two have signed it."""
    estate = load_estate(storage.estate_file)

    @flow(name="restore-over-for-a-test")
    async def restore_it() -> State[ChangeOutcome]:
        change = Signed(storage.estate_file, "documents", estate.source("documents"), 1, snapshot)
        return await guarded(change, dry_run=False)

    return storage.run(restore_it)


def test_a_cluster_whose_backup_may_be_one_that_cannot_be_read(storage: Storage) -> None:
    """What is not found is told with the damaged snapshot's name."""
    storage.run(back_up_to_object_storage, source="documents")
    with storage.opened() as repository:
        repository.store.put("snapshots/bad", b"rotten")
    source = PostgresSource(
        kind="postgresql",
        name="core",
        vault="documents",
        service="core",
        spool_folder="/srv/spool",
        restore_folder=str(storage.restores),
    )
    order = VaultOrder(estate_file=storage.estate_file, vault="documents")
    with pytest.raises(Damaged, match="no log is archived; snapshots/bad cannot be read"):
        restore_database.fn(order, source, RestorePoint(), "again")


def test_a_snapshot_in_the_place_of_production(storage: Storage) -> None:
    """Signed by two: compared first, exchanged by name; what stood there is beside it."""
    storage.run(back_up_to_object_storage, source="documents")
    before = seen_in(storage.source)
    (storage.source / "scan.bin").write_bytes(b"encrypted by a thief")
    spoiled = seen_in(storage.source)
    shown = storage.run(restore_over_production, source="documents")
    assert "dry run: plan" in (shown.message or "")
    assert spoiled == seen_in(storage.source)
    done = restored_over(storage)
    assert done.is_completed(), done.message
    assert before == seen_in(storage.source)
    (beside,) = (each for each in storage.source.parent.iterdir() if ".before-" in each.name)
    assert spoiled == seen_in(beside)
    assert [] == [each for each in storage.source.parent.iterdir() if ".restoring-" in each.name]
    again = restored_over(storage)
    assert "nothing to do" in (again.message or "")
    told = storage.artifact("proposal-restore-over-production")
    assert SECRET not in told
    assert str(storage.source) not in told


def test_the_room_for_a_snapshot_that_does_not_tell_its_size(storage: Storage) -> None:
    """As a manifest, or one of restic's: its tree is asked, before anybody signs."""
    storage.run(back_up_to_object_storage, source="documents")
    with storage.opened() as repository:
        (snapshot,) = list_snapshots(repository)
        save_snapshot(repository, snapshot.model_copy(update={"id": "", "summary": None}))
        repository.remove_document("snapshots", snapshot.id)
    shown = storage.run(restore_over_production, source="documents")
    assert "dry run: plan" in (shown.message or "")
    assert "3.1 MB" in storage.artifact("proposal-restore-over-production")


@pytest.mark.parametrize("step", ["half restored", "moved away"])
def test_a_restore_over_production_that_was_killed(storage: Storage, step: str) -> None:
    """The next run finds its folders and goes on."""
    storage.run(back_up_to_object_storage, source="documents")
    with storage.opened() as repository:
        (snapshot,) = list_snapshots(repository)
    before, place = seen_in(storage.source), storage.source
    if step == "half restored":
        half = place.with_name(f".documents.restoring-{snapshot.id[:12]}")
        half.joinpath(*place.parts[1:]).mkdir(parents=True)
    else:
        place.rename(place.with_name(f"documents.before-{snapshot.id[:12]}"))
    done = restored_over(storage, snapshot.id)
    assert done.is_completed(), done.message
    assert before == seen_in(place)


def test_what_a_killed_run_has_restored_is_put_in_place(storage: Storage) -> None:
    """As it stands, though production is moved away already; its room is counted as free."""
    storage.run(back_up_to_object_storage, source="documents")
    with storage.opened() as repository:
        (snapshot,) = list_snapshots(repository)
    order = VaultOrder(estate_file=storage.estate_file, vault="documents")
    source = load_estate(storage.estate_file).directories("documents")
    assert 0 == look_at_part.fn(order, source, 1, snapshot.id).beside_bytes
    plan = RestoreOverPlan(source="documents", part=1, vault="documents", snapshot=snapshot.id)
    assert 0 == restore_beside.fn(order, source, plan)
    before, place = seen_in(storage.source), storage.source
    beside = place.with_name(f".documents.restoring-{snapshot.id[:12]}")
    made = beside.joinpath(*place.parts[1:]).stat().st_ino
    place.rename(place.with_name(f"documents.before-{snapshot.id[:12]}"))
    assert look_at_part.fn(order, source, 1, snapshot.id).beside_bytes >= 3_000_000
    done = restored_over(storage, snapshot.id)
    assert done.is_completed(), done.message
    assert (before, made) == (seen_in(place), place.stat().st_ino)


def test_production_stays_where_a_file_is_damaged(storage: Storage) -> None:
    """It stops before anything is exchanged."""
    storage.run(back_up_to_object_storage, source="documents")
    with storage.opened() as repository:
        sizes = {name: repository.store.size(name) or 0 for name in packs_of(repository)}
        repository.store.delete(max(sizes, key=lambda name: sizes[name]))
    before = seen_in(storage.source)
    done = restored_over(storage)
    assert done.is_failed()
    assert "production is as it was" in (done.message or "")
    assert before == seen_in(storage.source)
