"""What the estate names, found in one region: pools, flavours, networks, images, and the room."""

from datetime import datetime
from fnmatch import fnmatchcase
from typing import NamedTuple

from springtide.clouds.openstack.quotas import compute_quotas, port_quota, read_limits
from springtide.clouds.openstack.server_groups import members_at_most
from springtide.clouds.openstack.service import Body, Service
from springtide.errors import Misconfigured, NotFound, SpringtideError
from springtide.model.base import Model
from springtide.model.fleet import Fleet, FleetRegion
from springtide.model.readiness import Quota
from springtide.model.snapshot import Headroom, Image

_PAGE = 500


class PoolSetup(Model):
    """A fleet's pool in one region."""

    pool_id: str
    balancer_id: str
    subnet_id: str | None


class LaunchSetup(Model):
    """What a launch needs beside its image."""

    flavour_id: str
    vcpus: int
    ram_mib: int
    network_id: str


class LaunchRoom(NamedTuple):
    """What one look at the quotas shows."""

    headroom: Headroom
    group_members: int | None
    """Most servers of one server group; None: there are no groups."""


def find_pool(balancer: Service, network: Service, wanted: FleetRegion) -> PoolSetup:
    """The pool by its name or id.

    Raises:
        Misconfigured: there is none of that name, or more than one.
    """
    pools = list(balancer.pages("/lbaas/pools", "pools", limit=_PAGE))
    pool = _one(pools, wanted.pool, field=f"regions.{wanted.name}.pool")
    subnet_id = None
    if wanted.subnet:
        subnets = list(network.pages("/subnets", "subnets", limit=_PAGE))
        subnet_id = _one(subnets, wanted.subnet, field=f"regions.{wanted.name}.subnet")["id"]
    return PoolSetup(
        pool_id=pool["id"], balancer_id=pool["loadbalancers"][0]["id"], subnet_id=subnet_id
    )


def find_launchables(
    compute: Service, network: Service, fleet: Fleet, wanted: FleetRegion
) -> LaunchSetup:
    """Flavour and network, and a look at the key pair and the security groups.

    Raises:
        Misconfigured: one of them does not exist.
    """
    flavour = find_flavour(compute, fleet)
    find_key_pair(compute, fleet, wanted)
    find_security_groups(network, fleet)
    return LaunchSetup(
        flavour_id=flavour["id"],
        vcpus=flavour["vcpus"],
        ram_mib=flavour["ram"],
        network_id=find_network(network, wanted.network, field=f"regions.{wanted.name}.network"),
    )


def find_flavour(compute: Service, fleet: Fleet) -> Body:
    """The fleet's flavour, as Nova lists it.

    Raises:
        Misconfigured: there is none of that name or id, or more than one.
    """
    flavours = list(compute.pages("/flavors/detail", "flavors", limit=_PAGE))
    return _one(flavours, fleet.flavour, field=f"fleets.{fleet.name}.flavour")


def find_key_pair(compute: Service, fleet: Fleet, wanted: FleetRegion) -> None:
    """Return where the fleet's key pair exists, or it has none.

    Raises:
        Misconfigured: it does not exist.
    """
    if not fleet.key_pair:
        return
    try:
        compute.get(f"/os-keypairs/{fleet.key_pair}")
    except NotFound as error:
        where = f"fleets.{fleet.name}.key_pair"
        raise Misconfigured(f"{wanted.name}: no {fleet.key_pair!r}", field=where) from error


def find_security_groups(network: Service, fleet: Fleet) -> None:
    """Return where each of the fleet's security groups exists.

    Raises:
        Misconfigured: one does not exist, or more than once.
    """
    if not fleet.security_groups:
        return
    groups = list(network.pages("/security-groups", "security_groups", limit=_PAGE))
    for name in fleet.security_groups:
        _one(groups, name, field=f"fleets.{fleet.name}.security_groups")


def find_network(network: Service, name: str, *, field: str = "network") -> str:
    """The id of the network of that name or id.

    Raises:
        Misconfigured: there is none, or more than one.
    """
    networks = list(network.pages("/networks", "networks", limit=_PAGE))
    found: str = _one(networks, name, field=field)["id"]
    return found


def matching_images(images: Service, pattern: str) -> tuple[Image, ...]:
    """The active images whose name matches the pattern, newest first; the id breaks a tie."""
    found = images.pages("/images", "images", limit=_PAGE, status="active")
    matching = [_image(body) for body in found if fnmatchcase(body.get("name") or "", pattern)]
    return tuple(sorted(matching, key=lambda i: (i.created_at, i.id), reverse=True))


def newest_image(images: Service, pattern: str) -> Image | None:
    """The newest active image whose name matches the pattern; None where there is none."""
    return next(iter(matching_images(images, pattern)), None)


def read_room(compute: Service, network: Service, setup: LaunchSetup) -> LaunchRoom:
    """Quota less usage, in servers of that flavour; a limit that may not be read is left out."""
    limits = read_limits(compute)
    granted = compute_quotas(limits)
    headroom = Headroom(
        instances=_room(granted.instances, 1),
        cores=_room(granted.cores, setup.vcpus),
        ram=_room(granted.ram_mib, setup.ram_mib),
        ports=_ports_left(network),
    )
    return LaunchRoom(headroom, members_at_most(limits))


def _room(quota: Quota | None, each: int) -> int | None:
    """For how many servers there is room that take so much each; None: not known, or no limit."""
    left = None if quota is None else quota.left
    return None if left is None else left // max(1, each)


def _ports_left(network: Service) -> int | None:
    """Ports that are left; a launch is not held up where Neutron does not tell."""
    try:
        return port_quota(network).left
    except (SpringtideError, KeyError):
        return None


def _image(body: Body) -> Image:
    return Image(
        id=body["id"],
        name=body["name"],
        checksum=body.get("os_hash_value") or body.get("checksum"),
        created_at=datetime.fromisoformat(body["created_at"]),
    )


def _one(found: list[Body], wanted: str, *, field: str) -> Body:
    """The item of that id, else of that name."""
    matching = [item for item in found if item["id"] == wanted]
    matching = matching or [item for item in found if item["name"] == wanted]
    if len(matching) == 1:
        return matching[0]
    names = ", ".join(sorted(item["name"] for item in found)) or "none is there"
    trouble = f"{len(matching)} are called {wanted!r}" if matching else f"there is no {wanted!r}"
    raise Misconfigured(trouble, field=field, allowed=names)
