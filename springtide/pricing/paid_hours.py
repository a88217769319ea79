"""How many hours are paid for a server that stood from one instant to another.

As an operator reads it: the provider bills each hour of the clock in which the server stood. From
15:59 to 16:01 are two hours, from 16:00 to 22:00 are six, and a delete at 22:00:00 does not begin
the next hour. That is why a window opens at the full hour and is cleared before it.

Example: from the 4th 09:40 to the 12th 16:30 the server stood 198 h 50 min, and 200 hours are
billed (the provider's own worked example).
"""

from datetime import UTC, datetime, timedelta

from springtide.model.price import RoundingRule

_SECOND = timedelta(seconds=1)
_HOUR_S = 3600
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def billed_seconds(
    start: datetime, end: datetime, *, rule: RoundingRule = RoundingRule.CLOCK_HOUR
) -> int:
    """The seconds that are billed for a server that stood in [start, end).

    An integer, so that sums stay exact; a price is multiplied once, at the end.

    Raises:
        ValueError: a time has no time zone, or the end is before the start.
    """
    if rule is RoundingRule.CLOCK_HOUR:
        return clock_hours_touched(start, end) * _HOUR_S
    if rule is RoundingRule.STARTED_HOUR:
        return started_hours(start, end) * _HOUR_S
    begin_at, end_at = _elapsed(start, end)
    return -((begin_at - end_at) // _SECOND)


def clock_hours_touched(start: datetime, end: datetime) -> int:
    """The hours of the clock that [start, end) touches; an end on the full hour touches no more.

    One that stood for no time at all touched the hour it came in: 1. Hours are those of UTC, which
    are those of every zone that is whole hours away from it.

    Raises:
        ValueError: a time has no time zone, or the end is before the start.
    Source: ovh/docs, "Analyze and control your Public Cloud billing": each hour begun is billed.
    """
    begin_at, end_at = _elapsed(start, end)
    hour = timedelta(hours=1)
    return max(1, -(-end_at // hour) - begin_at // hour)


def started_hours(start: datetime, end: datetime) -> int:
    """The hours begun since `start`; one that stood for no time at all began one.

    Raises:
        ValueError: a time has no time zone, or the end is before the start.
    """
    begin_at, end_at = _elapsed(start, end)
    return max(1, -((begin_at - end_at) // timedelta(hours=1)))


def _elapsed(start: datetime, end: datetime) -> tuple[timedelta, timedelta]:
    # Two times of one zone are subtracted by their wall clocks, which is wrong across a change of
    # the clocks: from the epoch in UTC it is right.
    for moment in (start, end):
        if moment.utcoffset() is None:
            raise ValueError(f"{moment} has no time zone")
    begin_at, end_at = start.astimezone(UTC) - _EPOCH, end.astimezone(UTC) - _EPOCH
    if end_at < begin_at:
        raise ValueError(f"end {end} must not be before start {start}")
    return begin_at, end_at
