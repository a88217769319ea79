"""Healing: a tenth at a time, created before deleted; and nothing at all in a storm."""

from datetime import timedelta

import pytest

from springtide.model.claim import ExhaustedMark, ProvenImage
from springtide.model.fleet import Canary, CanaryPolicy
from springtide.model.healing import Healing
from springtide.model.plan import Delete, Drain, Launch, Leave, Mark, Reboot, RoundPlan
from tests.planning.fleet_world import REGIONS, START, FleetWorld, a_fleet, desired, played

MINUTE = timedelta(minutes=1)
NO_CANARY = Canary(policy=CanaryPolicy.NEVER)


def standing(servers: int = 30, **changes: object) -> FleetWorld:
    """A world in which so many servers serve, three of each region for each nine."""
    world = FleetWorld(fleet=a_fleet(canary=NO_CANARY, **changes))
    world.settle(desired(servers))
    return world


def first_of(world: FleetWorld, number: int) -> list[str]:
    """So many servers, of all regions in turn."""
    by_region = [sorted(s.id for s in world.servers.values() if s.region == r) for r in REGIONS]
    return [ids[i] for i in range(number) for ids in by_region if i < len(ids)][:number]


def launched(*plans: RoundPlan) -> list[int]:
    """How many servers each plan launches."""
    return [sum(a.servers for a in p.actions if isinstance(a, Launch)) for p in plans]


def removed(plan: RoundPlan) -> set[str]:
    """Ids of the servers that the plan takes out, in whatever way."""
    members = {m.server_id for a in plan.actions if isinstance(a, Leave | Drain) for m in a.members}
    return members | {i for a in plan.actions if isinstance(a, Delete) for i in a.server_ids}


def test_a_sick_member_is_replaced_and_leaves_when_its_successor_serves() -> None:
    """Nothing happens before the third check; then one is made, and only then one is taken."""
    world = standing()
    (victim,) = first_of(world, 1)
    world.down.add(victim)
    plans = played(world, 30, 8)
    marks = [a.failed for p in plans for a in p.actions if isinstance(a, Mark)]
    assert ([1, 2, 3], [0, 0, 0, 0, 1, 0, 0, 0]) == (marks, launched(*plans))
    assert [set()] * 7 + [{victim}] == [removed(p) for p in plans]
    assert 31 == len(world.servers)
    assert world.settle(desired(30)).settled
    assert victim not in world.servers
    assert 30 == world.serving == len(world.servers)


def test_a_member_that_stays_in_rebuild_is_replaced() -> None:
    """After `answer_s`, and though no balancer checks it: our probe does, whatever Nova says."""
    world = standing()
    world.deaf_balancer = True
    (victim,) = first_of(world, 1)
    update = {"status": "REBUILD", "updated_at": world.now}
    world.servers[victim] = world.servers[victim].model_copy(update=update)
    assert [()] * 8 == [plan.actions for plan in played(world, 30, 8)]
    world.pass_time(60)
    world.settle(desired(30))
    assert victim not in world.servers
    assert 30 == world.serving == len(world.servers)


def test_a_healthy_fleet_is_never_written_to() -> None:
    """No plan of a well fleet has anything to do."""
    world = standing()
    assert [()] * 5 == [plan.actions for plan in played(world, 30, 5)]


def test_who_answers_again_is_well() -> None:
    """Two failed checks and a good one: it is written once more, and forgotten."""
    world = standing()
    (victim,) = first_of(world, 1)
    world.down.add(victim)
    played(world, 30, 4)
    world.down.clear()
    plan = world.plan(desired(30))
    assert [(0, "it is well again")] == [(a.failed, a.reason) for a in plan.actions]
    world.carry_out(plan)
    assert () == world.plan(desired(30)).actions


@pytest.mark.parametrize(
    ("servers", "down", "at_once"),
    [
        pytest.param(30, 4, 3, id="a-tenth"),
        pytest.param(31, 10, 4, id="rounded-up"),
        pytest.param(3, 1, 1, id="at-least-one"),
        pytest.param(1, 1, 1, id="of-a-single-one"),
    ],
)
def test_so_many_at_once(servers: int, down: int, at_once: int) -> None:
    """Never more than a tenth, rounded up to one, is replaced at a time; all of them in the end."""
    world = standing(servers)
    world.down |= set(first_of(world, down))
    most, lowest, plan = 0, servers, world.plan(desired(servers))
    for _ in range(200):
        plan = world.plan(desired(servers))
        most = max(most, sum(launched(plan)))
        lowest = min(lowest, world.serving)
        world.carry_out(plan)
        world.pass_time()
        if plan.settled:
            break
    assert plan.settled
    assert (at_once, servers) == (most, lowest)
    assert not world.down & set(world.servers)


@pytest.mark.parametrize(
    ("room", "changes"),
    [
        pytest.param({}, {"max_servers": 30}, id="the-fleet-s-maximum"),
        pytest.param(
            {},
            {
                "regions": tuple(
                    {"name": r, "network": "vrack", "pool": "api", "cap": 10} for r in REGIONS
                )
            },
            id="caps",
        ),
        pytest.param(dict.fromkeys(REGIONS, 10), {}, id="quota"),
    ],
)
def test_without_room_for_one_more_the_sick_goes_first(
    room: dict[str, int], changes: dict[str, object]
) -> None:
    """Where its successor has no place beside it, the sick one leaves, and no more than a tenth."""
    world = standing(**changes)
    world.quota = room
    world.down |= set(first_of(world, 4))
    plans = played(world, 30, 5)
    assert 3 == len(removed(plans[-1]) & world.down)
    world.settle(desired(30))
    assert 30 == world.serving == len(world.servers)


def a_mark(key: str, reason: str) -> ExhaustedMark:
    """A mark for the fleet's first region that holds for long."""
    until = START + timedelta(days=1)
    return ExhaustedMark(key=key, fleet="api", region=REGIONS[0], until=until, reason=reason)


@pytest.mark.parametrize(
    ("trouble", "marks", "gone"),
    [
        pytest.param("cap of calls reached: 429", [], 0, id="a-trouble"),
        pytest.param(None, [a_mark("refused-api-gra11", "quota of calls: 429")], 0, id="a-refusal"),
        pytest.param(None, [a_mark("members-api-gra11", "full")], 1, id="the-quota-of-members"),
    ],
)
def test_the_sick_goes_first_only_where_that_makes_room(
    trouble: str | None, marks: list[ExhaustedMark], gone: int
) -> None:
    """By what is in the way of its successor, and not by the words of the cloud."""
    world = standing(10, regions=a_fleet().regions[:1])
    world.launch_trouble, world.exhausted = trouble, marks
    world.down |= set(first_of(world, 1))
    assert gone == len(set.union(*map(removed, played(world, 10, 5))) & world.down)


def test_who_still_gets_requests_is_drained() -> None:
    """Our probe alone complains: the balancer still sends requests, which are to end."""
    world = standing(healing=Healing(signals=("nova", "probe")))
    (victim,) = first_of(world, 1)
    world.silent |= {int(victim[1:])}
    world.deaf_balancer = True
    plans = played(world, 30, 8)
    assert [[victim]] == [
        [m.server_id for m in a.members] for p in plans for a in p.actions if isinstance(a, Drain)
    ]
    world.settle(desired(30))
    assert victim not in world.servers
    assert 30 == world.serving == len(world.servers)


@pytest.mark.parametrize(("down", "touched"), [(15, True), (16, False)])
def test_above_the_stop_share_nothing_is_touched(down: int, *, touched: bool) -> None:
    """Half of thirty may be sick; one more, and the fault is taken to lie elsewhere."""
    world = standing()
    world.down |= set(first_of(world, down))
    plans = played(world, 30, 12)
    kinds = {a.kind for p in plans for a in p.actions}
    assert touched is bool(kinds & {"launch", "leave", "delete", "drain", "reboot"})
    assert touched is not bool(plans[-1].alarms)
    if not touched:
        said = "16 of 30 members fail their checks (Nova: 0, our probe: 16, the balancer: 16)"
        assert plans[-1].settled
        assert plans[-1].alarms[0].startswith(f"{said}: nothing is repaired; look at the balancer")


@pytest.mark.parametrize(
    ("storm", "said"),
    [
        pytest.param({"cut_off": {"GRA11"}}, "GRA11: our probe says that all 10", id="probe-cut"),
        pytest.param({"unbalanced": {"RBX1"}}, "RBX1: the balancer says that all 10", id="pool"),
        pytest.param(
            {"cut_off": {"GRA11"}, "unbalanced": {"GRA11"}},
            "GRA11: our probe and the balancer say that all 10",
            id="both",
        ),
        pytest.param({"cut_off": set(REGIONS)}, "30 of 30 members fail", id="probe-cut-everywhere"),
        pytest.param({"unbalanced": set(REGIONS)}, "30 of 30 members fail", id="all-pools"),
    ],
)
def test_who_says_that_all_are_down_is_not_believed(storm: dict[str, set[str]], said: str) -> None:
    """One witness is written to, nothing is repaired, and the alarm says who saw what."""
    world = standing()
    for name, regions in storm.items():
        setattr(world, name, regions)
    plans = played(world, 30, 8)
    written = [len(a.server_ids) for p in plans for a in p.actions if isinstance(a, Mark)]
    assert [1, 1, 1] == written
    assert {"mark"} == {a.kind for p in plans for a in p.actions}
    assert [False, True] == [bool(plans[i].alarms) for i in (4, 5)]
    assert plans[-1].settled
    assert plans[-1].alarms[0].startswith(said)
    world.cut_off, world.unbalanced = set(), set()
    assert () == world.settle(desired(30)).alarms
    assert 30 == world.serving == len(world.servers)


def test_other_regions_are_healed_while_one_is_not_believed() -> None:
    """GRA11's balancer is broken and a server of SBG5 is dead: that one is replaced."""
    world = standing()
    world.unbalanced = {"GRA11"}
    (victim,) = {s.id for s in world.servers.values() if s.region == "SBG5"} & set(
        first_of(world, 3)
    )
    world.down.add(victim)
    for _ in range(20):
        played(world, 30, 1)
    assert victim not in world.servers
    assert 10 == sum(s.region == "GRA11" for s in world.servers.values())
    assert 30 == len(world.servers)


def test_a_storm_keeps_nobody_from_going_home() -> None:
    """The window closes while all are silent: it is taken down all the same, and without alarm."""
    world = standing()
    world.cut_off = set(REGIONS)
    assert played(world, 30, 8)[-1].alarms
    closing = played(world, 0, 40)
    assert [()] * len(closing) == [plan.alarms for plan in closing]
    world.settle(desired(0))
    assert {} == world.servers


def test_who_has_left_the_pool_goes_though_it_is_silent() -> None:
    """Most of a fleet step down and are silent once outside: no storm, as enough serve without."""
    world = standing(6)
    world.pass_time(600)
    (drain,) = played(world, 2, 1)
    leaving = removed(drain)
    assert {"leave"} == {a.kind for a in played(world, 2, 1)[0].actions}
    world.down |= leaving
    plan = world.settle(desired(2))
    assert (4, 2, 2, ()) == (len(leaving), world.serving, len(world.servers), plan.alarms)


def test_who_has_left_the_pool_is_kept_while_the_claims_cannot_be_read() -> None:
    """Nobody knows how many are desired: then nobody is on the way out."""
    world = standing(6)
    world.pass_time(600)
    world.down |= removed(played(world, 2, 2)[0])
    assert set() == removed(world.plan(desired(2, may_remove=False)))


def test_who_is_lacking_in_the_pool_is_kept_though_it_is_silent() -> None:
    """Somebody empties the pools while our probe is cut off: servers that are needed stay."""
    world = standing(6)
    world.pass_time(600)
    world.cut_off = set(REGIONS)
    for members in world.members.values():
        for address in [a for a, member in members.items() if member.ours]:
            del members[address]
    plan = world.settle(desired(6))
    assert (6, 6) == (len(world.servers), world.launched)
    assert plan.alarms[0].startswith("6 of 6 members fail their checks")


def test_new_servers_of_a_proven_image_that_are_all_silent_are_kept() -> None:
    """The window opens while our probe is cut off: no launch is thrown away, again and again."""
    world = FleetWorld(fleet=a_fleet())
    world.proven = [
        ProvenImage(
            key=f"proven-api-{r.lower()}",
            fleet="api",
            region=r,
            image_id="image-1",
            until=START + timedelta(days=2),
        )
        for r in REGIONS
    ]
    world.cut_off = set(REGIONS)
    plans = played(world, 30, 30)
    assert (30, 30) == (sum(launched(*plans)), len(world.servers))
    assert "GRA11: none of 10 new servers answers our probe" in plans[20].alarms[0]
    assert "30 of 30 members fail their checks (Nova: 0, our probe: 30" in plans[-1].alarms[0]
    world.cut_off = set()
    world.settle(desired(30))
    assert (30, 30) == (world.serving, len(world.servers))


def test_a_held_server_is_left_alone_until_its_hold_ends() -> None:
    """It is neither judged nor removed, though nothing is desired; then it goes like any other."""
    world = standing()
    (held,) = first_of(world, 1)
    until = world.now + 10 * MINUTE
    update = {"held_until": until, "held_by": "ada: a look at its memory"}
    world.servers[held] = world.servers[held].model_copy(update=update)
    world.down.add(held)
    assert [()] * 8 == [plan.actions for plan in played(world, 30, 8)]
    plan = world.settle(desired(0))
    assert [held] == list(world.servers)
    assert [f"GRA11: api-{held[1:]} is held by ada: a look at its memory until"] == [
        told.rpartition(" until")[0] + " until" for told in plan.told
    ]
    world.now = until
    world.settle(desired(0))
    assert {} == world.servers


def test_a_sick_server_is_rebooted_once_and_then_replaced() -> None:
    """The first time it comes back by its reboot; the second time it is replaced."""
    world = standing(healing=Healing(reboot_first=True))
    (victim,) = first_of(world, 1)
    world.down.add(victim)
    plans = played(world, 30, 8)
    assert [1] == [len(a.server_ids) for p in plans for a in p.actions if isinstance(a, Reboot)]
    assert [0] * 8 == launched(*plans)
    assert 30 == world.serving
    world.pass_time(61)
    world.down.add(victim)
    world.settle(desired(30))
    assert victim not in world.servers
    assert 30 == world.serving == len(world.servers)


def test_no_more_than_a_tenth_is_rebooted_at_once() -> None:
    """Whoever is rebooted has its turn until it answers or its time is over."""
    world = standing(healing=Healing(reboot_first=True))
    world.down |= set(first_of(world, 6))
    world.reboots_help = False
    plans = played(world, 30, 12)
    rebooted = [len(a.server_ids) for p in plans for a in p.actions if isinstance(a, Reboot)]
    assert 3 == sum(rebooted)
    world.settle(desired(30), rounds=300)
    assert 30 == world.serving == len(world.servers)


def test_a_failed_launch_is_deleted_whatever_storm_there_is() -> None:
    """A server in ERROR that never served is of no use, and nobody's capacity."""
    world = standing()
    world.cut_off = set(REGIONS)
    broken = world.servers[first_of(world, 1)[0]]
    fault = {"id": "s900", "status": "ERROR", "fault": "build aborted", "launched_at": None}
    world.servers["s900"] = broken.model_copy(update=fault)
    played(world, 30, 3)
    assert "s900" not in world.servers
    assert 30 == len(world.servers)
