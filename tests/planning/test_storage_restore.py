"""What stands in the way of a restore over production."""

import pytest

from springtide.model.restoring import RestoreOverPlan, RestoreOverView
from springtide.planning.storage_restore import over_limitation

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
