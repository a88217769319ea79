"""A sandbox that stands in for a fleet's cloud, and the fleet as it stands on it.

Regions, zones, pools, balancers' subnets, weights and caps are the fleet's; so are its waves and
its pace. Image, flavour, network and key pair are the sandbox's own: quotas are given in servers,
so that a flavour which it has not makes no difference.
"""

from collections.abc import Iterable
from ipaddress import IPv4Network

from springtide.model.fleet import (
    Canary,
    CanaryPolicy,
    Fleet,
    FleetRegion,
    HealthCheck,
    Timeouts,
)
from springtide.model.rehearsal import RehearsalSettings
from springtide.model.snapshot import Headroom
from springtide.sandbox.config import BootTime, SandboxConfig, SandboxQuota, SandboxRegion
from springtide.sandbox.flavors import FLAVORS
from springtide.sandbox.regions import KEY_PAIR, PRIVATE_NETWORK

_IMAGE = "rehearsal"
_FLAVOUR = FLAVORS["b2-60"]
_FIRST_NETWORK = 64
"""127.64.0.0/16 and upwards: a sandbox that is not told otherwise has its servers below."""
_BOUNDLESS = 100_000
"""Servers; more than any fleet has."""
_LEAST_PATIENCE_S = 30.0
"""A machine that is busy with other things must not have servers given up."""


def rehearsed_regions(fleet: Fleet, settings: RehearsalSettings) -> tuple[FleetRegion, ...]:
    """The regions of the fleet in which anything can stand."""
    return tuple(region for region in fleet.regions if region.name not in settings.lacking)


def sandbox_of(fleet: Fleet, settings: RehearsalSettings, *, server_port: int) -> SandboxConfig:
    """The sandbox that has the room and the boots of the settings in the fleet's regions.

    Its servers answer on `server_port` of addresses of their own.
    """
    return SandboxConfig(
        regions=tuple(
            _region(region, settings.rooms.get(region.name, Headroom()), number)
            for number, region in enumerate(rehearsed_regions(fleet, settings))
        ),
        boot=BootTime(
            least_s=settings.boot.least_s,
            most_s=settings.boot.most_s,
            answer_s=settings.answer_s,
        ),
        speed=settings.speed,
        seed=settings.seed,
        server_port=server_port,
        haproxy=False,
    )


def fleet_of(fleet: Fleet, settings: RehearsalSettings, *, server_port: int) -> Fleet:
    """The fleet as it stands on the sandbox of `sandbox_of`, under a name of its own.

    The name keeps what is shown of the rehearsal apart from what is shown of the fleet.
    """
    changes = {
        "name": f"rehearsal-{fleet.name}"[:31],
        "image": _IMAGE,
        "flavour": _FLAVOUR.name,
        "key_pair": KEY_PAIR,
        "user_data_file": None,
        "security_groups": (),
        "health": _health(fleet.health, server_port),
        "timeouts": _timeouts(fleet.timeouts, settings.speed),
        "canary": _canary(fleet.canary, settings),
        "regions": tuple(_on_sandbox(region) for region in rehearsed_regions(fleet, settings)),
        # The request names the order of the regions, also where it is the policy's.
        "surge": fleet.surge and fleet.surge.model_copy(update={"regions": ()}),
        "traffic": None,
    }
    return fleet.model_copy(update=changes)


def _region(region: FleetRegion, room: Headroom, number: int) -> SandboxRegion:
    base: dict[str, object] = {} if region.subnet is None else {"subnet": region.subnet}
    return SandboxRegion.model_validate(
        {
            **base,
            "name": region.name,
            "quota": _quota(room),
            "zones": region.zones or ("nova",),
            "cidr": IPv4Network(f"127.{_FIRST_NETWORK + number}.0.0/16"),
            "pools": (region.pool,),
            "images": (_IMAGE,),
        }
    )


def _quota(room: Headroom) -> SandboxQuota:
    """The room, in servers, as quotas for the sandbox's flavour.

    Addresses and members are ports here: a launch sees no limits of theirs beforehand, on no cloud,
    and what is rehearsed is how many can stand.
    """
    return SandboxQuota(
        instances=_least((room.instances,)),
        cores=_least((room.cores,)) * _FLAVOUR.vcpus,
        ram_mib=_least((room.ram,)) * _FLAVOUR.ram_mib,
        ports=_least((room.ports, room.addresses, room.members)),
    )


def _least(limits: Iterable[int | None]) -> int:
    return min((limit for limit in limits if limit is not None), default=_BOUNDLESS)


def _on_sandbox(region: FleetRegion) -> FleetRegion:
    return region.model_copy(update={"network": PRIVATE_NETWORK})


def _health(health: HealthCheck, server_port: int) -> HealthCheck:
    own = {"path": "/health", "port": server_port, "expected_status": 200}
    return health.model_copy(update={**own, "in_flight_path": "/in-flight"})


def _timeouts(timeouts: Timeouts, speed: float) -> Timeouts:
    shorter = {
        name: max(getattr(timeouts, name) / speed, _LEAST_PATIENCE_S)
        for name in ("boot_s", "answer_s")
    }
    return timeouts.model_copy(update=shorter)


def _canary(canary: Canary, settings: RehearsalSettings) -> Canary:
    if not settings.proven:
        return canary
    return canary.model_copy(update={"policy": CanaryPolicy.NEVER})
