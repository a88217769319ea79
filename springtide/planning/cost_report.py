"""What a report of cost is of: its days, its standing, and the evenings in it.

As an operator reads it: a report speaks of a day, a month, a school year (September to August), or
of days from … to …. It is provisional until some days after its last one, as usage may come late;
then it is final, and restated when its inputs have changed since.

Example: on 2026-04-03, `last-month` is 2026-03-01 to 2026-03-31, and final from 2026-04-04 on.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta

from springtide.errors import Misconfigured
from springtide.model.calendar import next_month
from springtide.model.cost_report import LONGEST_DAYS, PeriodKind, ReportPeriod, ReportStatus
from springtide.model.window import Evening, Window
from springtide.planning.evening_window import evenings
from springtide.planning.school_calendar import SchoolCalendar

LAST_MONTH = "last-month"
ASKED = (*(kind.value for kind in PeriodKind), LAST_MONTH)
"""What a form may ask for."""
_SEPTEMBER = 9
_EDITION = re.compile(
    r"(?P<status>provisional|final|restated)-(?P<revision>\d{1,4})-(?P<inputs>[0-9a-f]{16})"
)


def report_period(asked: str, today: date, *, day: date | None, last: date | None) -> ReportPeriod:
    """The days of the report that is asked for; `day` is one of them, without it yesterday.

    `last` is heard with `days` only, whose first is `day`.

    Raises:
        Misconfigured: a field is wrong; it is named with what is allowed.
    """
    of = day or today - timedelta(days=1)
    if asked not in ASKED:
        raise Misconfigured(f"given {asked!r}", field="period", allowed=", ".join(ASKED))
    if (asked == PeriodKind.DAYS) != (last is not None):
        raise Misconfigured("is given with period `days`, and only then", field="last_day")
    if of > today:
        raise Misconfigured(f"{of} is not begun", field="day", allowed=f"until {today}")
    if asked == PeriodKind.DAYS and last is not None:
        return _days(of, last)
    if asked == LAST_MONTH:
        return month_of(today.replace(day=1) - timedelta(days=1))
    if asked == PeriodKind.MONTH:
        return month_of(of)
    if asked == PeriodKind.SCHOOL_YEAR:
        return school_year(of)
    return ReportPeriod(kind=PeriodKind.DAY, first=of, last=of)


def month_of(day: date) -> ReportPeriod:
    """The calendar month with that day."""
    first = day.replace(day=1)
    last = next_month(day) - timedelta(days=1)
    return ReportPeriod(kind=PeriodKind.MONTH, first=first, last=last)


def school_year(day: date) -> ReportPeriod:
    """The school year with that day: from September 1 to August 31."""
    begun = day.year if day.month >= _SEPTEMBER else day.year - 1
    first, last = date(begun, _SEPTEMBER, 1), date(begun + 1, _SEPTEMBER, 1) - timedelta(days=1)
    return ReportPeriod(kind=PeriodKind.SCHOOL_YEAR, first=first, last=last)


@dataclass(frozen=True)
class Edition:
    """One report of a period among those that were made of it."""

    status: ReportStatus
    revision: int
    """0: it was never restated."""
    inputs: str
    """Fingerprint of what it was made from."""

    @property
    def name(self) -> str:
        """As its folder is called, e.g. `final-0-0123456789abcdef`."""
        return f"{self.status}-{self.revision}-{self.inputs}"


def edition_of(name: str) -> Edition | None:
    """The edition whose folder is called so; None: it is no edition's name."""
    found = _EDITION.fullmatch(name)
    if found is None:
        return None
    return Edition(ReportStatus(found["status"]), int(found["revision"]), found["inputs"])


def next_edition(earlier: Iterable[str], inputs: str, *, settled: bool) -> Edition:
    """The edition that a report of these inputs is, after those of the `earlier` names.

    The same inputs as the last final one's make that one again; others restate it.
    """
    if not settled:
        return Edition(ReportStatus.PROVISIONAL, 0, inputs)
    found = (edition_of(name) for name in earlier)
    finals = [each for each in found if each and each.status is not ReportStatus.PROVISIONAL]
    if not finals:
        return Edition(ReportStatus.FINAL, 0, inputs)
    last = max(finals, key=lambda each: (each.revision, each.inputs))
    if last.inputs == inputs:
        return last
    return Edition(ReportStatus.RESTATED, last.revision + 1, inputs)


def is_settled(period: ReportPeriod, today: date, *, settled_after_days: int) -> bool:
    """Whether late usage has come in by now: so many days after the period's last one."""
    return today > period.last + timedelta(days=settled_after_days)


def evenings_between(
    windows: Iterable[Window], calendar: SchoolCalendar, *, first: date, last: date
) -> tuple[Evening, ...]:
    """The evenings that open from `first` to `last`, both inclusive, in order.

    Raises:
        Misconfigured: school holidays are needed and not known on one of the dates.
    """
    found = (
        evening
        for window in windows
        for evening in evenings(window, calendar, first=first, last=last)
        if isinstance(evening, Evening)
    )
    return tuple(sorted(found, key=lambda evening: (evening.opens_at, evening.window)))


def _days(first: date, last: date) -> ReportPeriod:
    if not 0 <= (last - first).days < LONGEST_DAYS:
        allowed = f"{first} until {first + timedelta(days=LONGEST_DAYS - 1)}"
        raise Misconfigured(f"given {last}", field="last_day", allowed=allowed)
    return ReportPeriod(kind=PeriodKind.DAYS, first=first, last=last)
