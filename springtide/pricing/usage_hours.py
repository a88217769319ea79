"""Usage cut into hours of the clock: what the ledger keeps and every sum is made of.

As an operator reads it: a server that stood from 15:45 to 22:05 is eight rows, of 900 s, of six
times 3,600 s and of 300 s. Each counts as one clock hour; seven of them count as a started hour,
for the seventh begins at 21:45 and lasts beyond 22:05. Whatever the provider's rule, the bill is a
sum of one of these columns, and the same sum however the rows are split over days or files.

Records of one resource may come twice, out of order or overlap: where they do, it stood once.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta

from springtide.model.usage import UsageHour, UsageRecord, UsageTotal, Used

_HOUR = timedelta(hours=1)
_SECOND = timedelta(seconds=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Span = tuple[datetime, datetime]


def cut_into_hours(
    records: Iterable[UsageRecord], begins_at: datetime, ends_at: datetime
) -> list[UsageHour]:
    """The hour rows of the records within [begins_at, ends_at), by resource, SKU and hour.

    Both bounds are full hours: what is outside of them is another call's, and nothing is lost or
    counted twice between two that adjoin.

    Raises:
        ValueError: a bound is no full hour.
    """
    for bound in (begins_at, ends_at):
        if (bound - _EPOCH) % _HOUR:
            raise ValueError(f"{bound} must be a full hour")
    alike: dict[tuple[str, str], list[UsageRecord]] = defaultdict(list)
    for record in records:
        alike[record.resource, record.sku].append(record)
    return [
        row
        for _, found in sorted(alike.items())
        for row in _rows_of(sorted(found, key=_in_time), begins_at, ends_at)
    ]


def add_up(hours: Iterable[UsageHour]) -> list[UsageTotal]:
    """The hours of each resource, SKU and day as one total, by day, resource and SKU.

    For a few thousand rows; of millions the ledger makes the same.
    """
    alike: dict[tuple[date, str, str], list[UsageHour]] = defaultdict(list)
    for row in hours:
        alike[row.hour.date(), row.resource, row.sku].append(row)
    return [
        UsageTotal(
            **{name: getattr(rows[0], name) for name in Used.model_fields},
            day=day,
            stood_s=sum(row.amount * row.stood_s for row in rows),
            clock_hours=sum(row.amount * row.clock_hours for row in rows),
            started_hours=sum(row.amount * row.started_hours for row in rows),
        )
        for (day, _, _), rows in sorted(alike.items())
    ]


def _in_time(record: UsageRecord) -> tuple[datetime, datetime, str, str, int]:
    return record.start, record.end, record.source, record.name, record.amount


def _rows_of(
    records: Sequence[UsageRecord], begins_at: datetime, ends_at: datetime
) -> Iterator[UsageHour]:
    """The rows of one resource and SKU; several spans in one hour are one row."""
    stood: dict[datetime, int] = defaultdict(int)
    started: dict[datetime, int] = defaultdict(int)
    for start, end in _united(records):
        for hour in _hours(start, end, within=(begins_at, ends_at)):
            stood[hour] += _ticks(start, end, hour, step=_SECOND)
            # One that stood for no time at all began an hour, and no second.
            begun = _ticks(start, end, hour, step=_HOUR) or (start == end)
            started[hour] = max(started[hour], int(begun))
    amounts = _most(records, (begins_at, ends_at))
    what = Used(**{name: getattr(records[0], name) for name in Used.model_fields}).model_dump()
    for hour in sorted(stood):
        yield UsageHour(
            **what,
            hour=hour,
            amount=amounts[hour],
            stood_s=min(stood[hour], 3600),
            started_hours=started[hour],
        )


def _united(records: Sequence[UsageRecord]) -> list[Span]:
    """The spans of records in order of time; those that meet or overlap are one."""
    spans: list[Span] = []
    for record in records:
        if spans and record.start <= spans[-1][1]:
            spans[-1] = (spans[-1][0], max(spans[-1][1], record.end))
        else:
            spans.append((record.start, record.end))
    return spans


def _hours(start: datetime, end: datetime, *, within: Span) -> Iterator[datetime]:
    """The full hours that the span touches; one of no length touches the hour it stands in."""
    low, high = max(start, within[0]), min(end, within[1])
    if start == end:
        high = low + timedelta.resolution if within[0] <= start < within[1] else low
    hour = low.replace(minute=0, second=0, microsecond=0)
    while hour < high:
        yield hour
        hour += _HOUR


def _ticks(start: datetime, end: datetime, hour: datetime, *, step: timedelta) -> int:
    """How many steps, counted from `start`, begin in that hour: they add up over all hours."""
    low, high = max(start, hour), min(end, hour + _HOUR)
    return -((start - high) // step) + ((start - low) // step)


def _most(records: Iterable[UsageRecord], within: Span) -> dict[datetime, int]:
    """The greatest amount of each hour that a record touches."""
    most: dict[datetime, int] = defaultdict(int)
    for record in records:
        for hour in _hours(record.start, record.end, within=within):
            most[hour] = max(most[hour], record.amount)
    return most
