"""What planned usage would cost: by the same cutting, summing and pricing as the bill itself."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from decimal import Decimal

from springtide.errors import NotFound
from springtide.model.charge import Charges
from springtide.model.price import Plan, PriceBook
from springtide.model.usage import UsageHour, UsageRecord, UsageTotal, Used
from springtide.pricing.charges import price_totals
from springtide.pricing.price_book import find_price
from springtide.pricing.usage_hours import cut_into_hours

_HOUR = timedelta(hours=1)
_USED = tuple(Used.model_fields)


def price_usage(records: Sequence[UsageRecord], book: PriceBook) -> Charges:
    """The charges of the records, however long they are."""
    return price_totals(day_totals(_hours(records)), book)


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


def day_totals(rows: Iterable[UsageHour]) -> list[UsageTotal]:
    """Hour rows summed by resource, SKU and day, as the ledger does it."""
    alike: dict[tuple[str, str, date], list[UsageHour]] = defaultdict(list)
    for row in rows:
        alike[row.resource, row.sku, row.hour.date()].append(row)
    return [
        UsageTotal(
            **{name: getattr(found[0], name) for name in _USED},
            day=day,
            stood_s=sum(row.amount * row.stood_s for row in found),
            clock_hours=sum(row.amount * row.clock_hours for row in found),
            started_hours=sum(row.amount * row.started_hours for row in found),
        )
        for (_, _, day), found in sorted(alike.items())
    ]


def _hours(records: Sequence[UsageRecord]) -> list[UsageHour]:
    if not records:
        return []
    begins_at = min(r.start for r in records).replace(minute=0, second=0, microsecond=0)
    ends_at = max(r.end for r in records).replace(minute=0, second=0, microsecond=0) + _HOUR
    return cut_into_hours(records, begins_at, ends_at)
