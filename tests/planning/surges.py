"""Surges to plan with: a fleet that has them, requests, and plans."""

from datetime import timedelta
from decimal import Decimal

from springtide.model.claim import ClaimBook
from springtide.model.fleet import Fleet
from springtide.model.plan import Allotment, RoundPlan, Shortfall
from springtide.model.surge import SurgeCost, SurgePlan, SurgePolicy, SurgeRequest, SurgeSpending
from springtide.planning.emergency_surge import surge_plan
from tests.planning.fleet_world import START, a_fleet, desired

EUR_4 = SurgeCost(per_hour=Decimal(10), paid_hours=4, total=Decimal(40), currency="EUR")


def a_policy(**changes: object) -> SurgePolicy:
    """What is authorised: 50 servers, 6 hours, 100 for one and 150 for a month."""
    base: dict[str, object] = {
        "max_servers": 50,
        "max_hours": 6,
        "budget": 100,
        "monthly_budget": 150,
    }
    return SurgePolicy.model_validate(base | changes)


def a_surging_fleet(**changes: object) -> Fleet:
    """A fleet of at most 60 over three regions, with that policy."""
    base: dict[str, object] = {"surge": a_policy(), "price_per_hour": "0.50"}
    return a_fleet(**(base | changes))


def a_request(**changes: object) -> SurgeRequest:
    """Twenty servers for three hours."""
    base: dict[str, object] = {
        "key": "lockdown",
        "fleet": "api",
        "servers": 20,
        "hours": 3,
        "reason": "schools are closed",
        "owner": "operations",
    }
    return SurgeRequest.model_validate(base | changes)


def a_spending(amount: int, **changes: object) -> SurgeSpending:
    """What another surge of the same month was given."""
    base: dict[str, object] = {
        "key": f"surge-other-{amount}",
        "fleet": "api",
        "month": "2026-11",
        "amount": amount,
        "currency": "EUR",
        "until": START + timedelta(days=8),
    }
    return SurgeSpending.model_validate(base | changes)


def planned(
    request: SurgeRequest | None = None,
    *,
    cost: SurgeCost | None = EUR_4,
    book: ClaimBook | None = None,
    short: int = 0,
) -> SurgePlan:
    """The plan of that request, where so many find no room."""
    first = RoundPlan(
        fleet="api",
        at=START,
        desired=desired(20),
        phases={},
        allotments=(Allotment(region="GRA11", servers=20 - short, reason=""),),
        shortfall=Shortfall(servers=short, reason="GRA11: quota of cores") if short else None,
    )
    return surge_plan(
        request or a_request(), a_policy(), cost, first=first, book=book or ClaimBook()
    )
