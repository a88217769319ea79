"""What a test's vCenter shows: hosts, datastores, virtual machines and who may log in."""

from dataclasses import asdict, dataclass, field
from typing import Any

GIB = 1024**3


@dataclass(frozen=True)
class HostSpec:
    """A host of a cluster."""

    name: str
    cluster: str = "core"
    cores: int = 32
    mhz: int = 2600
    ram_mib: int = 384 * 1024


@dataclass(frozen=True)
class DatastoreSpec:
    """A datastore that every host mounts."""

    name: str
    capacity_bytes: int = 3000 * GIB
    free_bytes: int = 1500 * GIB


@dataclass(frozen=True)
class MachineSpec:
    """A virtual machine; on, with VMware Tools running, unless it says otherwise."""

    name: str
    host: str
    datastore: str = "ssd-1"
    guest_id: str = "debian10_64Guest"
    vcpus: int = 8
    cores_per_socket: int = 1
    ram_mib: int = 32 * 1024
    reserved_mib: int = 0
    cpu_hot_add: bool = False
    memory_hot_add: bool = False
    off: bool = False
    without_tools: bool = False


@dataclass(frozen=True)
class Inventory:
    """All of it."""

    hosts: tuple[HostSpec, ...]
    datastores: tuple[DatastoreSpec, ...]
    virtual_machines: tuple[MachineSpec, ...]
    users: dict[str, str] = field(default_factory=lambda: {"springtide": "a long password"})
    """Passwords by name; the first is the one that tests use."""
    read_only: dict[str, str] = field(default_factory=lambda: {"watcher": "another password"})
    """Passwords of those who may look and not change."""

    def document(self) -> dict[str, Any]:
        """As the launcher reads it."""
        users = {name: {"password": word, "read_only": False} for name, word in self.users.items()}
        watchers = {
            name: {"password": word, "read_only": True} for name, word in self.read_only.items()
        }
        return {
            "users": users | watchers,
            "hosts": [asdict(host) for host in self.hosts],
            "datastores": [asdict(datastore) for datastore in self.datastores],
            "virtual_machines": [asdict(machine) for machine in self.virtual_machines],
        }


def small_core() -> Inventory:
    """Three hosts and two datastores; two machines that take hot adds, three that do not."""
    hosts = tuple(HostSpec(f"esx-{number}") for number in (1, 2, 3))
    datastores = (DatastoreSpec("ssd-1"), DatastoreSpec("ssd-2", free_bytes=700 * GIB))
    warm = {"cpu_hot_add": True, "memory_hot_add": True}
    machines = (
        MachineSpec("web-1", "esx-1", **warm),
        MachineSpec("web-2", "esx-2", **warm, vcpus=2, ram_mib=2048),
        *(MachineSpec(f"database-{n}", f"esx-{n}", ram_mib=64 * 1024) for n in (1, 2, 3)),
    )
    return Inventory(hosts, datastores, machines)
