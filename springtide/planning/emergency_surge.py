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

from collections.abc import Iterable
from datetime import datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from pydantic import ValidationError

from springtide.errors import GuardRefused
from springtide.model.approval import Proposal
from springtide.model.base import Moment
from springtide.model.claim import Claim, ClaimBook, ClaimKind
from springtide.model.fleet import Fleet
from springtide.model.mistakes import mistakes
from springtide.model.plan import RoundPlan
from springtide.model.surge import (
    SurgeCost,
    SurgePlan,
    SurgePolicy,
    SurgeProposal,
    SurgeRequest,
    SurgeSpending,
)
from springtide.planning.evening_orders import opening_patience_s
from springtide.planning.telling import Row

_PARIS = ZoneInfo("Europe/Paris")
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
        key=f"surge-{request.key}",
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
    key = f"surge-{request.key}"
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
    key = f"surge-{request.key}"
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
    month = month_of(first.at)
    own = f"surge-{request.key}"
    spent = sum(
        (
            s.amount
            for s in book.spendings
            if (s.fleet, s.month) == (request.fleet, month) and s.key != own
        ),
        Decimal(0),
    )
    lacking = first.shortfall
    return SurgePlan(
        request=request,
        allotments={a.region: a.servers for a in first.allotments},
        shortfall=lacking.servers if lacking else 0,
        shortfall_reason=lacking.reason if lacking else "",
        cost=cost,
        month_before=spent,
        beyond=tuple(_beyond(request, policy, cost, spent, book)),
    )


def _beyond(
    request: SurgeRequest,
    policy: SurgePolicy,
    cost: SurgeCost | None,
    spent: Decimal,
    book: ClaimBook,
) -> Iterable[str]:
    """Every way in which the surge is more than was authorised."""
    if request.servers > policy.max_servers:
        yield f"servers {request.servers} are more than the {policy.max_servers} authorised"
    if request.hours > policy.max_hours:
        yield f"hours {request.hours:g} are more than the {policy.max_hours:g} authorised"
    if book.trouble:
        yield f"what the month's surges were given is not known: {book.trouble}"
    if cost is None:
        yield "what it costs is not known: the fleet names no price"
        return
    if cost.total > policy.budget:
        yield f"{cost.total:.2f} {cost.currency} are more than the {policy.budget:.2f} of one surge"
    if spent + cost.total > policy.monthly_budget:
        yield (
            f"{cost.total:.2f} {cost.currency} beside the {spent:.2f} of the month's other surges"
            f" are more than its {policy.monthly_budget:.2f}"
        )


def proposal_of(plan: SurgePlan, policy: SurgePolicy, now: Moment) -> SurgeProposal:
    """The plan as it is kept while it waits for a person."""
    return SurgeProposal(
        key=f"surge-{plan.request.key}",
        fleet=plan.request.fleet,
        plan=plan,
        until=now + timedelta(minutes=policy.approval_minutes) + _KEPT,
    )


def proposed(request: SurgeRequest, book: ClaimBook) -> SurgePlan | None:
    """The plan that was shown for this very request; None where there is none.

    Raises:
        GuardRefused: its key stands for another request.
    """
    key = f"surge-{request.key}"
    plan = next((p.plan for p in book.proposals if p.key == key), None)
    if plan is not None and plan.request != request:
        raise GuardRefused(f"key: {request.key!r} stands for another surge that was proposed")
    return plan


def approvable(plan: SurgePlan) -> Proposal:
    """What a person signs: another size, cost, spread or reason is another proposal."""
    return Proposal.of("emergency-surge", plan.request.fleet, plan)


def spending_of(plan: SurgePlan, claim: Claim) -> SurgeSpending | None:
    """What the surge takes of the month's budget; None where it costs nothing that is known."""
    if plan.cost is None:
        return None
    return SurgeSpending(
        key=claim.key,
        fleet=claim.fleet,
        month=month_of(claim.starts_at),
        amount=plan.cost.total,
        currency=plan.cost.currency,
        until=month_end(claim.starts_at),
        over_at=claim.ends_at,
    )


def month_of(now: Moment) -> str:
    """The calendar month of Paris, e.g. `2026-03`."""
    return f"{now.astimezone(_PARIS):%Y-%m}"


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


def month_end(now: Moment) -> datetime:
    """The first instant of the next calendar month of Paris."""
    first = now.astimezone(_PARIS).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    return (first + timedelta(days=32)).replace(day=1)
