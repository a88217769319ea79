"""Ports on the private networks: their addresses, their quota, their life with a server."""

from ipaddress import IPv4Address

from springtide.sandbox.protocol import Refused, stamp
from springtide.sandbox.records import Document
from springtide.sandbox.regions import RegionState
from springtide.sandbox.world import World

SERVER_OWNER = "compute:nova"


def create_port(world: World, region: RegionState, port: Document) -> Document:
    """A new port of the network `port["network_id"]`, with an address unless it brings one.

    Raises:
        Refused: 404 for an unknown network, 409 when the quota or the addresses are used up.
    """
    network = region.networks.get(port.get("network_id", ""))
    if network is None:
        message = f"Network {port.get('network_id')} could not be found."
        raise Refused(404, message, kind="NetworkNotFound")
    if port_headroom(region) < 1:
        message = "Quota exceeded for resources: ['port']."
        raise Refused(409, message, kind="OverQuota")
    fixed_ips = port.get("fixed_ips") or [_next_address(region, network["id"])]
    created = stamp(world.clock.now())
    port_id = world.new_id()
    document = {
        "id": port_id,
        "name": "",
        "admin_state_up": True,
        "binding:vnic_type": "normal",
        "description": "",
        "device_id": "",
        "device_owner": "",
        "mac_address": "fa:16:3e:" + ":".join(port_id[at : at + 2] for at in (0, 2, 4)),
        "port_security_enabled": True,
        "revision_number": 1,
        "security_groups": [],
        "tags": [],
        "allowed_address_pairs": [],
        "extra_dhcp_opts": [],
        "created_at": created,
        "updated_at": created,
        "project_id": world.project_id,
        "tenant_id": world.project_id,
        **port,
        "fixed_ips": fixed_ips,
        "status": "ACTIVE" if port.get("device_id") else "DOWN",
    }
    region.ports[port_id] = document
    return document


def port_headroom(region: RegionState) -> int:
    """How many more ports the quota allows."""
    return region.quota.ports - len(region.ports)


def used_addresses(region: RegionState) -> set[str]:
    """Every address that a port has."""
    return {fixed["ip_address"] for port in region.ports.values() for fixed in port["fixed_ips"]}


def pool_bounds(subnet: Document) -> tuple[int, int]:
    """First and last address of a subnet's allocation pool, as numbers."""
    pool = subnet["allocation_pools"][0]
    return int(IPv4Address(pool["start"])), int(IPv4Address(pool["end"]))


def _next_address(region: RegionState, network_id: str) -> Document:
    """The next free address after the one given out last, so that none is soon used again."""
    used = used_addresses(region)
    for subnet in region.subnets.values():
        if subnet["network_id"] != network_id:
            continue
        first, last = pool_bounds(subnet)
        size = last - first + 1
        start = max(region.last_address + 1 - first, 0)
        for step in range(size):
            number = first + (start + step) % size
            address = str(IPv4Address(number))
            if address not in used:
                region.last_address = number
                return {"subnet_id": subnet["id"], "ip_address": address}
    message = f"No more IP addresses available on network {network_id}."
    raise Refused(409, message, kind="IpAddressGenerationFailure")
