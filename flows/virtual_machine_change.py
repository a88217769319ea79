"""Vertical scaling in the private cloud: a virtual machine that is no cluster's member.

Members of database clusters are refused: one at a time, and by their cluster's own flows.
"""

from prefect import State, flow

from flows.guarded import guarded
from springtide.estate import estate_path
from springtide.model.change import ChangeOutcome
from springtide.model.core import VirtualMachineSize
from tasks.virtual_machine_change import VirtualMachineChange


@flow(name="resize-virtual-machine", flow_run_name="resize {name}")
async def resize_virtual_machine(  # noqa: PLR0913 - a form
    name: str,
    vcpus: int,
    ram_gib: float,
    *,
    may_shut_down: bool = False,
    emergency: str = "",
    dry_run: bool = True,
) -> State[ChangeOutcome]:
    """Give a virtual machine another size, once people have signed the plan; it runs afterwards.

    Args:
        name: Its name in vCenter; one of those that the estate's `core` lists.
        vcpus: How many virtual cores it is to have.
        ram_gib: How much memory it is to have, in GiB.
        may_shut_down: Shut its guest down where the change cannot be made while it runs.
        emergency: Why a shutdown cannot wait for the end of a window; empty: it can.
        dry_run: Show the plan and what speaks against it; change nothing.
    """
    size = VirtualMachineSize(vcpus=vcpus, ram_mib=round(ram_gib * 1024))
    change = VirtualMachineChange(estate_path(), name, size, may_shut_down, emergency)
    return await guarded(change, dry_run=dry_run)
