"""Whether the private cloud has room for what a virtual machine is to become: guards, pure.

As an operator reads it: memory is promised once, as a database uses all that it has. So the memory
of all virtual machines that run on a host stays below a share of the host's own, and that of a
cluster below the share of what is left when its largest host has failed (N+1). Cores may be
promised several times; no virtual machine is wider than its host. One that is off is promised
nothing, so whatever size it starts with has to find its room. While it runs, the memory that is
not reserved for it has a swap file on its datastore, which must find its room there, too.

Example: three hosts of 384 GiB, one to spare, a share of 0.9: 691 GiB for all. With 650 promised a
machine may grow by 41 GiB, even where its own host has more.
"""

from collections.abc import Sequence
from typing import NamedTuple

from springtide.model.core import Core, VirtualMachineSize
from springtide.model.inventory import Host, Inventory, Power, VirtualMachine

MIB = 1024**2


def headroom_limitation(
    inventory: Inventory,
    machine: VirtualMachine,
    size: VirtualMachineSize,
    core: Core,
    *,
    restarted: bool,
) -> str | None:
    """Why hosts and cluster have no room for it at that size; None where they have.

    `restarted` says that it is started anew, and so on another host where its cluster places it.
    """
    own = inventory.host(machine.host)
    if own is None or own.cluster is None:
        return f"{machine.name}: vCenter shows no host of a cluster for it"
    if own.cluster not in core.clusters:
        known = ", ".join(core.clusters)
        return f"{machine.name}: its cluster {own.cluster} is not one of the estate's ({known})"
    if machine.power is Power.ON and not size.exceeds(machine.size):
        return None
    cluster = inventory.cluster(own.cluster)
    anywhere = restarted and cluster is not None and cluster.places_anywhere
    candidates = sorted(inventory.hosts_of(own.cluster), key=lambda h: (h != own, h.name))
    whys = [_host_limitation(inventory, machine, size, (each, core)) for each in candidates]
    if whys[0] is not None and not (anywhere and None in whys):
        return f"{machine.name}: {whys[0]}"
    return _cluster_limitation(inventory, machine, size, core)


def swap_limitation(
    inventory: Inventory, machine: VirtualMachine, size: VirtualMachineSize, core: Core
) -> str | None:
    """Why its datastore has no room for its swap file at that size; None where it has."""
    there = machine.swap_mib if machine.power is Power.ON else 0
    more = (max(0, size.ram_mib - machine.reserved_mib) - there) * MIB
    if more <= 0:
        return None
    home = inventory.datastore(machine.home)
    if home is None or not home.accessible or home.in_maintenance:
        return f"{machine.name}: its datastore {machine.home or '(unknown)'} is not accessible"
    share = core.datastore_limits.red_share
    room = home.free_bytes - (1 - share) * home.capacity_bytes
    if more > room:
        return (
            f"{machine.name}: its swap file takes {more // MIB} MiB more on {home.name}, which has"
            f" {max(0, int(room)) // MIB} MiB left up to {share:.0%}"
        )
    return None


class ClusterRoom(NamedTuple):
    """What is promised in a cluster, and what it has with its spare hosts failed."""

    vcpus: int
    ram_mib: int
    most_vcpus: int
    most_mib: int

    @property
    def holds(self) -> bool:
        """Whether what is promised would still fit."""
        return self.vcpus <= self.most_vcpus and self.ram_mib <= self.most_mib


def cluster_room(
    inventory: Inventory, name: str, core: Core, *, but: VirtualMachine | None = None
) -> ClusterRoom:
    """The room of that cluster; of what is promised, `but` is left out."""
    everywhere = inventory.hosts_of(name)
    hosts = [host for host in everywhere if host.usable]
    limits = core.headroom
    left = sorted(hosts, key=lambda h: (-h.ram_mib, -h.cores, h.name))[limits.spare_hosts :]
    # What runs on an unusable host has to be carried by the others, too.
    running = [m for host in everywhere for m in inventory.running_on(host.name)]
    vcpus, ram_mib = promised(running, but=but)
    return ClusterRoom(
        vcpus=vcpus,
        ram_mib=ram_mib,
        most_vcpus=int(sum(host.cores for host in left) * limits.vcpus_per_core),
        most_mib=int(sum(host.ram_mib for host in left) * limits.ram_share),
    )


def snapshot_limitation(machine: VirtualMachine) -> str | None:
    """Why its snapshots are in the way; None without any.

    Going back to one would bring its old size back, and each grows with every write.
    """
    if not machine.snapshots:
        return None
    return (
        f"{machine.name}: it has snapshots ({', '.join(machine.snapshots[:3])}): remove them first"
    )


def promised(machines: Sequence[VirtualMachine], *, but: VirtualMachine | None) -> tuple[int, int]:
    """Cores, and memory in MiB, that these have; `but` is left out."""
    others = [each for each in machines if but is None or each.id != but.id]
    return sum(m.size.vcpus for m in others), sum(m.size.ram_mib for m in others)


def _host_limitation(
    inventory: Inventory,
    machine: VirtualMachine,
    size: VirtualMachineSize,
    place: tuple[Host, Core],
) -> str | None:
    host, core = place
    if not host.usable:
        return f"its host {host.name} is not usable"
    if size.vcpus > host.cores:
        return f"{size.vcpus} vCPU are more than the {host.cores} cores of {host.name}"
    limits = core.headroom
    vcpus, ram_mib = promised(inventory.running_on(host.name), but=machine)
    most_vcpus = int(host.cores * limits.vcpus_per_core)
    if vcpus + size.vcpus > most_vcpus:
        return f"{host.name} would carry {vcpus + size.vcpus} vCPU of {most_vcpus}"
    # What is measured counts where it is more than what is promised, without the machine's own.
    own = machine.size.ram_mib if machine.host == host.name and machine.power is Power.ON else 0
    used = max(ram_mib, host.used_mib - own)
    most_mib = int(host.ram_mib * limits.ram_share)
    if used + size.ram_mib > most_mib:
        return f"{host.name} would have promised {used + size.ram_mib} MiB of {most_mib}"
    return None


def _cluster_limitation(
    inventory: Inventory, machine: VirtualMachine, size: VirtualMachineSize, core: Core
) -> str | None:
    name = str(next(h.cluster for h in inventory.hosts if h.name == machine.host))
    room = cluster_room(inventory, name, core, but=machine)
    spare = core.headroom.spare_hosts
    for what, would, most in (
        ("MiB", room.ram_mib + size.ram_mib, room.most_mib),
        ("vCPU", room.vcpus + size.vcpus, room.most_vcpus),
    ):
        if would > most:
            return (
                f"cluster {name}: {would} {what} would be promised, and with its {spare} largest"
                f" hosts failed it has {most}"
            )
    return None
