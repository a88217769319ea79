"""Whether vCenter has room for every member of a cluster at its new size: one after another.

As an operator reads it: each member's machine has to find its room with the others grown before it,
or the last of them would be refused when the first are done.
"""

from springtide.model.core import Core, VirtualMachineSize
from springtide.model.database import DatabaseCluster
from springtide.model.inventory import Inventory
from springtide.model.virtual_machine_change import ResizeMode
from springtide.planning.virtual_machine_change import resize_plan


def members_room_limitation(
    cluster: DatabaseCluster, inventory: Inventory, size: VirtualMachineSize, core: Core
) -> str | None:
    """Why not all members can become that size; None where they can.

    Raises:
        NotFound, GuardRefused: vCenter shows no machine of a member's, or several.
    """
    grown = inventory
    for name in cluster.virtual_machines:
        plan = resize_plan(grown, name, size, core)
        if plan.mode is ResizeMode.REFUSED:
            return plan.reason
        machines = tuple(
            machine.model_copy(update={"size": size}) if machine.name == name else machine
            for machine in grown.virtual_machines
        )
        grown = grown.model_copy(update={"virtual_machines": machines})
    return None
