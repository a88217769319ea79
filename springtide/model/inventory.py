"""What vCenter shows at one look: virtual machines, hosts, clusters and datastores."""

from enum import StrEnum

from springtide.errors import GuardRefused, NotFound
from springtide.model.base import Model, Moment
from springtide.model.core import VirtualMachineSize


class Power(StrEnum):
    """Whether a virtual machine runs."""

    ON = "on"
    OFF = "off"
    SUSPENDED = "suspended"


class GuestDisk(Model):
    """A file system of a guest, as VMware Tools last told it."""

    path: str
    """Where the guest has it mounted."""
    free_bytes: int


class VirtualMachine(Model):
    """A virtual machine as vCenter knows it."""

    id: str
    """vCenter's own for it, e.g. `vm-1041`: names can stand twice."""
    name: str
    size: VirtualMachineSize
    cores_per_socket: int = 1
    power: Power
    connected: bool = True
    """Whether its host answers for it."""
    question: str | None = None
    """What it waits to be answered before it goes on."""
    template: bool = False
    host: str | None = None
    """Name of the host that it is registered on."""
    home: str = ""
    """Name of the datastore with its configuration, and its swap file while it runs."""
    datastores: tuple[str, ...] = ()
    reserved_mib: int = 0
    """Memory that is reserved for it: the rest has a swap file on its home."""
    cpu_hot_add: bool = False
    memory_hot_add: bool = False
    hot_add_limit_mib: int | None = None
    """Up to where memory can be added while it runs; vCenter sets it at power on."""
    hot_add_step_mib: int | None = None
    """Memory is added in multiples of this."""
    linux: bool = False
    tools_running: bool = False
    """Whether VMware Tools run in it: without them no guest can be shut down."""
    snapshots: tuple[str, ...] = ()
    guest_disks: tuple[GuestDisk, ...] = ()
    """Empty where VMware Tools do not run."""
    change_version: str
    """Moves on with each change of its configuration; empty where vCenter cannot read that."""
    annotation: str = ""

    @property
    def out_of_reach(self) -> str | None:
        """Why vCenter does not know how it is; None where it does."""
        if not self.change_version:
            return "vCenter cannot read its configuration"
        return None if self.connected else "its host does not answer for it"

    @property
    def swap_mib(self) -> int:
        """Size of its swap file while it runs."""
        return max(0, self.size.ram_mib - self.reserved_mib)


class Host(Model):
    """A host of a cluster."""

    name: str
    cluster: str | None
    """None: it stands alone."""
    connected: bool
    in_maintenance: bool = False
    status: str = "green"
    """vCenter's own verdict: `green`, `yellow`, `red` or `gray`."""
    cores: int
    ram_mib: int
    used_mib: int = 0

    @property
    def usable(self) -> bool:
        """Whether virtual machines can run there."""
        return self.connected and not self.in_maintenance


class Datastore(Model):
    """A datastore."""

    name: str
    capacity_bytes: int
    free_bytes: int
    accessible: bool = True
    in_maintenance: bool = False
    hosts: tuple[str, ...] = ()
    """Names of the hosts that have it mounted, in order."""

    @property
    def used_share(self) -> float:
        """Used part of the capacity; 1 where it has none."""
        return 1 - self.free_bytes / self.capacity_bytes if self.capacity_bytes else 1.0


class Cluster(Model):
    """A cluster of hosts."""

    name: str
    places_anywhere: bool = False
    """Whether a virtual machine starts on whichever host has room (DRS, fully automated)."""


class Inventory(Model):
    """All of it, at one moment."""

    at: Moment
    clusters: tuple[Cluster, ...]
    hosts: tuple[Host, ...]
    datastores: tuple[Datastore, ...]
    virtual_machines: tuple[VirtualMachine, ...]

    def virtual_machine(self, name: str) -> VirtualMachine:
        """The one of that name.

        Raises:
            NotFound: there is none.
            GuardRefused: there are several: which one is meant is not guessed.
        """
        found = [each for each in self.virtual_machines if each.name == name]
        if not found:
            raise NotFound(f"vCenter has no virtual machine {name!r}")
        if len(found) > 1:
            known = ", ".join(each.id for each in found)
            raise GuardRefused(f"vCenter has {len(found)} virtual machines {name!r}: {known}")
        return found[0]

    def host(self, name: str | None) -> Host | None:
        """The host of that name; None where vCenter shows none."""
        return next((host for host in self.hosts if host.name == name), None)

    def cluster(self, name: str | None) -> Cluster | None:
        """The cluster of that name; None where vCenter shows none."""
        return next((cluster for cluster in self.clusters if cluster.name == name), None)

    def datastore(self, name: str) -> Datastore | None:
        """The datastore of that name; None where vCenter shows none."""
        return next((each for each in self.datastores if each.name == name), None)

    def hosts_of(self, cluster: str) -> tuple[Host, ...]:
        """The hosts of that cluster."""
        return tuple(host for host in self.hosts if host.cluster == cluster)

    def running_on(self, host: str) -> tuple[VirtualMachine, ...]:
        """The virtual machines that run on that host."""
        return tuple(
            each for each in self.virtual_machines if each.host == host and each.power is Power.ON
        )
