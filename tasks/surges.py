"""Surges: shown before they begin, approved by a person where they go beyond, accepted once."""

from dataclasses import replace

from prefect import task
from prefect.artifacts import acreate_table_artifact

from springtide.errors import GuardRefused
from springtide.model.base import Moment
from springtide.model.claim import Claim
from springtide.model.surge import SurgePlan, SurgePolicy, SurgeRequest
from springtide.planning.deciding import Decider
from springtide.planning.emergency_surge import (
    accepted_at,
    approvable,
    claim_of,
    proposal_of,
    proposed,
    surge_claim,
    surge_plan,
    surge_rows,
)
from springtide.planning.surge_budget import spending_of
from springtide.pricing.surge_cost import surge_cost
from tasks.approvals import Approvers, approved
from tasks.claims import store_entry
from tasks.outage import best_effort
from tasks.watch import FleetWatch


async def accepted_claim(
    watch: FleetWatch, decider: Decider, request: SurgeRequest, *, dry_run: bool
) -> Claim:
    """The claim that the request is: the one that stands already, else a new one.

    Raises:
        GuardRefused: it was not approved, or its key stands for another surge, or for one that is
            over.
    """
    policy = watch.fleet.surge
    if policy is None:
        raise GuardRefused(f"fleet {watch.fleet.name} has no surges")
    seen = await watch.look()
    if (standing := claim_of(request, seen.book)) is not None:
        return standing
    before = accepted_at(request, seen.book, seen.now)
    plan = proposed(request, seen.book)
    if plan is None:
        wished = replace(decider, orders=(surge_claim(request, before or seen.now),))
        cost = surge_cost(watch.fleet, servers=request.servers, hours=request.hours)
        plan = surge_plan(request, policy, cost, first=wished.plan(seen), book=seen.book)
    with best_effort("surge's plan"):
        await show_surge(plan)
    if dry_run:
        return surge_claim(request, before or seen.now)
    approver = await approve_surge(watch, plan, policy, seen.now) if plan.beyond else None
    claim = surge_claim(request, before or watch.now(), approved_by=approver)
    await accept_surge(plan, claim)
    return claim


@task(task_run_name="show surge of {plan.request.fleet}")
async def show_surge(plan: SurgePlan) -> None:
    """Show what the surge comes to, before anything is created."""
    limits = "; ".join(plan.beyond)
    said = f"needs an approval: {limits}" if limits else "within what is authorised"
    await acreate_table_artifact(
        surge_rows(plan), key=f"surge-{plan.request.fleet}", description=f"{said}."
    )


async def approve_surge(
    watch: FleetWatch, plan: SurgePlan, policy: SurgePolicy, now: Moment
) -> str:
    """Who approved the plan by their signature; until then the run is suspended.

    Raises:
        GuardRefused: another plan was approved than the one that was shown, or not by its people.
        Misconfigured: the estate names nobody who may approve.
    """
    approvers = Approvers.of(watch.estate_file, minutes=policy.approval_minutes)
    await store_entry(proposal_of(plan, policy, now))
    approval = await approved(approvable(plan), surge_rows(plan), approvers, now=now)
    return approval.approved_by


async def accept_surge(plan: SurgePlan, claim: Claim) -> None:
    """Take the surge from the month's budget, then store its claim: from here on it is kept.

    Killed between the two, it was paid for and did not begin; asked for again, it is paid for once,
    and ends when it would have ended.
    """
    spending = spending_of(claim, plan.cost, at=claim.starts_at)
    if spending is not None:
        await store_entry(spending)
    await store_entry(claim)
