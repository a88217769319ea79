"""Integers of usage become money: once, exactly, in Decimal.

As an operator reads it: hours, seconds or byte hours are summed before they come here; each sum is
multiplied by its price and nothing is rounded, so it does not matter how usage was split. A monthly
plan bills each begun month in full, on the first day on which its resource stood. What is paid at
once is billed on the day it was bought and spread over the days that it serves. Usage without a
price is told and not guessed: the rest is priced all the same.

Example: 200 h at 0.111 are 22.20, 103 GB for 250 h at 0.04 the month are 1.43056670: the provider's
own worked example, 23.63.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, timedelta
from decimal import Decimal

from springtide.errors import Misconfigured, NotFound
from springtide.model.calendar import next_month
from springtide.model.charge import Charge, ChargeCategory, Charges
from springtide.model.price import (
    MissingPrice,
    Plan,
    PriceBook,
    PriceEntry,
    PriceUnit,
    Purchase,
    RoundingRule,
)
from springtide.model.usage import UNBILLED, UsageKind, UsageSource, UsageTotal, Used
from springtide.pricing.price_book import find_price

_NOTHING = Decimal(0)
_NINE_DIGITS = Decimal("1e-9")
_TEN_DIGITS = Decimal("1e-10")
_BYTES = {
    PriceUnit.GB_HOUR: 10**9,
    PriceUnit.GB_MONTH: 10**9,
    PriceUnit.GIB_HOUR: 2**30,
    PriceUnit.GIB_MONTH: 2**30,
}
_BY_SIZE = (UsageKind.VOLUME, UsageKind.OBJECT_STORAGE, UsageKind.DATASTORE)
"""What is measured in bytes."""
_USED = tuple(Used.model_fields)


class Pricer:
    """Prices totals by one book, and remembers what it has no price for."""

    def __init__(self, book: PriceBook, *, known_until: date | None = None) -> None:
        """Nothing is priced yet.

        `known_until` is the last day whose usage is known; None: all of it is. What is paid by the
        month and stood on that day serves until the month's end.
        """
        self._book = book
        self._known_until = known_until
        self._entries: dict[tuple[str, str, date, tuple[Plan, ...]], PriceEntry | None] = {}
        self._missing: dict[tuple[str, str], MissingPrice] = {}

    @property
    def missing(self) -> tuple[MissingPrice, ...]:
        """What was used and has no price, by SKU and region."""
        return tuple(found for _, found in sorted(self._missing.items()))

    def charges(self, totals: Iterable[UsageTotal]) -> Iterator[Charge]:
        """A charge for each total that is paid by its use, as they come.

        Those on a monthly plan come last, for all their days must be known: give whole months.

        Raises:
            Misconfigured: bytes have a price by the hour, without a size; the field is the SKU.
        """
        monthly: dict[str, list[tuple[UsageTotal, PriceEntry]]] = defaultdict(list)
        for total in totals:
            if total.kind in UNBILLED:
                continue
            entry = self._entry(total)
            if entry is None:
                self._miss(total)
            elif total.kind in _BY_SIZE and entry.plan is Plan.HOURLY and entry.unit not in _BYTES:
                # An hour's price for each byte: a terabyte would cost millions.
                allowed = "a unit by size, e.g. GiB-month, or the monthly plan"
                raise Misconfigured(
                    f"bytes are priced by the {entry.unit}", field=total.sku, allowed=allowed
                )
            elif entry.plan is Plan.MONTHLY:
                monthly[total.resource].append((total, entry))
            else:
                yield charge_of(total, entry)
        for _, days in sorted(monthly.items()):
            in_time = sorted(days, key=lambda each: each[0].day)
            yield from _monthly_charges(in_time, self._known_until)

    def _entry(self, total: UsageTotal) -> PriceEntry | None:
        plans = self._plans(total)
        key = (total.sku, total.region, total.day, plans)
        if key not in self._entries:
            self._entries[key] = self._found(total, plans)
        return self._entries[key]

    def _plans(self, total: UsageTotal) -> tuple[Plan, ...]:
        """The plans to look under: what is no instance may be sold by the month alone."""
        if total.resource in self._book.monthly_resources:
            return (Plan.MONTHLY,)
        return (Plan.HOURLY,) if total.kind is UsageKind.INSTANCE else (Plan.HOURLY, Plan.MONTHLY)

    def _found(self, total: UsageTotal, plans: tuple[Plan, ...]) -> PriceEntry | None:
        for plan in plans:
            try:
                return find_price(
                    self._book, total.sku, region=total.region, day=total.day, plan=plan
                )
            except NotFound:
                continue
        return None

    def _miss(self, total: UsageTotal) -> None:
        key = (total.sku, total.region)
        old = self._missing.get(key)
        self._missing[key] = MissingPrice(
            sku=total.sku,
            region=total.region,
            day=min(total.day, old.day) if old else total.day,
            last_day=max(total.day, old.last_day) if old else total.day,
            hours=total.clock_hours + (old.hours if old else 0),
        )


def price_totals(totals: Iterable[UsageTotal], book: PriceBook) -> Charges:
    """The charges of whole months of totals; purchases have charges of their own."""
    pricer = Pricer(book)
    charges = tuple(pricer.charges(totals))
    return Charges(currency=book.currency, charges=charges, missing=pricer.missing)


def charge_of(total: UsageTotal, entry: PriceEntry) -> Charge:
    """The charge of a total that is paid by its use, at that price."""
    quantity = _quantity(_billed_units(total, entry), entry)
    cost = entry.unit_price * quantity
    return _charge(total, entry, quantity, billed=_NOTHING if total.covered else cost)


def purchase_charges(book: PriceBook, begin: date, end: date) -> Iterator[Charge]:
    """What purchases cost on the days from `begin` until before `end`.

    The purchase itself is invoiced and has no effect of its own; each day that it serves has its
    share of the cost as its effect and is invoiced nothing.
    """
    for purchase in book.purchases:
        entry, cost = _purchase_entry(purchase), purchase.cost
        if begin <= purchase.bought_on < end:
            total = _purchased(purchase, purchase.bought_on)
            bought = _charge(total, entry, Decimal(1), billed=cost, effective=_NOTHING)
            yield bought.model_copy(update={"category": ChargeCategory.PURCHASE})
        shares = _shares(cost, (purchase.serves_until - purchase.bought_on).days)
        for number, share in enumerate(shares):
            day = purchase.bought_on + timedelta(days=number)
            if begin <= day < end:
                total = _purchased(purchase, day)
                yield _charge(total, entry, _NOTHING, billed=_NOTHING, effective=share)


def bytes_cost(entry: PriceEntry, byte_hours: int) -> Decimal:
    """What so many bytes cost for so many hours, at a price by size."""
    return entry.unit_price * _quantity(byte_hours, entry)


def _monthly_charges(
    days: Sequence[tuple[UsageTotal, PriceEntry]], known_until: date | None
) -> Iterator[Charge]:
    """One resource's days: each month in full on its first day, spread over the days it stood."""
    months: dict[tuple[int, int, str], list[tuple[UsageTotal, PriceEntry]]] = defaultdict(list)
    for total, entry in days:
        months[total.day.year, total.day.month, total.sku].append((total, entry))
    for month in months.values():
        price = month[0][1].price
        last = month[-1][0].day
        ahead = _left_of_month(last) if last == known_until else 0
        shares = _shares(price, len(month) + ahead)
        for number, ((total, entry), share) in enumerate(zip(month, shares, strict=False)):
            quantity = Decimal(0 if number else 1)
            yield _charge(total, entry, quantity, billed=price * quantity, effective=share)


def _left_of_month(day: date) -> int:
    """Days of the month after that day."""
    return (next_month(day) - day).days - 1


def _shares(cost: Decimal, days: int) -> list[Decimal]:
    """The cost in equal parts of ten digits; the last one is what makes their sum exact."""
    share = (cost / days).quantize(_TEN_DIGITS)
    return [share] * (days - 1) + [cost - share * (days - 1)]


def _billed_units(total: UsageTotal, entry: PriceEntry) -> int:
    match entry.rounding:
        case RoundingRule.CLOCK_HOUR:
            return total.clock_hours
        case RoundingRule.STARTED_HOUR:
            return total.started_hours
        case RoundingRule.SECOND:
            return total.stood_s


def _quantity(billed: int, entry: PriceEntry) -> Decimal:
    """Bytes become gigabytes here: of 10^9 exactly, of 2^30 to nine digits."""
    size = _BYTES.get(entry.unit)
    return Decimal(billed) if size is None else (Decimal(billed) / size).quantize(_NINE_DIGITS)


def _charge(
    total: UsageTotal,
    entry: PriceEntry,
    quantity: Decimal,
    *,
    billed: Decimal,
    effective: Decimal | None = None,
) -> Charge:
    return Charge(
        **{name: getattr(total, name) for name in _USED},
        day=total.day,
        quantity=quantity,
        entry=entry,
        list_cost=entry.unit_price * quantity,
        billed_cost=billed,
        covered=total.covered,
        effective_cost=billed if effective is None else effective,
        stood_s=total.stood_s,
        clock_hours=total.clock_hours,
        resources=total.resources,
    )


def _purchase_entry(purchase: Purchase) -> PriceEntry:
    return PriceEntry(
        sku=purchase.sku,
        region=purchase.region,
        plan=Plan.SAVINGS,
        unit=PriceUnit.ONCE,
        price=purchase.cost,
        valid_from=purchase.bought_on,
        source=purchase.source,
        billed_as=purchase.billed_as,
    )


def _purchased(purchase: Purchase, day: date) -> UsageTotal:
    return UsageTotal(
        resource=purchase.name,
        name=purchase.name,
        kind=UsageKind.PURCHASE,
        sku=purchase.sku,
        region=purchase.region,
        source=UsageSource.ESTATE,
        day=day,
        stood_s=0,
        clock_hours=0,
        started_hours=0,
    )
