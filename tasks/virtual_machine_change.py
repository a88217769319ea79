"""A virtual machine's change of size, as a guarded change."""

import asyncio
from dataclasses import dataclass, field

from prefect import get_run_logger
from prefect.variables import Variable

from springtide.errors import CapacityExhausted, GuardRefused, SpringtideError
from springtide.model.approval import Approval, Proposal
from springtide.model.change import ChangeOutcome, Proposed
from springtide.model.core import VirtualMachineSize
from springtide.model.virtual_machine_change import (
    ApprovedResize,
    ResizeMode,
    ResizePlan,
    ResizeStep,
)
from springtide.planning.virtual_machine_change import (
    ran_with,
    resize_limitation,
    resize_plan,
    resize_rows,
    rest_limitation,
    what_next,
)
from tasks.change_windows import begin_limitation
from tasks.cloud import read_estate
from tasks.guarded import EstateChange
from tasks.private_cloud import read_core, start_again, take_resize_step

KIND = "resize-virtual-machine"


@dataclass
class VirtualMachineChange(EstateChange):
    """A new size for a virtual machine that is no member of a cluster."""

    name: str
    size: VirtualMachineSize
    may_shut_down: bool
    emergency: str = ""
    """Why a shutdown cannot wait for a better hour; empty: it can."""
    _left: ApprovedResize | None = field(default=None, init=False)
    """What a run that was killed has left of a change of this machine."""

    async def propose(self) -> Proposed:
        """The plan, as what vCenter shows now lets it.

        Raises:
            GuardRefused: a guard says no.
        """
        estate = read_estate(self.estate_file)
        core = estate.private_cloud()
        if (why_not := resize_limitation(self.name, core)) is not None:
            raise GuardRefused(why_not)
        inventory = await asyncio.to_thread(read_core.submit(self.estate_file).result)
        self._left = await _left_of(inventory.virtual_machine(self.name).id)
        plan = resize_plan(inventory, self.name, self.size, core, left=self._left)
        if plan.mode is ResizeMode.REFUSED:
            raise GuardRefused(plan.reason)
        if ResizeStep.SHUT_DOWN in plan.steps:
            if (why_not := await self._shutdown_limitation(plan)) is not None:
                raise GuardRefused(why_not)
            plan = plan.model_copy(update={"emergency": self.emergency})
        return Proposed(
            proposal=Proposal.of(KIND, self.name, plan),
            rows=tuple(resize_rows(plan)),
            settled=plan.reason if plan.mode is ResizeMode.NOTHING else None,
        )

    async def _shutdown_limitation(self, plan: ResizePlan) -> str | None:
        """Why it is not shut down now; one that is off already is gone on with at any hour."""
        if not self.may_shut_down:
            return f"{self.name} would have to be shut down: {plan.reason}"
        if self.emergency:
            return None
        before = read_estate(self.estate_file).private_cloud().before_window_minutes
        return await begin_limitation(self.estate_file, before_minutes=before, now=self.now())

    async def standing_approval(self, proposal: Proposal) -> Approval | None:
        """The approval that a killed run of the same change has left, while it holds.

        Its signatures are verified again: whoever can write Prefect's variables approves nothing.
        """
        left = self._left
        if left is None:
            return None
        why_not = rest_limitation(ResizePlan.model_validate(proposal.plan), left.plan)
        if why_not is None:
            try:
                return self.approvers.approval(
                    Proposal.of(KIND, self.name, left.plan),
                    left.statement,
                    left.signatures,
                    now=self.now(),
                )
            except GuardRefused as error:
                why_not = str(error)
        get_run_logger().info("approval=not-standing why=%s", why_not)
        return None

    async def act(self, proposal: Proposal, approval: Approval) -> ChangeOutcome:
        """Take the plan's steps, each verified by vCenter's own view; stop at the first doubt."""
        plan = ResizePlan.model_validate(proposal.plan)
        if approval.digest == proposal.digest:
            await self._remember(plan, approval)
        done: list[str] = []
        for step in plan.steps:
            future = take_resize_step.submit(step, plan, self.estate_file, approval)
            try:
                await asyncio.to_thread(future.result)
            except SpringtideError as error:
                return await self._stopped((plan, step), error, done=done, approval=approval)
            done.append(str(step))
        await Variable.aunset(_variable(plan.id))
        facts = (("from", str(plan.before)), ("to", str(plan.after)))
        return ChangeOutcome(done=tuple(done), facts=facts)

    async def _remember(self, plan: ResizePlan, approval: Approval) -> None:
        """Keep what a run that takes over has to verify."""
        left = ApprovedResize(
            plan=plan,
            statement=approval.statement,
            signatures=approval.signatures,
            ran_with=ran_with(plan, self._left),
        )
        await Variable.aset(_variable(plan.id), left.model_dump(mode="json"), overwrite=True)

    async def _stopped(
        self,
        where: tuple[ResizePlan, ResizeStep],
        error: SpringtideError,
        *,
        done: list[str],
        approval: Approval,
    ) -> ChangeOutcome:
        plan, step = where
        refused = isinstance(error, GuardRefused | CapacityExhausted)
        # Whoever shut it down, this run or the one that was killed.
        was_on = ran_with(plan, self._left) is not None
        if refused and step is ResizeStep.RECONFIGURE and was_on:
            future = start_again.submit(plan, self.estate_file, approval)
            try:
                await asyncio.to_thread(future.result)
            except SpringtideError as second:
                error = SpringtideError(f"{error}; and it did not start as it was: {second}")
            else:
                done.append("started again as it was")
        return ChangeOutcome(
            done=tuple(done), trouble=str(error), what_next=what_next(step, self.name)
        )


async def _left_of(machine: str) -> ApprovedResize | None:
    """What is kept of that virtual machine's change; None where nothing is, or nothing readable."""
    stored = await Variable.aget(_variable(machine))
    try:
        return ApprovedResize.model_validate(stored)
    except ValueError:
        return None


def _variable(machine: str) -> str:
    """Where the approval of that virtual machine's change is kept."""
    return f"approved_resize_{machine.lower()}"
