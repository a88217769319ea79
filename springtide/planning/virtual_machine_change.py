"""How a virtual machine gets another size: hot, cold or not at all, each with its reason.

As an operator reads it: it grows while it runs where its hot-add flags are set, the new memory is
below the limit that vCenter set at its start (16 times what it started with) and a multiple of the
step, and, for a Linux of 3 GiB or less, not above 3 GiB. Anything else means shutting it down: to
shrink it, above all. It is refused where it has snapshots, waits for an answer, would be larger
than the estate allows, or finds no room (`core_room`); and where it would have to be shut down and
VMware Tools do not run in it, as nobody can then ask its guest. One that a run has shut down and
left, as it was killed, has its room still: for what it ran with, or less.

Example: 8 vCPU and 32 GiB, flags set, wanted 8 and 64: hot. Without the memory flag: cold. With a
snapshot of last week: refused, and the snapshot is named.

Source: VMware, KB 2008405 (Linux above 3 GB); vSphere Web Services API, `VirtualMachineConfigInfo`,
`hotPlugMemoryLimit` and `hotPlugMemoryIncrementSize`.
"""

from collections.abc import Iterator

from springtide.model.core import Core, VirtualMachineSize
from springtide.model.inventory import Inventory, Power, VirtualMachine
from springtide.model.virtual_machine_change import (
    ApprovedResize,
    ResizeMode,
    ResizePlan,
    ResizeStep,
)
from springtide.planning.core_room import (
    headroom_limitation,
    snapshot_limitation,
    swap_limitation,
)
from springtide.planning.telling import Row

HOT_ADD_TIMES = 16
"""Memory grows to at most this many times what it was at the start."""
LINUX_STEP_MIB = 3072
"""A Linux that started with this or less does not grow above it while it runs."""
_NUMA_VCPUS = 8

_HOT = (ResizeStep.RECONFIGURE,)
_COLD = (ResizeStep.SHUT_DOWN, ResizeStep.RECONFIGURE, ResizeStep.POWER_ON)


def resize_plan(
    inventory: Inventory,
    name: str,
    size: VirtualMachineSize,
    core: Core,
    *,
    left: ApprovedResize | None = None,
) -> ResizePlan:
    """The plan for that virtual machine; refused where a guard says no.

    `left` is what a run that was killed has left of it.

    Raises:
        NotFound: vCenter shows no such virtual machine.
        GuardRefused: it shows several.
    """
    machine = inventory.virtual_machine(name)
    colds = tuple(_cold_reasons(machine, size))
    mode = ResizeMode.COLD if colds else ResizeMode.HOT
    if machine.size == size and machine.power is Power.ON:
        return _plan(machine, size, ResizeMode.NOTHING, "it is as wanted already")
    reason = "; ".join(colds) or "its flags and limits allow it while it runs"
    plan = _plan(machine, size, mode, reason)
    roomy = _as_it_ran(machine, plan, left)
    why_not = (
        machine_limitation(machine)
        or _size_limitation(machine, size, core)
        or (tools_limitation(machine) if mode is ResizeMode.COLD else None)
        or headroom_limitation(inventory, roomy, size, core, restarted=bool(colds))
        or swap_limitation(inventory, roomy, size, core)
    )
    return plan if why_not is None else _plan(machine, size, ResizeMode.REFUSED, why_not)


def resize_limitation(name: str, core: Core) -> str | None:
    """Why a virtual machine of that name is none of this flow's; None where it is."""
    if name in core.virtual_machines:
        return None
    known = ", ".join(core.virtual_machines) or "none is listed"
    return f"{name} is not among the estate's core.virtual_machines ({known})"


def what_next(step: ResizeStep, name: str) -> str:
    """What a person does where that step did not come to its end."""
    match step:
        case ResizeStep.SHUT_DOWN:
            return (
                f"look at the console of {name}: its guest was asked to shut down; once it is off,"
                " run this again, which goes on from there"
            )
        case ResizeStep.RECONFIGURE:
            return (
                f"look at the tasks of {name} in vCenter, then run this again; if it was shut down"
                " for it, it may be off"
            )
        case ResizeStep.POWER_ON:
            return f"{name} is off: make room and run this again, or power it on by hand"


def machine_limitation(machine: VirtualMachine) -> str | None:
    """Why this virtual machine is not one to be changed now; None where it is."""
    name = machine.name
    if machine.template:
        return f"{name}: it is a template"
    if machine.out_of_reach is not None:
        return f"{name}: {machine.out_of_reach}"
    if machine.power is Power.SUSPENDED:
        return f"{name}: it is suspended"
    if machine.question is not None:
        return f"{name}: it waits for an answer: {machine.question}"
    return snapshot_limitation(machine)


def tools_limitation(machine: VirtualMachine) -> str | None:
    """Why it cannot be shut down; None where its guest can be asked, or it is off."""
    if machine.power is Power.ON and not machine.tools_running:
        return f"{machine.name}: VMware Tools do not run, so its guest cannot be asked to shut down"
    return None


def rest_limitation(plan: ResizePlan, approved: ResizePlan) -> str | None:
    """Why this plan is not what is left of the approved one; None where it is.

    What is left is the approved plan's end, for the same machine and the same new size. A machine
    that has neither its old nor its new size was changed by somebody else.
    """
    if (plan.id, plan.after) != (approved.id, approved.after):
        return "another machine or another size was approved"
    if plan.before not in (approved.before, approved.after):
        return f"{plan.name} has {plan.before}, which is neither its old nor its new size"
    left = len(plan.steps)
    if left == 0 or plan.steps != approved.steps[-left:]:
        return "what is left is not the end of what was approved"
    if plan.before == approved.before and plan.steps == approved.steps:
        same = plan.change_version == approved.change_version
        return None if same else f"{plan.name} was changed since it was approved"
    return None


def ran_with(plan: ResizePlan, left: ApprovedResize | None) -> VirtualMachineSize | None:
    """What it had when it was shut down for this plan, or for what was left of it.

    None: it was not. `left` is what a run that was killed has left, be its approval over or not.
    """
    if ResizeStep.SHUT_DOWN in plan.steps:
        return plan.before
    if left is None or rest_limitation(plan, left.plan) is not None:
        return None
    return left.ran_with


def resize_rows(plan: ResizePlan) -> list[Row]:
    """The plan for a person."""
    rows: list[Row] = [
        {"measure": "virtual machine", "value": f"{plan.name} ({plan.id})"},
        {"measure": "from", "value": str(plan.before)},
        {"measure": "to", "value": str(plan.after)},
        {"measure": "how", "value": f"{plan.mode}: {plan.reason}"},
    ]
    rows += [{"measure": f"step {n}", "value": step} for n, step in enumerate(plan.steps, 1)]
    rows += [{"measure": "note", "value": note} for note in plan.notes]
    if plan.emergency:
        rows.append({"measure": "in spite of a window", "value": plan.emergency})
    return rows


def _plan(
    machine: VirtualMachine, size: VirtualMachineSize, mode: ResizeMode, reason: str
) -> ResizePlan:
    return ResizePlan(
        id=machine.id,
        name=machine.name,
        mode=mode,
        reason=reason,
        before=machine.size,
        after=size,
        change_version=machine.change_version,
        steps=_steps(machine, size, mode),
        notes=tuple(_notes(machine, size, mode)),
    )


def _steps(
    machine: VirtualMachine, size: VirtualMachineSize, mode: ResizeMode
) -> tuple[ResizeStep, ...]:
    if mode is ResizeMode.HOT:
        return _HOT
    if mode is not ResizeMode.COLD:
        return ()
    steps = _COLD if machine.power is Power.ON else _COLD[1:]
    return steps if machine.size != size else _COLD[2:]


def _cold_reasons(machine: VirtualMachine, size: VirtualMachineSize) -> Iterator[str]:
    """Why the change cannot be made while it runs."""
    if machine.power is not Power.ON:
        yield "it is off"
        return
    now = machine.size
    if size.vcpus < now.vcpus:
        yield f"fewer cores than {now.vcpus} need it off"
    if size.vcpus > now.vcpus and not machine.cpu_hot_add:
        yield "hot add of cores is not enabled"
    if size.ram_mib < now.ram_mib:
        yield f"less memory than {now.ram_mib} MiB needs it off"
    if size.ram_mib > now.ram_mib:
        yield from _cold_memory_reasons(machine, size.ram_mib)


def _cold_memory_reasons(machine: VirtualMachine, ram_mib: int) -> Iterator[str]:
    if not machine.memory_hot_add:
        yield "hot add of memory is not enabled"
        return
    # It started with what it has, or less: vCenter's own limit may be the lower one.
    most = HOT_ADD_TIMES * machine.size.ram_mib
    if machine.linux and machine.size.ram_mib <= LINUX_STEP_MIB:
        most = LINUX_STEP_MIB
    most = min(most, machine.hot_add_limit_mib or most)
    if ram_mib > most:
        yield f"{ram_mib} MiB are above what it can be given while it runs, {most} MiB"
    step = machine.hot_add_step_mib or 1
    if (ram_mib - machine.size.ram_mib) % step:
        yield f"memory is added in steps of {step} MiB"


def _as_it_ran(
    machine: VirtualMachine, plan: ResizePlan, left: ApprovedResize | None
) -> VirtualMachine:
    """The machine as its room is looked for: shut down for this, and made no larger, it has it."""
    ran = ran_with(plan, left)
    if machine.power is Power.ON or ran is None or plan.after.exceeds(ran):
        return machine
    return machine.model_copy(update={"power": Power.ON, "size": ran})


def _size_limitation(machine: VirtualMachine, size: VirtualMachineSize, core: Core) -> str | None:
    most = core.largest
    if size.exceeds(most):
        return f"{machine.name}: {size} is more than the estate allows, {most}"
    if size.vcpus % machine.cores_per_socket:
        return (
            f"{machine.name}: {size.vcpus} vCPU are no multiple of its {machine.cores_per_socket}"
            " cores per socket"
        )
    if size.ram_mib < machine.reserved_mib:
        return f"{machine.name}: {machine.reserved_mib} MiB are reserved for it: lower that first"
    return None


def _notes(machine: VirtualMachine, size: VirtualMachineSize, mode: ResizeMode) -> Iterator[str]:
    if machine.cpu_hot_add and size.vcpus > _NUMA_VCPUS:
        yield "hot add of cores is on: its guest sees one NUMA node, however many it spans"
    if machine.power is Power.OFF:
        yield "it is off now, and runs afterwards"
    elif mode is ResizeMode.COLD:
        yield "where its new size is refused, it is started again as it was"
