"""The round planner over whole histories: it settles from anywhere, and touches only ours."""

from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from springtide.model.claim import ClaimBook, Freeze
from springtide.model.fleet import Canary, CanaryPolicy
from springtide.model.plan import Delete, Drain, Launch, Leave
from springtide.model.server import Phase
from springtide.model.snapshot import FleetSnapshot
from springtide.planning.fleet_round import plan_round
from springtide.planning.round_input import RoundInput
from tests.planning.fleet_world import REGIONS, START, FleetWorld, a_fleet, desired
from tests.planning.sightings import a_server
from tests.planning.surges import a_policy

NO_CANARY = Canary(policy=CanaryPolicy.NEVER)
SIZES = st.integers(min_value=0, max_value=60)


def test_opens_evenly_and_then_plans_nothing() -> None:
    """Thirty servers over three empty regions are ten each, and the next plan is empty."""
    world = FleetWorld()
    plan = world.settle(desired(30))
    by_region = {r: sum(s.region == r for s in world.servers.values()) for r in REGIONS}
    assert {"GRA11": 10, "RBX1": 10, "SBG5": 10} == by_region
    assert 30 == plan.count(Phase.SERVING) == world.serving
    assert plan.settled


def test_canary_goes_first_and_the_rest_follows_when_it_serves() -> None:
    """An unproven image sends one server a region; once that serves no canary is sent again."""
    world = FleetWorld()
    first = world.plan(desired(30))
    assert [1, 1, 1] == [a.servers for a in first.actions if isinstance(a, Launch)]
    assert all(a.canary for a in first.actions if isinstance(a, Launch))
    world.settle(desired(30))
    world.settle(desired(0))
    again = world.plan(desired(30))
    assert [10, 10, 10] == [a.servers for a in again.actions if isinstance(a, Launch)]


@pytest.mark.parametrize(
    ("policy", "sizes"),
    [
        pytest.param(CanaryPolicy.NEVER, {"RBX1": 10, "SBG5": 10}, id="without-canaries"),
        pytest.param(CanaryPolicy.UNPROVEN, {"RBX1": 1, "SBG5": 1}, id="a-canary-first"),
    ],
)
def test_failed_launches_go_and_the_empty_regions_are_filled(
    policy: CanaryPolicy, sizes: dict[str, int]
) -> None:
    """The example that the planner opens with."""
    fleet = a_fleet(canary=Canary(policy=policy))
    world = FleetWorld(fleet=fleet.model_copy(update={"regions": fleet.regions[:1]}))
    world.settle(desired(10))
    world.fleet = fleet
    broken = {n: a_server(n, status="ERROR", launched_at=None) for n in ("e1", "e2")}
    world.servers |= broken
    plan = world.plan(desired(30))
    assert [("e1", "e2")] == [a.server_ids for a in plan.actions if isinstance(a, Delete)]
    assert sizes == {a.region: a.servers for a in plan.actions if isinstance(a, Launch)}
    assert {"GRA11": 10, "RBX1": 10, "SBG5": 10} == {a.region: a.servers for a in plan.allotments}


def test_silent_canary_stops_its_region_and_says_so() -> None:
    """A canary that never answers is removed, its region left alone, and the alarm raised."""
    world = FleetWorld(silent=frozenset(range(1, 4)))
    alarms: list[str] = []
    for _ in range(60):
        plan = world.plan(desired(30))
        alarms += plan.alarms
        world.carry_out(plan)
        world.pass_time()
    assert plan.shortfall is not None
    assert 30 == plan.shortfall.servers
    assert {} == world.servers
    assert 3 == sum("did not answer on its canary" in alarm for alarm in alarms)


@pytest.mark.parametrize(
    ("room", "short"), [({"GRA11": 4}, 0), ({"GRA11": 0}, 0), ({"GRA11": 4, "RBX1": 3}, 0)]
)
def test_region_without_hosts_is_filled_to_its_brim(room: dict[str, int], short: int) -> None:
    """Waves without a host are halved until the region is full; the others take the rest."""
    world = FleetWorld(fleet=a_fleet(canary=NO_CANARY), room=room)
    plan = world.settle(desired(30))
    held = {r: sum(s.region == r for s in world.servers.values()) for r in room}
    assert room == held
    assert 30 == plan.count(Phase.SERVING)
    assert short == (plan.shortfall.servers if plan.shortfall else 0)


def test_shortfall_is_told_when_no_region_has_hosts() -> None:
    """What no region can hold is the shortfall, with each region's reason."""
    world = FleetWorld(fleet=a_fleet(canary=NO_CANARY), room=dict.fromkeys(REGIONS, 2))
    plan = world.settle(desired(30))
    assert 6 == plan.count(Phase.SERVING)
    assert plan.shortfall is not None
    assert 24 == plan.shortfall.servers
    assert "GRA11: no host had room for a single b2-60" in plan.shortfall.reason


@settings(max_examples=60, deadline=None)
@given(first=SIZES, second=SIZES, third=SIZES)
def test_conserves_and_settles(first: int, second: int, third: int) -> None:
    """After each change of mind exactly the desired servers serve, and foreign members remain."""
    world = FleetWorld()
    for size in (first, second, third):
        world.settle(desired(size))
        assert size == world.serving == len(world.servers)
        assert 3 == sum(not m.ours for by in world.members.values() for m in by.values())


@settings(max_examples=80, deadline=None)
@given(
    sizes=st.lists(SIZES, min_size=1, max_size=4),
    cuts=st.lists(st.integers(min_value=0, max_value=6), min_size=4, max_size=30),
)
def test_any_interruption_converges(sizes: list[int], cuts: list[int]) -> None:
    """A run killed after any prefix of any plan is taken over by the next, without a trace."""
    world = FleetWorld()
    for size in sizes:
        for cut in cuts:
            plan = world.plan(desired(size))
            launched = sum(a.servers for a in plan.actions if isinstance(a, Launch))
            living = plan.count(Phase.BUILDING, Phase.ACTIVE, Phase.ANSWERING, Phase.SERVING)
            assert launched + living <= max(60, living)
            world.carry_out(plan, only=cut)
            world.pass_time()
    world.settle(desired(sizes[-1]))
    assert sizes[-1] == world.serving == len(world.servers)


@settings(max_examples=40, deadline=None)
@given(size=SIZES, late=st.integers(min_value=0, max_value=3))
def test_two_convergences_at_once_overshoot_and_are_trimmed(size: int, late: int) -> None:
    """Two runs that planned from the same look may launch twice; the next rounds put it right."""
    world = FleetWorld(fleet=a_fleet(canary=NO_CANARY))
    one, two = world.plan(desired(size), run="aaaa"), world.plan(desired(size), run="bbbb")
    world.carry_out(one)
    for _ in range(late):
        world.pass_time()
    world.carry_out(two)
    world.settle(desired(size))
    assert size == world.serving == len(world.servers)


def test_waves_of_two_runs_never_share_a_tag() -> None:
    """The run's id and the index are part of each wave's tag."""
    world = FleetWorld(fleet=a_fleet(canary=NO_CANARY, wave_servers=2))
    plans = (world.plan(desired(30), run="aaaa"), world.plan(desired(30), run="bbbb"))
    tags = [a.wave for plan in plans for a in plan.actions if isinstance(a, Launch)]
    assert 30 == len(tags) == len(set(tags))


def test_unreadable_claims_never_remove() -> None:
    """While the store is in trouble the surplus stays, and the plan says why."""
    world = FleetWorld()
    world.settle(desired(30))
    book = ClaimBook(trouble="the store does not answer")
    want = desired(0, may_remove=False)
    plan = plan_round(world.snapshot(), RoundInput(world.fleet, want, book, world.now, "ab12"))
    assert () == plan.actions
    assert "nothing is removed while the claims cannot be read" in plan.waits[-1].reason


def test_what_is_deleted_is_not_waited_for() -> None:
    """New servers that nobody wants any more are not said to be on their way into the pool."""
    world = FleetWorld(fleet=a_fleet(canary=NO_CANARY))
    world.carry_out(world.plan(desired(9)))
    for reason in ("building", "to join their pool"):
        joining = world.plan(desired(9))
        assert {f"3 {reason}"} == {wait.reason for wait in joining.waits}
        closing = world.plan(desired(0))
        assert ((), {Delete}) == (closing.waits, {type(a) for a in closing.actions})
        world.pass_time(10)


@pytest.mark.parametrize(
    ("dark", "size", "may_remove", "blind"),
    [
        pytest.param(0, 9, True, False, id="all-is-seen"),
        pytest.param(1, 9, True, False, id="one-region-is-away"),
        pytest.param(3, 9, True, True, id="every-region-is-away"),
        pytest.param(3, 0, True, True, id="every-region-is-away-and-none-is-wanted"),
        pytest.param(0, 9, False, False, id="no-claims-and-none-too-many"),
        pytest.param(0, 8, False, True, id="no-claims-and-one-too-many"),
    ],
)
def test_a_plan_says_what_it_cannot_know(
    *, dark: int, size: int, may_remove: bool, blind: bool
) -> None:
    """Claims that forbid removal, or a cloud that shows nothing at all; one region is no such."""
    world = FleetWorld(fleet=a_fleet(canary=NO_CANARY))
    world.settle(desired(9))
    seen = world.snapshot().regions
    away = [region.model_copy(update={"trouble": "away"}) for region in seen[:dark]]
    snapshot = FleetSnapshot(fleet="api", at=world.now, regions=(*away, *seen[dark:]))
    want = desired(size, may_remove=may_remove)
    plan = plan_round(snapshot, RoundInput(world.fleet, want, ClaimBook(), world.now, "ab12"))
    assert blind is any(wait.blind for wait in plan.waits)


def test_frozen_fleet_is_planned_and_told() -> None:
    """A freeze leaves the plan as it is and names who froze the fleet and why."""
    freeze = Freeze(
        key="freeze-all",
        fleet="*",
        starts_at=START,
        ends_at=START + timedelta(hours=1),
        owner="operations",
        reason="network works",
    )
    world = FleetWorld()
    given = RoundInput(world.fleet, desired(3), ClaimBook(freezes=(freeze,)), world.now, "ab12")
    plan = plan_round(world.snapshot(), given)
    assert "frozen by operations: network works" == plan.frozen
    assert plan.actions


def test_surge_wanted_while_draining_takes_back_first() -> None:
    """Draining servers are taken back before any is launched."""
    world = FleetWorld()
    world.settle(desired(30))
    world.carry_out(world.plan(desired(10)))
    plan = world.plan(desired(30))
    assert [] == [a for a in plan.actions if isinstance(a, Launch)]
    world.carry_out(plan)
    assert 30 == world.serving


def test_unreadable_region_is_left_alone_and_counts_what_was_last_seen() -> None:
    """Nothing is planned where nothing can be read, and its servers are not launched again."""
    world = FleetWorld()
    world.settle(desired(30))
    looked = world.snapshot()
    dark = looked.regions[0].model_copy(update={"trouble": "GRA11 does not answer"})
    snapshot = looked.model_copy(update={"regions": (dark, *looked.regions[1:])})
    for size, kinds in ((30, []), (15, [Drain, Drain])):
        given = RoundInput(world.fleet, desired(size), ClaimBook(), world.now, "ab12")
        plan = plan_round(snapshot, given)
        assert kinds == [type(a) for a in plan.actions]
        assert "GRA11" not in {a.region for a in plan.actions}


def test_who_is_not_seen_to_serve_takes_nobody_s_place() -> None:
    """Nova lists a region's servers, its pool cannot be read: they count, and nobody goes for them.

    Nothing is launched in their place either: they stand and are billed.
    """
    world = FleetWorld(fleet=a_fleet(canary=NO_CANARY))
    world.settle(desired(60))
    snapshot = world.snapshot()
    dark = {"trouble": "load-balancer GET: 503", "members": ()}
    gra, *others = snapshot.regions
    regions = (gra.model_copy(update=dark), *others)
    seen = snapshot.model_copy(update={"regions": regions})
    removed = {}
    for size in (60, 40, 30, 0):
        given = RoundInput(world.fleet, desired(size), ClaimBook(), world.now, "ab12")
        actions = plan_round(seen, given).actions
        removed[size] = sum(len(a.members) for a in actions if isinstance(a, Drain))
        assert all(isinstance(a, Drain) for a in actions)
    assert {60: 0, 40: 0, 30: 10, 0: 40} == removed


def test_stale_member_of_ours_leaves_and_a_foreign_one_stays() -> None:
    """A member whose server is gone leaves its pool; other people's members are not touched."""
    world = FleetWorld()
    world.settle(desired(3))
    gone = next(s for s in world.servers.values() if s.region == "GRA11")
    del world.servers[gone.id]
    plan = world.plan(desired(3))
    leaves = [a for a in plan.actions if isinstance(a, Leave)]
    assert [gone.id] == [m.server_id for a in leaves for m in a.members]
    assert not [a for a in plan.actions if isinstance(a, Delete)]
    world.settle(desired(3))
    assert 3 == world.serving


def test_most_servers_are_deleted_behind_our_back() -> None:
    """The balancer, which checks nobody, has them still: they leave, and as many are launched."""
    world = FleetWorld()
    world.settle(desired(30))
    for gone in list(world.servers)[:20]:
        del world.servers[gone]
    assert () == world.settle(desired(30)).alarms
    assert 30 == world.serving == len(world.servers)


def test_a_fleet_with_surges_steps_down_gradually() -> None:
    """So many are on their way out at once; the rest waits, and in the end all are gone."""
    world = FleetWorld(fleet=a_fleet(surge=a_policy(step_down_servers=5)))
    world.settle(desired(20))
    first = world.plan(desired(4))
    assert 5 == sum(len(a.members) for a in first.actions if isinstance(a, Drain))
    world.carry_out(first)
    again = world.plan(desired(4))
    assert [] == [a for a in again.actions if isinstance(a, Drain)]
    world.settle(desired(4))
    assert 4 == len(world.servers)
