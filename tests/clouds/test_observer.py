"""One look at a fleet: all regions side by side, and what is told of a region in trouble."""

import asyncio
from datetime import UTC, datetime

import pytest

from springtide.clouds.observer import FleetObserver
from springtide.clouds.openstack.connection import CloudAccess
from springtide.errors import GuardRefused, Misconfigured
from springtide.model.fleet import HealthCheck, Prober
from springtide.model.server import Server
from springtide.model.snapshot import RegionSnapshot
from springtide.sandbox.config import SandboxQuota
from springtide.sandbox.control_inputs import RegionChange
from springtide.sandbox.faults import FaultRule
from tests.clouds.stage import (
    REGIONS,
    UNLISTED,
    Stage,
    a_fleet,
    a_fleet_region,
    a_join,
    a_pool_member,
    an_estate,
    silent_audit,
    wait_until,
)

NOW = datetime(2026, 11, 23, 16, 0, tzinfo=UTC)
BALANCER_PROBES = HealthCheck(port=8080, prober=Prober.BALANCER)


def an_observer(stage: Stage) -> FleetObserver:
    """One that has found everything, and leaves probing to the balancer."""
    observer = FleetObserver(stage.access, a_fleet(health=BALANCER_PROBES))

    async def prepare() -> None:
        await observer.prepare()
        await observer.prepare_launch()

    asyncio.run(prepare())
    return observer


def serve(stage: Stage, *servers: Server) -> None:
    """Have these be members of the pool in GRA11."""
    members = [
        a_pool_member(n).model_copy(update={"server_id": s.id}) for n, s in enumerate(servers, 1)
    ]
    stage.gra.join(stage.fleet, a_join(members))


def look(observer: FleetObserver) -> dict[str, RegionSnapshot]:
    """One look, by region."""
    snapshot = asyncio.run(observer.look(NOW))
    assert NOW == snapshot.at
    return {region.region: region for region in snapshot.regions}


def test_a_look_shows_servers_members_image_and_room(stage: Stage) -> None:
    """Each region by itself, in the fleet's order, by two calls each."""
    observer = an_observer(stage)
    serve(stage, stage.launch(2)[0])
    stage.sandbox.forget_calls()
    regions = look(observer)
    assert 2 * len(REGIONS) == stage.calls()
    assert list(REGIONS) == list(regions)
    gra, sbg = regions["GRA11"], regions["SBG5"]
    assert (2, 1, None) == (len(gra.servers), len(gra.members), gra.trouble)
    assert (0, 0, None) == (len(sbg.servers), len(sbg.members), sbg.trouble)
    assert ["api-iis-2026-11-16", "api-iis-2026-11-01"] == [image.name for image in gra.images]


def test_whoever_serves_is_probed_whatever_nova_says_of_it(stage: Stage) -> None:
    """As of one that stays in REBUILD; of those outside of their pool only the ACTIVE."""
    observer = FleetObserver(stage.access, stage.fleet)
    asyncio.run(observer.prepare())
    serving, off, alone, idle = stage.launch(4)
    serve(stage, serving, off)
    compute = stage.gra._compute  # noqa: SLF001 - as a person's own client does
    for server in (off, idle):
        compute.change("POST", f"/servers/{server.id}/action", {"os-stop": None}, why="a test")
    wait_until(lambda: 2 == sum(s.status == "SHUTOFF" for s in stage.gra.list_servers("api")))
    assert {serving.id, off.id, alone.id} == look(observer)["GRA11"].probed


def test_what_was_launched_since_is_taken_off_the_room(stage: Stage) -> None:
    """The quota is read once; the servers of each look count against it."""
    observer = an_observer(stage)
    before = look(observer)["GRA11"].headroom.instances
    stage.launch(3)
    assert before is not None
    assert before - 3 == look(observer)["GRA11"].headroom.instances


def test_places_in_the_pool_are_known_after_a_refusal(stage: Stage) -> None:
    """Not before: no opening pays for it. Servers that are still to join are taken off."""
    observer = an_observer(stage)
    quota = SandboxQuota(members=3)
    stage.sandbox.change_region("GRA11", RegionChange(quota=quota))
    stage.launch(5)
    stage.joined([1])
    assert look(observer)["GRA11"].headroom.members is None
    asyncio.run(observer.refresh_headroom("GRA11"))
    assert 2 - 5 == look(observer)["GRA11"].headroom.members
    stage.launch(1, wave="gra11-20261123t160004-ab12-3-1")
    headroom = look(observer)["GRA11"].headroom
    assert (2 - 6, 0) == (headroom.members, headroom.servers)
    assert look(observer)["SBG5"].headroom.members is None


def test_a_region_in_trouble_shows_what_was_last_seen(stage: Stage) -> None:
    """The others are read all the same."""
    observer = an_observer(stage)
    stage.launch(2)
    seen = look(observer)["GRA11"]
    stage.sandbox.add_fault(FaultRule(service="compute", region="GRA11", status=503))
    regions = look(observer)
    assert seen.servers == regions["GRA11"].servers
    assert regions["GRA11"].trouble is not None
    assert [None, None] == [regions[name].trouble for name in ("SBG5", "RBX1")]


def test_a_region_of_which_only_the_members_cannot_be_read_shows_its_servers(stage: Stage) -> None:
    """From the first look on: what Nova says is kept, as those servers stand and are billed."""
    stage.launch(2)
    stage.sandbox.add_fault(FaultRule(service="load-balancer", region="GRA11", status=503))
    gra = look(an_observer(stage))["GRA11"]
    assert (2, ()) == (len(gra.servers), gra.members)
    assert gra.trouble is not None
    assert "load-balancer" in gra.trouble


def test_a_listing_that_leaves_out_a_server_is_no_answer(stage: Stage) -> None:
    """A member's server stands and is not listed: what was last seen stays.

    One call more tells; where it fails that is not known, which is a trouble too.
    """
    observer = an_observer(stage)
    serving, _ = stage.launch(2)
    serve(stage, serving)
    seen = look(observer)["GRA11"]
    assert seen.trouble is None
    stage.sandbox.add_fault(UNLISTED)
    stage.sandbox.forget_calls()
    gra = look(observer)["GRA11"]
    assert (seen.servers, 2) == (gra.servers, len(gra.servers))
    assert f"the listing leaves out {serving.id}, which stands" in (gra.trouble or "")
    assert 2 * len(REGIONS) + 1 == stage.calls()
    refused = {"service": "compute", "path_regex": f"^/servers/{serving.id}$", "status": 403}
    stage.sandbox.add_fault(FaultRule.model_validate(refused))
    assert f"/servers/{serving.id}: 403" in (look(observer)["GRA11"].trouble or "")


def test_every_server_that_is_not_listed_is_asked_for(stage: Stage) -> None:
    """However many of them are gone, the last one stands."""
    observer = an_observer(stage)
    (serving,) = stage.launch(1)
    serve(stage, *(serving.model_copy(update={"id": f"0-{n}"}) for n in range(30)), serving)
    stage.sandbox.add_fault(UNLISTED)
    told = look(observer)["GRA11"].trouble or ""
    assert f"the listing leaves out {serving.id}, which stands" in told


def test_a_listing_that_leaves_out_a_server_is_no_answer_without_the_members(stage: Stage) -> None:
    """Octavia is away as well: those of the look before tell whom Nova has to list."""
    observer = an_observer(stage)
    serving, _ = stage.launch(2)
    serve(stage, serving)
    seen = look(observer)["GRA11"]
    stage.sandbox.add_fault(UNLISTED)
    stage.sandbox.add_fault(FaultRule(service="load-balancer", region="GRA11", status=503))
    gra = look(observer)["GRA11"]
    assert (seen.servers, seen.members, 2) == (gra.servers, gra.members, len(gra.servers))
    assert "load-balancer" in (gra.trouble or "")


def test_members_whose_server_is_gone_or_no_longer_ours_are_no_trouble(stage: Stage) -> None:
    """A person has deleted it, or taken its tag away."""
    observer = an_observer(stage)
    untagged, deleted = stage.launch(2)
    serve(stage, untagged, deleted)
    compute = stage.gra._compute  # noqa: SLF001 - as a person's own client does
    path = f"/servers/{untagged.id}/tags/springtide:fleet:api"
    compute.change("DELETE", path, why="a test")
    stage.gra.delete_servers([deleted.id], "a test")
    wait_until(lambda: not stage.gra.list_servers("api"))
    gra = look(observer)["GRA11"]
    assert (None, (), 2) == (gra.trouble, gra.servers, len(gra.members))


@pytest.mark.parametrize("service", ["load-balancer", "image"])
def test_a_service_that_answers_404_is_away(stage: Stage, service: str) -> None:
    """As a gateway does in maintenance: its region tells it, keeps no other, and comes back."""
    stage.sandbox.add_fault(FaultRule(service=service, region="GRA11", status=404))
    observer = an_observer(stage)
    found = look(observer)
    gra = found.pop("GRA11")
    assert f"{service} GET" in (gra.trouble or gra.launch_trouble or "")
    assert [(None, None)] * 2 == [(r.trouble, r.launch_trouble) for r in found.values()]
    stage.sandbox.clear_faults()
    asyncio.run(observer.prepare_launch())
    gra = look(observer)["GRA11"]
    assert (None, None, None) == (gra.trouble, gra.launch_trouble, gra.unlaunchable)
    assert gra.images


def test_a_region_that_stays_down_is_news_once(stage: Stage) -> None:
    """On news a round looks again, and each look at a region that hangs takes its whole time."""
    observer = FleetObserver(stage.access, a_fleet(health=BALANCER_PROBES))

    def news() -> bool:
        look(observer)
        return asyncio.run(observer.prepare_launch())

    stage.sandbox.add_fault(FaultRule(service="compute", region="GRA11", status=503))
    assert [True, False] == [news(), news()]
    stage.sandbox.clear_faults()
    assert [True, False] == [news(), news()]


def test_a_region_that_the_cloud_has_not_is_told_and_keeps_no_other(stage: Stage) -> None:
    """Its looks and its launch tell it; the others are read as ever."""
    regions = (*REGIONS, "WAW1")
    access = CloudAccess.open(an_estate(residency=regions), silent_audit())
    fleet = a_fleet(health=BALANCER_PROBES, regions=tuple(a_fleet_region(name) for name in regions))
    stage.launch(2)
    observer = FleetObserver(access, fleet)
    for prepare in (observer.prepare, observer.prepare_launch):
        with pytest.raises(Misconfigured, match="no compute in region WAW1"):
            asyncio.run(prepare())
    assert observer.launchable
    found = look(observer)
    assert [None] * 3 == [found[name].trouble for name in REGIONS]
    assert (2, ()) == (len(found["GRA11"].servers), found["WAW1"].servers)
    for told in (found["WAW1"].trouble, found["WAW1"].unlaunchable):
        assert "no compute in region WAW1" in (told or "")
    assert found["SBG5"].images


def test_a_region_outside_the_residency_is_refused_before_any_call(stage: Stage) -> None:
    """Even where only one of the fleet's regions is."""
    fleet = a_fleet(regions=(a_fleet_region("GRA11"), a_fleet_region("UK1")))
    with pytest.raises(GuardRefused):
        FleetObserver(stage.access, fleet)
    assert 0 == stage.calls()


def test_a_pool_that_does_not_exist_is_told_first(stage: Stage) -> None:
    """Before anything else is looked at."""
    fleet = a_fleet(regions=(a_fleet_region(pool="none"),))
    with pytest.raises(Misconfigured, match="none"):
        asyncio.run(FleetObserver(stage.access, fleet).prepare())
