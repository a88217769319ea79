"""A small month to report on: rehearsed evenings in a ledger, priced."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from types import MappingProxyType
from typing import Any

from springtide.costing.gathering import Gathered, Gathering
from springtide.costing.proving import Evidence
from springtide.costing.report import Findings, Premises, Standpoint, cost_report
from springtide.ledger.usage_ledger import UsageLedger
from springtide.model.cost_figures import Alternative, CostReport, ServiceFigures
from springtide.model.cost_report import CostReporting, ReportPeriod, ReportStatus
from springtide.model.price import Plan, PriceUnit
from springtide.model.usage import UsageKind, UsageRecord, UsageSource
from springtide.planning.cost_report import evenings_between, month_of
from springtide.planning.planned_usage import planned_usage
from springtide.pricing.usage_hours import cut_into_hours
from tests.planning.windows import CALENDAR, a_window
from tests.pricing.using import a_book, an_entry
from tests.simulation.years import a_year_fleet

NOVEMBER = month_of(date(2026, 11, 1))
BOOK = a_book(
    an_entry(),
    an_entry(price="182", plan=Plan.MONTHLY, unit=PriceUnit.MONTH),
    an_entry("b3-64", "0.41"),
    an_entry("objects", "0.01", unit=PriceUnit.GB_MONTH),
)
FLEET = a_year_fleet()
REPORTING = CostReporting(
    price_books=("prices.yaml",),
    compare_flavours=("b3-64", "b9"),
    month_budget=Decimal(1000),
    year_budget=Decimal(20_000),
)
PREMISES = Premises(FLEET, (a_window(),), CALENDAR, BOOK, REPORTING)


def a_ledger(folder: Path, *, until: date) -> UsageLedger:
    """Evenings since September as planned, a terabyte in object storage, connections by the day."""
    first = date(2026, 9, 1)
    opened = evenings_between(PREMISES.windows, CALENDAR, first=first, last=until)
    records = list(planned_usage(FLEET, opened))
    for day in range((until - first).days + 1):
        records += _of_day(first + timedelta(days=day))
    ledger = UsageLedger(folder)
    begins_at, ends_at = midnight(first), midnight(until + timedelta(days=1))
    ledger.merge(cut_into_hours(records, begins_at, ends_at))
    return ledger


def midnight(day: date) -> datetime:
    """A day's first instant, in UTC."""
    return datetime.combine(day, time(0), UTC)


def _of_day(day: date) -> list[UsageRecord]:
    start, whole = midnight(day), midnight(day + timedelta(days=1))
    given: dict[str, Any] = {"region": "GRA11", "source": UsageSource.ESTATE, "start": start}
    return [
        UsageRecord(
            resource="documents",
            kind=UsageKind.OBJECT_STORAGE,
            sku="objects",
            amount=10**12,
            end=whole,
            **given,
        ),
        UsageRecord(
            resource="balancers",
            kind=UsageKind.CONNECTIONS,
            sku="connections",
            amount=500_000,
            end=start + timedelta(hours=1),
            **given,
        ),
    ]


def gathered_from(
    ledger: UsageLedger, *, known_until: date, period: ReportPeriod = NOVEMBER
) -> Gathered:
    """The sums of all charges."""
    return Gathering(ledger, BOOK, period, known_until=known_until).gathered()


def a_report(
    gathered: Gathered,
    *,
    known_until: date,
    at: Mapping[str, Any] = MappingProxyType({}),
    premises: Premises = PREMISES,
    **changes: object,
) -> CostReport:
    """November as it is known until that day, from another standpoint where `at` says so."""
    over = known_until >= NOVEMBER.last
    seen: dict[str, Any] = {
        "period": NOVEMBER,
        "now": midnight(known_until + timedelta(days=5 if over else 1)),
        "known_until": known_until,
        "status": ReportStatus.FINAL if over else ReportStatus.PROVISIONAL,
        "inputs": "0123456789abcdef",
    }
    found: dict[str, Any] = {
        "gathered": gathered,
        "evidence": Evidence(charges=()),
        "service": ServiceFigures(evenings=12, late_openings=1),
        "hindsight": Alternative(name="hindsight", how="by who knows all", cost=Decimal(600)),
    }
    return cost_report(Standpoint(**{**seen, **at}), premises, Findings(**found | changes))
