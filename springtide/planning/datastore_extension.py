"""How many more datastores: from how they fill, within what may be bought.

As an operator reads it: all datastores of the estate's clusters together must stay below the red
share for `forecast_days` to come, at the pace of their history. What is lacking is divided by what
a new one may be filled with. A person may ask for another number. No more than `most_at_once` is
ordered at a time, and no more than the month's budget has left. While an order is under way, or one
was never answered, nothing is ordered: there is no way to tell the provider that it is the same.

Example: 30,000 GiB, 26,000 used, 60 GiB more each day: 27,800 in a month, 800 above 90 %: one of
3,000 GiB is proposed.
"""

import math
from collections.abc import Iterable, Sequence
from decimal import Decimal

from springtide.model.core import Core, DatastoreOrders
from springtide.model.core_watch import FillForecast
from springtide.model.datastore_extension import (
    DatastorePlan,
    Filer,
    OrderRecord,
    ProviderTask,
    ProviderView,
)
from springtide.model.inventory import Inventory
from springtide.planning.telling import Row

_GIB_MIB = 1024


def order_limitation(
    orders: DatastoreOrders, view: ProviderView, records: Iterable[OrderRecord]
) -> str | None:
    """Why nothing may be ordered now; None where it may."""
    if view.under_way:
        told = ", ".join(f"{task.name} {task.id} ({task.state})" for task in view.under_way)
        return f"an order is under way at the provider: {told}"
    lost = [record for record in records if record.task is None]
    if lost:
        return (
            f"an order of {lost[0].at:%Y-%m-%d %H:%M} was never answered: look at the provider's"
            " orders, then delete its variable"
        )
    if orders.profile not in view.profiles:
        known = ", ".join(view.profiles) or "none"
        return f"the provider offers no {orders.profile} (offered: {known})"
    return None


def datastore_plan(
    inventory: Inventory,
    forecasts: Sequence[FillForecast],
    core: Core,
    *,
    known: tuple[ProviderView, Sequence[OrderRecord]],
    asked: int,
) -> DatastorePlan:
    """How many would be ordered; `asked` is a person's number, 0: what the forecast wants.

    `known` is what the provider shows, and what was ordered.

    Raises:
        Misconfigured: the estate orders no datastores.
    """
    orders = core.ordering()
    view, records = known
    month = f"{inventory.at:%Y-%m}"
    wanted, why = _wanted(inventory, forecasts, core, orders)
    if asked:
        wanted, why = asked, f"a person asked for {asked} ({why})"
    count, caps = _capped(wanted, orders, [r for r in records if r.month == month])
    return DatastorePlan(
        service=orders.service,
        profile=orders.profile,
        count=count,
        wanted=wanted,
        reason="; ".join((why, *caps)),
        capacity_gib=orders.capacity_gib,
        price_per_month=orders.price_per_month * count,
        filers=tuple(sorted(filer.id for filer in view.filers)),
        datastores=tuple(sorted(each.name for each in inventory.datastores)),
        month=month,
    )


def delivered_names(
    plan: DatastorePlan, done: Iterable[ProviderTask], filers: Iterable[Filer]
) -> set[str]:
    """Names of the datastores that these tasks have delivered; vCenter shows them by the same.

    Where a task does not tell which: all that the provider has and had not when the plan was made.
    """
    ours = {task.filer_id for task in done}
    if None in ours:
        return {filer.name for filer in filers if filer.id not in plan.filers}
    return {filer.name for filer in filers if filer.id in ours}


def unmounted(
    inventory: Inventory, names: Iterable[str], core: Core
) -> tuple[tuple[str, str], ...]:
    """Each datastore of these and usable host of the estate's clusters that has not mounted it."""
    hosts = [h.name for c in core.clusters for h in inventory.hosts_of(c) if h.usable]
    return tuple(
        (name, host)
        for name in sorted(names)
        if (datastore := inventory.datastore(name)) is not None
        for host in sorted(hosts)
        if host not in datastore.hosts
    )


def datastore_rows(plan: DatastorePlan, forecasts: Sequence[FillForecast]) -> list[Row]:
    """The plan for a person, with what it rests on."""
    rows: list[Row] = [
        {"measure": "order", "value": f"{plan.count} of {plan.profile} for {plan.service}"},
        {"measure": "why", "value": plan.reason},
        {"measure": "capacity", "value": f"{plan.count * plan.capacity_gib} GiB more"},
        {"measure": "cost", "value": f"{plan.price_per_month} EUR a month without VAT"},
    ]
    rows += [
        {
            "measure": each.datastore,
            "value": f"{each.used_mib // _GIB_MIB} of {each.capacity_mib // _GIB_MIB} GiB;"
            f" {each.why}",
        }
        for each in forecasts
    ]
    return rows


def _wanted(
    inventory: Inventory, forecasts: Sequence[FillForecast], core: Core, orders: DatastoreOrders
) -> tuple[int, str]:
    hosts = {h.name for c in core.clusters for h in inventory.hosts_of(c)}
    ours = {each.name for each in inventory.datastores if hosts & set(each.hosts)}
    limits = core.datastore_limits
    counted = [each for each in forecasts if each.datastore in ours]
    capacity = sum(each.capacity_mib for each in counted)
    used = sum(each.used_mib for each in counted)
    grows = sum(max(0.0, each.per_day_mib or 0.0) for each in counted) * limits.forecast_days
    lacking = used + grows - limits.red_share * capacity
    # The verdict alone is part of what is signed: the figures are others at every look.
    verdict = f"{limits.red_share:.0%} within {limits.forecast_days} days"
    if lacking <= 0:
        return 0, f"below {verdict}"
    each_takes = orders.capacity_gib * _GIB_MIB * limits.red_share
    return math.ceil(lacking / each_takes), f"above {verdict}"


def _capped(
    wanted: int, orders: DatastoreOrders, month: Sequence[OrderRecord]
) -> tuple[int, list[str]]:
    spent = sum((record.amount for record in month), Decimal(0))
    affordable = max(0, int((orders.monthly_budget - spent) // orders.price_per_month))
    caps = []
    if wanted > orders.most_at_once:
        caps.append(f"capped at {orders.most_at_once} at once")
    if min(wanted, orders.most_at_once) > affordable:
        left = orders.monthly_budget - spent
        caps.append(f"capped at {affordable}: {left} EUR of the month's budget are left")
    return min(wanted, orders.most_at_once, affordable), caps
