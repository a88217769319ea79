"""How datastores fill: a line through their days that a lone odd day does not move.

As an operator reads it: once a day it is noted how full each datastore is. Through the days of a
month or so a line is laid whose slope is the median of the slopes between all pairs of days (Theil
and Sen): a backup that stood for a night, or a machine that was moved away and back, does not move
it. Nothing is foretold from fewer than five days, or from less than a week.

Example: 2,400 of 3,000 GiB used, 20 GiB more each day: 2,700 GiB, 90 %, in fifteen days.
"""

from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from itertools import combinations
from statistics import median

from springtide.model.core import DatastoreLimits
from springtide.model.core_watch import FillForecast, FillSample
from springtide.model.inventory import Datastore, Inventory

MIB = 1024**2
LEAST_DAYS = 5
LEAST_SPAN_DAYS = 7
HISTORY_DAYS = 45
"""How many of the newest days a line is laid through."""
KEPT_DAYS = 180
MOST_DATASTORES = 100
"""So many, the fullest, are noted for a day: a note has its limits."""


def fill_samples(inventory: Inventory, day: date) -> tuple[FillSample, ...]:
    """How full each accessible datastore is, the fullest first."""
    usable = [each for each in inventory.datastores if each.accessible and each.capacity_bytes > 0]
    fullest = sorted(usable, key=lambda each: (-each.used_share, each.name))[:MOST_DATASTORES]
    return tuple(
        FillSample(
            day=day,
            datastore=each.name,
            capacity_mib=each.capacity_bytes // MIB,
            used_mib=(each.capacity_bytes - each.free_bytes) // MIB,
        )
        for each in fullest
    )


def forecast_fills(
    inventory: Inventory, history: Iterable[FillSample], limits: DatastoreLimits
) -> tuple[FillForecast, ...]:
    """The forecast of each accessible datastore, the soonest full first; then by name."""
    today = inventory.at.date()
    samples = tuple(each for each in history if each.day < today)
    found = [
        _forecast(each, samples, today, limits)
        for each in inventory.datastores
        if each.accessible and each.capacity_bytes > 0
    ]
    never = float("inf")
    return tuple(
        sorted(
            found, key=lambda f: (never if f.red_in_days is None else f.red_in_days, f.datastore)
        )
    )


def outdated(days: Iterable[date], today: date) -> tuple[date, ...]:
    """The days whose notes are kept no longer."""
    return tuple(sorted(day for day in days if today - day > timedelta(days=KEPT_DAYS)))


def _forecast(
    datastore: Datastore, history: Sequence[FillSample], today: date, limits: DatastoreLimits
) -> FillForecast:
    capacity = datastore.capacity_bytes // MIB
    used = capacity - datastore.free_bytes // MIB
    points = _points(datastore.name, history, today, used)
    room = limits.red_share * capacity - used
    per_day = _per_day(points)
    days: float | None = None
    if room <= 0:
        days, why = 0.0, f"above its red share of {limits.red_share:.0%}"
    elif per_day is None:
        why = f"{len(points)} days are noted: too few to foretell anything"
    elif per_day <= 0:
        why = "it does not grow"
    else:
        days = round(room / per_day, 1)
        why = f"{per_day / 1024:.1f} GiB a day: {limits.red_share:.0%} in {days:.0f} days"
    return FillForecast(
        datastore=datastore.name,
        used_mib=used,
        capacity_mib=capacity,
        per_day_mib=per_day,
        red_in_days=days,
        why=why,
    )


def _points(
    name: str, history: Sequence[FillSample], today: date, used_mib: int
) -> list[tuple[int, int]]:
    """Used MiB by day, the newest being what is seen now; one for each day."""
    first = today - timedelta(days=HISTORY_DAYS)
    noted = {s.day: s.used_mib for s in history if s.datastore == name and s.day >= first}
    return sorted((day.toordinal(), used) for day, used in (noted | {today: used_mib}).items())


def _per_day(points: Sequence[tuple[int, int]]) -> float | None:
    if len(points) < LEAST_DAYS or points[-1][0] - points[0][0] < LEAST_SPAN_DAYS:
        return None
    slopes = ((u2 - u1) / (d2 - d1) for (d1, u1), (d2, u2) in combinations(points, 2))
    return round(median(slopes), 3)
