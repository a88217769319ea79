"""A school year of a fleet, rehearsed in seconds: traffic, claims, surges, and what stood.

As an operator reads it: every five minutes the sessions of a seeded traffic are looked at. How many
servers are wanted is decided by the code that decides it in production: the evenings of the
calendar, the watcher with its forecast, the desired size of all claims. Servers follow with their
boots and drains. Some evenings go wrong on purpose, else a report of the year would prove nothing.

Example: from 2025-09-01 to 2026-08-31, with a lockdown in the second half of March: some 110
evenings of thirty servers, and two weeks of up to three hundred.

Limit: servers that serve never fail.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from math import ceil
from random import Random

from springtide.model.claim import Claim, ClaimBook
from springtide.model.fleet import Fleet
from springtide.model.window import Evening, Window
from springtide.planning.deciding import Decider
from springtide.planning.desired import desired_size
from springtide.planning.evening_window import evening_claim, evenings
from springtide.planning.school_calendar import SchoolCalendar
from springtide.planning.traffic import servers_needed, watched
from springtide.planning.wall_clock import instant_of
from springtide.simulation.school_traffic import DAY, SchoolTraffic
from springtide.simulation.standing import Standing, StoodServer
from springtide.simulation.term import Lockdown, dates, term_days
from springtide.simulation.watcher import Watcher

STEP_MINUTES = 5
STEP = timedelta(minutes=STEP_MINUTES)
_PER_DAY = DAY // STEP_MINUTES
_NO_ROOM = timedelta(minutes=40)
_LATE = timedelta(minutes=17)
_LATE_SERVERS = 3


@dataclass(frozen=True)
class Mishaps:
    """What goes wrong, and on which dates."""

    no_room: frozenset[date] = frozenset()
    """The last region has no host in the window's first 40 minutes."""
    late_deletes: frozenset[date] = frozenset()
    """Three servers stand until 17 minutes after the window's end."""


@dataclass(frozen=True)
class YearSettings:
    """Which fleet, which days, and what happens on them."""

    fleet: Fleet
    window: Window
    calendar: SchoolCalendar
    first: date
    last: date
    """Inclusive."""
    seed: int
    lockdown: Lockdown | None = None
    mishaps: Mishaps = Mishaps()


@dataclass(frozen=True)
class Step:
    """Five minutes of the fleet."""

    at: datetime
    sessions: int
    arrived: int
    """Sessions that began."""
    serving: int
    needed: int
    """Servers that carry the sessions well: known in hindsight only."""
    lost: int
    """Open sessions beyond what stood, with each server full."""


@dataclass
class SchoolYear:
    """What became of it."""

    evenings: tuple[Evening, ...]
    steps: list[Step] = field(default_factory=list)
    surges: list[Claim] = field(default_factory=list)
    servers: tuple[StoodServer, ...] = ()


def rehearse_year(settings: YearSettings) -> SchoolYear:
    """The whole year; the same settings give the same.

    Raises:
        Misconfigured: school holidays are not known on one of the days.
        GuardRefused: the fleet's traffic is not watched.
    """
    days = term_days(
        settings.calendar,
        first=settings.first,
        last=settings.last,
        lockdown=settings.lockdown,
    )
    traffic = SchoolTraffic(days, seed=settings.seed, step_minutes=STEP_MINUTES)
    rehearsal = _Rehearsal(settings)
    for number, day in enumerate(dates(settings.first, settings.last)):
        of_day = slice(number * _PER_DAY, (number + 1) * _PER_DAY)
        rehearsal.day(day, traffic.open_sessions[of_day], traffic.arrived[of_day])
    return rehearsal.ended()


class _Rehearsal:
    """The year as far as it has come."""

    def __init__(self, settings: YearSettings) -> None:
        self._settings = settings
        self._fleet = settings.fleet
        found = evenings(
            settings.window, settings.calendar, first=settings.first, last=settings.last
        )
        self._year = SchoolYear(tuple(e for e in found if isinstance(e, Evening)))
        self._by_date = {evening.date: evening for evening in self._year.evenings}
        random = Random(settings.seed)  # noqa: S311 - repeatable on purpose
        self._standing = Standing(settings.fleet, random)
        decider = Decider(settings.fleet, (settings.window,), settings.calendar, "year")
        self._watcher = Watcher(decider, step_minutes=STEP_MINUTES)

    def day(self, day: date, sessions: Sequence[int], arrived: Sequence[int]) -> None:
        """From midnight to midnight, by the window's clock."""
        zone = self._settings.window.zone
        at = instant_of(day, time(0), zone=zone)
        midnight = instant_of(day + timedelta(days=1), time(0), zone=zone)
        evening = self._by_date.get(day)
        while at < midnight:
            local = at.astimezone(zone)
            number = (local.hour * 60 + local.minute) // STEP_MINUTES
            self._step(at, evening, sessions[: number + 1], arrived[number])
            at += STEP
        if evening and day in self._settings.mishaps.late_deletes:
            self._standing.delay(_LATE_SERVERS, evening.closes_at + _LATE)

    def ended(self) -> SchoolYear:
        """The year, once its last day is over."""
        last = self._year.steps[-1].at + STEP
        self._year.servers = self._standing.ended(last)
        return self._year

    def _step(
        self, at: datetime, evening: Evening | None, sessions: Sequence[int], arrived: int
    ) -> None:
        wanted = self._wanted(at, evening)
        holding = tuple(c for c in self._year.surges[-8:] if c.active_at(at))
        surge = self._watcher.asks(at, sessions, wanted=wanted, surges=holding)
        if surge:
            self._year.surges.append(surge)
            wanted = self._wanted(at, evening)
        self._standing.want(wanted, at, room_from=self._room_from(evening))
        self._year.steps.append(self._seen(at, sessions[-1], arrived))

    def _wanted(self, at: datetime, evening: Evening | None) -> int:
        # A surge lasts hours, so that older ones than the last few have ended.
        book = ClaimBook(claims=tuple(c for c in self._year.surges[-8:] if c.active_at(at)))
        windows = (evening_claim(evening),) if evening else ()
        return desired_size(self._fleet, windows=windows, book=book, now=at).servers

    def _room_from(self, evening: Evening | None) -> datetime | None:
        if evening is None or evening.date not in self._settings.mishaps.no_room:
            return None
        return evening.opens_at + _NO_ROOM

    def _seen(self, at: datetime, sessions: int, arrived: int) -> Step:
        policy, serving = watched(self._fleet), self._standing.serving(at + STEP)
        return Step(
            at=at,
            sessions=sessions,
            arrived=arrived,
            serving=serving,
            needed=min(self._fleet.max_servers, servers_needed(policy, sessions)),
            lost=max(0, ceil(sessions - policy.full_for(serving))),
        )
