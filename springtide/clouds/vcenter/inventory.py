"""From vCenter's properties to our models."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pyVmomi import vim

from springtide.clouds.vcenter.reading import Properties, by_id, id_of, read_all, read_some
from springtide.errors import GuardRefused, NotFound
from springtide.model.core import VirtualMachineSize
from springtide.model.inventory import (
    Cluster,
    Datastore,
    GuestDisk,
    Host,
    Inventory,
    Power,
    VirtualMachine,
)

MIB = 1024**2
_MACHINE = (
    "name",
    "config.annotation",
    "config.changeVersion",
    "config.cpuHotAddEnabled",
    "config.files.vmPathName",
    "config.guestId",
    "config.hardware.memoryMB",
    "config.hardware.numCPU",
    "config.hardware.numCoresPerSocket",
    "config.hotPlugMemoryIncrementSize",
    "config.hotPlugMemoryLimit",
    "config.memoryAllocation.reservation",
    "config.memoryHotAddEnabled",
    "config.template",
    "datastore",
    "guest.disk",
    "guest.guestFamily",
    "guest.toolsRunningStatus",
    "runtime.connectionState",
    "runtime.host",
    "runtime.powerState",
    "runtime.question",
    "snapshot",
)
_HOST = (
    "name",
    "overallStatus",
    "parent",
    "runtime.connectionState",
    "runtime.inMaintenanceMode",
    "summary.hardware.memorySize",
    "summary.hardware.numCpuCores",
    "summary.quickStats.overallMemoryUsage",
)
_DATASTORE = (
    "host",
    "name",
    "summary.accessible",
    "summary.capacity",
    "summary.freeSpace",
    "summary.maintenanceMode",
)
_CLUSTER = ("name", "configurationEx")
_POWERS = {"poweredOn": Power.ON, "poweredOff": Power.OFF, "suspended": Power.SUSPENDED}


def read_inventory(content: Any, at: datetime) -> Inventory:  # noqa: ANN401 - pyVmomi's objects have no types
    """Everything, by one bulk read for each kind; sorted by name."""
    clusters = dict(read_all(content, vim.ClusterComputeResource, _CLUSTER))
    hosts = dict(read_all(content, vim.HostSystem, _HOST))
    datastores = dict(read_all(content, vim.Datastore, _DATASTORE))
    machines = read_all(content, vim.VirtualMachine, _MACHINE)
    names = {id_: str(found["name"]) for id_, found in (hosts | datastores | clusters).items()}
    return Inventory(
        at=at,
        clusters=_sorted(_cluster(found) for found in clusters.values()),
        hosts=_sorted(_host(found, names) for found in hosts.values()),
        datastores=_sorted(_datastore(found, names) for found in datastores.values()),
        virtual_machines=_sorted(_machine(id_, found, names) for id_, found in machines),
    )


def find_machine(content: Any, name: str) -> Any:  # noqa: ANN401 - as above
    """PyVmomi's object for the virtual machine of that name.

    Raises:
        NotFound: there is none.
        GuardRefused: there are several.
    """
    ids = [
        id_
        for id_, found in read_all(content, vim.VirtualMachine, ("name",))
        if found["name"] == name
    ]
    if not ids:
        raise NotFound(f"vCenter has no virtual machine {name!r}")
    if len(ids) > 1:
        raise GuardRefused(f"vCenter has {len(ids)} virtual machines {name!r}: {', '.join(ids)}")
    return by_id(content, vim.VirtualMachine, ids[0])


def read_machine(content: Any, machine: Any) -> VirtualMachine:  # noqa: ANN401 - as above
    """That one, read afresh."""
    ((id_, found),) = read_some(content, [machine], vim.VirtualMachine, _MACHINE)
    places = [found["runtime.host"]] if "runtime.host" in found else []
    names = {i: str(p["name"]) for i, p in read_some(content, places, vim.HostSystem, ("name",))}
    stores = found.get("datastore") or []
    names |= {i: str(p["name"]) for i, p in read_some(content, stores, vim.Datastore, ("name",))}
    return _machine(id_, found, names)


def _sorted(found: Any) -> Any:  # noqa: ANN401 - any of our models that has a name
    return tuple(sorted(found, key=lambda each: (each.name, getattr(each, "id", ""))))


def _machine(id_: str, found: Properties, names: Mapping[str, str]) -> VirtualMachine:
    get = found.get
    linux = get("guest.guestFamily") == "linuxGuest" or _names_linux(get("config.guestId"))
    return VirtualMachine(
        id=id_,
        name=get("name", id_),
        size=VirtualMachineSize.model_construct(
            vcpus=get("config.hardware.numCPU", 0), ram_mib=get("config.hardware.memoryMB", 0)
        ),
        cores_per_socket=get("config.hardware.numCoresPerSocket") or 1,
        power=_POWERS[get("runtime.powerState", "poweredOff")],
        connected=get("runtime.connectionState") == "connected",
        question=_question(get("runtime.question")),
        template=bool(get("config.template")),
        host=names.get(id_of(get("runtime.host"))),
        home=_home(get("config.files.vmPathName")),
        datastores=tuple(sorted(names.get(id_of(each), "") for each in get("datastore") or ())),
        reserved_mib=get("config.memoryAllocation.reservation") or 0,
        cpu_hot_add=bool(get("config.cpuHotAddEnabled")),
        memory_hot_add=bool(get("config.memoryHotAddEnabled")),
        hot_add_limit_mib=get("config.hotPlugMemoryLimit") or None,
        hot_add_step_mib=get("config.hotPlugMemoryIncrementSize") or None,
        linux=linux,
        tools_running=get("guest.toolsRunningStatus") == "guestToolsRunning",
        snapshots=_snapshot_names(get("snapshot")),
        guest_disks=_guest_disks(get("guest.disk") or ()),
        change_version=get("config.changeVersion", ""),
        annotation=get("config.annotation") or "",
    )


def _guest_disks(disks: Any) -> tuple[GuestDisk, ...]:  # noqa: ANN401 - as above
    return tuple(
        GuestDisk(path=str(disk.diskPath), free_bytes=disk.freeSpace)
        for disk in disks
        if disk.diskPath and disk.freeSpace is not None
    )


def _host(found: Properties, names: Mapping[str, str]) -> Host:
    get = found.get
    return Host(
        name=found["name"],
        cluster=names.get(id_of(get("parent"))),
        connected=get("runtime.connectionState") == "connected",
        in_maintenance=bool(get("runtime.inMaintenanceMode")),
        status=str(get("overallStatus", "gray")),
        cores=get("summary.hardware.numCpuCores", 0),
        ram_mib=get("summary.hardware.memorySize", 0) // MIB,
        used_mib=get("summary.quickStats.overallMemoryUsage", 0),
    )


def _datastore(found: Properties, names: Mapping[str, str]) -> Datastore:
    get = found.get
    mounts = [mount for mount in get("host") or () if mount.mountInfo.mounted is not False]
    return Datastore(
        name=found["name"],
        capacity_bytes=get("summary.capacity", 0),
        free_bytes=get("summary.freeSpace", 0),
        accessible=bool(get("summary.accessible")),
        in_maintenance=get("summary.maintenanceMode", "normal") != "normal",
        hosts=tuple(sorted(names.get(id_of(mount.key), "") for mount in mounts)),
    )


def _cluster(found: Properties) -> Cluster:
    drs = getattr(found.get("configurationEx"), "drsConfig", None)
    automated = getattr(drs, "defaultVmBehavior", None) == "fullyAutomated"
    return Cluster(
        name=found["name"], places_anywhere=bool(getattr(drs, "enabled", False) and automated)
    )


def _home(path: str | None) -> str:
    """The datastore of `[ssd-1] web-1/web-1.vmx`."""
    return (path or "").partition("]")[0].removeprefix("[")


def _names_linux(guest_id: str | None) -> bool:
    families = ("linux", "debian", "ubuntu", "rhel", "centos", "sles", "oracle", "rocky", "alma")
    return any(family in (guest_id or "").lower() for family in families)


def _question(question: Any) -> str | None:  # noqa: ANN401 - as above
    return None if question is None else str(question.text)


def _snapshot_names(info: Any) -> tuple[str, ...]:  # noqa: ANN401 - as above
    found: list[str] = []
    trees = list(getattr(info, "rootSnapshotList", None) or ())
    while trees:
        tree = trees.pop(0)
        found.append(str(tree.name))
        trees.extend(tree.childSnapshotList or ())
    return tuple(found)
