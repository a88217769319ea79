"""Servers and flavours as Nova shows them, by microversion."""

import hashlib

from springtide.sandbox.microversions import Microversion
from springtide.sandbox.protocol import stamp
from springtide.sandbox.records import NO_VALID_HOST, Document, Flavor, Server
from springtide.sandbox.regions import RegionState


def server_links(base: str, server: Server) -> Document:
    """What a short listing shows of a server; `base` is the compute endpoint's address."""
    return {"id": server.id, "name": server.name, "links": _links(base, "servers", server.id)}


def server_document(
    server: Server, region: RegionState, base: str, *, version: Microversion
) -> Document:
    """A server with all its details."""
    shown = server_links(base, server) | {
        "status": server.status,
        "tenant_id": region.project_id,
        "user_id": region.user_id,
        "metadata": server.metadata,
        "hostId": _host_id(server),
        "image": _reference(base, "images", server.image_id) if server.image_id else "",
        "flavor": _embedded_flavor(base, server.flavor, version),
        "created": stamp(server.created),
        "updated": stamp(server.updated),
        "addresses": _addresses(server, region),
        "accessIPv4": "",
        "accessIPv6": "",
        "OS-DCF:diskConfig": "MANUAL",
        "OS-EXT-AZ:availability_zone": server.zone or "",
        "config_drive": "True" if server.config_drive else "",
        "key_name": server.key_name,
        "OS-SRV-USG:launched_at": _usage_time(server, "launched_at"),
        "OS-SRV-USG:terminated_at": _usage_time(server, "terminated_at"),
        "security_groups": [{"name": name} for name in server.security_groups],
        "OS-EXT-STS:task_state": server.task_state,
        "OS-EXT-STS:vm_state": server.vm_state,
        "OS-EXT-STS:power_state": server.power_state,
        "os-extended-volumes:volumes_attached": [],
    }
    if server.status in {"ACTIVE", "BUILD", "REBOOT"}:
        shown["progress"] = 0
    if server.fault is not None and server.status == "ERROR":
        shown["fault"] = server.fault
    return shown | _newer_fields(server, version)


def listed_server_document(
    server: Server, region: RegionState, base: str, *, version: Microversion
) -> Document:
    """A server as a detailed listing shows it.

    Source: Nova 26, api/openstack/compute/servers.py: `fill_faults` asks one cell, and servers
    that no host was found for are buried in another; groups are shown of a single server alone.
    """
    shown = server_document(server, region, base, version=version)
    if server.fault is not None and server.fault["message"] == NO_VALID_HOST:
        shown.pop("fault", None)
    shown.pop("server_groups", None)
    return shown


def flavor_document(base: str, flavor: Flavor, version: Microversion) -> Document:
    """A flavour with all its details."""
    shown = {
        "id": flavor.id,
        "name": flavor.name,
        "vcpus": flavor.vcpus,
        "ram": flavor.ram_mib,
        "disk": flavor.disk_gib,
        "swap": 0 if version >= (2, 75) else "",
        "OS-FLV-EXT-DATA:ephemeral": 0,
        "OS-FLV-DISABLED:disabled": False,
        "os-flavor-access:is_public": True,
        "rxtx_factor": 1.0,
        "links": _links(base, "flavors", flavor.id),
    }
    newer: list[tuple[Microversion, str, object]] = [
        ((2, 55), "description", None),
        ((2, 61), "extra_specs", {}),
    ]
    return shown | {key: value for since, key, value in newer if version >= since}


def _newer_fields(server: Server, version: Microversion) -> Document:
    fields: list[tuple[Microversion, str, object]] = [
        ((2, 9), "locked", server.locked),
        ((2, 19), "description", server.description),
        ((2, 26), "tags", sorted(server.tags)),
        ((2, 63), "trusted_image_certificates", None),
        ((2, 71), "server_groups", [server.group_id] if server.group_id else []),
        ((2, 73), "locked_reason", None),
        ((2, 90), "OS-EXT-SRV-ATTR:hostname", server.name.lower()),
        ((2, 96), "pinned_availability_zone", server.requested_zone),
    ]
    return {key: value for since, key, value in fields if version >= since}


def _embedded_flavor(base: str, flavor: Flavor, version: Microversion) -> Document:
    if version < (2, 47):
        return _reference(base, "flavors", flavor.id)
    return {
        "vcpus": flavor.vcpus,
        "ram": flavor.ram_mib,
        "disk": flavor.disk_gib,
        "ephemeral": 0,
        "swap": 0,
        "original_name": flavor.name,
        "extra_specs": {},
    }


def _addresses(server: Server, region: RegionState) -> Document:
    shown: dict[str, list[Document]] = {}
    for port_id in server.port_ids:
        port = region.ports.get(port_id)
        if port is None:
            continue
        network = region.networks[port["network_id"]]["name"]
        for fixed in port["fixed_ips"]:
            address = {
                "version": 4,
                "addr": fixed["ip_address"],
                "OS-EXT-IPS:type": "fixed",
                "OS-EXT-IPS-MAC:mac_addr": port["mac_address"],
            }
            shown.setdefault(network, []).append(address)
    return shown


def _usage_time(server: Server, name: str) -> str | None:
    """Nova writes these two alone with microseconds, which MySQL does not keep, and no zone."""
    at = getattr(server, name)
    return at.strftime("%Y-%m-%dT%H:%M:%S.000000") if at else None


def _host_id(server: Server) -> str:
    return hashlib.sha224(server.host.encode()).hexdigest() if server.host else ""


def _reference(base: str, collection: str, key: str) -> Document:
    return {"id": key, "links": _links(base, collection, key)[1:]}


def _links(base: str, collection: str, key: str) -> list[Document]:
    root = base.removesuffix("/v2.1")
    return [
        {"rel": "self", "href": f"{base}/{collection}/{key}"},
        {"rel": "bookmark", "href": f"{root}/{collection}/{key}"},
    ]
