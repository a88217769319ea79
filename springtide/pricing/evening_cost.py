"""What an evening costs, and what of that its lead and tail cost.

As an operator reads it: a window from 16:00 to 22:00 is six paid hours a server if nothing stands
before 16:00 and nothing after 22:00. A lead of 15 minutes makes it seven. A tail too short for the
fleet's drain and delete time-outs may make it eight, and is counted as if it did.
"""

from datetime import timedelta
from decimal import Decimal

from springtide.model.base import Model
from springtide.model.fleet import Fleet
from springtide.model.price import RoundingRule
from springtide.model.window import Evening
from springtide.pricing.paid_hours import billed_seconds

_HOUR_S = Decimal(3600)


class EveningCost(Model):
    """The paid hours of one evening by plan, at worst, and their price."""

    paid_hours: Decimal
    """Of each server, from the claim's start to the latest delete that the time-outs allow."""
    extra_hours: Decimal
    """How many of them are not of the window itself."""
    cost: Decimal | None
    """Of all servers; None where the fleet names no price."""
    extra_cost: Decimal | None
    """Of all servers for the extra hours; None where the fleet names no price."""
    currency: str


def evening_cost(
    evening: Evening, fleet: Fleet, *, rule: RoundingRule = RoundingRule.CLOCK_HOUR
) -> EveningCost:
    """The paid hours and the price of that evening, at the fleet's price for one hour."""
    leaving = timedelta(seconds=fleet.timeouts.drain_s + fleet.timeouts.delete_s)
    gone_at = evening.claim_ends_at + leaving
    planned_s = billed_seconds(evening.claim_starts_at, gone_at, rule=rule)
    window_s = billed_seconds(evening.opens_at, evening.closes_at, rule=rule)
    extra_s = max(0, planned_s - window_s)
    return EveningCost(
        paid_hours=planned_s / _HOUR_S,
        extra_hours=extra_s / _HOUR_S,
        cost=_price(fleet, evening.servers, planned_s),
        extra_cost=_price(fleet, evening.servers, extra_s),
        currency=fleet.currency,
    )


def lead_cost(
    evening: Evening, fleet: Fleet, *, rule: RoundingRule = RoundingRule.CLOCK_HOUR
) -> str | None:
    """What lead and tail cost beyond the window's own hours, in words; None: nothing."""
    found = evening_cost(evening, fleet, rule=rule)
    if not found.extra_hours:
        return None
    hours = f"+{found.extra_hours.normalize():f} h a server"
    if found.extra_cost is None:
        return hours
    return f"{hours}: {found.extra_cost:.2f} {found.currency}"


def lead_note(evening: Evening, fleet: Fleet) -> str:
    """A sentence for the plan where lead or tail cost more than the window; else nothing."""
    extra = lead_cost(evening, fleet)
    return f"Beyond the window's own hours it may cost {extra}." if extra else ""


def _price(fleet: Fleet, servers: int, seconds: int) -> Decimal | None:
    if fleet.price_per_hour is None:
        return None
    return fleet.price_per_hour * servers * seconds / _HOUR_S
