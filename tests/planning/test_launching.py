"""Why nothing is launched in a region, and whether that is an alarm, waited for, or a shortfall."""

from collections import Counter
from datetime import timedelta

import pytest

from springtide.model.claim import ClaimBook, ExhaustedMark
from springtide.model.fleet import FleetRegion
from springtide.model.plan import Delete, Launch, RoundPlan
from springtide.model.snapshot import Headroom
from springtide.planning.fleet_round import plan_round
from springtide.planning.round_input import RoundInput
from tests.planning.fleet_world import REGIONS, START, FleetWorld, a_fleet, desired
from tests.planning.sightings import a_server

DOWN = "GRA11 image GET /images: 503"
NO_IMAGE: dict[str, object] = {"image": None, "images": ()}
LACKING = "fleets.api.flavour: there is no 'b2-60'"
MINUTE = timedelta(minutes=1)
RETRIES = "Exceeded maximum number of retries. Exhausted all hosts available for retrying."


def a_mark(**changes: object) -> ExhaustedMark:
    """A mark for GRA11 that holds for a minute, changed as asked."""
    base: dict[str, object] = {
        "key": "refused-api-gra11",
        "fleet": "api",
        "region": "GRA11",
        "until": START + MINUTE,
        "reason": "launches are refused",
    }
    return ExhaustedMark.model_validate(base | changes)


def planned(
    *marks: ExhaustedMark, alone: bool = False, gra11: dict[str, object] | None = None
) -> RoundPlan:
    """The plan for six servers; GRA11 looks as asked, and is the only region where `alone`."""
    regions = a_fleet().regions[: 1 if alone else None]
    world = FleetWorld(fleet=a_fleet(regions=regions, canary={"policy": "never"}))
    looked = world.snapshot()
    changed = looked.regions[0].model_copy(update=gra11 or {})
    snapshot = looked.model_copy(update={"regions": (changed, *looked.regions[1:])})
    book = ClaimBook(exhausted=marks)
    return plan_round(snapshot, RoundInput(world.fleet, desired(6), book, START, "ab12"))


def launched(plan: RoundPlan) -> dict[str, int]:
    """How many servers the plan launches in each region."""
    launches = [action for action in plan.actions if isinstance(action, Launch)]
    return {launch.region: launch.servers for launch in launches}


@pytest.mark.parametrize(
    ("gra11", "alarms"),
    [
        pytest.param({"launch_trouble": DOWN} | NO_IMAGE, (), id="not-known-yet"),
        pytest.param({"unlaunchable": LACKING}, (f"GRA11: {LACKING}",), id="something-is-lacking"),
        pytest.param(NO_IMAGE, ("GRA11: no active image matches api-*",), id="no-image-there"),
        pytest.param({"trouble": DOWN}, (), id="cannot-be-read"),
    ],
)
def test_the_others_take_over(gra11: dict[str, object], alarms: tuple[str, ...]) -> None:
    """Only what will not pass by itself is an alarm; nothing is waited for on its account."""
    plan = planned(gra11=gra11)
    assert {"RBX1": 3, "SBG5": 3} == launched(plan)
    assert (alarms, None) == (plan.alarms, plan.shortfall)
    assert plan.waits == () or gra11 == {"trouble": DOWN}


@pytest.mark.parametrize(
    ("gra11", "settled", "reason"),
    [
        pytest.param({"launch_trouble": DOWN} | NO_IMAGE, False, DOWN, id="not-known-yet"),
        pytest.param({"unlaunchable": LACKING}, True, LACKING, id="something-is-lacking"),
        pytest.param(NO_IMAGE, True, "no active image matches api-*", id="no-image-there"),
        pytest.param({"trouble": DOWN}, False, f"cannot be read: {DOWN}", id="cannot-be-read"),
    ],
)
def test_alone_it_is_short_and_what_may_pass_is_waited_for(
    gra11: dict[str, object], *, settled: bool, reason: str
) -> None:
    """The shortfall says why; a run ends where waiting would not help."""
    plan = planned(alone=True, gra11=gra11)
    assert (settled, {}) == (plan.settled, launched(plan))
    assert plan.shortfall is not None
    assert (6, f"GRA11: {reason}") == (plan.shortfall.servers, plan.shortfall.reason)


@pytest.mark.parametrize(
    ("mark", "closes"),
    [
        pytest.param(a_mark(), True, id="holds"),
        pytest.param(a_mark(until=START), False, id="is-over-at-its-end"),
        pytest.param(a_mark(until=START + MINUTE / 60_000), True, id="holds-to-its-end"),
        pytest.param(a_mark(fleet="web"), False, id="of-another-fleet"),
        pytest.param(a_mark(region="gra11"), False, id="of-another-region"),
        pytest.param(a_mark(flavour="b2-60"), True, id="of-the-fleet-s-flavour"),
        pytest.param(a_mark(flavour="b2-7"), False, id="of-another-flavour"),
        pytest.param(a_mark(image_id="image-1"), True, id="of-the-image"),
        pytest.param(a_mark(image_id="image-0"), False, id="of-another-image"),
    ],
)
def test_a_mark_closes_its_region(mark: ExhaustedMark, *, closes: bool) -> None:
    """While it holds, for its fleet, region, flavour and image; the others take over."""
    expected = {"RBX1": 3, "SBG5": 3} if closes else dict.fromkeys(REGIONS, 2)
    assert expected == launched(planned(mark))


NO_PLACE = a_mark(key="members-api-gra11", reason="quota of members", until=START + 2 * MINUTE)


@pytest.mark.parametrize(
    ("sooner", "told"),
    [
        pytest.param({"image_id": "image-0"}, "quota of members", id="another-image-was-silent"),
        pytest.param({"image_id": "image-1"}, "it was silent", id="this-image-was-silent"),
        pytest.param({"zone": "a"}, "quota of members", id="a-zone-without-hosts"),
        pytest.param({}, "it was silent", id="the-whole-region-too"),
    ],
)
def test_a_shortfall_names_what_closes_the_region(sooner: dict[str, object], told: str) -> None:
    """And no mark that ends sooner and has no part in it."""
    mark = a_mark(key="silent-api-gra11", reason="it was silent", **sooner)
    plan = planned(mark, NO_PLACE, alone=True)
    assert plan.shortfall is not None
    assert (6, f"GRA11: {told}") == (plan.shortfall.servers, plan.shortfall.reason)


@pytest.mark.parametrize(
    ("mark", "alone", "waits"),
    [
        pytest.param(a_mark(passing=True), True, ["launches are refused"], id="alone-and-passing"),
        pytest.param(a_mark(), True, [], id="alone-and-for-long"),
        pytest.param(a_mark(passing=True), False, [], id="passing-while-others-have-room"),
    ],
)
def test_a_passing_mark_is_waited_for_where_nobody_else_has_room(
    mark: ExhaustedMark, waits: list[str], *, alone: bool
) -> None:
    """So that one refusal does not end the run of a fleet of one region."""
    assert waits == [wait.reason for wait in planned(mark, alone=alone).waits]


@pytest.mark.parametrize(
    ("zones", "named", "gra11"),
    [
        pytest.param((), None, 0, id="no-host-was-chosen"),
        pytest.param((), "nova", 0, id="in-a-zone-that-nobody-named"),
        pytest.param(("az1", "az2"), "az1", 1, id="in-one-of-two-zones"),
        pytest.param(("az1",), "az1", 0, id="in-the-only-zone"),
    ],
)
def test_a_single_server_without_a_host_closes_what_was_asked_for(
    zones: tuple[str, ...], named: str | None, gra11: int
) -> None:
    """Nova names the zone of the host that it chose last; the estate names where to launch."""
    server = a_server(
        status="ERROR", fault=RETRIES, zone=named, wave="w-ab12-0-1", launched_at=None
    )
    regions = tuple(
        FleetRegion(name=name, network="vrack", pool="api", zones=zones if name == "GRA11" else ())
        for name in REGIONS
    )
    world = FleetWorld(fleet=a_fleet(regions=regions, canary={"policy": "never"}))
    world.servers[server.id] = server
    plan = world.plan(desired(6))
    assert gra11 == sum(
        a.servers for a in plan.actions if isinstance(a, Launch) and a.region == "GRA11"
    )
    assert [named if zones else None] == [mark.zone for mark in plan.marks]


def zoned(standing: str, *, lost: str = "", closed: str | None = None) -> FleetWorld:
    """GRA11 alone with three zones: of each that is named a server stands, or has found no host."""
    region = FleetRegion(name="GRA11", network="vrack", pool="api", zones=("a", "b", "c"))
    world = FleetWorld(fleet=a_fleet(regions=(region,), canary={"policy": "never"}))
    world.exhausted = [a_mark(zone=closed)] if closed else []
    error = {"status": "ERROR", "fault": RETRIES, "wave": f"w-{len(lost)}", "launched_at": None}
    for number, zone in enumerate(standing + lost):
        changes = {} if number < len(standing) else error
        world.servers[f"s{number}"] = a_server(f"s{number}", zone=zone, **changes)
    return world


@pytest.mark.parametrize(
    ("world", "missing", "waves"),
    [
        pytest.param(zoned(""), 10, "a4 b3 c3", id="an-empty-region"),
        pytest.param(zoned(""), 1, "a1", id="a-single-one"),
        pytest.param(zoned(""), 48, "a16 b16 c16", id="a-wave-for-each"),
        pytest.param(zoned(""), 49, "a9 a8 b16 c16", id="two-for-one"),
        pytest.param(zoned("aaaabbcccc"), 1, "b1", id="one-is-replaced"),
        pytest.param(zoned("aaab"), 5, "b2 c3", id="the-emptiest-are-filled-up"),
        pytest.param(zoned("ddd"), 3, "a1 b1 c1", id="others-stand-elsewhere"),
        pytest.param(zoned("", closed="a"), 10, "b5 c5", id="one-has-no-hosts"),
        pytest.param(zoned("bbbccc", lost="aaaa"), 4, "a1 b2 c1", id="one-had-none-just-now"),
    ],
)
def test_a_region_s_zones_are_filled_evenly(world: FleetWorld, missing: int, waves: str) -> None:
    """Each server goes to the zone in which fewest stand, by a call for each wave of a zone."""
    standing = sum(server.fault is None for server in world.servers.values())
    plan = world.plan(desired(standing + missing))
    launches = [action for action in plan.actions if isinstance(action, Launch)]
    assert waves == " ".join(f"{launch.zone}{launch.servers}" for launch in launches)
    assert len(launches) == len({launch.wave for launch in launches})


def test_zones_are_even_in_every_region() -> None:
    """Thirty over three regions of three zones each: no zone has more than one more."""
    regions = tuple(
        FleetRegion(name=name, network="vrack", pool="api", zones=("a", "b", "c"))
        for name in REGIONS
    )
    world = FleetWorld(fleet=a_fleet(regions=regions))
    world.settle(desired(30))
    stand = Counter((server.region, server.zone) for server in world.servers.values())
    assert (9, {3, 4}) == (len(stand), set(stand.values()))


def test_servers_without_a_place_in_the_pool_go_and_the_others_take_over() -> None:
    """That is no death, and the region is left alone for a while."""
    world = FleetWorld(fleet=a_fleet(canary={"policy": "never"}))
    server = a_server()
    changes = {"servers": (server,), "answering": frozenset({server.id})}
    looked = world.snapshot()
    gra, *others = looked.regions
    full = gra.model_copy(update=changes | {"headroom": Headroom(members=-1)})
    snapshot = looked.model_copy(update={"regions": (full, *others)})
    plan = plan_round(snapshot, RoundInput(world.fleet, desired(6), ClaimBook(), START, "ab12"))
    assert {"RBX1": 3, "SBG5": 3} == launched(plan)
    assert [(server.id,)] == [a.server_ids for a in plan.actions if isinstance(a, Delete)]
    assert ((), ["quota of members: the balancer takes no more"]) == (
        plan.deaths,
        [mark.reason for mark in plan.marks],
    )
