"""Who goes in a storm, and who stays, where more stand than are desired."""

from collections import Counter
from datetime import timedelta

import pytest

from springtide.planning.fleet_healing import healed_fleet
from tests.planning.fleet_world import REGIONS, desired, played
from tests.planning.rollouts import NEW, OLD, a_rollout, by_image
from tests.planning.test_fleet_healing import launched, removed, standing


@pytest.mark.parametrize(
    ("storm", "wanted", "stand"),
    [
        pytest.param({"unbalanced": {"GRA11"}}, 6, {"GRA11": 20, "RBX1": 3, "SBG5": 3}, id="pool"),
        pytest.param({"cut_off": {"GRA11"}}, 6, {"GRA11": 20, "RBX1": 3, "SBG5": 3}, id="probe"),
        pytest.param(
            {"unbalanced": {"GRA11"}}, 39, {"GRA11": 20, "RBX1": 19, "SBG5": 20}, id="one-to-spare"
        ),
        pytest.param(
            {"unbalanced": {"GRA11"}}, 40, {"GRA11": 20, "RBX1": 20, "SBG5": 20}, id="just-enough"
        ),
        pytest.param(
            {"unbalanced": {"GRA11", "RBX1"}}, 6, {"GRA11": 20, "RBX1": 20, "SBG5": 6}, id="most"
        ),
        pytest.param(
            {"unbalanced": set(REGIONS)}, 6, dict.fromkeys(REGIONS, 20), id="nobody-is-believed"
        ),
    ],
)
def test_a_storm_keeps_none_that_serve_beyond_doubt_and_are_too_many(
    storm: dict[str, set[str]], wanted: int, stand: dict[str, int]
) -> None:
    """As many as desired serve beyond doubt; whoever is doubted stays, and the plan says so."""
    world = standing(60)
    world.pass_time(600)
    for name, regions in storm.items():
        setattr(world, name, regions)
    plan = world.settle(desired(wanted))
    assert stand == Counter(s.region for s in world.servers.values())
    kept = f"{sum(stand.values()) - wanted} more stand than are desired"
    assert [kept] == [told.partition(":")[0] for told in plan.told]
    assert plan.alarms
    world.cut_off, world.unbalanced = set(), set()
    assert () == world.settle(desired(wanted)).told
    assert wanted == world.serving == len(world.servers)


def test_nobody_goes_in_a_storm_while_the_claims_cannot_be_read() -> None:
    """However many serve beyond doubt: nobody knows how many are desired."""
    world = standing(60)
    world.pass_time(600)
    world.unbalanced = {"GRA11"}
    for _ in range(8):
        plan = world.plan(desired(6, may_remove=False))
        assert set() == removed(plan)
        world.carry_out(plan)
        world.pass_time()


def test_who_is_held_in_a_storm_does_not_stand_in_for_others() -> None:
    """Of a held member of that region nobody knows whether it serves either."""
    world = standing(60)
    world.pass_time(600)
    world.unbalanced = {"GRA11"}
    for server in [s for s in world.servers.values() if s.region == "GRA11"][:5]:
        update = {"held_until": world.now + timedelta(days=1)}
        world.servers[server.id] = server.model_copy(update=update)
    world.settle(desired(6))
    assert 6 == sum(s.region != "GRA11" for s in world.servers.values())


@pytest.mark.parametrize(
    ("regions", "share"),
    [
        pytest.param({"GRA11"}, 0.34, id="one-region"),
        pytest.param({"GRA11", "RBX1"}, 0.67, id="two-regions"),
        pytest.param(set(REGIONS), 1.0, id="all"),
    ],
)
def test_who_has_looked_has_whole_regions_replaced(regions: set[str], share: float) -> None:
    """Nova alone says that they run: as soon as a person says so, a tenth at a time is replaced.

    The order of a rollout that is done still holds: its image is not at fault.
    """
    world = standing()
    world.rollouts, world.images = [a_rollout(OLD.name)], (NEW, OLD)
    played(world, 30, 1)
    world.pass_time(600)
    world.down = {s.id for s in world.servers.values() if s.region in regions}
    assert {"mark"} == {a.kind for plan in played(world, 30, 12) for a in plan.actions}
    world.fleet = healed_fleet(world.fleet, share)
    assert 3 == max(launched(*played(world, 30, 60)))
    assert () == world.settle(desired(30)).alarms
    assert dict.fromkeys(REGIONS, 10) == Counter(s.region for s in world.servers.values())
    assert ({OLD.id: 30}, []) == (by_image(world), world.halts)
    assert not world.down & set(world.servers)
