"""An emergency surge: what is asked for, what it comes to, and whether somebody must approve it.

As an operator reads it: a surge is a claim for so many servers until so many hours from now; the
rounds of the fleet do the rest, and when it ends, what other claims need stays. Before anything is
created the plan says how many servers each region gets, how many find no room, and the most that it
can cost. Within what the estate authorises it runs at once; beyond it (more servers, more hours,
over the budget, a month's budget used up, a price or a store that is not known) a person approves
that very plan by their signature, or it is given up.

Example: 300 servers for 3 hours, authorised are 300 for 12 hours and 2,000 EUR: at most 765 EUR, so
it runs. For 48 hours it waits for a person: "hours 48 are more than the 12 that are authorised".
"""

from datetime import timedelta

from pydantic import ValidationError

from springtide.errors import GuardRefused
from springtide.model.approval import Proposal
from springtide.model.base import Moment
from springtide.model.claim import Claim, ClaimBook, ClaimKind, surge_key
from springtide.model.fleet import Fleet
from springtide.model.mistakes import mistakes
from springtide.model.plan import RoundPlan
from springtide.model.surge import (
    SurgeCost,
    SurgePlan,
    SurgePolicy,
    SurgeProposal,
    SurgeRequest,
)
from springtide.planning.evening_orders import opening_patience_s
from springtide.planning.surge_budget import (
    SurgeDemand,
    beyond_policy,
    paris_month,
    spent_in_month,
)
from springtide.planning.telling import Row

_KEPT = timedelta(days=1)
"""How long a plan is kept after its approval is due."""


def surge_request(fleet: Fleet, given: dict[str, object]) -> SurgeRequest:
    """What is asked for, checked against the fleet before any call.

    `given` are the fields of a `SurgeRequest` without its fleet.

    Raises:
        GuardRefused: a field is wrong, or the fleet has no surges; every mistake is named.
    """
    if fleet.surge is None:
        raise GuardRefused(f"fleet {fleet.name} has no surges: its estate entry lacks `surge`")
    try:
        request = SurgeRequest.model_validate({**given, "fleet": fleet.name})
    except ValidationError as error:
        raise GuardRefused("; ".join(mistakes(error, SurgeRequest))) from error
    if request.servers > fleet.max_servers:
        raise GuardRefused(
            f"servers: given {request.servers}, must be 1 to {fleet.max_servers}, the most of"
            f" fleet {fleet.name}"
        )
    known = [region.name for region in fleet.regions]
    unknown = [name for name in request.regions if name not in known]
    if unknown or len(set(request.regions)) < len(request.regions):
        raise GuardRefused(
            f"regions: given {', '.join(request.regions)}, each once of {', '.join(known)}"
        )
    if not request.regions:
        return request.model_copy(update={"regions": fleet.surge.regions})
    return request


def surge_claim(request: SurgeRequest, now: Moment, *, approved_by: str | None = None) -> Claim:
    """The claim that a surge is, from now on; it ends by itself."""
    owner = f"{request.owner}, approved by {approved_by}" if approved_by else request.owner
    return Claim(
        key=surge_key(request.key),
        fleet=request.fleet,
        kind=ClaimKind.SURGE,
        servers=request.servers,
        regions=request.regions,
        starts_at=now,
        ends_at=now + timedelta(hours=request.hours),
        owner=owner[:200],
        reason=request.reason,
    )


def claim_of(request: SurgeRequest, book: ClaimBook) -> Claim | None:
    """The claim that stands for the request already: a run that was killed is run again.

    Raises:
        GuardRefused: its key stands for another surge.
    """
    key = surge_key(request.key)
    found = next((c for c in book.claims if c.key == key), None)
    if found is None:
        return None
    length = timedelta(hours=request.hours)
    asked = (request.fleet, request.servers, request.regions, length)
    if asked != (found.fleet, found.servers, found.regions, found.ends_at - found.starts_at):
        raise GuardRefused(
            f"key: {request.key!r} stands for another surge: {found.servers} servers of"
            f" {found.fleet} until {found.ends_at.isoformat()}"
        )
    return found


def accepted_at(request: SurgeRequest, book: ClaimBook, now: Moment) -> Moment | None:
    """When that surge was accepted already, by what it was given of the month; None: it was not.

    Raises:
        GuardRefused: it is over by now.
    """
    key = surge_key(request.key)
    over_at = next((s.over_at for s in book.spendings if s.key == key), None)
    if over_at is None:
        return None
    if over_at <= now:
        raise GuardRefused(
            f"key: {request.key!r} stands for a surge that is over since {over_at.isoformat()};"
            " give another"
        )
    return over_at - timedelta(hours=request.hours)


def surge_plan(
    request: SurgeRequest,
    policy: SurgePolicy,
    cost: SurgeCost | None,
    *,
    first: RoundPlan,
    book: ClaimBook,
) -> SurgePlan:
    """What the surge comes to; `first` is the fleet's first round with its claim."""
    month, key = paris_month(first.at), surge_key(request.key)
    spent = spent_in_month(book, request.fleet, month, but=key)
    demand = SurgeDemand(servers=request.servers, hours=request.hours, cost=cost, added=cost)
    lacking = first.shortfall
    return SurgePlan(
        request=request,
        allotments={a.region: a.servers for a in first.allotments},
        shortfall=lacking.servers if lacking else 0,
        shortfall_reason=lacking.reason if lacking else "",
        cost=cost,
        month_before=spent,
        beyond=tuple(beyond_policy(demand, policy, book, spent=spent)),
    )


def proposal_of(plan: SurgePlan, policy: SurgePolicy, now: Moment) -> SurgeProposal:
    """The plan as it is kept while it waits for a person."""
    return SurgeProposal(
        key=surge_key(plan.request.key),
        fleet=plan.request.fleet,
        plan=plan,
        until=now + timedelta(minutes=policy.approval_minutes) + _KEPT,
    )


def proposed(request: SurgeRequest, book: ClaimBook) -> SurgePlan | None:
    """The plan that was shown for this very request; None where there is none.

    Raises:
        GuardRefused: its key stands for another request.
    """
    key = surge_key(request.key)
    plan = next((p.plan for p in book.proposals if p.key == key), None)
    if plan is not None and plan.request != request:
        raise GuardRefused(f"key: {request.key!r} stands for another surge that was proposed")
    return plan


def approvable(plan: SurgePlan) -> Proposal:
    """What a person signs: another size, cost, spread or reason is another proposal."""
    return Proposal.of("emergency-surge", plan.request.fleet, plan)


def surge_rows(plan: SurgePlan) -> list[Row]:
    """The plan as a table of measures."""
    request, cost = plan.request, plan.cost
    rows: list[Row] = [
        {"measure": "servers", "value": request.servers},
        {"measure": "hours", "value": f"{request.hours:g}"},
        {"measure": "reason", "value": request.reason},
        {"measure": "asked for by", "value": request.owner},
    ]
    rows += [{"measure": f"in {region}", "value": n} for region, n in plan.allotments.items()]
    if plan.shortfall:
        why = f"{plan.shortfall}: {plan.shortfall_reason}"
        rows.append({"measure": "shortfall", "value": why})
    if cost is not None:
        money = cost.currency
        rows += [
            {"measure": "cost an hour, without VAT", "value": f"{cost.per_hour:.2f} {money}"},
            {
                "measure": f"at most, {cost.paid_hours} paid hours",
                "value": f"{cost.total:.2f} {money}",
            },
            {"measure": "the month's other surges", "value": f"{plan.month_before:.2f} {money}"},
        ]
    return rows + [{"measure": "beyond what is authorised", "value": why} for why in plan.beyond]


def surge_patience_s(fleet: Fleet) -> float:
    """How long a surge's own run goes on, in seconds; the keeping makes good what is missing."""
    return opening_patience_s(fleet)
