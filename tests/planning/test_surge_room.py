"""Whether the quotas have room for a full surge: each limit from both sides."""

import pytest

from springtide.model.readiness import Check, Quota, Readiness, Trouble
from springtide.planning.surge_room import LIMITS, surge_size
from tests.planning.reports import a_fleet, a_region, a_surge, detail, judged, regions, verdict

GREEN, AMBER, RED = Readiness.GREEN, Readiness.AMBER, Readiness.RED
ONE = a_fleet({"name": "GRA11"}, max_servers=10)
EACH = {Check.CORES: 16, Check.RAM: 61_440}
FIELDS = {
    Check.INSTANCES: "instances",
    Check.CORES: "cores",
    Check.RAM: "ram_mib",
    Check.PORTS: "ports",
    Check.ADDRESSES: "addresses",
    Check.MEMBERS: "members",
}


@pytest.mark.parametrize("check", LIMITS)
def test_one_less_than_is_needed_is_red(check: Check) -> None:
    """Each limit that is just enough is green; with one less a server finds no room."""
    needed = 10 * EACH.get(check, 1)
    enough = judged([a_region(**{FIELDS[check]: Quota(limit=needed + 3, used=3)})], fleet=ONE)
    assert [GREEN] * 2 == [verdict(enough, check, "GRA11"), verdict(enough, Check.SURGE)]
    short = judged([a_region(**{FIELDS[check]: Quota(limit=needed + 2, used=3)})], fleet=ONE)
    assert [RED] * 2 == [verdict(short, check, "GRA11"), verdict(short, Check.SURGE)]
    said = f"{needed + 2} granted, 3 used, {needed} more for 10 servers: 1 are lacking"
    assert said == detail(short, check, "GRA11")
    assert f"10 servers: 9 in GRA11 (bound by {check}); 1 find no room" == detail(
        short, Check.SURGE
    )


@pytest.mark.parametrize("check", LIMITS)
def test_a_limit_that_may_not_be_read_is_unknown_and_no_bar(check: Check) -> None:
    """Amber with the cloud's own words; the surge counts it as no limit, and never as 0."""
    trouble = Trouble(check=check, detail="403")
    findings = judged([a_region(troubles=(trouble,), **{FIELDS[check]: None})], fleet=ONE)
    assert (AMBER, "not known: 403") == (
        verdict(findings, check, "GRA11"),
        detail(findings, check, "GRA11"),
    )
    assert GREEN == verdict(findings, Check.SURGE)


def test_the_shortfall_of_the_self_service_quota() -> None:
    """512 cores a region: 32 servers each, 204 of 300 short, 1,088 cores to ask for in each."""
    findings = judged(regions(cores=Quota(limit=512)))
    bound = "(bound by cores)"
    assert (
        f"300 servers: 32 in GRA11 {bound}, 32 in SBG5 {bound}, 32 in RBX1 {bound};"
        " 204 find no room"
    ) == detail(findings, Check.SURGE)
    assert "512 granted, 0 used, 1600 more for 100 servers: 1088 are lacking" == detail(
        findings, Check.CORES, "SBG5"
    )


def test_what_one_region_lacks_another_may_have() -> None:
    """Where all servers find room, a small region is no fault, and its share is what it takes."""
    findings = judged([a_region(cores=Quota(limit=512)), a_region("SBG5"), a_region("RBX1")])
    assert {GREEN} == {f.verdict for f in findings}
    told = "300 servers: 32 in GRA11 (bound by cores), 134 in SBG5, 134 in RBX1"
    assert told == detail(findings, Check.SURGE)
    assert "512 granted, 0 used, 512 more for 32 servers" == detail(findings, Check.CORES, "GRA11")


def test_servers_that_stand_have_taken_their_part() -> None:
    """During a window the surge needs what is missing to it, not all of it once more."""
    standing = a_region(servers=6, instances=Quota(limit=10, used=6))
    findings = judged([standing], fleet=ONE)
    assert GREEN == verdict(findings, Check.INSTANCES, "GRA11")
    assert "10 granted, 6 used, 4 more for 10 servers" == detail(findings, Check.INSTANCES, "GRA11")


def test_servers_that_cannot_be_counted_make_the_surge_uncertain() -> None:
    """Amber: their part of the quotas may be counted twice."""
    findings = judged([a_region(servers=None)], fleet=ONE)
    assert AMBER == verdict(findings, Check.SURGE)


def test_caps_bind_a_surge_and_no_quota_is_blamed() -> None:
    """The estate's own caps are told as such."""
    fleet = a_fleet({"name": "GRA11", "cap": 4}, max_servers=10)
    findings = judged([a_region()], fleet=fleet)
    assert "10 servers: 4 in GRA11 (bound by its cap); 6 find no room" == detail(
        findings, Check.SURGE
    )
    assert GREEN == verdict(findings, Check.INSTANCES, "GRA11")


def test_a_region_that_lacks_what_a_launch_needs_has_no_room() -> None:
    """No image, no servers: the other region takes all."""
    trouble = Trouble(check=Check.IMAGE, detail="no active image matches")
    fleet = a_fleet({"name": "GRA11"}, {"name": "SBG5"}, max_servers=10)
    findings = judged([a_region(image=None, troubles=(trouble,)), a_region("SBG5")], fleet=fleet)
    assert "10 servers: 0 in GRA11 (bound by image), 10 in SBG5" == detail(findings, Check.SURGE)


@pytest.mark.parametrize(
    ("changes", "size", "first"),
    [
        pytest.param({}, 300, "100 in GRA11", id="no surge: as large as the fleet may become"),
        pytest.param({"surge": a_surge(max_servers=30)}, 30, "10 in GRA11", id="by weights"),
        pytest.param(
            {"surge": a_surge(max_servers=30, regions=("SBG5",))}, 30, "0 in GRA11", id="by order"
        ),
    ],
)
def test_the_size_and_the_order_of_a_surge(
    changes: dict[str, object], size: int, first: str
) -> None:
    """As the estate authorises it, and filled in its order of regions."""
    fleet = a_fleet(**changes)
    assert size == surge_size(fleet)
    assert detail(judged(fleet=fleet), Check.SURGE).startswith(f"{size} servers: {first}, ")
