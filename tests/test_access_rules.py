"""The least rights that the guide gives to the worker are just those that a fleet's life needs."""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from openstack.config import OpenStackConfig

from springtide.clouds.audit import AuditLog
from springtide.clouds.openstack.connection import CloudAccess
from springtide.clouds.openstack.images import ImageStore
from springtide.clouds.openstack.region import RegionCloud
from springtide.errors import Retryable
from springtide.model.estate import Estate
from springtide.model.fleet import Fleet, FleetRegion, PoolKind
from springtide.model.leftover import LeftoverKind, MarkedThing
from springtide.model.plan import Launch, PoolMember
from springtide.model.server import Server
from springtide.sandbox.config import BootTime, SandboxConfig
from springtide.sandbox.process import Sandbox
from tests.clouds.stage import a_drain, a_join, a_leave
from tests.waiting import wait_until

RULES = Path(__file__).resolve().parent.parent / "deployments" / "access-rules.json"
Call = tuple[str, str, str]
"""Service, method, path."""


def rules(path: Path = RULES) -> list[Call]:
    """The rules as they are given to Keystone."""
    return [(r["service"], r["method"], r["path"]) for r in json.loads(path.read_text("utf-8"))]


def allows(rule: Call, call: Call) -> bool:
    """Whether Keystone's middleware lets the call pass by that rule: `*` is one part, `**` any."""
    pattern = re.escape(rule[2]).replace(r"\*\*", ".*").replace(r"\*", "[^/]+")
    return rule[:2] == call[:2] and re.fullmatch(pattern, call[2]) is not None


@pytest.mark.parametrize(
    ("path", "called", "allowed"),
    [
        pytest.param("/**/servers/*", "/v2.1/servers/ab12", True, id="one part"),
        pytest.param("/**/servers/*", "/compute/v2.1/servers/ab12", True, id="longer prefix"),
        pytest.param("/**/servers/*", "/v2.1/servers/ab12/action", False, id="two parts"),
        pytest.param("/**/servers", "/v2.1/servers/ab12", False, id="longer path"),
    ],
)
def test_a_rule_allows(*, path: str, called: str, allowed: bool) -> None:
    """Wildcards stand for parts of a path as in Keystone."""
    assert allowed == allows(("compute", "DELETE", path), ("compute", "DELETE", called))


def a_fleet() -> Fleet:
    """A fleet over a shared pool and one of its own, naming all that an estate can name."""
    return Fleet(
        name="api",
        image="api-iis-*",
        flavour="win-b2-60",
        key_pair="springtide",
        security_groups=("default",),
        max_servers=10,
        regions=(
            FleetRegion(name="GRA11", network="vrack", pool="api", pool_kind=PoolKind.SHARED),
            FleetRegion(name="SBG5", network="vrack", pool="api", subnet="vrack"),
        ),
    )


def access_to(sandbox: Sandbox, fleet: Fleet, folder: Path) -> CloudAccess:
    """The access that the worker has, without its environment."""
    path = sandbox.clouds_yaml(folder / "clouds.yaml", auth="v3applicationcredential")
    config = OpenStackConfig(config_files=[str(path)], load_envvars=False)
    session = config.get_one(cloud="sandbox", region_name="GRA11").get_session()
    names = tuple(region.name for region in fleet.regions)
    estate = Estate(cloud="sandbox", residency=names, fleets=(fleet,))
    return CloudAccess(estate, session, "public", AuditLog(None, run="test", who="test"))


def live(cloud: RegionCloud, fleet: Fleet) -> None:
    """A fleet's whole life in one region: found, launched, joined, drained, left, deleted."""
    assert () == cloud.inspect(fleet).troubles
    cloud.resolve_pool(fleet)
    cloud.balancer_statistics(fleet)
    cloud.room(fleet)
    image = cloud.matching_images(fleet.image)[0]
    order = Launch(region=cloud.name, wave="w1", servers=2, image_id=image.id, reason="a test")
    cloud.launch(fleet, order, None)
    members = wait_until(lambda: as_members(cloud.list_servers(fleet.name)))
    cloud.join(fleet, a_join(members))
    wait_until(lambda: settled(cloud, fleet))
    sweep(cloud)
    heal(cloud, members[0].server_id)
    wait_until(lambda: settled(cloud, fleet))
    cloud.drain(fleet, a_drain(members), datetime.now(UTC))
    wait_until(lambda: settled(cloud, fleet))
    ids = {member.address: member.id for member in cloud.list_members(fleet)}
    assert set(ids) >= {m.address for m in members}
    cloud.leave(fleet, a_leave(members))
    cloud.leftovers.owner_stands("gone-long-since")
    gone = [member.server_id for member in members]
    cloud.delete_servers(gone, "a test")
    wait_until(lambda: not cloud.list_servers(fleet.name))
    count(cloud, fleet)
    cloud.stray_ports(fleet, gone)
    cloud.delete_ports(["gone-long-since"])


def count(cloud: RegionCloud, fleet: Fleet) -> None:
    """What stood is read: the fleet's servers, those of nobody, balancers and their counters."""
    now = datetime.now(UTC)
    nobodys = cloud.servers_usage(now - timedelta(days=1), now, fleets=[])
    assert nobodys
    assert cloud.balancers_usage(now, [fleet])
    assert cloud.balancer_counters(fleet, now)


def heal(cloud: RegionCloud, server_id: str) -> None:
    """A server is checked, held by a person, released, and rebooted."""
    now = datetime.now(UTC)
    cloud.write_checks([server_id], 1, now)
    for hours in (1, 2):
        cloud.hold_server(server_id, until=now + timedelta(hours=hours), who="a test")
    cloud.release_server(server_id, who="a test")
    cloud.reboot_servers([server_id], "a test", now)


def sweep(cloud: RegionCloud) -> None:
    """Each thing is marked twice, as by sweeps days apart; what is removed is gone already."""
    now = datetime.now(UTC)
    for port in cloud.leftovers.inventory(now).unmarked_ports:
        cloud.leftovers.mark_port(port)
    seen = cloud.leftovers.inventory(now, frozenset({"gone-long-since"}))
    assert seen.trouble is None
    for thing in seen.things:
        old = thing.model_copy(update={"tags": (*thing.tags, "springtide:leftover:x")})
        cloud.leftovers.mark(old, now)
    gone = {"id": "gone-long-since", "region": cloud.name}
    for kind in LeftoverKind:
        cloud.leftovers.remove(MarkedThing(kind=kind, pool_id="gone", **gone), "a test")


def distribute(source: ImageStore, target: ImageStore) -> None:
    """An image is copied, and one is copied that turns out to be another and is removed."""
    golden = max(source.list_images("*"), key=lambda image: image.created_at)
    target.copy_image(golden, source)
    with pytest.raises(Retryable):
        target.copy_image(golden.model_copy(update={"hash_value": "another"}), source)


def as_members(servers: tuple[Server, ...]) -> list[PoolMember]:
    """The servers as members-to-be, once all are ACTIVE."""
    members = [
        PoolMember(server_id=s.id, name=s.name, address=s.address)
        for s in servers
        if s.address and s.status == "ACTIVE"
    ]
    return members if len(members) == len(servers) else []


def settled(cloud: RegionCloud, fleet: Fleet) -> bool:
    """Whether the pool takes the next change."""
    return all(m.provisioning_status == "ACTIVE" for m in cloud.list_members(fleet))


@pytest.fixture(scope="module")
def calls(tmp_path_factory: pytest.TempPathFactory) -> Iterator[set[Call]]:
    """The calls that a fleet's life makes, without the versions that anybody may ask for."""
    boot = BootTime(least_s=0.05, most_s=0.05, answer_s=0)
    with Sandbox(SandboxConfig(boot=boot, data_plane=False, balancer_update_s=0.05)) as sandbox:
        fleet = a_fleet()
        access = access_to(sandbox, fleet, tmp_path_factory.mktemp("cloud"))
        for region in fleet.regions:
            live(access.region(region.name), fleet)
        distribute(access.region("GRA11").images, access.region("SBG5").images)
        assert access.inspect_credential().unread is None
        yield {
            (key.service, key.method, f"/api{key.path}")
            for key in sandbox.call_counts()
            if not re.fullmatch(r"/(v[\d.]+/?)?|/v3/auth/tokens", key.path)
        }


def test_every_call_of_a_fleets_life_is_allowed(calls: set[Call]) -> None:
    """With the guide's access rules no call of a fleet's life is refused."""
    assert calls
    assert set() == {call for call in calls if not any(allows(rule, call) for rule in rules())}


def test_no_rule_allows_what_no_fleet_needs(calls: set[Call]) -> None:
    """A right that is never used is not given."""
    assert set() == {rule for rule in rules() if not any(allows(rule, call) for call in calls)}
