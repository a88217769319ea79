"""How much before its hour a window's claim has to start, so that its servers serve at that hour.

As an operator reads it: with a measured lead the claim starts so early that 95 % of the servers of
the slowest region would serve in time, as the last four weeks have shown, but at least the floor
and at most the cap before. While nothing is measured it is the cap. It is put on a keeping's tick,
for it is `keep_fleet` that begins. What is learnt in an evening counts from the next one on: the
claim of an evening that has begun does not move.

Example: 16:00, floor 5, cap 30. In SBG5 95 % have served within 412 s of their creation, in GRA11
within 290: the claim starts at 15:50.
"""

from collections.abc import Iterable
from datetime import timedelta

from springtide.model.base import Moment
from springtide.model.claim import ClaimBook
from springtide.model.startup import RegionStartup, StartupNote
from springtide.model.window import Evening, Window
from springtide.planning.evening_schedules import KEEP_INTERVAL_MINUTES
from springtide.planning.startup_times import region_startups
from springtide.planning.wall_clock import instant_of


def timed_windows(
    windows: Iterable[Window], notes: Iterable[StartupNote], now: Moment
) -> tuple[Window, ...]:
    """The windows with the leads that were measured, in minutes; others as they are."""
    known = tuple(notes)
    return tuple(_timed(window, known, now) for window in windows)


def measured_before(
    window: Window, notes: Iterable[StartupNote], now: Moment
) -> tuple[RegionStartup, ...]:
    """What was measured before the window's evening of that day could begin."""
    longest = timedelta(minutes=window.longest_lead_minutes)
    day = (now + longest).astimezone(window.zone).date()
    opens_at = instant_of(day, window.opens, zone=window.zone)
    return region_startups(notes, window.fleet, before=opens_at - longest)


def evening_startups(
    evening: Evening, windows: Iterable[Window], book: ClaimBook
) -> tuple[RegionStartup, ...]:
    """What was measured before that evening could begin; nothing where its window is not known."""
    window = next((w for w in windows if w.name == evening.window), None)
    return () if window is None else measured_before(window, book.startups, evening.opens_at)


def lead_minutes(window: Window, measured: Iterable[RegionStartup]) -> int:
    """The lead that the slowest region needs, on a tick, within the window's floor and cap.

    Of a window whose lead is not measured, its own.
    """
    policy = window.measured_lead
    if policy is None:
        return window.lead_minutes
    slowest_s = max((region.most_s for region in measured), default=60 * policy.cap_minutes)
    wanted = max(policy.floor_minutes, -(-slowest_s // 60))
    return min(policy.cap_minutes, on_a_tick(window, wanted))


def on_a_tick(window: Window, minutes: int) -> int:
    """The least lead of at least so many minutes whose start is on a tick."""
    return minutes + (window.opens.minute - minutes) % KEEP_INTERVAL_MINUTES


def _timed(window: Window, notes: tuple[StartupNote, ...], now: Moment) -> Window:
    if window.measured_lead is None:
        return window
    minutes = lead_minutes(window, measured_before(window, notes, now))
    return window.model_copy(update={"lead_minutes": minutes, "measured_lead": None})
