"""Approvals by signature: a plan is shown, the run is suspended, what was signed is verified."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from prefect import get_run_logger, task
from prefect.artifacts import acreate_markdown_artifact
from prefect.context import FlowRunContext
from prefect.flow_runs import asuspend_flow_run
from prefect.input import RunInput

from springtide.clouds.ssh_signatures import Signatures
from springtide.errors import GuardRefused, Misconfigured
from springtide.estate import approval_files
from springtide.model.approval import Approval, ApprovalPolicy, Proposal
from springtide.model.base import Moment
from springtide.planning.approvals import (
    approval_text,
    approved_until,
    proposal_text,
    signers_limitation,
    statement_limitation,
    statement_of,
    tidy_statement,
)
from springtide.planning.telling import Row
from tasks.cloud import read_estate
from tasks.outage import best_effort

_KEY = "approval"
"""Of the suspension: a run that is resumed finds its answer, whatever the plan has become."""


class Signed(RunInput):
    """A person's answer to a proposal: the line that was shown, and their signature of it."""

    statement: str
    """The line that was signed, as it was shown."""
    signature: str
    """What the command that was shown has printed."""


class SignedByTwo(Signed):
    """The answer of two people."""

    second_signature: str
    """What it has printed for the other person."""


@dataclass(frozen=True)
class Approvers:
    """Those who may approve, as the estate says."""

    policy: ApprovalPolicy
    signatures: Signatures

    @classmethod
    def of(cls, estate_file: Path, *, minutes: float | None = None) -> Self:
        """The estate's; with `minutes` an approval is awaited so long, and good so long.

        Raises:
            Misconfigured: the estate names nobody, or a file that it names is missing.
        """
        policy = read_estate(estate_file).approvals
        if policy is None:
            raise Misconfigured(
                "nobody can approve this: the estate names no signers",
                field="approvals",
                allowed="allowed_signers_file, a file of people's public keys",
            )
        signatures = Signatures(*approval_files(policy, estate_file))
        if minutes is not None:
            policy = policy.model_copy(update={"minutes": minutes})
        return cls(policy, signatures)

    def approval(
        self, proposal: Proposal, statement: str, signatures: Sequence[str], *, now: Moment
    ) -> Approval:
        """The approval of the proposal that these signatures of the statement are.

        Raises:
            GuardRefused: they approve nothing, or something else; the message says why.
        """
        line = tidy_statement(statement)
        if (why_not := statement_limitation(line, proposal, self.policy, now)) is not None:
            raise GuardRefused(why_not)
        signers = tuple(self.signatures.verify(line, signature) for signature in signatures)
        if (why_not := signers_limitation(signers, proposal)) is not None:
            raise GuardRefused(why_not)
        return Approval(
            digest=proposal.digest,
            until=approved_until(line),
            statement=line,
            signatures=tuple(signatures),
            signers=signers,
        )


async def approved(
    proposal: Proposal, rows: list[Row], approvers: Approvers, *, now: Moment
) -> Approval:
    """The people's approval of just this proposal; until it is given the run takes no process.

    A run that is resumed begins anew: it has to propose the same again, else it is refused.

    Raises:
        GuardRefused: another plan was approved, or too late, or not by whom it should have been.
    """
    statement = statement_of(proposal, approvers.policy, now)
    text = f"{proposal_text(proposal, rows)}\n{approval_text(proposal, statement)}"
    if not _was_answered():
        await show_proposal(proposal, text)
        get_run_logger().warning("approval=awaited act=%s plan=%s", proposal.kind, proposal.digest)
    form = Signed if proposal.signatures == 1 else SignedByTwo
    answer = await asuspend_flow_run(
        wait_for_input=form.with_initial_data(description=text),
        timeout=round(approvers.policy.minutes * 60),
        key=_KEY,
    )
    signatures = [text for name, text in answer if name.endswith("signature")]
    approval = await asyncio.to_thread(
        approvers.approval, proposal, answer.statement, signatures, now=now
    )
    get_run_logger().info("approval=given plan=%s by=%s", approval.digest, approval.approved_by)
    return approval


def _was_answered() -> bool:
    """Whether this run was suspended already, and goes on with the answer."""
    context = FlowRunContext.get()
    run = context.flow_run if context else None
    return run is not None and _KEY in (run.empirical_policy.pause_keys or ())


@task(task_run_name="propose {proposal.kind} of {proposal.subject}")
async def show_proposal(proposal: Proposal, text: str) -> None:
    """Show what is about to be done, before anything is; and how it is approved."""
    with best_effort("proposal"):
        told = f"{proposal.kind} of {proposal.subject}: what is to be approved, and how"
        await acreate_markdown_artifact(text, key=f"proposal-{proposal.kind}", description=told)
