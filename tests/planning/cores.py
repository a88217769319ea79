"""Builders of what vCenter shows."""

from datetime import UTC, datetime

from springtide.model.core import Core, VirtualMachineSize
from springtide.model.inventory import (
    Cluster,
    Datastore,
    Host,
    Inventory,
    Power,
    VirtualMachine,
)

NOW = datetime(2026, 11, 30, 10, 0, tzinfo=UTC)
GIB = 1024**3


def core(**said: object) -> Core:
    """A core with limits that are not in the way."""
    given: dict[str, object] = {
        "host": "192.0.2.7",
        "ca_file": "/etc/springtide/vcenter.pem",
        "clusters": ("core",),
        "virtual_machines": ("web-1",),
    }
    return Core.model_validate(given | said)


def size(vcpus: int, ram_gib: float) -> VirtualMachineSize:
    """A size with its memory in GiB."""
    return VirtualMachineSize(vcpus=vcpus, ram_mib=int(ram_gib * 1024))


def machine(name: str = "web-1", **said: object) -> VirtualMachine:
    """A running Windows machine of 8 vCPU and 32 GiB on `esx-1` that takes hot adds."""
    given: dict[str, object] = {
        "id": f"vm-{name}",
        "name": name,
        "size": size(8, 32),
        "power": Power.ON,
        "host": "esx-1",
        "home": "ssd-1",
        "datastores": ("ssd-1",),
        "cpu_hot_add": True,
        "memory_hot_add": True,
        "hot_add_limit_mib": 512 * 1024,
        "tools_running": True,
        "change_version": "1",
    }
    return VirtualMachine.model_validate(given | said)


def host(name: str, **said: object) -> Host:
    """A host of 32 cores and 384 GiB in the cluster `core`."""
    given: dict[str, object] = {
        "name": name,
        "cluster": "core",
        "connected": True,
        "cores": 32,
        "ram_mib": 384 * 1024,
    }
    return Host.model_validate(given | said)


def datastore(name: str = "ssd-1", **said: object) -> Datastore:
    """A datastore of 3,000 GiB, half of them free, on three hosts."""
    given: dict[str, object] = {
        "name": name,
        "capacity_bytes": 3000 * GIB,
        "free_bytes": 1500 * GIB,
        "hosts": ("esx-1", "esx-2", "esx-3"),
    }
    return Datastore.model_validate(given | said)


def inventory(*machines: VirtualMachine, **said: object) -> Inventory:
    """Those machines on three hosts and one datastore."""
    given: dict[str, object] = {
        "at": NOW,
        "clusters": (Cluster(name="core"),),
        "hosts": (host("esx-1"), host("esx-2"), host("esx-3")),
        "datastores": (datastore(),),
        "virtual_machines": machines,
    }
    return Inventory.model_validate(given | said)
