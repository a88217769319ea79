"""Rollouts: a canary first, batches within their limits, halts, ways back, and when they wait."""

from collections import Counter
from datetime import timedelta

import pytest

from springtide.model.claim import ClaimBook
from springtide.model.fleet import Canary, CanaryPolicy
from springtide.model.plan import Drain, Launch
from springtide.model.snapshot import Image, RegionSnapshot
from springtide.planning.fleet_healing import healed_fleet
from springtide.planning.image_choice import image_for
from tests.planning.fleet_world import REGIONS, START, FleetWorld, desired, played
from tests.planning.rollouts import NEW, OLD, a_rollout, an_old_fleet, by_image

NEVER = Canary(policy=CanaryPolicy.NEVER)


def well(world: FleetWorld) -> int:
    """Servers that are members and answer."""
    members = {m.server_id for by in world.members.values() for m in by.values() if m.weight}
    return sum(world.answers(s) for s in world.servers.values() if s.id in members)


def standing(world: FleetWorld) -> int:
    """Servers that serve, and new ones that will: not those on their way out."""
    members = {m.server_id: m for by in world.members.values() for m in by.values()}
    found = [s for s in world.servers.values() if s.task_state != "deleting"]
    serving = sum(s.id in members and members[s.id].weight > 0 for s in found)
    return serving + sum(s.id not in members and s.image_id == NEW.id for s in found)


@pytest.mark.parametrize(
    ("limits", "least", "most"),
    [
        pytest.param({"max_surge": 3}, 30, 33, id="three-above"),
        pytest.param({"max_surge": 30}, 30, 60, id="all-at-once"),
        pytest.param({"max_surge": 0, "max_unavailable": 2}, 28, 30, id="two-below"),
        pytest.param({"max_surge": 2, "max_unavailable": 1}, 29, 32, id="both"),
    ],
)
def test_every_server_is_replaced_within_the_limits(
    limits: dict[str, int], least: int, most: int
) -> None:
    """Never fewer serve and never more stand than the order says, whoever still drains aside."""
    world = an_old_fleet()
    world.rollouts = [a_rollout(**limits)]
    fewest, largest, plan = 30, 30, world.plan(desired(30))
    for _ in range(200):
        plan = world.plan(desired(30))
        if plan.settled:
            break
        world.carry_out(plan)
        fewest, largest = min(fewest, well(world)), max(largest, standing(world))
        world.pass_time()
    assert plan.settled
    assert ({NEW.id: 30}, 0, ()) == (by_image(world), plan.outdated, plan.told)
    assert least <= fewest
    assert largest <= most


def test_a_canary_in_each_region_goes_first() -> None:
    """Three are launched of the unproven image; nobody leaves before one serves in its region."""
    world = an_old_fleet()
    world.rollouts = [a_rollout(max_surge=9)]
    plans = played(world, 30, 3)
    launches = [a for p in plans for a in p.actions if isinstance(a, Launch)]
    assert [(1, True, NEW.id)] * 3 == [(a.servers, a.canary, a.image_id) for a in launches]
    assert not [a for p in plans for a in p.actions if isinstance(a, Drain)]
    world.settle(desired(30), rounds=300)
    assert {NEW.id: 30} == by_image(world)


def test_a_bad_image_is_halted_at_its_canary() -> None:
    """The fleet is as it was, the alarm says why, and what is launched next is of the old image."""
    world = an_old_fleet()
    world.rollouts = [a_rollout()]
    world.bad_images = {NEW.id}
    plans = played(world, 30, 40)
    alarms = {alarm for plan in plans for alarm in plan.alarms}
    assert 1 == len(alarms)
    assert alarms.pop().startswith(
        "rollout of api-2 is halted: 3 of its servers fail where 0 serve (GRA11 api-31:"
        " no healthy answer within answer_s 60); what serves is kept"
    )
    assert {OLD.id: 30} == by_image(world)
    assert 33 == world.launched
    assert 30 == well(world)
    assert plans[-1].settled
    assert plans[-1].told[0].startswith("rollout of api-2 is halted: 3 of its servers fail")
    world.settle(desired(40))
    assert {OLD.id: 40} == by_image(world)
    world.bad_images, world.halts = set(), []
    world.settle(desired(40), rounds=300)
    assert {NEW.id: 40} == by_image(world)


def test_an_image_that_fails_in_the_middle_is_halted_there() -> None:
    """Its servers turn silent when a third has it: no batch follows, and capacity comes back."""
    world = an_old_fleet()
    world.rollouts = [a_rollout()]
    while by_image(world).get(NEW.id, 0) < 10:
        played(world, 30, 1)
    new = {s.id for s in world.servers.values() if s.image_id == NEW.id}
    world.down |= {s for s in new if int(s[1:]) % 3}
    plans = played(world, 30, 120)
    assert 1 == sum("is halted" in alarm for plan in plans for alarm in plan.alarms)
    assert 30 == well(world) == len(world.servers)
    assert by_image(world)[OLD.id] >= 20


@pytest.mark.parametrize("new", [20, 26, 30])
def test_the_more_of_it_fail_the_less_it_is_launched(new: int) -> None:
    """All of them at once, as under load: that is a storm, but the old ones beside them serve."""
    world = an_old_fleet()
    world.rollouts = [a_rollout()]
    while by_image(world).get(NEW.id, 0) < new or well(world) < sum(by_image(world).values()):
        played(world, 30, 1)
    world.bad_images = {NEW.id}
    assert 1 == sum("is halted" in alarm for p in played(world, 30, 40) for alarm in p.alarms)
    launches = (a for p in played(world, 50, 12) for a in p.actions if isinstance(a, Launch))
    assert {OLD.id} == {launch.image_id for launch in launches}


def test_a_halt_stands_though_a_person_has_looked() -> None:
    """A raised `stop_share` repairs who is dead, by an image that serves beside the bad one."""
    world = an_old_fleet()
    world.rollouts = [a_rollout()]
    while by_image(world).get(NEW.id, 0) < 20:
        played(world, 30, 1)
    world.fleet, world.bad_images = healed_fleet(world.fleet, 1.0), {NEW.id}
    world.settle(desired(30), rounds=300)
    assert ({OLD.id: 30}, 1) == (by_image(world), len(world.halts))


@pytest.mark.parametrize(("bad", "halts"), [(1, False), (2, True)])
def test_so_many_may_fail(bad: int, *, halts: bool) -> None:
    """One of fifteen is bad luck; one more, and it is the image."""
    world = an_old_fleet(canary=NEVER)
    world.rollouts = [a_rollout()]
    while by_image(world).get(NEW.id, 0) < 10:
        played(world, 30, 1)
    played(world, 30, 5)
    new = sorted(s.id for s in world.servers.values() if s.image_id == NEW.id)
    world.rollouts = [a_rollout(max_surge=1)]
    world.down |= set(new[:bad])
    total = by_image(world)[NEW.id]
    played(world, 30, 6)
    assert (15, halts) == (total, bool(world.halts))


@pytest.mark.parametrize("regions", [REGIONS, REGIONS[:1]], ids=["all-regions", "one-region"])
@pytest.mark.parametrize("ended", [False, True], ids=["halfway", "ended"])
def test_a_storm_halts_nothing(regions: tuple[str, ...], *, ended: bool) -> None:
    """Our probe is cut off, and the storm's witness has the new image: that is not at fault."""
    world = an_old_fleet()
    world.rollouts = [a_rollout()]
    while by_image(world).get(NEW.id, 0) < 10:
        played(world, 30, 1)
    if ended:
        world.settle(desired(30), rounds=300)
    members = (m for region in regions for m in world.members[region].values() if m.ours)
    witness = max(m.server_id or "" for m in members)
    world.servers[witness] = world.servers[witness].model_copy(update={"image_id": NEW.id})
    world.cut_off = set(regions)
    assert played(world, 30, 20)[-1].alarms
    world.cut_off = set()
    plan = world.settle(desired(30), rounds=300)
    assert ({NEW.id: 30}, (), []) == (by_image(world), plan.told, world.halts)


def test_a_storm_over_new_servers_halts_nothing() -> None:
    """The next evening opens while our probe is cut off: those kept as late are none that fail."""
    world = an_old_fleet()
    world.rollouts = [a_rollout()]
    world.settle(desired(30), rounds=300)
    world.settle(desired(0))
    world.cut_off = set(REGIONS)
    assert played(world, 30, 30)[-1].alarms
    assert ({NEW.id: 30}, []) == (by_image(world), world.halts)


def test_new_servers_that_our_probe_does_not_reach_halt_nothing() -> None:
    """Where members are the balancer's to judge, old ones that serve do not vouch for our way."""
    world = an_old_fleet(healing={"signals": ["nova", "balancer"]})
    world.rollouts = [a_rollout(max_surge=6)]
    while by_image(world).get(NEW.id, 0) < 10:
        played(world, 30, 1)
    world.cut_off = set(REGIONS)
    alarms = {alarm for plan in played(world, 30, 30) for alarm in plan.alarms}
    told = {f"{region}: none of 2 new servers answers our probe" for region in REGIONS}
    assert told == {alarm.partition(",")[0] for alarm in alarms}
    assert [] == world.halts


def test_going_back_needs_no_canary() -> None:
    """The image before has served there: its rollout begins with a batch, the newer one ends."""
    world = an_old_fleet()
    world.rollouts = [a_rollout()]
    world.settle(desired(30), rounds=300)
    back = a_rollout(OLD.name, key="rollout-back", starts_at=world.now, max_surge=5)
    world.rollouts.append(back)
    for note in world.proven:
        if note.image_id == OLD.id:
            assert note.until > world.now
    plan = world.plan(desired(30))
    assert {OLD.id} == {a.image_id for a in plan.actions if isinstance(a, Launch)}
    world.settle(desired(30), rounds=300)
    assert {OLD.id: 30} == by_image(world)


@pytest.mark.parametrize(
    ("changes", "want", "why"),
    [
        pytest.param({}, 40, "30 of 40 stand, the others come first", id="a-surge"),
        pytest.param(
            {"falls_at": START + timedelta(hours=1)},
            30,
            "fewer are desired, sooner than a batch serves",
            id="a-window-s-end",
        ),
        pytest.param({"down": {"s1"}}, 30, "it waits: until no server is sick", id="a-sick-server"),
    ],
)
def test_it_waits(changes: dict[str, object], want: int, why: str) -> None:
    """No batch begins; the plan says why, and the rest of it is as ever."""
    world = an_old_fleet()
    world.rollouts = [a_rollout()]
    world.now = START + timedelta(hours=1) - timedelta(seconds=60)
    for name, value in changes.items():
        setattr(world, name, value)
    plan = world.plan(desired(want))
    assert why in plan.told[0]
    assert (30, plan.told[0]) == (plan.outdated, plan.rollout)
    assert not [a for a in plan.actions if isinstance(a, Drain)]


@pytest.mark.parametrize(
    ("limits", "moves"),
    [({"max_surge": 3}, False), ({"max_surge": 3, "max_unavailable": 1}, True)],
)
def test_at_the_fleet_s_maximum(limits: dict[str, int], *, moves: bool) -> None:
    """There is no room for one more: it says so, or goes on with those that may be missing."""
    world = an_old_fleet(max_servers=30)
    world.rollouts = [a_rollout(**limits)]
    for _ in range(150):
        plan = world.plan(desired(30))
        launched = sum(a.servers for a in plan.actions if isinstance(a, Launch))
        assert launched + standing(world) <= 30
        world.carry_out(plan)
        world.pass_time()
    assert ({NEW.id: 30} if moves else {OLD.id: 30}) == by_image(world)
    if not moves:
        assert (
            "max_servers 30 leaves no room for one more, and max_unavailable is 0" in plan.told[0]
        )


def test_a_window_s_end_takes_old_and_new() -> None:
    """Nothing is desired any more: no spare server of the rollout stays."""
    world = an_old_fleet()
    world.rollouts = [a_rollout()]
    played(world, 30, 12)
    assert 2 == len(by_image(world))
    world.settle(desired(0))
    assert {} == world.servers
    world.settle(desired(10))
    assert {NEW.id: 10} == by_image(world)


def test_a_held_server_keeps_its_image() -> None:
    """A person looks at it: everybody else is replaced."""
    world = an_old_fleet()
    world.rollouts = [a_rollout()]
    update = {"held_until": world.now + timedelta(days=1)}
    world.servers["s1"] = world.servers["s1"].model_copy(update=update)
    world.settle(desired(30), rounds=300)
    assert {NEW.id: 29, OLD.id: 1} == by_image(world)


def test_regions_keep_their_shares() -> None:
    """After the rollout each region has as many as before."""
    world = an_old_fleet()
    world.rollouts = [a_rollout()]
    world.settle(desired(30), rounds=300)
    assert dict.fromkeys(REGIONS, 10) == Counter(s.region for s in world.servers.values())


LATEST = Image(id="image-3", name="api-3", created_at=START + timedelta(hours=2))


@pytest.mark.parametrize(
    ("rollouts", "halted", "chosen"),
    [
        pytest.param([], [], LATEST, id="the-newest"),
        pytest.param([a_rollout(OLD.name)], [], OLD, id="the-one-rolled-out"),
        pytest.param([a_rollout("api-0")], [], None, id="one-that-is-not-there"),
        pytest.param([], [LATEST.name], NEW, id="the-newest-is-halted"),
        pytest.param([a_rollout()], [NEW.name], LATEST, id="the-one-rolled-out-is-halted"),
        pytest.param(
            [a_rollout(OLD.name), a_rollout(starts_at=START + timedelta(minutes=1))],
            [],
            NEW,
            id="the-last-order-counts",
        ),
        pytest.param([a_rollout(OLD.name, fleet="web")], [], LATEST, id="of-another-fleet"),
        pytest.param(
            [a_rollout(OLD.name, ends_at=START + timedelta(minutes=2))], [], LATEST, id="over"
        ),
    ],
)
def test_which_image_new_servers_get(
    rollouts: list[object], halted: list[str], chosen: Image | None
) -> None:
    """The rollout's, else the newest; never one that was halted."""
    snapshot = RegionSnapshot(region="GRA11", images=(LATEST, NEW, OLD))
    until = START + timedelta(hours=1)
    halts = [
        {"key": f"halt-{n}", "fleet": "api", "image": n, "reason": "silent", "until": until}
        for n in halted
    ]
    book = ClaimBook.model_validate({"rollouts": rollouts, "halts": halts})
    assert chosen == image_for(snapshot, "api", book, START + timedelta(minutes=2))
