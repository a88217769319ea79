"""What an evening costs, and what of that its lead and tail cost.

As an operator reads it: a window from 16:00 to 22:00 is six paid hours a server if nothing stands
before 16:00 and nothing after 22:00. A lead of 15 minutes makes it seven. A tail too short for the
fleet's drain and delete time-outs may make it eight, and is counted as if it did.
"""

from collections.abc import Iterable
from datetime import timedelta
from decimal import Decimal

from springtide.model.base import Model
from springtide.model.fleet import Fleet
from springtide.model.price import RoundingRule
from springtide.model.startup import RegionStartup
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
    gone_at = evening.claim_ends_at + timedelta(seconds=fleet.timeouts.leaving_s)
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


def lead_note(
    evening: Evening,
    fleet: Fleet,
    measured: Iterable[RegionStartup] = (),
    *,
    rule: RoundingRule = RoundingRule.CLOCK_HOUR,
) -> str:
    """Sentences for the plan: what lead and tail cost, and what the other choice would.

    `measured` says how long servers take to serve. With it a lead is set against a start at `from`,
    and a start at `from` against a lead: money against seconds without the full capacity.
    """
    extra = lead_cost(evening, fleet, rule=rule)
    told = [f"Beyond the window's own hours it may cost {extra}."] if extra else []
    slowest = max(measured, key=lambda region: region.most_s, default=None)
    if slowest is not None:
        told.append(
            f"95 % of the servers serve within {slowest.most_s} s in {slowest.region}, the slowest"
            f" region ({slowest.servers} measured)."
        )
        told.append(_other_choice(evening, fleet, slowest.most_s, rule))
    return " ".join(told)


def _other_choice(evening: Evening, fleet: Fleet, serving_s: int, rule: RoundingRule) -> str:
    """What the start that was not chosen would save or cost."""
    at_the_hour = evening.model_copy(update={"claim_starts_at": evening.opens_at})
    if evening.claim_starts_at < evening.opens_at:
        saved = _difference(evening, at_the_hour, fleet, rule)
        lead_s = round((evening.opens_at - evening.claim_starts_at).total_seconds())
        return (
            f"Without its lead of {lead_s // 60} min it would save {saved} and be"
            f" {serving_s} s without its full capacity."
        )
    minutes = -(-serving_s // 60)
    earlier = evening.opens_at - timedelta(minutes=minutes)
    led = evening.model_copy(update={"claim_starts_at": earlier})
    spent = _difference(led, at_the_hour, fleet, rule)
    return f"A lead of {minutes} min would spare these seconds and cost {spent} more."


def _difference(longer: Evening, shorter: Evening, fleet: Fleet, rule: RoundingRule) -> str:
    """How much more the longer evening costs, in words."""
    more, less = evening_cost(longer, fleet, rule=rule), evening_cost(shorter, fleet, rule=rule)
    hours = f"{(more.paid_hours - less.paid_hours).normalize():f} h a server"
    if more.cost is None or less.cost is None:
        return hours
    return f"{hours} ({more.cost - less.cost:.2f} {fleet.currency})"


def _price(fleet: Fleet, servers: int, seconds: int) -> Decimal | None:
    if fleet.price_per_hour is None:
        return None
    return fleet.price_per_hour * servers * seconds / _HOUR_S
