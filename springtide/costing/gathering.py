"""What the ledger and the price book say of a period: its sums, and its charges as they come.

Sums are priced from servers that are alike, once for all of them; a charge for each of them is made
only for those days that are written down. A year of three hundred servers is a hundred thousand
charges: they pass by, and only the sums stay.
"""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import chain

from springtide.ledger.sums import (
    alike_totals,
    daily_sums,
    instances,
    running_hours,
    server_hours,
    totals,
)
from springtide.ledger.usage_ledger import UsageLedger
from springtide.model.charge import Charge
from springtide.model.cost_report import ReportPeriod
from springtide.model.price import MissingPrice, PriceBook
from springtide.model.usage import RunningHour, ServerHours, UsageSum, UsageTotal
from springtide.planning.cost_report import school_year
from springtide.pricing.charges import Pricer, purchase_charges
from springtide.pricing.cost_breakdown import CostBreakdown

_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Gathered:
    """What the charges of a period came to."""

    breakdown: CostBreakdown
    begins_on: date
    """The first day that it knows; the forecasts look back to it."""
    sums: tuple[UsageSum, ...]
    """Of the period."""
    running: tuple[RunningHour, ...]
    """Of the period."""
    servers: tuple[ServerHours, ...]
    """Of the period."""
    instances: frozenset[str]
    """Ids of those that stood in the period, priced or not."""
    missing: tuple[MissingPrice, ...]
    """Of the period."""
    unpriced: tuple[MissingPrice, ...]
    """Since the first day that it knows."""
    days: tuple[date, ...] = ()
    """Those of the period whose usage is known."""


class Gathering:
    """Prices a period's usage."""

    def __init__(
        self, ledger: UsageLedger, book: PriceBook, period: ReportPeriod, *, known_until: date
    ) -> None:
        """From the school year's first day, or the period's if that is earlier."""
        self._ledger, self._book, self._period = ledger, book, period
        self._end = min(known_until, period.last) + _DAY
        first = min(period.first, school_year(period.first).first)
        self._begin = first.replace(day=1)

    def charges(self) -> Iterator[Charge]:
        """The period's charges, each resource's days by themselves.

        Raises:
            Misconfigured: bytes have a price by the hour, without a size; the field is the SKU.
        """
        first = self._period.first
        # Its month from the first day on: a monthly plan is billed on the first day of use.
        begin = first.replace(day=1)
        used = totals(self._ledger, begin, self._end, book=self._book)
        for charge in self._priced(used, begin, self._pricer()):
            if charge.day >= first:
                yield charge

    def gathered(self, own: Collection[str] = ()) -> Gathered:
        """What all charges come to; `own` is what Springtide itself runs on."""
        first, end = self._period.first, max(self._end, self._period.first)
        breakdown, pricer = CostBreakdown(own), self._pricer()
        alike = alike_totals(self._ledger, self._begin, self._end, book=self._book, apart=own)
        for charge in self._priced(alike, self._begin, pricer):
            breakdown.add(charge)
        return Gathered(
            breakdown=breakdown,
            begins_on=self._begin,
            sums=daily_sums(self._ledger, first, end),
            running=running_hours(self._ledger, first, end),
            servers=server_hours(self._ledger, first, end),
            instances=instances(self._ledger, first, end),
            missing=self._in_period(pricer.missing),
            unpriced=pricer.missing,
            days=tuple(day for day in self._period.days() if day < self._end),
        )

    def _pricer(self) -> Pricer:
        return Pricer(self._book, known_until=self._end - _DAY)

    def _priced(self, used: Iterable[UsageTotal], begin: date, pricer: Pricer) -> Iterable[Charge]:
        return chain(pricer.charges(used), purchase_charges(self._book, begin, self._end))

    def _in_period(self, missing: Iterable[MissingPrice]) -> tuple[MissingPrice, ...]:
        return tuple(each for each in missing if each.last_day >= self._period.first)
