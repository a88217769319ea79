"""Ports in Neutron: those that Nova left behind."""

from collections.abc import Callable, Collection, Sequence
from contextlib import suppress

from springtide.clouds.openstack.catalogue import find_network
from springtide.clouds.openstack.service import Service
from springtide.errors import NotFound

_PAGE = 500


def stray_ports(
    network: Service, name: str, *, gone_ids: Collection[str], stands: Callable[[str], bool]
) -> tuple[str, ...]:
    """Ids of ports on that network whose server is among those taken for gone, and is; sorted.

    A listing may leave servers out while their database is away, so that those that have a port
    still are asked for by their id.
    """
    gone = frozenset(gone_ids)
    listed = network.pages("/ports", "ports", limit=_PAGE, network_id=find_network(network, name))
    found = [port for port in listed if port.get("device_id") in gone]
    standing = {owner for owner in {port["device_id"] for port in found} if stands(owner)}
    return tuple(sorted(port["id"] for port in found if port["device_id"] not in standing))


def delete_ports(network: Service, ids: Sequence[str]) -> None:
    """Delete each port; one that is gone is a success."""
    for port_id in ids:
        with suppress(NotFound):
            network.change("DELETE", f"/ports/{port_id}", why="its server is gone")
