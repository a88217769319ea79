"""What a guarded change has to offer to be proposed, approved and carried out."""

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Protocol

from prefect import task
from prefect.artifacts import acreate_table_artifact

from springtide.model.approval import Approval, Proposal
from springtide.model.change import ChangeOutcome, Proposed
from springtide.planning.telling import Row
from tasks.approvals import Approvers
from tasks.outage import best_effort


class GuardedChange(Protocol):
    """A change of something that has state."""

    @property
    def approvers(self) -> Approvers:
        """Those who may approve it; asked for only where somebody has to."""
        ...

    def now(self) -> datetime:
        """The present."""
        ...

    async def propose(self) -> Proposed:
        """Look, ask every guard, and say what would be done.

        The same state of things has to give the same plan, to the letter: after its approval the
        run begins anew, and what it then proposes is compared with what was approved.

        Raises:
            GuardRefused: a guard says no.
        """
        ...

    async def standing_approval(self, proposal: Proposal) -> Approval | None:
        """An approval that was given to a run that was killed, of a plan whose rest this is."""
        ...

    async def act(self, proposal: Proposal, approval: Approval) -> ChangeOutcome:
        """Carry out the plan, step by step, each verified; stop at the first doubt."""
        ...


@dataclass
class EstateChange:
    """The part of a `GuardedChange` that does not depend on what is changed."""

    estate_file: Path

    @cached_property
    def approvers(self) -> Approvers:
        """Those whom the estate names; a dry run asks for nobody."""
        return Approvers.of(self.estate_file)

    def now(self) -> datetime:
        """The present."""
        return datetime.now(UTC)

    async def standing_approval(self, proposal: Proposal) -> Approval | None:
        """None: a run that was killed is approved anew."""
        del proposal
        return None


@task(task_run_name="show outcome of {proposal.kind}")
async def show_change(proposal: Proposal, outcome: ChangeOutcome, approval: Approval) -> None:
    """Show what was done, whose approval it was, and where it stopped and why."""
    rows: list[Row] = [{"measure": "approved by", "value": approval.approved_by}]
    rows += [{"measure": f"step {n}", "value": step} for n, step in enumerate(outcome.done, 1)]
    rows += [{"measure": name, "value": value} for name, value in outcome.facts]
    if outcome.trouble:
        rows += [
            {"measure": "stopped", "value": outcome.trouble},
            {"measure": "what to do now", "value": outcome.what_next},
        ]
    with best_effort("outcome"):
        await acreate_table_artifact(
            rows,
            key=f"outcome-{proposal.kind}",
            description=f"{proposal.kind} of {proposal.subject}: {outcome.trouble or 'done'}",
        )
