"""What a run's servers cost, as the run itself saw them: by the same code as every report.

As an operator reads it: the hours are those of the servers' whole lives, from ACTIVE to the look
that no longer showed them, not those of the run. The price is that of the first price book that
prices all of them, else the estate's own for the fleet.

Example: six servers for an evening are 36 paid hours; at 0.51 they cost 18.36 EUR.
"""

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from decimal import Decimal

from springtide.model.base import Model
from springtide.model.charge import Charges
from springtide.model.fleet import Fleet
from springtide.model.price import PriceBook, PriceEntry
from springtide.model.usage import UsageHour, UsageRecord, hour_of
from springtide.pricing.charges import price_totals
from springtide.pricing.usage_hours import add_up, cut_into_hours

_LONG_AGO = date(1970, 1, 1)


class RunCost(Model):
    """The paid hours of a run's servers, and their price."""

    hours: int
    """Clock hours that are paid."""
    unused_minutes: int
    """Minutes of them in which no server stood: what the rounding to hours costs."""
    cost: Decimal | None
    """Without VAT; None where nothing prices them all."""
    currency: str

    def rows(self) -> list[dict[str, str | int]]:
        """As a table of measures."""
        rows: list[dict[str, str | int]] = [
            {"measure": "paid server hours seen", "value": self.hours},
            {"measure": "minutes of them without a server", "value": self.unused_minutes},
        ]
        if self.cost is not None:
            rows.append({"measure": "cost without VAT", "value": f"{self.cost} {self.currency}"})
        return rows


def run_cost(
    records: Sequence[UsageRecord], fleet: Fleet, books: Sequence[PriceBook] = ()
) -> RunCost:
    """What these lives of the fleet's servers cost, by the estate's price books or the fleet."""
    hours: list[UsageHour] = []
    if records:
        begins_at = hour_of(min(record.start for record in records))
        ends_at = hour_of(max(record.end for record in records)) + timedelta(hours=1)
        hours = cut_into_hours(records, begins_at, ends_at)
    priced = next(_complete(hours, (*books, fleet_book(fleet))), None)
    return RunCost(
        hours=sum(row.clock_hours for row in hours),
        unused_minutes=sum(3600 * row.clock_hours - row.stood_s for row in hours) // 60,
        cost=priced.billed_cost if priced else None,
        currency=priced.currency if priced else fleet.currency,
    )


def _complete(hours: Sequence[UsageHour], books: Sequence[PriceBook | None]) -> Iterator[Charges]:
    """The charges by each book that prices all of it."""
    totals = add_up(hours)
    charges = (price_totals(totals, book) for book in books if book is not None)
    return (each for each in charges if each.complete)


def fleet_book(fleet: Fleet) -> PriceBook | None:
    """The price of an hour that the estate gives for the fleet, as a book; None: it gives none."""
    if fleet.price_per_hour is None:
        return None
    source = f"estate: price_per_hour of fleet {fleet.name}"
    entry = PriceEntry(
        sku=fleet.flavour, price=fleet.price_per_hour, valid_from=_LONG_AGO, source=source
    )
    return PriceBook(
        name=source,
        provider="estate",
        currency=fleet.currency,
        source=source,
        dated=_LONG_AGO,
        billing_account=fleet.name,
        entries=(entry,),
    )
