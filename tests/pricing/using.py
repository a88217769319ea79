"""Builders of usage and prices for tests."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from springtide.model.charge import Charge
from springtide.model.price import (
    Plan,
    PriceBook,
    PriceEntry,
    PriceUnit,
    Purchase,
    RoundingRule,
)
from springtide.model.usage import UsageHour, UsageKind, UsageRecord, UsageSource, UsageTotal
from springtide.pricing.charges import charge_of, price_totals, purchase_charges
from springtide.pricing.usage_hours import add_up, cut_into_hours

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
    """The records' daily totals."""
    return add_up(hours_of(*records))


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


def a_charge_of_each_kind() -> tuple[PriceBook, list[Charge]]:
    """A book, and charges of all sorts that there are."""
    month = {"plan": Plan.MONTHLY, "unit": PriceUnit.MONTH}
    setup = Purchase(
        name="ten datastores",
        sku="datastore-setup",
        region="RBX1",
        cost=Decimal(1000),
        bought_on=date(2026, 11, 2),
        serves_until=date(2026, 11, 9),
        source="a test's own order",
    )
    book = a_book(
        an_entry(),
        an_entry("second", "0.0001", unit=PriceUnit.SECOND, rounding=RoundingRule.SECOND),
        an_entry("volume", "0.04", unit=PriceUnit.GB_MONTH),
        an_entry("object", "0.01", unit=PriceUnit.GIB_MONTH),
        an_entry("balancer", "0.0083"),
        an_entry("host", "500", **month),
        an_entry("datastore", "123.45", **month),
        purchases=(setup,),
        billing_account_name="the project",
    )
    used = [
        ("b2-60", UsageKind.INSTANCE, 1),
        ("second", UsageKind.INSTANCE, 1),
        ("volume", UsageKind.VOLUME, 103 * 10**9),
        ("object", UsageKind.OBJECT_STORAGE, 30 * 10**12 + 1),
        ("balancer", UsageKind.LOAD_BALANCER, 1),
        ("host", UsageKind.HOST, 1),
        ("datastore", UsageKind.DATASTORE, 3 * 10**12),
    ]
    records = [
        a_record("23 16:00", "24 22:00", resource=f"r-{sku}", sku=sku, kind=kind, amount=amount)
        for sku, kind, amount in used
    ]
    charges = [*price_totals(totals_of(*records), book).charges]
    covered = next(total for total in totals_of(records[0]))
    charges.append(charge_of(covered.model_copy(update={"covered": True}), an_entry()))
    return book, [*charges, *purchase_charges(book, date(2026, 11, 1), date(2026, 12, 1))]
