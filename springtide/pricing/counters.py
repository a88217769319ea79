"""What a counter says was new, from how far it had come before.

As an operator reads it: a balancer counts its connections since it began. What was new is counted
from the last look in an earlier hour, so a look that is repeated within the hour tells the same or
more of that hour, never twice. A counter that is behind where it was has begun anew. The first look
ever only remembers.

Example: 1,000 at 16:50 and 1,700 at 17:20 are 700 connections in the hour of 17:00.
"""

from collections.abc import Iterable, Mapping

from springtide.model.usage import CounterReading, UsageKind, UsageRecord, UsageSource

Counter = tuple[str, str]
"""The resource's id, and the SKU under which the ledger keeps how far its counter has come."""


def counted_usage(
    readings: Iterable[CounterReading], before: Mapping[Counter, int]
) -> list[UsageRecord]:
    """What was new, and how far each counter has come, as records of their hour.

    `before` is how far each had come in an earlier hour.
    """
    records = []
    for reading in readings:
        counter = _record(reading, UsageKind.COUNTER, f"{reading.kind} counter", reading.total)
        records.append(counter)
        if (last := before.get((counter.resource, counter.sku))) is not None:
            new = reading.total - last if reading.total >= last else reading.total
            records.append(_record(reading, reading.kind, str(reading.kind), new))
    return records


def _record(reading: CounterReading, kind: UsageKind, sku: str, amount: int) -> UsageRecord:
    return UsageRecord(
        resource=reading.resource,
        kind=kind,
        sku=sku,
        region=reading.region,
        fleet=reading.fleet,
        source=UsageSource.OCTAVIA,
        start=reading.at,
        end=reading.at,
        amount=amount,
    )
