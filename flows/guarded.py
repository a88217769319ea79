"""How what has state is changed: proposed, approved by signature, guarded again, done, told."""

from prefect import State
from prefect.states import Completed, Failed

from springtide.model.change import ChangeOutcome
from springtide.planning.approvals import proposal_text
from springtide.planning.telling import amount
from tasks.approvals import approved, show_proposal
from tasks.guarded import GuardedChange, show_change


async def guarded(change: GuardedChange, *, dry_run: bool) -> State[ChangeOutcome]:
    """Do what the change proposes once people have signed just that; stop at the first doubt.

    The run is suspended for the signature and begins anew with it: so all guards are asked again,
    and a plan that has changed since is refused. A run that was killed goes on without a new
    signature where what is left is the rest of what was approved, and the approval still holds.
    """
    found = await change.propose()
    proposal, rows = found.proposal, list(found.rows)
    if found.settled is not None:
        return Completed(message=f"nothing to do: {found.settled}")
    if dry_run:
        await show_proposal(proposal, proposal_text(proposal, rows))
        return Completed(message=f"dry run: plan {proposal.digest[:16]} was shown")
    approval = await change.standing_approval(proposal)
    if approval is None:
        approval = await approved(proposal, rows, change.approvers, now=change.now())
    outcome = await change.act(proposal, approval)
    await show_change(proposal, outcome, approval)
    if outcome.trouble is not None:
        told = f"stopped: {outcome.trouble}; {outcome.what_next}"
        return Failed(message=told, data=outcome)
    return Completed(message=f"done: {amount(len(outcome.done), 'step')}", data=outcome)
