"""Restores and drills as flows, on a real Swift and the sandbox's Keystone."""

import pytest

from flows.object_storage_backup import back_up_to_object_storage
from flows.storage_restore import drill_restore, restore_from_object_storage
from springtide.clouds.restic import is_installed
from tests.flows.storage import SECRET, Storage


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
