"""The usage that a fleet's calendar plans, and what other ways of running its windows would use.

As an operator reads it: what the calendar plans is told as usage, like what the clouds tell, so
that one code prices both: each evening's servers stand from the claim's start to the latest delete
that the time-outs allow.

Example: thirty servers from 16:00 to 22:00 in three regions are three records of ten servers each.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from springtide.model.cost_report import ReportPeriod
from springtide.model.fleet import Fleet
from springtide.model.usage import UsageKind, UsageRecord, UsageSource
from springtide.model.window import Evening, Window
from springtide.planning.cost_report import evenings_between
from springtide.planning.school_calendar import SchoolCalendar
from springtide.planning.spread import Room, spread


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
    changes: dict[str, tuple[str, dict[str, int | None]]] = {
        "ready at the full hour": (
            "servers are made a quarter of an hour before `from`, to serve at `from`",
            {"lead_minutes": 15, "measured_lead": None},
        ),
        "opening at the full hour": (
            "no lead: servers are made from `from` on, and serve minutes later",
            {"lead_minutes": 0, "measured_lead": None},
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


def _changed(window: Window, change: dict[str, int | None], later_minutes: int) -> Window:
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
