"""What was done, beside named baselines: a saving without one means nothing.

Only the fleet's own servers are compared: what else stands would stand in every case.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

from springtide.costing.gathering import Gathered
from springtide.model.calendar import PARIS
from springtide.model.cost_figures import Alternative, HourServers
from springtide.model.fleet import Fleet
from springtide.model.price import PriceBook
from springtide.model.usage import RunningHour, UsageKind, UsageRecord, UsageSource
from springtide.pricing.charges import purchase_charges
from springtide.pricing.cost_breakdown import CostBreakdown, servers_of
from springtide.pricing.planned_cost import monthly_plan_cost, usage_cost

_HOUR_S = 3600
_DAY = timedelta(days=1)


def comparison(
    fleet: Fleet, book: PriceBook, *, days: Sequence[date], window: int, found: Gathered
) -> tuple[Alternative, ...]:
    """The fleet's servers on `days` as they were, and always on: `window` of them, or the peak.

    Where none of them is in the ledger, what was done is not known, and no saving is told.
    """
    cells, group = running_cells(found.running, fleet.name), servers_of(fleet.name)
    peak = max((cell.servers for cell in cells), default=0)
    done = sum(
        (cost.billed for cost in found.breakdown.daily(days[0], days[-1]) if cost.group == group),
        _plans_cost(fleet, book, days, found=found.breakdown),
    )
    told = "the fleet's servers, as they stood and are billed, with the plans that cover them"
    actual = Alternative(name="as it was", how=told, cost=done if cells else None, actual=True)
    sizes = {window: "the window's number"}
    sizes[peak] = (
        "the window's number, which is the peak's too" if peak == window else "the peak's number"
    )
    others = (
        alternative
        for servers, what in sizes.items()
        if servers
        for alternative in _always_on(fleet, book, servers, days=days, what=what)
    )
    return (actual, *others)


def running_cells(hours: Sequence[RunningHour], fleet: str) -> tuple[HourServers, ...]:
    """How many of the fleet's servers stood in each hour, by the clock of Paris.

    It is their mean, rounded up, so that one that was replaced within the hour counts once. The
    hour that an autumn day has twice counts once, with the larger number.
    """
    utc: dict[datetime, int] = {}
    for hour in hours:
        if hour.kind is UsageKind.INSTANCE and hour.fleet == fleet:
            utc[hour.hour] = utc.get(hour.hour, 0) + hour.stood_s
    cells: dict[tuple[date, int], int] = {}
    for at, stood_s in utc.items():
        local = at.astimezone(PARIS)
        servers = -(-stood_s // _HOUR_S)
        key = local.date(), local.hour
        cells[key] = max(servers, cells.get(key, 0))
    return tuple(
        HourServers(day=day, hour=hour, servers=servers)
        for (day, hour), servers in sorted(cells.items())
        if servers
    )


def _plans_cost(
    fleet: Fleet, book: PriceBook, days: Sequence[date], *, found: CostBreakdown
) -> Decimal:
    """What `days` of the savings plans for the fleet's flavour in its regions cost the fleet.

    Hours that a plan covers are billed nothing: what they cost is the plan, of which the fleet has
    as large a share as of these hours. Where a plan covers nobody's hours it has all of it.
    """
    regions = {region.name for region in fleet.regions}
    cost = Decimal(0)
    for plan in book.purchases:
        covers = plan.covers
        if covers is None or covers.sku != fleet.flavour or covers.region not in regions:
            continue
        bought = book.model_copy(update={"purchases": (plan,)})
        whole = (c.effective_cost for c in purchase_charges(bought, days[0], days[-1] + _DAY))
        hours = found.covered_hours(covers, days[0], days[-1])
        own, total = (hours[servers_of(fleet.name)], hours.total()) if hours else (1, 1)
        cost += sum(whole, Decimal(0)) * own / total
    return cost


def _always_on(
    fleet: Fleet, book: PriceBook, servers: int, *, days: Sequence[date], what: str
) -> Iterator[Alternative]:
    region = fleet.regions[0].name
    begin, end = (datetime.combine(day, time(0), UTC) for day in (days[0], days[-1] + _DAY))
    record = UsageRecord(
        resource=f"always-on-{servers}",
        kind=UsageKind.INSTANCE,
        sku=fleet.flavour,
        region=region,
        fleet=fleet.name,
        source=UsageSource.ESTATE,
        start=begin,
        end=end,
        amount=servers,
    )
    yield Alternative(
        name=f"{servers} always on, by the hour",
        how=f"{what} at every hour",
        cost=usage_cost([record], book),
    )
    yield Alternative(
        name=f"{servers} always on, monthly plan",
        how=f"{what} on the monthly plan, each begun month in full",
        cost=monthly_plan_cost(book, fleet.flavour, region=region, servers=servers, days=days),
    )
