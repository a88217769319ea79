"""What of a month's budget surges have been given, and how one goes beyond what is authorised.

As an operator reads it: a surge, and one that is made longer, is held against the same limits: its
size, its hours from its beginning, what it costs in all, and what it takes of the month beside the
fleet's other surges. At a limit is within. What it was given itself already does not count: a run
that was killed is run again.

Example: 500 EUR a surge and 1,000 a month, of which others have 700: one of 300 is within, one of
400 beyond the month's, one of 600 beyond both.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, time
from decimal import Decimal

from springtide.model.base import Moment
from springtide.model.calendar import PARIS, next_month
from springtide.model.claim import Claim, ClaimBook
from springtide.model.surge import SurgeCost, SurgePolicy, SurgeSpending


@dataclass(frozen=True)
class SurgeDemand:
    """What is held against the limits."""

    servers: int
    hours: float
    """From its beginning on."""
    cost: SurgeCost | None
    """Of all these hours; None: not known."""
    added: SurgeCost | None
    """Of those that are new; None: not known."""


def spent_in_month(book: ClaimBook, fleet: str, month: str, *, but: str) -> Decimal:
    """What the fleet's surges of that month were given; not the one of the key `but`."""
    given = (s for s in book.spendings if (s.fleet, s.month) == (fleet, month))
    return sum((s.amount for s in given if s.key != but), Decimal(0))


def beyond_policy(
    demand: SurgeDemand, policy: SurgePolicy, book: ClaimBook, *, spent: Decimal
) -> Iterable[str]:
    """Every way in which it is more than was authorised, beside `spent` of the month."""
    if demand.servers > policy.max_servers:
        yield f"servers {demand.servers} are more than the {policy.max_servers} authorised"
    if demand.hours > policy.max_hours:
        yield f"hours {demand.hours:g} are more than the {policy.max_hours:g} authorised"
    if book.trouble:
        yield f"what the month's surges were given is not known: {book.trouble}"
    cost, added = demand.cost, demand.added
    if cost is None or added is None:
        yield "what it costs is not known: the fleet names no price"
        return
    if cost.total > policy.budget:
        yield f"{cost.total:.2f} {cost.currency} are more than the {policy.budget:.2f} of one surge"
    if spent + added.total > policy.monthly_budget:
        yield (
            f"{added.total:.2f} {added.currency} beside the {spent:.2f} that were given already are"
            f" more than the month's {policy.monthly_budget:.2f}"
        )


def spending_of(claim: Claim, cost: SurgeCost | None, *, at: Moment) -> SurgeSpending | None:
    """What the claim takes of the month of `at`; None where it costs nothing that is known."""
    if cost is None:
        return None
    return SurgeSpending(
        key=claim.key,
        fleet=claim.fleet,
        month=paris_month(at),
        amount=cost.total,
        currency=cost.currency,
        until=month_end(at),
        over_at=claim.ends_at,
    )


def paris_month(now: Moment) -> str:
    """The calendar month of Paris, e.g. `2026-03`."""
    return f"{now.astimezone(PARIS):%Y-%m}"


def month_end(now: Moment) -> datetime:
    """The first instant of the next calendar month of Paris."""
    return datetime.combine(next_month(now.astimezone(PARIS).date()), time(0), PARIS)
