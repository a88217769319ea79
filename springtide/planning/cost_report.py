"""What a report of cost is of: its days, its standing, and the usage that its calendar plans.

As an operator reads it: a report speaks of a day, a month, a school year (September to August), or
of days from … to …. It is provisional until some days after its last one, as usage may come late;
then it is final, and restated when its inputs have changed since. What the calendar plans is told
as usage, like what the clouds tell, so that one code prices both: each evening's servers stand from
the claim's start to the latest delete that the time-outs allow.

Example: on 2026-04-03, `last-month` is 2026-03-01 to 2026-03-31, and final from 2026-04-03 on.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from springtide.errors import Misconfigured
from springtide.model.calendar import next_month
from springtide.model.cost_report import LONGEST_DAYS, PeriodKind, ReportPeriod, ReportStatus
from springtide.model.fleet import Fleet
from springtide.model.usage import UsageKind, UsageRecord, UsageSource
from springtide.model.window import Evening, Window
from springtide.planning.evening_window import evenings
from springtide.planning.school_calendar import SchoolCalendar
from springtide.planning.spread import Room, spread

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


def planned_usage(fleet: Fleet, opened: Iterable[Evening]) -> tuple[UsageRecord, ...]:
    """What the evenings will use, region by region."""
    leaving = timedelta(seconds=fleet.timeouts.leaving_s)
    return tuple(
        record
        for evening in opened
        for record in _standing(
            fleet,
            f"{evening.window}-{evening.date}",
            evening.servers,
            span=(evening.claim_starts_at, evening.claim_ends_at + leaving),
        )
    )


@dataclass(frozen=True)
class PlannedAlternative:
    """Another way to run a fleet's windows, as the usage that it would have."""

    name: str
    how: str
    usage: tuple[UsageRecord, ...]
    monthly_servers: int = 0
    """Servers on the monthly plan, beside that usage."""
    actual: bool = False


def planned_alternatives(
    fleet: Fleet,
    windows: tuple[Window, ...],
    calendar: SchoolCalendar,
    *,
    period: ReportPeriod,
    flavours: Iterable[str] = (),
) -> tuple[PlannedAlternative, ...]:
    """What could be done instead of the windows as they are, the present way first.

    Raises:
        Misconfigured: school holidays are needed and not known on one of the days.
    """
    first, last = period.first, period.last
    opened = evenings_between(windows, calendar, first=first, last=last)
    usage = planned_usage(fleet, opened)
    most = max((window.servers for window in windows), default=0)
    base = most // 3
    burst = [e.model_copy(update={"servers": e.servers - base}) for e in opened if e.servers > base]
    always = ((first, time(0)), (last + timedelta(days=1), time(0)))
    begin, end = (datetime.combine(day, at, tzinfo=UTC) for day, at in always)
    return (
        PlannedAlternative("scheduled", "the windows as they are planned", usage, actual=True),
        PlannedAlternative(
            "always on, by the hour",
            f"{most} servers at every hour",
            tuple(_standing(fleet, "always", most, span=(begin, end))) if most else (),
        ),
        PlannedAlternative(
            "always on, monthly plan", f"{most} servers on the monthly plan", (), most
        ),
        PlannedAlternative(
            "base and burst",
            f"{base} servers on the monthly plan, the others as planned",
            planned_usage(fleet, burst),
            base,
        ),
        *_other_flavours(usage, flavours),
        *_other_hours(fleet, windows, calendar, period),
    )


def _other_flavours(
    usage: tuple[UsageRecord, ...], flavours: Iterable[str]
) -> Iterator[PlannedAlternative]:
    for flavour in flavours:
        changed = tuple(record.model_copy(update={"sku": flavour}) for record in usage)
        yield PlannedAlternative(
            f"flavour {flavour}", f"as planned, as many servers of {flavour}", changed
        )


def _other_hours(
    fleet: Fleet, windows: tuple[Window, ...], calendar: SchoolCalendar, period: ReportPeriod
) -> Iterator[PlannedAlternative]:
    changes = {
        "ready at the full hour": (
            "servers are made a quarter of an hour before `from`, to serve at `from`",
            {"lead_minutes": 15},
        ),
        "opening at the full hour": (
            "no lead: servers are made from `from` on, and serve minutes later",
            {"lead_minutes": 0},
        ),
        "a quarter of an hour longer": ("`until` is a quarter of an hour later", {}),
        "a quarter of an hour shorter": ("`until` is a quarter of an hour earlier", {}),
    }
    shifts = {"a quarter of an hour longer": 15, "a quarter of an hour shorter": -15}
    for name, (how, change) in changes.items():
        other = tuple(_changed(window, change, shifts.get(name, 0)) for window in windows)
        if other != windows:
            opened = evenings_between(other, calendar, first=period.first, last=period.last)
            yield PlannedAlternative(name, how, planned_usage(fleet, opened))


def _changed(window: Window, change: dict[str, int], later_minutes: int) -> Window:
    """The window with another lead, or another end within its day."""
    whole = datetime.combine(date.min, window.closes) + timedelta(minutes=later_minutes)
    if later_minutes and whole.date() == date.min:
        return window.model_copy(update={**change, "closes": whole.time()})
    return window.model_copy(update=change)


def _standing(
    fleet: Fleet, name: str, servers: int, *, span: tuple[datetime, datetime]
) -> Iterator[UsageRecord]:
    rooms = tuple(Room(r.name, r.weight, 0, r.cap, "cap") for r in fleet.regions)
    shares, _ = spread(servers, rooms)
    for region, share in shares.items():
        if share:
            yield UsageRecord(
                resource=f"planned-{fleet.name}-{name}-{region}",
                kind=UsageKind.INSTANCE,
                sku=fleet.flavour,
                region=region,
                fleet=fleet.name,
                source=UsageSource.ESTATE,
                start=span[0],
                end=span[1],
                amount=share,
            )


def _days(first: date, last: date) -> ReportPeriod:
    if not 0 <= (last - first).days < LONGEST_DAYS:
        allowed = f"{first} until {first + timedelta(days=LONGEST_DAYS - 1)}"
        raise Misconfigured(f"given {last}", field="last_day", allowed=allowed)
    return ReportPeriod(kind=PeriodKind.DAYS, first=first, last=last)
