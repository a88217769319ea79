"""Builders of facts for proofs."""

from datetime import date, datetime, timedelta
from decimal import Decimal

from springtide.model.price import Plan, PriceUnit
from springtide.model.proof import Occasion, OccasionKind, Proof, ProofFacts, ProofInput
from springtide.model.usage import RunningHour, UsageHour, UsageKind, UsageRecord
from tests.pricing.using import a_book, an_entry, at, hours_of

EVENINGS = tuple(f"2026-11-{day:02}" for day in (2, 3, 4, 9, 10, 11, 16, 17, 18, 23, 24, 25))
BOOK = a_book(
    an_entry(price="0.51"),
    an_entry(price="182", plan=Plan.MONTHLY, unit=PriceUnit.MONTH),
    an_entry("volume.high-speed", "0.09", unit=PriceUnit.GIB_MONTH),
    an_entry("object", "0.01", unit=PriceUnit.GB_MONTH),
)


def running(*records: UsageRecord) -> tuple[RunningHour, ...]:
    """The records' hours, added up as the ledger does."""
    alike: dict[tuple[datetime, str, str, str, str | None], list[UsageHour]] = {}
    for row in hours_of(*records):
        key = (row.hour, row.kind, row.sku, row.region, row.fleet)
        alike.setdefault(key, []).append(row)
    return tuple(
        RunningHour(
            hour=hour,
            kind=UsageKind(kind),
            sku=sku,
            region=region,
            fleet=fleet,
            resources=len(rows),
            stood_s=sum(row.amount * row.stood_s for row in rows),
            amount=sum(row.amount for row in rows),
        )
        for (hour, kind, sku, region, fleet), rows in alike.items()
    )


def an_evening(
    day: str, servers: int = 30, *, hours: str = "16:00-22:00", name: str = "evening"
) -> Occasion:
    """A window of that day."""
    begins, ends = hours.split("-")
    return Occasion(
        name=f"{name} of {day}",
        kind=OccasionKind.WINDOW,
        begins_at=at(f"{day} {begins}"),
        ends_at=at(f"{day} {ends}"),
        servers=servers,
    )


def a_surge(begins: str, hours: int, servers: int) -> Occasion:
    """A surge from then on."""
    begins_at = at(begins)
    return Occasion(
        name=f"surge of {begins}",
        kind=OccasionKind.SURGE,
        begins_at=begins_at,
        ends_at=begins_at + timedelta(hours=hours),
        servers=servers,
    )


def facts(
    *records: UsageRecord, occasions: tuple[Occasion, ...] = (), **other: object
) -> ProofFacts:
    """Facts of November 2026."""
    given: dict[str, object] = {
        "begin": date(2026, 11, 1),
        "end": date(2026, 12, 1),
        "fleet": "api",
        "sku": "b2-60",
        "region": "GRA11",
        "book": BOOK,
        "hours": running(*records),
        "instances": frozenset(r.resource for r in records if r.kind is UsageKind.INSTANCE),
        "billed_cost": Decimal(0),
        "occasions": occasions,
    }
    return ProofFacts.model_validate(given | other)


def a_figure(name: str, value: str) -> ProofInput:
    """A baseline that somebody gave."""
    return ProofInput(name=name, value=Decimal(value), source="an invoice of a test")


def named(proofs: tuple[Proof, ...], name: str) -> Proof:
    """The proof of that statement."""
    (found,) = (proof for proof in proofs if proof.statement.name == name)
    return found
