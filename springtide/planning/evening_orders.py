"""What a person may ask of an evening, and how long its opening and its closing may take."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from springtide.errors import GuardRefused
from springtide.model.base import Moment
from springtide.model.claim import Claim, ClaimKind
from springtide.model.fleet import Fleet
from springtide.model.window import Evening, SkippedEvening, Window
from springtide.planning.evening_window import evening_at, next_evening
from springtide.planning.evening_window import evenings as evenings_on
from springtide.planning.school_calendar import SchoolCalendar

_MARGIN_S = 120.0
"""Polls, joins and the balancer's own updates, beside the servers' time-outs."""
_BEFORE = timedelta(hours=1)
"""So early an opening may be begun, before the evening's claim."""
_LATE_S = 1800.0
"""How long a closing goes on after the paid hour turned: it costs more, and still ends."""


def evening_to_open(
    windows: Iterable[Window], calendar: SchoolCalendar, *, fleet: Fleet, now: Moment
) -> Evening | SkippedEvening:
    """The evening of the fleet that is open at `now`; of several the one that asks for most.

    On a date that the windows skip (a holiday, a removed date) it is that skip, with its reason:
    the schedule ticks then too, and nothing is wrong.

    Raises:
        GuardRefused: no window speaks of that time; the message says when the next one opens.
    """
    known = tuple(windows)
    found = (evening_at(window, calendar, now=now) for window in known)
    evenings = sorted((e for e in found if e), key=lambda e: (-e.servers, e.window))
    if evenings:
        return evenings[0]
    for window in known:
        today = now.astimezone(window.zone).date()
        for said in evenings_on(window, calendar, first=today, last=today):
            if isinstance(said, SkippedEvening):
                return said
    coming = (next_evening(window, calendar, after=now) for window in known)
    opens = min((e.claim_starts_at for e in coming if e), default=None)
    when = f"the next one opens at {opens.isoformat()}" if opens else "and none is to come"
    raise GuardRefused(f"fleet {fleet.name} has no window at {now.isoformat()}; {when}")


def evening_to_close(
    windows: Iterable[Window], calendar: SchoolCalendar, *, now: Moment
) -> Evening | None:
    """The evening whose paid hours hold at `now` or ended today: of several, the last to close.

    Of an evening that ended already a closing is late from its start. None: there was none today.
    """
    found = []
    for window in windows:
        today = now.astimezone(window.zone).date()
        said = evenings_on(window, calendar, first=today, last=today)
        found += [e for e in said if isinstance(e, Evening) and e.claim_starts_at <= now]
    return max(found, key=lambda e: (e.closes_at, e.window), default=None)


def opening_order(
    evening: Evening, fleet: Fleet, *, servers: int | None, owner: str, now: Moment
) -> Claim | None:
    """The claim that an opening with a number of its own stores; it ends with the window's claim.

    None where no number was given, or just the window's.

    Raises:
        GuardRefused: the number is above the fleet's maximum or not above 0, or below the
            window's, which the largest claim would win over without a word.
    """
    if servers is None or servers == evening.servers:
        return None
    if not 1 <= servers <= fleet.max_servers:
        raise GuardRefused(
            f"servers {servers} is outside 1 to {fleet.max_servers}, the most of fleet {fleet.name}"
        )
    if servers < evening.servers:
        raise GuardRefused(
            f"window {evening.window} asks for {evening.servers}, and the largest claim counts:"
            f" to have only {servers}, set a ceiling with limit_fleet"
        )
    return Claim(
        key=f"order-{fleet.name}-{evening.date:%Y%m%d}-{servers}",
        fleet=fleet.name,
        kind=ClaimKind.ORDER,
        servers=servers,
        starts_at=evening.claim_starts_at,
        ends_at=evening.claim_ends_at,
        owner=owner,
        reason=f"{servers} instead of {evening.servers} asked for at {now.isoformat()}",
    )


def belongs_to(evening: Evening, at: datetime) -> bool:
    """Whether an opening that began at that moment was of that evening."""
    return evening.claim_starts_at - _BEFORE <= at < evening.closes_at


def opening_patience_s(fleet: Fleet) -> float:
    """How long an opening may take, in seconds: a canary and then the waves, each to the end."""
    return 2 * (fleet.timeouts.boot_s + fleet.timeouts.answer_s) + _MARGIN_S


def closing_patience_s(fleet: Fleet, evening: Evening | None, now: Moment) -> float:
    """How long a closing goes on, in seconds: past the paid hour too, for nothing may stay."""
    own = fleet.timeouts.drain_s + fleet.timeouts.delete_s + _MARGIN_S
    left = (evening.closes_at - now) if evening else timedelta()
    return max(own, max(0.0, left.total_seconds()) + _LATE_S)


def late_by_s(evening: Evening | None, claims: Iterable[Claim], ended_at: Moment) -> float:
    """By how many seconds a closing missed the end of the paid hours; 0 where it did not.

    `claims` are the fleet's. What one of them held beyond the evening's claim could not go before
    that one's end: it is in time until the clock hour in which the last of them ended turns.
    """
    if evening is None:
        return 0.0
    ends = (claim.ends_at for claim in claims)
    longer = (at for at in ends if evening.claim_ends_at < at <= ended_at)
    due_at = max((evening.closes_at, *map(_hour_turns_at, longer)))
    return max(0.0, (ended_at - due_at).total_seconds())


def _hour_turns_at(ended_at: Moment) -> datetime:
    """When the clock hour turns in which servers go that were claimed until then."""
    hour = ended_at.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    return hour + timedelta(hours=1)
