"""A fleet whose balancer is the prober, over whole histories: our probe asks nobody."""

from datetime import timedelta

import pytest

from springtide.model.claim import ProvenImage
from springtide.model.fleet import HealthCheck, Prober
from springtide.model.plan import Join, Launch, RoundPlan
from tests.planning.fleet_world import REGIONS, START, FleetWorld, a_fleet, desired, played
from tests.planning.rollouts import NEW, OLD, a_rollout, by_image

BALANCER = HealthCheck(port=80, prober=Prober.BALANCER, in_flight_path="/in-flight")


def a_world(image: str = OLD.id, **changes: object) -> FleetWorld:
    """An empty world in which the image is known to have served in every region."""
    world = FleetWorld(fleet=a_fleet(health=BALANCER, **changes))
    world.proven = [
        ProvenImage(
            key=f"proven-api-{region.lower()}",
            fleet="api",
            region=region,
            image_id=image,
            until=START + timedelta(days=9),
        )
        for region in REGIONS
    ]
    return world


def alarms(plans: list[RoundPlan]) -> set[str]:
    """Whatever a person was told."""
    return {alarm for plan in plans for alarm in plan.alarms}


def launched(plan: RoundPlan) -> int:
    """How many servers the plan launches."""
    return sum(a.servers for a in plan.actions if isinstance(a, Launch))


def test_who_could_not_join_for_long_joins_all_the_same() -> None:
    """The pools take no change for longer than answer_s: then all join, and none is deleted."""
    world = a_world()
    for _ in range(40):
        plan = world.plan(desired(30))
        others = tuple(a for a in plan.actions if not isinstance(a, Join))
        world.carry_out(plan.model_copy(update={"actions": others}))
        world.pass_time()
        assert () == plan.alarms
    assert (0, 30) == (world.serving, len(world.servers))
    plan = world.settle(desired(30))
    assert (30, 30, 30, ()) == (world.serving, len(world.servers), world.launched, plan.alarms)


@pytest.mark.parametrize("age_s", [70, 600])
def test_who_leaves_at_a_scale_in_dies_no_death(age_s: float) -> None:
    """Outside of its pool nobody asks a server: that is no alarm, and no reason to rest."""
    world = a_world()
    world.settle(desired(12))
    world.pass_time(age_s)
    plans = played(world, 6, 12)
    assert (set(), []) == (alarms(plans), world.deaths)
    assert (6, 6) == (world.serving, len(world.servers))


def test_a_scale_in_halts_no_rollout() -> None:
    """An image is rolled out wholly: who leaves later fails nothing, and the next have it too."""
    world = a_world(NEW.id)
    world.images, world.rollouts = (NEW, OLD), [a_rollout()]
    world.settle(desired(12))
    world.pass_time(600)
    assert (set(), []) == (alarms(played(world, 6, 12)), world.halts)
    world.settle(desired(9))
    assert {NEW.id: 9} == by_image(world)


def test_who_dies_during_a_scale_in_is_replaced() -> None:
    """One of the six that stay dies while the others leave: no storm, and a successor."""
    world = a_world()
    world.settle(desired(12))
    world.pass_time(600)
    played(world, 6, 2)
    staying = (m for by in world.members.values() for m in by.values() if m.ours and m.weight)
    victim = min(m.server_id or "" for m in staying)
    world.down.add(victim)
    plans = played(world, 6, 40)
    assert set() == alarms(plans)
    assert (6, 6, 13) == (world.serving, len(world.servers), world.launched)
    assert victim not in world.servers


def test_a_new_server_that_is_dead_joins_and_is_replaced() -> None:
    """The balancer is the first who can tell: it is a sick member then, like any other."""
    world = a_world()
    world.settle(desired(12))
    world.silent = frozenset({13})
    played(world, 13, 4)
    assert 13 == world.serving
    plan = world.settle(desired(13))
    assert (13, 13, 14, ()) == (world.serving, len(world.servers), world.launched, plan.alarms)
    assert "s13" not in world.servers


def test_a_server_without_an_address_has_its_deadline_still() -> None:
    """It can join no pool: after answer_s it is deleted, and another is launched."""
    world = a_world()
    world.settle(desired(12))
    plan = world.plan(desired(13))
    world.carry_out(plan)
    world.servers["s13"] = world.servers["s13"].model_copy(update={"address": None})
    world.settle(desired(13))
    assert (13, 13, 14) == (world.serving, len(world.servers), world.launched)
    assert "s13" not in world.servers


def test_a_bad_image_is_halted_at_its_canary() -> None:
    """Its canaries join and the balancer finds them down: the fleet is as it was."""
    world = a_world()
    world.settle(desired(30))
    world.images, world.rollouts, world.bad_images = (NEW, OLD), [a_rollout()], {NEW.id}
    plans = played(world, 30, 60)
    assert 1 == sum("is halted" in alarm for alarm in alarms(plans))
    assert ({OLD.id: 30}, 30) == (by_image(world), world.serving)
    assert plans[-1].settled


def test_a_bad_image_is_halted_where_nobody_else_stands() -> None:
    """All members are canaries and down: that is the image, and all start with the other one."""
    world = a_world()
    world.images, world.rollouts, world.bad_images = (NEW, OLD), [a_rollout()], {NEW.id}
    plans = played(world, 30, 60)
    assert 1 == sum("is halted" in alarm for alarm in alarms(plans))
    assert ({OLD.id: 30}, 30) == (by_image(world), world.serving)


def test_a_first_image_that_never_answers_is_left_alone() -> None:
    """A canary in each region, and no more: the image is told to be silent."""
    world = FleetWorld(fleet=a_fleet(health=BALANCER), bad_images={OLD.id})
    plans = played(world, 30, 120)
    assert alarms(plans)
    assert world.launched <= 3 * len(REGIONS)
