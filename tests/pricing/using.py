"""Builders of usage and prices for tests."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from springtide.model.price import PriceBook, PriceEntry
from springtide.model.usage import UsageHour, UsageKind, UsageRecord, UsageSource, UsageTotal
from springtide.pricing.usage_hours import cut_into_hours

PARIS = ZoneInfo("Europe/Paris")
LONG_AGO, FAR_AHEAD = datetime(2019, 1, 1, tzinfo=UTC), datetime(2031, 1, 1, tzinfo=UTC)


def at(text: str) -> datetime:
    """A local time in Paris, e.g. `23 16:00` of November 2026 or a whole ISO time."""
    full = text if "-" in text else f"2026-11-{text}"
    return datetime.fromisoformat(full.replace(" ", "T")).replace(tzinfo=PARIS)


def a_record(start: str | datetime, end: str | datetime, **other: object) -> UsageRecord:
    """A server of the fleet that stood so long."""
    given: dict[str, Any] = {
        "resource": "i-1",
        "kind": UsageKind.INSTANCE,
        "sku": "b2-60",
        "region": "GRA11",
        "fleet": "api",
        "source": UsageSource.NOVA,
        "start": at(start) if isinstance(start, str) else start,
        "end": at(end) if isinstance(end, str) else end,
    }
    return UsageRecord(**given | other)


def hours_of(*records: UsageRecord) -> list[UsageHour]:
    """All hour rows of the records."""
    return cut_into_hours(records, LONG_AGO, FAR_AHEAD)


def totals_of(*records: UsageRecord) -> list[UsageTotal]:
    """The records' daily totals, added up here by hand: the ledger is held to the same."""
    found: dict[tuple[str, str, date], UsageTotal] = {}
    for row in hours_of(*records):
        key = (row.resource, row.sku, row.hour.date())
        what = row.model_dump(exclude={"hour", "amount", "stood_s", "clock_hours", "started_hours"})
        old = found.get(key) or UsageTotal(
            **what, day=row.hour.date(), stood_s=0, clock_hours=0, started_hours=0
        )
        sums = {
            name: getattr(old, name) + row.amount * getattr(row, name)
            for name in ("stood_s", "clock_hours", "started_hours")
        }
        found[key] = old.model_copy(update=sums)
    return sorted(found.values(), key=lambda total: (total.day, total.resource, total.sku))


def an_entry(sku: str = "b2-60", price: str = "0.51", **other: object) -> PriceEntry:
    """A price by the hour since 2020."""
    given: dict[str, Any] = {"valid_from": date(2020, 1, 1), "source": "a test's own price"}
    return PriceEntry(sku=sku, price=Decimal(price), **given | other)


def a_book(*entries: PriceEntry, **other: object) -> PriceBook:
    """A book of those entries, in EUR."""
    given: dict[str, Any] = {
        "name": "test book",
        "provider": "OVHcloud",
        "currency": "EUR",
        "source": "a test's own prices",
        "dated": date(2026, 11, 1),
        "billing_account": "project-1",
        "entries": entries or (an_entry(),),
    }
    return PriceBook(**given | other)
