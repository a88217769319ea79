"""From a wall clock's time in a zone to an instant, on the two odd days of the year as well."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

_MINUTE = timedelta(minutes=1)


def instant_of(day: date, clock: time, *, zone: ZoneInfo) -> datetime:
    """The instant, in UTC, at which clocks in `zone` show `clock` on `day`; whole minutes.

    A time that comes twice (autumn) means the first. A time that clocks jump over (spring) means
    the first instant after the jump. So later times never give earlier instants.
    """
    local = datetime.combine(day, clock, tzinfo=zone)
    # `fold` decides between two instants in autumn; within the spring gap fold=1 is the earlier.
    instant = min(local.astimezone(UTC), local.replace(fold=1).astimezone(UTC))
    wanted = local.replace(tzinfo=None)
    while instant.astimezone(zone).replace(tzinfo=None) < wanted:  # as many turns as the gap has
        instant += _MINUTE
    return instant
