"""What planned usage would cost: by the same cutting, summing and pricing as the bill itself."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal

from springtide.errors import NotFound
from springtide.model.charge import Charges
from springtide.model.price import Plan, PriceBook
from springtide.model.usage import UsageHour, UsageRecord
from springtide.pricing.charges import price_totals
from springtide.pricing.price_book import find_price
from springtide.pricing.usage_hours import add_up, cut_into_hours

_HOUR = timedelta(hours=1)


def price_usage(records: Sequence[UsageRecord], book: PriceBook) -> Charges:
    """The charges of the records, however long they are."""
    return price_totals(add_up(_hours(records)), book)


def usage_cost(records: Sequence[UsageRecord], book: PriceBook) -> Decimal | None:
    """What the records cost, excluding VAT; None where a price is missing."""
    charges = price_usage(records, book)
    return charges.billed_cost if charges.complete else None


def daily_cost(charges: Charges) -> dict[date, Decimal]:
    """Effective cost by day; days without a charge are left out."""
    costs: dict[date, Decimal] = defaultdict(Decimal)
    for charge in charges.charges:
        costs[charge.day] += charge.effective_cost
    return dict(costs)


def monthly_plan_cost(
    book: PriceBook, sku: str, *, region: str, servers: int, days: Sequence[date]
) -> Decimal | None:
    """Each month of `days`, in full, for so many servers; None without a monthly plan."""
    months = sorted({day.replace(day=1) for day in days})
    try:
        entries = [
            find_price(book, sku, region=region, day=month, plan=Plan.MONTHLY) for month in months
        ]
    except NotFound:
        return None
    return sum((entry.price * servers for entry in entries), Decimal(0))


def _hours(records: Sequence[UsageRecord]) -> list[UsageHour]:
    if not records:
        return []
    begins_at = min(r.start for r in records).replace(minute=0, second=0, microsecond=0)
    ends_at = max(r.end for r in records).replace(minute=0, second=0, microsecond=0) + _HOUR
    return cut_into_hours(records, begins_at, ends_at)
