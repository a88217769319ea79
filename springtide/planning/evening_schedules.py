"""When a scheduler should wake the flows of a window: cron lines in the window's own time zone.

As an operator reads it: one tick opens (`from` less the lead), one closes (`until` less the tail),
and between the opening and an hour after `until` every fifth minute keeps the fleet as it should
be. No decision rests on a tick: each flow asks `evening_window` whether the evening holds, so a
tick on a holiday does nothing, one that comes twice when the clocks go back does nothing new, and
one that is missed is made up for by the next. A measured lead is not known when schedules are made:
keeping then begins at its cap, and opens when the claim starts; the opening's own tick is at `from`
and tells whether all of it serves. A fleet with surges is kept around the clock: a surge begins and
ends when it likes.

Example: Monday to Wednesday 16:00 to 22:00, lead 15, tail 10 gives `45 15 * * mon,tue,wed` to open,
`45-55/5 15 …`, `*/5 16-22 …` and `0 23 …` to keep, `50 21 …` to close.
"""

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from itertools import groupby
from typing import NamedTuple
from zoneinfo import ZoneInfo

from springtide.model.base import Model, Moment, Name
from springtide.model.estate import Estate
from springtide.model.window import Weekday, Window
from springtide.planning.wall_clock import instant_of

KEEP_INTERVAL_MINUTES = 5
KEEP_AFTER_MINUTES = 60
"""How long after `until` the keeping goes on: a close that failed is made up for."""

_DAY_MINUTES = 24 * 60
_WEEKDAYS = tuple(Weekday)


class Edge(StrEnum):
    """What a tick is for."""

    OPEN = "open"
    KEEP = "keep"
    CLOSE = "close"


class EveningSchedule(Model):
    """One schedule of one flow."""

    slug: str
    """Unique among all windows, e.g. `keep-evening-2`."""
    edge: Edge
    window: Name | None
    """None: it keeps the fleet around the clock."""
    fleet: Name
    cron: str
    """Five fields, in local time of `timezone`. A date that was added outside the weekdays comes
    back every year: cron knows no year, and the flow finds no evening then."""
    timezone: str


class Keeping(NamedTuple):
    """The ticks that keep a fleet on one date of a window: every fifth minute, both inclusive."""

    first: datetime
    last: datetime
    zone: ZoneInfo
    """In which people read them."""


def estate_schedules(estate: Estate) -> tuple[EveningSchedule, ...]:
    """All schedules that the estate's windows and surges need."""
    surging = [fleet.name for fleet in estate.fleets if fleet.surge is not None]
    edges = (edge for window in estate.windows for edge in schedule_edges(window))
    always = (
        EveningSchedule(
            slug=f"keep-{name}",
            edge=Edge.KEEP,
            window=None,
            fleet=name,
            cron=f"*/{KEEP_INTERVAL_MINUTES} * * * *",
            timezone="UTC",
        )
        for name in surging
    )
    return (*(e for e in edges if e.edge is not Edge.KEEP or e.fleet not in surging), *always)


def schedule_edges(window: Window) -> tuple[EveningSchedule, ...]:
    """All schedules that the window needs: opening, keeping, closing; then those of added dates."""
    weekly: frozenset[Weekday] = frozenset(window.days)
    dated = [d for d in sorted(set(window.add_dates)) if _WEEKDAYS[d.weekday()] not in weekly]
    found = list(_schedules(window, weekly, suffix=""))
    for day in dated:
        found += _schedules(window, day, suffix=f"-{day:%Y%m%d}")
    return tuple(found)


def keepings(window: Window, *, around: Moment) -> tuple[Keeping, ...]:
    """When the window's lines keep its fleet on the day of `around`, the one before and after.

    The lines tick on holidays and removed dates, too: what stands for an order is taken down then.
    """
    today = around.astimezone(window.zone).date()
    near = (today + timedelta(days=shift) for shift in (-1, 0, 1))
    return tuple(
        _keeping(window, day)
        for day in near
        if _WEEKDAYS[day.weekday()] in window.days or day in window.add_dates
    )


def _keeping(window: Window, day: date) -> Keeping:
    grid, (first, last) = KEEP_INTERVAL_MINUTES, _kept_minutes(window)
    ticks = (-(-first // grid) * grid, last // grid * grid)
    local = [datetime.combine(day, time()) + timedelta(minutes=minute) for minute in ticks]
    # By the wall clock, as cron goes.
    first_at, last_at = (instant_of(at.date(), at.time(), zone=window.zone) for at in local)
    return Keeping(first_at, last_at, window.zone)


def _kept_minutes(window: Window) -> tuple[int, int]:
    """Between which minutes from the date's midnight its fleet is kept."""
    first = _minute_of_day(window.opens) - window.longest_lead_minutes
    return first, _minute_of_day(window.closes) + KEEP_AFTER_MINUTES


def _schedules(
    window: Window, days: frozenset[Weekday] | date, *, suffix: str
) -> Iterator[EveningSchedule]:
    opens = _minute_of_day(window.opens) - window.lead_minutes
    first_keep, last_keep = _kept_minutes(window)
    until = _minute_of_day(window.closes) - window.tail_minutes
    spans = {
        Edge.OPEN: _crons(opens, opens, grid=1, days=days),
        Edge.KEEP: _crons(first_keep, last_keep, grid=KEEP_INTERVAL_MINUTES, days=days),
        Edge.CLOSE: _crons(until, until, grid=1, days=days),
    }
    for edge, crons in spans.items():
        for number, cron in enumerate(crons, start=1):
            part = f"-{number}" if edge is Edge.KEEP else ""
            yield EveningSchedule(
                slug=f"{edge}-{window.name}{suffix}{part}",
                edge=edge,
                window=window.name,
                fleet=window.fleet,
                cron=cron,
                timezone=window.timezone,
            )


def _crons(first: int, last: int, *, grid: int, days: frozenset[Weekday] | date) -> Iterator[str]:
    # `first` and `last` are minutes from the date's midnight: negative ones are on the day before,
    # those from 1440 on the day after, and a cron line must name that day.
    for shift in (-1, 0, 1):
        midnight = shift * _DAY_MINUTES
        low = -(-max(first - midnight, 0) // grid) * grid
        high = min(last - midnight, _DAY_MINUTES - 1) // grid * grid
        if low > high:
            continue
        hours = range(low // 60, high // 60 + 1)
        spans = ((max(low - 60 * h, 0), min(high - 60 * h, 60 - grid), h) for h in hours)
        for (start, end), alike in groupby(spans, key=lambda span: span[:2]):
            group = [hour for _, _, hour in alike]
            minutes = _minutes(start, end, grid)
            yield f"{minutes} {_span(group[0], group[-1])} {_day_fields(days, shift)}"


def _minutes(start: int, end: int, grid: int) -> str:
    if (start, end) == (0, 60 - grid):
        return f"*/{grid}"
    return _span(start, end) if start == end else f"{start}-{end}/{grid}"


def _span(first: int, last: int) -> str:
    return f"{first}" if first == last else f"{first}-{last}"


def _day_fields(days: frozenset[Weekday] | date, shift: int) -> str:
    if isinstance(days, date):
        day = days + timedelta(days=shift)
        return f"{day.day} {day.month} *"
    shifted = sorted((_WEEKDAYS.index(day) + shift) % len(_WEEKDAYS) for day in days)
    return "* * " + ",".join(_WEEKDAYS[index][:3] for index in shifted)


def _minute_of_day(clock: time) -> int:
    return clock.hour * 60 + clock.minute
