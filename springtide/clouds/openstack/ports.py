"""Ports in Neutron: those that Nova left behind."""

from collections.abc import Collection, Sequence
from contextlib import suppress

from springtide.clouds.openstack.catalogue import find_network
from springtide.clouds.openstack.service import Service
from springtide.errors import NotFound

_PAGE = 500


def stray_ports(network: Service, name: str, gone_ids: Collection[str]) -> tuple[str, ...]:
    """Ids of ports on that network whose server is among those known to be gone, sorted."""
    gone = frozenset(gone_ids)
    found = network.pages("/ports", "ports", limit=_PAGE, network_id=find_network(network, name))
    return tuple(sorted(port["id"] for port in found if port.get("device_id") in gone))


def delete_ports(network: Service, ids: Sequence[str]) -> None:
    """Delete each port; one that is gone is a success."""
    for port_id in ids:
        with suppress(NotFound):
            network.change("DELETE", f"/ports/{port_id}", why="its server is gone")
