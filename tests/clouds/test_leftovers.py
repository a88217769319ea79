"""What carries our mark in a region: listed, marked, removed; and nothing else is."""

from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address

import pytest

from springtide.model.leftover import LeftoverKind, MarkedThing, RegionInventory
from springtide.sandbox.control_inputs import ForeignMember
from springtide.sandbox.faults import FaultRule, ServerBehaviour
from tests.clouds.stage import UNLISTED, Stage, wait_until

NOW = datetime(2026, 11, 23, 20, 0, tzinfo=UTC)
GROUP_MADE = datetime(2026, 11, 23, 15, 0, 3, tzinfo=UTC)


def inventory(stage: Stage, *gone: str) -> RegionInventory:
    """All of ours in GRA11."""
    found = stage.gra.leftovers.inventory(NOW, frozenset(gone))
    assert found.trouble is None
    return found


def things(stage: Stage, kind: LeftoverKind, *gone: str) -> list[MarkedThing]:
    """Those of one kind."""
    return [t for t in inventory(stage, *gone).things if t.kind is kind]


def only(stage: Stage, kind: LeftoverKind) -> MarkedThing:
    """The one thing of that kind."""
    (found,) = things(stage, kind)
    return found


def tag(stage: Stage, server_id: str, text: str) -> None:
    """A person's tag on a server."""
    compute = stage.gra._compute  # noqa: SLF001 - as a person's own client does
    compute.change("PUT", f"/servers/{server_id}/tags/{text}", why="a test")


def leaked_port(stage: Stage, *, marked: bool) -> MarkedThing:
    """A port whose server was deleted; marked by a sweep before, or not."""
    stage.sandbox.add_behaviour(ServerBehaviour(leak_port=True, times=1))
    (server,) = stage.launch(1)
    (port,) = inventory(stage).unmarked_ports
    if marked:
        stage.gra.leftovers.mark_port(port)
    stage.gra.delete_servers([server.id], "a test")
    wait_until(lambda: not stage.gra.list_servers("api"))
    return port


def test_a_server_is_seen_with_what_its_tags_say(stage: Stage) -> None:
    """Fleet, age, expiry and hold; a foreign server of a like name is not listed."""
    (server,) = stage.launch(1)
    tag(stage, server.id, "springtide:expires:20261123T210000Z")
    tag(stage, server.id, "springtide:hold:20261123T220000Z")
    seen = only(stage, LeftoverKind.SERVER)
    assert ("api", server.created_at, None) == (seen.fleet, seen.created_at, seen.in_change)
    assert (NOW + timedelta(hours=1), NOW + timedelta(hours=2), None) == (
        seen.expires_at,
        seen.held_until,
        seen.sighted_at,
    )
    compute = stage.gra._compute  # noqa: SLF001 - to make what is not ours
    compute.change("PUT", f"/servers/{server.id}/tags", {"tags": ["springtide-like"]}, why="a test")
    assert [] == things(stage, LeftoverKind.SERVER)


def test_a_server_in_the_making_says_so(stage: Stage) -> None:
    """BUILD and every task are changes."""
    stage.sandbox.add_behaviour(ServerBehaviour(boot_s=60))
    stage.launch(1)
    assert only(stage, LeftoverKind.SERVER).in_change in ("scheduling", "spawning", "BUILD")


@pytest.mark.parametrize(
    "kind", [LeftoverKind.SERVER, LeftoverKind.MEMBER, LeftoverKind.PORT], ids=str
)
def test_a_first_sighting_is_written_on_the_thing(stage: Stage, kind: LeftoverKind) -> None:
    """In place of an older one; its other tags stay; twice at once is one mark."""
    if kind is LeftoverKind.PORT:
        leaked_port(stage, marked=True)
    else:
        stage.launch(1)
        stage.joined([1])
    store, before = stage.gra.leftovers, only(stage, kind)
    store.mark(before, NOW - timedelta(days=3))
    store.mark(only(stage, kind), NOW)
    store.mark(only(stage, kind), NOW)
    after = only(stage, kind)
    assert NOW == after.sighted_at
    assert {*before.tags, "springtide:leftover:20261123T200000Z"} == set(after.tags)
    assert len(after.tags) == len(set(after.tags))


@pytest.mark.parametrize("kind", [LeftoverKind.SERVER, LeftoverKind.MEMBER], ids=str)
def test_a_thing_is_removed_once_and_twice_is_no_fault(stage: Stage, kind: LeftoverKind) -> None:
    """Two sweeps at once are harmless."""
    stage.launch(1)
    stage.joined([1])
    thing = only(stage, kind)
    stage.gra.leftovers.remove(thing, "a test")
    stage.gra.leftovers.remove(thing, "a test")
    wait_until(lambda: not things(stage, kind))


def test_a_marked_port_is_known_when_its_server_is_gone(stage: Stage) -> None:
    """Its owner is asked for by id and not found; it is removed."""
    port = leaked_port(stage, marked=True)
    seen = only(stage, LeftoverKind.PORT)
    assert (port.id, "api", False) == (seen.id, seen.fleet, seen.owner_stands)
    stage.gra.leftovers.remove(seen, "its server is gone")
    stage.gra.leftovers.remove(seen, "its server is gone")
    assert [] == things(stage, LeftoverKind.PORT, port.owner_id or "")


def test_a_port_without_our_mark_is_not_ours(stage: Stage) -> None:
    """Unless its server was seen to go by this very run."""
    port = leaked_port(stage, marked=False)
    assert [] == things(stage, LeftoverKind.PORT)
    assert [port.id] == [t.id for t in things(stage, LeftoverKind.PORT, port.owner_id or "")]


def test_ports_of_standing_servers_are_marked_once(stage: Stage) -> None:
    """Afterwards they are known, with a server that stands."""
    stage.launch(2)
    store = stage.gra.leftovers
    for port in inventory(stage).unmarked_ports:
        store.mark_port(port)
    assert () == inventory(stage).unmarked_ports
    assert [True, True] == [t.owner_stands for t in things(stage, LeftoverKind.PORT)]


def test_members_of_others_are_not_listed(stage: Stage) -> None:
    """In any pool, whatever their name is."""
    stage.joined([1])
    pool_id = stage.pool_id()
    stage.sandbox.control(
        lambda controls: controls.add_member(
            pool_id, ForeignMember(address=IPv4Address("127.21.9.9"), port=80, name="api-1")
        )
    )
    assert [("server-1", False, 1)] == [
        (m.owner_id, m.owner_stands, m.weight) for m in things(stage, LeftoverKind.MEMBER)
    ]


def test_a_busy_balancer_is_waited_for(stage: Stage) -> None:
    """Two removals in a row: the second meets the change of the first."""
    stage.joined([1, 2])
    rule = {
        "service": "load-balancer",
        "method": "DELETE",
        "path_regex": "/members/",
        "status": 409,
    }
    stage.sandbox.add_fault(FaultRule.model_validate(rule | {"times": 2}))
    for member in things(stage, LeftoverKind.MEMBER):
        stage.gra.leftovers.remove(member, "a test")
    wait_until(lambda: not things(stage, LeftoverKind.MEMBER))


def test_groups_are_ours_by_name(stage: Stage) -> None:
    """Of any fleet, and only such as a wave has named; young ones may still be filled."""
    compute = stage.gra._compute  # noqa: SLF001 - to make some
    never = "springtide-web-20269923t150003123-ab12-0-4"
    ours = "springtide-web-20261123t150003123-ab12-0-4"
    for name in ("operations", ours, "springtide-web-x", never):
        body = {"server_group": {"name": name, "policy": "soft-anti-affinity"}}
        compute.change("POST", "/os-server-groups", body, why="a test")
    seen = only(stage, LeftoverKind.GROUP)
    assert ("web", GROUP_MADE, False, None) == (
        seen.fleet,
        seen.created_at,
        seen.in_use,
        seen.in_change,
    )
    young = stage.gra.leftovers.inventory(GROUP_MADE + timedelta(minutes=15))
    assert ["its servers may be about to come"] == [t.in_change for t in young.things]
    stage.gra.leftovers.remove(seen, "a test")
    assert [] == things(stage, LeftoverKind.GROUP)


@pytest.mark.parametrize(
    ("service", "path"),
    [("compute", "/servers"), ("network", "/ports"), ("load-balancer", "/lbaas/pools")],
)
def test_a_region_that_fails_is_told(stage: Stage, service: str, path: str) -> None:
    """Nothing is known of it then, and nothing is raised."""
    rule = {"service": service, "method": "GET", "path_regex": path, "status": 400}
    stage.sandbox.add_fault(FaultRule.model_validate(rule))
    found = stage.gra.leftovers.inventory(NOW)
    assert () == found.things
    assert service in (found.trouble or "")


@pytest.mark.parametrize("marked", [True, False], ids=["marked", "seen-to-go"])
def test_a_listing_that_leaves_out_a_server_is_told(stage: Stage, *, marked: bool) -> None:
    """Its port stands, and so does it: the region was read in part, and nothing is known of it."""
    (server,) = stage.launch(1)
    (port,) = inventory(stage).unmarked_ports
    if marked:
        stage.gra.leftovers.mark_port(port)
    stage.sandbox.add_fault(UNLISTED)
    found = stage.gra.leftovers.inventory(NOW, frozenset() if marked else frozenset({server.id}))
    assert () == found.things
    assert f"the listing leaves out {server.id}, which stands" in (found.trouble or "")


def test_a_server_that_is_no_longer_ours_is_left_out_of_right(stage: Stage) -> None:
    """A person has taken its tags away: its marked port is nobody's leftover all the same."""
    (server,) = stage.launch(1)
    (port,) = inventory(stage).unmarked_ports
    stage.gra.leftovers.mark_port(port)
    compute = stage.gra._compute  # noqa: SLF001 - as a person's own client does
    compute.change("PUT", f"/servers/{server.id}/tags", {"tags": ["theirs"]}, why="a test")
    assert [(port.id, True)] == [(t.id, t.owner_stands) for t in inventory(stage).things]


def test_regions_without_servers_are_not_swept(stage: Stage) -> None:
    """A region of object storage alone stands in the residency, too."""
    assert ("GRA11", "SBG5", "RBX1") == stage.access.elastic_regions()
