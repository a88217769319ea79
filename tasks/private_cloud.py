"""The private cloud: what vCenter shows, and one step of a change at a time."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import cast
from uuid import UUID

from prefect import get_run_logger, task
from prefect.artifacts import create_progress_artifact, update_progress_artifact

from springtide.clouds.vcenter.access import VCenter
from springtide.clouds.vcenter.waiting import Progress
from springtide.errors import GuardRefused
from springtide.model.approval import Approval
from springtide.model.inventory import Inventory, Power, VirtualMachine
from springtide.model.virtual_machine_change import ResizePlan, ResizeStep
from springtide.planning.virtual_machine_change import machine_limitation
from tasks.cloud import open_audit, read_estate
from tasks.outage import best_effort
from tasks.retrying import may_pass

_PROGRESS = "vcenter-task"


def open_vcenter(estate_file: Path, approval: Approval | None = None) -> VCenter:
    """The estate's vCenter; what is changed there is audited, with whose approval it was.

    Raises:
        Misconfigured: the estate has no private cloud, or its files or credentials are not there.
    """
    by = tuple(signer.name for signer in approval.signers) if approval else ()
    estate = read_estate(estate_file)
    return VCenter.open(estate.private_cloud(), open_audit(estate, by))


@task(
    task_run_name="read the private cloud",
    retries=2,
    retry_delay_seconds=[2, 10],
    retry_condition_fn=may_pass,
)
def read_core(estate_file: Path) -> Inventory:
    """Everything that vCenter shows, now."""
    with open_vcenter(estate_file) as vcenter:
        return vcenter.read()


@task(
    task_run_name="{step} ({plan.name})",
    retries=3,
    retry_delay_seconds=[2, 10, 30],
    retry_condition_fn=may_pass,
)
def take_resize_step(
    step: ResizeStep, plan: ResizePlan, estate_file: Path, approval: Approval
) -> VirtualMachine:
    """Take that step of the plan and return what vCenter shows then; taken already is success.

    Raises:
        GuardRefused: the virtual machine is not the one that the plan was made for any more.
        DeadlinePassed: it was begun and is under way still.
        CapacityExhausted: it finds no room.
    """
    why = f"resize approved by {approval.approved_by}"
    with open_vcenter(estate_file, approval) as vcenter:
        now = vcenter.virtual_machine(plan.name)
        if now.id != plan.id or now.size not in (plan.before, plan.after):
            raise GuardRefused(f"{plan.name} is not what the plan was made for: {now.size}")
        if (why_not := machine_limitation(now)) is not None:
            raise GuardRefused(why_not)
        get_run_logger().info("step=%s machine=%s size=%s", step, plan.name, now.size)
        match step:
            case ResizeStep.SHUT_DOWN:
                return vcenter.shut_down_guest(plan.name, why=why)
            case ResizeStep.RECONFIGURE:
                # A shutdown of ours may have moved the version on; what else could have, could
                # not while it was to be approved: the plan has to be the same then.
                shut_down = ResizeStep.SHUT_DOWN in plan.steps
                if shut_down and now.power is not Power.OFF:
                    raise GuardRefused(f"{plan.name} was powered on by somebody meanwhile")
                version = now.change_version if shut_down else plan.change_version
                with shown_progress(f"{plan.name} becomes {plan.after}") as progress:
                    return vcenter.resize(
                        plan.name, plan.after, change_version=version, why=why, progress=progress
                    )
            case ResizeStep.POWER_ON:
                with shown_progress(f"{plan.name} starts") as progress:
                    return vcenter.power_on(plan.name, why=why, progress=progress)


@contextmanager
def shown_progress(what: str) -> Iterator[Progress]:
    """Show how far vCenter's task is; what is not shown hinders nobody.

    There is something to see only of a task that takes long enough to report twice.
    """
    shown: UUID | None = None

    def show(percent: int) -> None:
        nonlocal shown
        with best_effort("progress"):
            if shown is None:
                made = create_progress_artifact(float(percent), key=_PROGRESS, description=what)
                shown = cast("UUID", made)
            else:
                update_progress_artifact(shown, progress=float(percent))

    yield show
    if shown is not None:
        show(100)


@task(task_run_name="start again as it was ({plan.name})", retries=1, retry_delay_seconds=5)
def start_again(plan: ResizePlan, estate_file: Path, approval: Approval) -> VirtualMachine:
    """Start a virtual machine whose new size was refused; it runs as it did before."""
    with open_vcenter(estate_file, approval) as vcenter:
        return vcenter.power_on(plan.name, why="its new size was refused: as it was before")
