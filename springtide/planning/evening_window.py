"""When a window's evenings are: which dates open, which are skipped, and why.

As an operator reads it: a window opens on its weekdays, except on public holidays (if it says so),
on days on which all of its school zones have holidays, and on dates that were removed. A date that
was added opens whatever the rules say. An evening is an interval and never a tick: whoever asks at
20:00 gets the same evening as who asked at 16:00, so a late run converges all the same.

Example: Monday to Wednesday 16:00 to 22:00 Europe/Paris, lead 0, tail 10. On Monday 2026-11-23 the
claim holds from 15:00 UTC (inclusive) to 20:50 UTC (exclusive), and by 21:00 UTC all is gone.
Wednesday 2026-11-11 is skipped: "public holiday: Armistice".
"""

from collections.abc import Iterable, Iterator
from datetime import date, datetime, timedelta
from typing import NamedTuple

from springtide.model.base import Moment
from springtide.model.claim import Claim, ClaimKind
from springtide.model.window import Evening, SkippedEvening, Weekday, Window
from springtide.planning.school_calendar import SchoolCalendar
from springtide.planning.wall_clock import instant_of

SEARCH_DAYS = 400
"""How far `next_evening` looks: more than a year, so that a yearly window is found."""

_WEEKDAYS = tuple(Weekday)


def evenings(
    window: Window, calendar: SchoolCalendar, *, first: date, last: date
) -> tuple[Evening | SkippedEvening, ...]:
    """Each date from `first` to `last` (both inclusive) that the window speaks of, in order.

    Raises:
        Misconfigured: school holidays are needed and not known on one of the dates.
    """
    return tuple(_on_days(window, calendar, first=first, last=last))


def evening_at(window: Window, calendar: SchoolCalendar, *, now: Moment) -> Evening | None:
    """The evening whose claim holds at `now`: [from - lead, until - tail); None without one.

    Raises:
        Misconfigured: school holidays are needed to tell, and not known.
    """
    for day, hours in _near(window, now):
        if hours.claim_starts_at <= now < hours.claim_ends_at:
            found = _evening_on(window, calendar, day=day)
            if isinstance(found, Evening):
                return found
    return None


def paid_evening_at(window: Window, calendar: SchoolCalendar, *, now: Moment) -> Evening | None:
    """The evening whose paid hours hold at `now`: [from - lead, until); None without one.

    Where `evening_at` answers None and this does not, the fleet is being closed in time; where
    this answers None too, what still stands is late.

    Raises:
        Misconfigured: school holidays are needed to tell, and not known.
    """
    for day, hours in _near(window, now):
        if hours.claim_starts_at <= now < hours.closes_at:
            found = _evening_on(window, calendar, day=day)
            if isinstance(found, Evening):
                return found
    return None


def next_evening(window: Window, calendar: SchoolCalendar, *, after: Moment) -> Evening | None:
    """The first evening whose claim starts after `after`; None where none comes in 400 days.

    Raises:
        Misconfigured: school holidays are needed before one is found, and not known.
    """
    first = after.astimezone(window.zone).date()
    last = first + timedelta(days=SEARCH_DAYS)
    for found in _on_days(window, calendar, first=first, last=last):
        if isinstance(found, Evening) and found.claim_starts_at > after:
            return found
    return None


def window_claims(
    windows: Iterable[Window], calendar: SchoolCalendar, *, now: Moment
) -> tuple[Claim, ...]:
    """The claims of the windows whose evening holds at `now`, in the windows' order.

    Raises:
        Misconfigured: school holidays are needed to tell, and not known.
    """
    holding = (evening_at(window, calendar, now=now) for window in windows)
    return tuple(evening_claim(evening) for evening in holding if evening)


def evening_claim(evening: Evening) -> Claim:
    """The claim that an evening is: nothing of it is stored."""
    return Claim(
        key=f"window-{evening.window}-{evening.date:%Y%m%d}",
        fleet=evening.fleet,
        kind=ClaimKind.WINDOW,
        servers=evening.servers,
        starts_at=evening.claim_starts_at,
        ends_at=evening.claim_ends_at,
        owner=f"window {evening.window}",
        reason=evening.reason,
    )


class _Hours(NamedTuple):
    claim_starts_at: datetime
    opens_at: datetime
    claim_ends_at: datetime
    closes_at: datetime


def _hours(window: Window, day: date) -> _Hours:
    # Leads and tails are elapsed time, taken off in UTC: the same wall clock may stand still or
    # jump between the two ends.
    opens_at = instant_of(day, window.opens, zone=window.zone)
    closes_at = instant_of(day, window.closes, zone=window.zone)
    return _Hours(
        claim_starts_at=opens_at - timedelta(minutes=window.longest_lead_minutes),
        opens_at=opens_at,
        claim_ends_at=closes_at - timedelta(minutes=window.tail_minutes),
        closes_at=closes_at,
    )


def _near(window: Window, now: Moment) -> Iterator[tuple[date, _Hours]]:
    # A lead before midnight belongs to the evening of the next date.
    today = now.astimezone(window.zone).date()
    for day in (today, today + timedelta(days=1)):
        yield day, _hours(window, day)


def _on_days(
    window: Window, calendar: SchoolCalendar, *, first: date, last: date
) -> Iterator[Evening | SkippedEvening]:
    for ahead in range((last - first).days + 1):
        found = _evening_on(window, calendar, day=first + timedelta(days=ahead))
        if found:
            yield found


def _evening_on(
    window: Window, calendar: SchoolCalendar, *, day: date
) -> Evening | SkippedEvening | None:
    if _WEEKDAYS[day.weekday()] not in window.days and day not in window.add_dates:
        return None
    hours = _hours(window, day)
    why_not = _why_not(window, calendar, day)
    if why_not is None and hours.claim_ends_at <= hours.opens_at:
        why_not = "the clocks jump over these hours on that date"
    if why_not:
        return SkippedEvening(window=window.name, fleet=window.fleet, date=day, reason=why_not)
    return Evening(
        window=window.name,
        fleet=window.fleet,
        date=day,
        servers=window.servers,
        reason=_why(window, calendar, day),
        **hours._asdict(),
    )


def _why_not(window: Window, calendar: SchoolCalendar, day: date) -> str | None:
    if day in window.remove_dates:
        return "removed by date"
    if day in window.add_dates:
        return None
    public = calendar.public_holiday(day) if window.skip_public_holidays else None
    if public:
        return f"public holiday: {public}"
    names = [calendar.school_holiday(day, zone) for zone in window.school_zones]
    if not names or None in names:
        return None
    distinct = dict.fromkeys(name for name in names if name)
    return f"school holidays in {', '.join(window.school_zones)}: {' / '.join(distinct)}"


def _why(window: Window, calendar: SchoolCalendar, day: date) -> str:
    if day in window.add_dates:
        return "added by date"
    weekday = _WEEKDAYS[day.weekday()].capitalize()
    zones = [z for z in window.school_zones if calendar.school_holiday(day, z) is None]
    return f"{weekday}, school in {', '.join(zones)}" if zones else weekday
