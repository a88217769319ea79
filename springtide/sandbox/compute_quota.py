"""What a project uses of its compute quota, and whether more servers fit into it."""

from collections.abc import Mapping

from springtide.sandbox.ports import port_headroom
from springtide.sandbox.protocol import Refused
from springtide.sandbox.records import Flavor
from springtide.sandbox.regions import RegionState

KEY_PAIRS = 100
METADATA_ITEMS = 128
SERVER_GROUPS = 10
SERVER_GROUP_MEMBERS = 10


def limits(region: RegionState) -> dict[str, int]:
    """Every compute quota by Nova's name of it; RAM in MiB."""
    return {
        "instances": region.quota.instances,
        "cores": region.quota.cores,
        "ram": region.quota.ram_mib,
        "key_pairs": KEY_PAIRS,
        "metadata_items": METADATA_ITEMS,
        "server_groups": SERVER_GROUPS,
        "server_group_members": SERVER_GROUP_MEMBERS,
    }


def usage(region: RegionState) -> dict[str, int]:
    """What is used of every quota; servers in ERROR count until they are deleted."""
    servers = region.servers.values()
    return {
        "instances": len(servers),
        "cores": sum(server.flavor.vcpus for server in servers),
        "ram": sum(server.flavor.ram_mib for server in servers),
        "key_pairs": len(region.key_pairs),
        "metadata_items": 0,
        "server_groups": len(region.server_groups),
        "server_group_members": 0,
    }


def allowed_count(region: RegionState, flavor: Flavor, *, least: int, most: int) -> int:
    """How many servers may be created now: at most `most`, at least `least`.

    Raises:
        Refused: 403, when not even `least` fit into the quota of instances, cores, RAM or ports.
    """
    each = {"instances": 1, "cores": flavor.vcpus, "ram": flavor.ram_mib}
    limit, used = limits(region), usage(region)
    room = {name: (limit[name] - used[name]) // need for name, need in each.items()}
    if min(room.values()) < least:
        over = sorted(name for name, servers in room.items() if servers < least)
        raise Refused(403, _exceeded(over, {name: each[name] * most for name in each}, region))
    ports = port_headroom(region)
    if ports < least:
        raise Refused(403, "Maximum number of ports exceeded")
    return min(most, ports, *room.values())


def _exceeded(over: list[str], requested: Mapping[str, int], region: RegionState) -> str:
    limit, used = limits(region), usage(region)
    names = ", ".join(over)
    asked = ", ".join(str(requested[name]) for name in over)
    taken = ", ".join(str(used[name]) for name in over)
    allowed = ", ".join(str(limit[name]) for name in over)
    asked_and_taken = f"Requested {asked}, but already used {taken}"
    return f"Quota exceeded for {names}: {asked_and_taken} of {allowed} {names}"
