"""The estate of `make demo-cost`: what stood beside the fleet, and what went wrong in its year."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from springtide.model.bill import BillLine, ProviderBill
from springtide.model.fleet import Fleet
from springtide.model.price import PriceBook
from springtide.model.proof import ProofInput
from springtide.model.usage import UsageKind, UsageRecord, UsageSource
from springtide.model.window import Window
from springtide.planning.school_calendar import SchoolCalendar
from springtide.pricing.paid_hours import clock_hours_touched
from springtide.pricing.price_book import find_price
from springtide.simulation.school_year import Mishaps, SchoolYear, YearSettings
from springtide.simulation.term import Lockdown, dates

FIRST, LAST = date(2025, 9, 1), date(2026, 8, 31)
LOCKDOWN = Lockdown(date(2026, 3, 16), date(2026, 3, 27))
MIDST = date(2026, 3, 20)
"""A Friday of the lockdown: what the month's report says on the morning after."""
MOVED = date(2026, 1, 1)
"""When the documents moved to object storage."""
OWN = "springtide"
LATEST = datetime(2026, 9, 1, tzinfo=UTC)
BASELINES = tuple(
    ProofInput(name=name, value=Decimal(value), unit=unit, source="assumption of the demo")
    for name, value, unit in (
        ("servers-before", 30, "servers"),
        ("connections-before", 1_000_000, "connections"),
    )
)
"""What it was like before; what it cost then is left open, and so is whatever rests on it."""
_TERABYTE = 10**12
_DOCUMENTS_TB = 30
_HOSTS = 8
_MISHAPS = Mishaps(
    no_room=frozenset({date(2025, 11, 17), date(2026, 5, 11)}),
    late_deletes=frozenset({date(2025, 10, 6), date(2026, 2, 3)}),
)
_FORGOTTEN = datetime(2026, 4, 28, 12, 7, tzinfo=UTC), datetime(2026, 5, 7, 9, 40, tzinfo=UTC)


def year_settings(fleet: Fleet, window: Window) -> YearSettings:
    """The school year of the demo; it is the same each time."""
    return YearSettings(
        fleet=fleet,
        window=window,
        calendar=SchoolCalendar(),
        first=FIRST,
        last=LAST,
        seed=2020,
        lockdown=LOCKDOWN,
        mishaps=_MISHAPS,
    )


def standing_usage(fleet: Fleet) -> Iterator[UsageRecord]:
    """What stood all year, day by day: balancers, hosts, documents, and Springtide itself."""
    for number, day in enumerate(dates(FIRST, LAST)):
        for region in fleet.regions:
            yield _on(day, UsageKind.LOAD_BALANCER, f"balancer {region.name}", "load-balancer")
        yield _on(day, UsageKind.INSTANCE, OWN, "b2-7")
        for host in range(1, _HOSTS + 1):
            yield _on(day, UsageKind.HOST, f"host {host}", "host")
        grown = _DOCUMENTS_TB * _TERABYTE + number * 40 * 10**9
        kind = UsageKind.VOLUME if day < MOVED else UsageKind.OBJECT_STORAGE
        sku = "volume.high-speed" if day < MOVED else "object-storage"
        yield _on(day, kind, f"documents on {sku}", sku, amount=grown)
    yield forgotten_server(fleet)


def provider_bill(year: SchoolYear, fleet: Fleet, book: PriceBook) -> ProviderBill:
    """What the provider asks for the servers: by their times, and an hour too many for one."""
    hours = {s.id: clock_hours_touched(s.active_at, s.gone_at or LATEST) for s in year.servers}
    hours[year.servers[0].id] += 1
    forgotten = forgotten_server(fleet)
    hours[forgotten.resource] = clock_hours_touched(forgotten.start, forgotten.end)
    regions = {server.id: server.region for server in year.servers}
    price = find_price(book, fleet.flavour, region=fleet.regions[0].name, day=FIRST).price
    lines = (
        BillLine(
            resource=resource,
            sku=fleet.flavour,
            region=regions.get(resource, forgotten.region),
            quantity=Decimal(count),
            unit="Hour",
            cost=count * price,
        )
        for resource, count in hours.items()
    )
    return ProviderBill(source="a rehearsed invoice", currency=book.currency, lines=tuple(lines))


def forgotten_server(fleet: Fleet) -> UsageRecord:
    """One that somebody made by hand, without our tag, and forgot for nine days."""
    return UsageRecord(
        resource="made-by-hand",
        name="test-of-may",
        kind=UsageKind.INSTANCE,
        sku=fleet.flavour,
        region=fleet.regions[0].name,
        source=UsageSource.NOVA,
        start=_FORGOTTEN[0],
        end=_FORGOTTEN[1],
    )


def _on(day: date, kind: UsageKind, name: str, sku: str, *, amount: int = 1) -> UsageRecord:
    begins_at = datetime(day.year, day.month, day.day, tzinfo=UTC)
    return UsageRecord(
        resource=name,
        name=name,
        kind=kind,
        sku=sku,
        region="RBX1",
        source=UsageSource.ESTATE,
        start=begins_at,
        end=begins_at + timedelta(days=1),
        amount=amount,
    )
