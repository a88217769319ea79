"""What people are told of restores, and what stands in the way of one over production."""

import pytest

from springtide.model.backup import DrillOutcome, RestoreOutcome
from springtide.model.restoring import RestoreOverPlan, RestoreOverView
from springtide.planning.storage_restore import (
    drill_alarm,
    drill_summary,
    over_limitation,
    restore_alarm,
)

BAD = "snapshots/ab cannot be read"


@pytest.mark.parametrize(
    ("troubles", "unread", "told"),
    [
        pytest.param(0, "", None, id="all is well"),
        pytest.param(2, "", "2 files are damaged", id="troubles"),
        pytest.param(0, BAD, f"to /srv/restored/a; {BAD}", id="another snapshot"),
        pytest.param(2, BAD, f"a list is beside it; {BAD}", id="both"),
    ],
)
def test_what_is_told_of_a_restore(troubles: int, unread: str, told: str | None) -> None:
    """What could not be restored, and what else cannot be read."""
    outcome = RestoreOutcome(
        source="documents",
        part=1,
        snapshot="cd",
        target="/srv/restored/a",
        files=3,
        bytes=9,
        troubles=troubles,
        unread=unread,
        took_s=1.0,
    )
    said = restore_alarm((outcome,))
    assert told == said if told is None else told in (said or "")


def test_what_is_told_of_a_drill_beside_a_damaged_snapshot() -> None:
    """Once, however many programs restored; and that they did."""
    drills = tuple(
        DrillOutcome(source="documents", part=1, by=by, snapshot="cd", unread=BAD)
        for by in ("springtide", "restic")
    )
    assert f"documents: {BAD}" == drill_alarm("documents", drills)
    assert "by springtide and by restic" in drill_summary("documents", drills)


PLAN = RestoreOverPlan(source="documents", part=1, vault="documents", snapshot="ab" * 32)


@pytest.mark.parametrize(
    ("free", "beside", "refused"),
    [
        pytest.param(105, 0, None, id="a twentieth more is free"),
        pytest.param(104, 0, "104.0 MB are free", id="a little less is free"),
        pytest.param(5, 100, None, id="a killed run has restored all of it"),
        pytest.param(54, 50, "104.0 MB are free", id="a killed run has restored half of it"),
    ],
)
def test_the_room_for_a_restore_over_production(
    free: int, beside: int, refused: str | None
) -> None:
    """What a killed run has restored is gone on from, or removed first."""
    found = RestoreOverView(
        plan=PLAN,
        bytes=100_000_000,
        free_bytes=free * 1_000_000,
        beside_bytes=beside * 1_000_000,
        stands=False,
        set_aside=True,
        is_mount=False,
    )
    said = over_limitation(found)
    assert refused == said if refused is None else refused in (said or "")
