"""What the ledger and the price book say of a period: charges, priced once and as they come.

A year of three hundred servers is a hundred thousand charges: they pass by, are summed, and are
given to whoever writes them into files, and only the sums stay.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import chain

from springtide.ledger.sums import daily_sums, running_hours, totals
from springtide.ledger.usage_ledger import UsageLedger
from springtide.model.charge import Charge
from springtide.model.cost_report import ReportPeriod
from springtide.model.price import MissingPrice, PriceBook
from springtide.model.usage import RunningHour, UsageSum
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
    missing: tuple[MissingPrice, ...]
    days: tuple[date, ...] = ()
    """Those of the period whose usage is known."""


class Gathering:
    """Prices a period's usage; its charges are read once, and then the sums are there."""

    def __init__(
        self, ledger: UsageLedger, book: PriceBook, period: ReportPeriod, *, known_until: date
    ) -> None:
        """From the school year's first day, or the period's if that is earlier."""
        self._ledger, self._book, self._period = ledger, book, period
        self._end = min(known_until, period.last) + _DAY
        first = min(period.first, school_year(period.first).first)
        self._begin = first.replace(day=1)
        self._pricer = Pricer(book, known_until=self._end - _DAY)

    def charges(self, breakdown: CostBreakdown) -> Iterator[Charge]:
        """The period's charges; those before it are counted in the breakdown, too."""
        for charge in self._all():
            breakdown.add(charge)
            if charge.day >= self._period.first:
                yield charge

    def gathered(self, breakdown: CostBreakdown) -> Gathered:
        """What has come, once the charges were read."""
        first, end = self._period.first, max(self._end, self._period.first)
        return Gathered(
            breakdown=breakdown,
            begins_on=self._begin,
            sums=daily_sums(self._ledger, first, end),
            running=running_hours(self._ledger, first, end),
            missing=self._in_period(self._pricer.missing),
            days=tuple(day for day in self._period.days() if day < self._end),
        )

    def _all(self) -> Iterable[Charge]:
        used = totals(self._ledger, self._begin, self._end, purchases=self._book.purchases)
        bought = purchase_charges(self._book, self._begin, self._end)
        return chain(self._pricer.charges(used), bought)

    def _in_period(self, missing: Iterable[MissingPrice]) -> tuple[MissingPrice, ...]:
        return tuple(each for each in missing if each.last_day >= self._period.first)
