"""What charges come to by group and day, gathered as they come: they are never all in memory."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal

from springtide.errors import NotFound
from springtide.model.charge import Charge
from springtide.model.cost_figures import BreakEven, DayCost, DayHours, StorageDay, UnitCost
from springtide.model.price import Commitment, Plan, PriceBook
from springtide.model.usage import ServerHours, UsageKind, UsageSum
from springtide.pricing.price_book import find_price

OWN = "Springtide itself"
_CENT = Decimal("0.01")
_FOUR_DIGITS = Decimal("0.0001")
_TERABYTE = Decimal(10**12)
_DAY_H = 24
_STORAGE = (UsageKind.VOLUME, UsageKind.OBJECT_STORAGE, UsageKind.DATASTORE)
_LEAST_BYTE_HOURS = 10**9
"""A datastore whose amount is smaller is counted, not measured."""
_MEAN_MONTH_DAYS = Decimal("30.4375")


class CostBreakdown:
    """Sums of the charges that were added; each charge counts once, in whatever order."""

    def __init__(self, own: Collection[str] = ()) -> None:
        """`own` are the names or ids of what Springtide itself runs on."""
        self._own = frozenset(own)
        self._billed: dict[tuple[date, str], Decimal] = defaultdict(Decimal)
        self._effective: dict[tuple[date, str], Decimal] = defaultdict(Decimal)
        self._stored: dict[tuple[date, str], int] = defaultdict(int)
        self._storing: dict[tuple[date, str], Decimal] = defaultdict(Decimal)
        self._covered: Counter[tuple[date, str, str, str]] = Counter()

    def add(self, charge: Charge) -> None:
        """Count it."""
        key = charge.day, self.group_of(charge)
        self._billed[key] += charge.billed_cost
        self._effective[key] += charge.effective_cost
        if charge.covered:
            self._covered[*key, charge.sku, charge.region] += charge.clock_hours
        if charge.kind in _STORAGE and charge.clock_hours >= _LEAST_BYTE_HOURS:
            self._stored[charge.day, charge.kind.value] += charge.clock_hours
            self._storing[charge.day, charge.kind.value] += charge.effective_cost

    def group_of(self, charge: Charge) -> str:
        """The group that a charge belongs to."""
        if charge.name in self._own or charge.resource in self._own:
            return OWN
        if charge.kind is UsageKind.INSTANCE:
            return servers_of(charge.fleet or "no fleet")
        return charge.kind.value

    def daily(self, first: date, last: date) -> tuple[DayCost, ...]:
        """Cost by day and group, in order, from `first` to `last`, both inclusive."""
        return tuple(
            DayCost(day=day, group=group, billed=billed, effective=self._effective[day, group])
            for (day, group), billed in sorted(self._billed.items())
            if first <= day <= last
        )

    def covered_hours(self, by: Commitment, first: date, last: date) -> Counter[str]:
        """Clock hours by group that such a plan covers, from `first` to `last`, both inclusive."""
        hours: Counter[str] = Counter()
        for (day, group, sku, region), covered in self._covered.items():
            if first <= day <= last and (sku, region) == (by.sku, by.region):
                hours[group] += covered
        return hours

    def by_day(self) -> Mapping[date, Decimal]:
        """Effective cost of each day that has one."""
        sums: dict[date, Decimal] = defaultdict(Decimal)
        for (day, _), effective in self._effective.items():
            sums[day] += effective
        return dict(sums)

    def storage(self, first: date, last: date) -> tuple[StorageDay, ...]:
        """Terabytes, as the mean of each day, and their cost, by kind of storage."""
        return tuple(
            StorageDay(
                day=day,
                group=group,
                terabytes=(Decimal(byte_hours) / _DAY_H / _TERABYTE).quantize(_CENT),
                cost=self._storing[day, group],
            )
            for (day, group), byte_hours in sorted(self._stored.items())
            if first <= day <= last
        )


def servers_of(fleet: str) -> str:
    """The group of the fleet's servers."""
    return f"servers of {fleet}"


def day_hours(servers: Iterable[ServerHours], fleet: str) -> tuple[DayHours, ...]:
    """Billed hours of the fleet's servers on each day on which some stood."""
    return tuple(
        DayHours(
            day=found.day,
            servers=found.servers,
            least=found.least,
            mean=(Decimal(found.total) / found.servers).quantize(_CENT),
            most=found.most,
        )
        for found in servers
        if found.fleet == fleet
    )


def cost_groups(daily: Iterable[DayCost]) -> tuple[tuple[str, Decimal, Decimal], ...]:
    """Name, billed and effective cost of each group, the dearest first."""
    billed: dict[str, Decimal] = defaultdict(Decimal)
    effective: dict[str, Decimal] = defaultdict(Decimal)
    for cost in daily:
        billed[cost.group] += cost.billed
        effective[cost.group] += cost.effective
    names = sorted(billed, key=lambda name: (-effective[name], name))
    return tuple((name, billed[name], effective[name]) for name in names)


def break_even(
    hours: Iterable[DayHours], book: PriceBook, sku: str, *, region: str, days: Sequence[date]
) -> BreakEven | None:
    """The hours of one server in a mean month of `days`, beside both plans.

    None without a price, and without a day.

    One server's hours are the mean ones of each day, summed: each evening has servers of its own.
    """
    if not days:
        return None
    try:
        hourly = find_price(book, sku, region=region, day=days[-1]).price
    except NotFound:
        return None
    try:
        monthly = find_price(book, sku, region=region, day=days[-1], plan=Plan.MONTHLY).price
    except NotFound:
        monthly = None
    months = Decimal(len(days)) / _MEAN_MONTH_DAYS
    a_month = sum((each.mean for each in hours), Decimal(0)) / months
    return BreakEven(sku=sku, hourly=hourly, monthly=monthly, hours=a_month.quantize(_CENT))


def unit_costs(daily: Iterable[DayCost], sums: Iterable[UsageSum]) -> tuple[UnitCost, ...]:
    """Effective cost of a thousand connections on each day with a cost."""
    opened: dict[date, int] = defaultdict(int)
    for used in sums:
        if used.kind is UsageKind.CONNECTIONS:
            opened[used.day] += used.clock_hours
    costs: dict[date, Decimal] = defaultdict(Decimal)
    for cost in daily:
        costs[cost.day] += cost.effective
    return tuple(
        UnitCost(
            day=day,
            connections=opened[day],
            per_thousand=(cost * 1000 / opened[day]).quantize(_FOUR_DIGITS)
            if opened[day]
            else None,
        )
        for day, cost in sorted(costs.items())
    )


def counted(sums: Iterable[UsageSum], kind: UsageKind) -> int | None:
    """How many of that kind were counted; None where nobody counted."""
    found = [used.clock_hours for used in sums if used.kind is kind]
    return sum(found) if found else None
