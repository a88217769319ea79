"""The days of a school year, as they make traffic: weekdays, holidays by zone, and a lockdown."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from springtide.model.window import SchoolZone
from springtide.planning.school_calendar import SchoolCalendar
from springtide.simulation.school_traffic import AT_HOME, WEEKDAYS, SchoolDay

_HOLIDAY_SHARE = 0.04
"""Of a day's sessions, that come where school is out."""
_AT_HOME_WEEK = (1.0, 1.0, 1.0, 1.0, 1.0, 0.2, 0.2)
_RAMP = (2_000_000, 3_000_000, 4_000_000, 5_000_000)
"""Sessions of the lockdown's first days; it stays at the last."""


@dataclass(frozen=True)
class Lockdown:
    """Days on which all lessons are from home, both inclusive."""

    first: date
    last: date

    def covers(self, day: date) -> bool:
        """Whether lessons are from home on that day."""
        return self.first <= day <= self.last


def dates(first: date, last: date) -> Iterator[date]:
    """Each day from `first` to `last`, both inclusive."""
    return (first + timedelta(days=n) for n in range((last - first).days + 1))


def term_days(
    calendar: SchoolCalendar, *, first: date, last: date, lockdown: Lockdown | None = None
) -> tuple[SchoolDay, ...]:
    """What makes the traffic of each day from `first` to `last`, both inclusive.

    Raises:
        Misconfigured: school holidays are not known on one of the days.
    """
    return tuple(
        _at_home(day, lockdown.first)
        if lockdown and lockdown.covers(day)
        else SchoolDay(WEEKDAYS[day.weekday()], open_zones=_open_share(calendar, day))
        for day in dates(first, last)
    )


def _at_home(day: date, first: date) -> SchoolDay:
    sessions = _RAMP[min((day - first).days, len(_RAMP) - 1)]
    return SchoolDay(_AT_HOME_WEEK[day.weekday()], sessions, minutes=8.0, humps=AT_HOME)


def _open_share(calendar: SchoolCalendar, day: date) -> float:
    """The share of the zones in which school is held."""
    if calendar.public_holiday(day):
        return _HOLIDAY_SHARE
    zones = tuple(SchoolZone)
    held = sum(calendar.school_holiday(day, zone) is None for zone in zones)
    return max(_HOLIDAY_SHARE, held / len(zones))
