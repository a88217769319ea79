"""A sandbox that stands in for a fleet's cloud: regions, room and pace are the fleet's."""

from ipaddress import IPv4Address

import pytest

from springtide.model.fleet import CanaryPolicy, Fleet
from springtide.model.rehearsal import BootRange, RehearsalSettings
from springtide.model.snapshot import Headroom
from springtide.model.surge import SurgeRequest
from springtide.sandbox.config import BootTime, SandboxConfig, SandboxQuota
from springtide.sandbox.rehearsal import fleet_of, sandbox_of

PORT = 8081
NO_BOUND = 100_000


def a_fleet(**changes: object) -> Fleet:
    """A fleet over three regions that names what no sandbox has."""
    base: dict[str, object] = {
        "name": "api",
        "image": "golden-*",
        "flavour": "c3-128",
        "key_pair": "operations",
        "user_data_file": "user-data/api.ps1",
        "security_groups": ("secret",),
        "max_servers": 300,
        "wave_servers": 8,
        "timeouts": {"boot_s": 900, "answer_s": 40, "drain_s": 77},
        "health": {"path": "/ready", "port": 443, "timeout_s": 3},
        "regions": (
            {"name": "GRA11", "network": "n", "pool": "p1", "subnet": "s", "zones": ("a", "b")},
            {"name": "SBG5", "network": "n", "pool": "p2", "pool_kind": "shared", "weight": 2},
            {"name": "RBX1", "network": "n", "pool": "p3", "cap": 9},
        ),
        "surge": {
            "max_servers": 300,
            "max_hours": 12,
            "budget": 1,
            "monthly_budget": 1,
            "regions": ("RBX1",),
        },
    }
    return Fleet.model_validate(base | changes)


def settings(**changes: object) -> RehearsalSettings:
    """A rehearsal of 30 servers, changed as asked."""
    base: dict[str, object] = {
        "request": SurgeRequest(
            key="k", fleet="api", servers=30, hours=1, reason="a rehearsal", owner="rehearsal"
        ),
        "boot": BootRange(least_s=60, most_s=180),
        "answer_s": 2,
        "proven": True,
        "speed": 10,
        "seed": 7,
    }
    return RehearsalSettings.model_validate(base | changes)


def a_sandbox(**changes: object) -> SandboxConfig:
    """The sandbox of that fleet and these settings."""
    return sandbox_of(a_fleet(), settings(**changes), server_port=PORT)


def test_the_sandbox_has_the_fleets_regions() -> None:
    """With its zones, pools and subnets, and addresses of which no two are alike."""
    found = a_sandbox()
    assert [
        ("GRA11", ("a", "b"), ("p1",), "s"),
        ("SBG5", ("nova",), ("p2",), "vrack"),
        ("RBX1", ("nova",), ("p3",), "vrack"),
    ] == [(r.name, r.zones, r.pools, r.subnet) for r in found.regions]
    assert [IPv4Address(f"127.{n}.0.0") for n in (64, 65, 66)] == [
        r.cidr.network_address for r in found.regions
    ]
    assert BootTime(least_s=60, most_s=180, answer_s=2) == found.boot
    assert (10, 7, PORT, False) == (found.speed, found.seed, found.server_port, found.haproxy)


@pytest.mark.parametrize(
    ("room", "quota"),
    [
        pytest.param(Headroom(), {}, id="no limit is known"),
        pytest.param(Headroom(instances=5), {"instances": 5}, id="instances"),
        pytest.param(Headroom(cores=5), {"cores": 5 * 16}, id="cores"),
        pytest.param(Headroom(ram=5), {"ram_mib": 5 * 61_440}, id="RAM"),
        pytest.param(Headroom(ports=5, addresses=6), {"ports": 5}, id="ports"),
        pytest.param(Headroom(ports=7, addresses=6, members=9), {"ports": 6}, id="addresses"),
        pytest.param(Headroom(members=4), {"ports": 4}, id="members"),
    ],
)
def test_the_room_in_servers_is_the_quota(room: Headroom, quota: dict[str, int]) -> None:
    """In the size of the sandbox's own flavour; what is not known does not bind."""
    base = {
        "instances": NO_BOUND,
        "cores": NO_BOUND * 16,
        "ram_mib": NO_BOUND * 61_440,
        "ports": NO_BOUND,
    }
    found = a_sandbox(rooms={"SBG5": room})
    assert SandboxQuota.model_validate(base | quota) == found.regions[1].quota
    assert SandboxQuota.model_validate(base) == found.regions[0].quota


def test_a_region_where_nothing_can_stand_is_left_out() -> None:
    """On the sandbox and in the fleet."""
    given = settings(lacking={"SBG5": "no image"})
    found = sandbox_of(a_fleet(), given, server_port=PORT)
    fleet = fleet_of(a_fleet(), given, server_port=PORT)
    assert ["GRA11", "RBX1"] == [r.name for r in found.regions]
    assert ["GRA11", "RBX1"] == [r.name for r in fleet.regions]


def test_the_fleet_keeps_its_ways() -> None:
    """Waves, weights, caps and the kind of its pools; it names only what the sandbox has."""
    found = fleet_of(a_fleet(), settings(), server_port=PORT)
    assert found == Fleet.model_validate(found.model_dump())
    assert ("rehearsal-api", 8, "vrack") == (
        found.name,
        found.wave_servers,
        found.regions[0].network,
    )
    assert [1, 2, 1] == [r.weight for r in found.regions]
    assert ["exclusive", "shared", "exclusive"] == [r.pool_kind for r in found.regions]
    assert 9 == found.regions[2].cap
    assert ((), None, PORT, 3) == (
        found.security_groups,
        found.user_data_file,
        found.health.port,
        found.health.timeout_s,
    )


def test_a_long_name_is_cut() -> None:
    """It stays a name that servers and artifacts may carry."""
    found = fleet_of(a_fleet(name="a" * 31), settings(), server_port=PORT)
    assert "rehearsal-" + "a" * 21 == found.name


def test_patience_is_as_quick_as_the_boots_but_not_too_short() -> None:
    """A busy machine must not have servers given up; drains are as they were."""
    timeouts = fleet_of(a_fleet(), settings(), server_port=PORT).timeouts
    assert (90, 30, 77) == (timeouts.boot_s, timeouts.answer_s, timeouts.drain_s)


@pytest.mark.parametrize(
    ("proven", "policy"), [(True, CanaryPolicy.NEVER), (False, CanaryPolicy.UNPROVEN)]
)
def test_a_proven_image_has_no_canary(*, proven: bool, policy: CanaryPolicy) -> None:
    """An image that has not served has the fleet's own."""
    fleet = fleet_of(a_fleet(), settings(proven=proven), server_port=PORT)
    assert policy == fleet.canary.policy
