"""Waves of a fleet whose servers are to stand on different hosts."""

import pytest

from springtide.model.claim import ClaimBook
from springtide.model.fleet import Canary, CanaryPolicy
from springtide.model.plan import Launch
from springtide.model.snapshot import FleetSnapshot
from springtide.planning.fleet_round import plan_round
from springtide.planning.round_input import RoundInput
from tests.planning.fleet_world import START, FleetWorld, a_fleet, desired

NO_CANARY = Canary(policy=CanaryPolicy.NEVER)


def launches(*, spread: bool, members: int | None, policy: Canary = NO_CANARY) -> list[Launch]:
    """The waves of sixty servers over three regions."""
    fleet = a_fleet(spread_hosts=spread, canary=policy)
    world = FleetWorld(fleet=fleet)
    seen = world.snapshot()
    regions = tuple(r.model_copy(update={"group_members": members}) for r in seen.regions)
    snapshot = FleetSnapshot(fleet="api", at=START, regions=regions)
    given = RoundInput(fleet=fleet, desired=desired(60), book=ClaimBook(), now=START, run="ab12")
    return [a for a in plan_round(snapshot, given).actions if isinstance(a, Launch)]


@pytest.mark.parametrize(
    ("spread", "members", "sizes", "grouped"),
    [
        pytest.param(True, 10, [10] * 6, 10, id="no larger than a group"),
        pytest.param(True, 30, [10] * 6, 30, id="no larger than a wave: 20 are two of 10"),
        pytest.param(True, None, [10] * 6, None, id="a region without groups"),
        pytest.param(False, 4, [10] * 6, None, id="nobody asked for them"),
        pytest.param(True, 4, [4] * 15, 4, id="small groups"),
    ],
)
def test_waves_fit_into_groups(
    *, spread: bool, members: int | None, sizes: list[int], grouped: int | None
) -> None:
    """As large as a wave may be, and as a group may be."""
    found = launches(spread=spread, members=members)
    assert sizes == [launch.servers for launch in found]
    assert {grouped} == {launch.group_members for launch in found}


def test_a_canary_takes_no_group() -> None:
    """Alone in it, it would take the place of a whole wave."""
    found = launches(spread=True, members=10, policy=Canary())
    assert [(1, None)] * 3 == [(launch.servers, launch.group_members) for launch in found]
