"""Whether vCenter has room for every member of a cluster at its new size: one after another.

As an operator reads it: each member's machine has to find its room with the others grown before it,
or the last of them would be refused when the first are done. Each is shut down for it, also where
its flags would let it grow while it runs: so VMware Tools have to run in it. A member that is off
is in its step: for the size of that step it was looked at before, and is brought back in any case.
"""

from springtide.model.core import Core, VirtualMachineSize
from springtide.model.database import DatabaseCluster
from springtide.model.inventory import Inventory, Power, VirtualMachine
from springtide.model.virtual_machine_change import ResizeMode
from springtide.planning.virtual_machine_change import (
    machine_limitation,
    resize_plan,
    tools_limitation,
)


def members_room_limitation(
    cluster: DatabaseCluster,
    inventory: Inventory,
    size: VirtualMachineSize,
    core: Core,
    *,
    looked_at: bool,
) -> str | None:
    """Why not all members can be given that size; None where they can.

    `looked_at` says that the change that was cut off was to that size.

    Raises:
        NotFound, GuardRefused: vCenter shows no machine of a member's, or several.
    """
    grown = inventory
    for name in cluster.virtual_machines:
        machine = grown.virtual_machine(name)
        why_not = _limitation(grown, machine, size, core, looked_at=looked_at)
        if why_not is not None:
            return why_not
        changed = machine.model_copy(update={"size": size, "power": Power.ON})
        machines = (changed if m.name == name else m for m in grown.virtual_machines)
        grown = grown.model_copy(update={"virtual_machines": tuple(machines)})
    return None


def _limitation(
    grown: Inventory,
    machine: VirtualMachine,
    size: VirtualMachineSize,
    core: Core,
    *,
    looked_at: bool,
) -> str | None:
    if looked_at and machine.power is Power.OFF:
        return machine_limitation(machine)
    plan = resize_plan(grown, machine.name, size, core)
    if plan.mode is ResizeMode.REFUSED:
        return plan.reason
    return None if plan.mode is ResizeMode.NOTHING else tools_limitation(machine)
