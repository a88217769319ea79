"""Whether pupils were served, shown beside the savings: late evenings, and too few servers.

An evening is late where no run had it serve in full within ten minutes of its start; one that no
run opened at all is, too. Of evenings that were over before the earliest run that is known, nobody
can tell: nothing was measured, which is not the same as nothing was late.

What stood was too few where a sample of the open sessions is more than its servers, and what stands
elsewhere, carry when full. A sample holds until the next one, at the longest for the policy's
`max_age_s`: nobody knows what was after that. Each sample is a row of the ledger by itself, so that
one which is seen again counts once.

Example: 300 sessions a server, 30 servers: 9,100 sessions at 16:02 and 8,900 at 16:04 are 120 s.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from springtide.model.fleet import Fleet
from springtide.model.traffic import Point
from springtide.model.usage import UsageKind, UsageRecord, UsageSource
from springtide.model.window import Evening
from springtide.planning.evening_orders import belongs_to

PATIENCE = timedelta(minutes=10)
"""After an evening's start it is late."""


@dataclass(frozen=True)
class OpeningRun:
    """One run that opened a window: when it began, and when it had all servers serve."""

    began_at: datetime
    served_at: datetime | None
    """None: it did not, or not all of them."""


def late_openings(evenings: Iterable[Evening], runs: Sequence[OpeningRun]) -> int | None:
    """How many of the evenings opened late; None where no run was known before any had closed."""
    known_from = min((run.began_at for run in runs), default=None)
    if known_from is None:
        return None
    told = [evening for evening in evenings if known_from < evening.closes_at]
    if not told:
        return None
    return sum(
        not any(
            run.served_at and run.served_at <= evening.opens_at + PATIENCE
            for run in runs
            if belongs_to(evening, run.began_at)
        )
        for evening in told
    )


def shortage_usage(
    fleet: Fleet,
    samples: Sequence[Point],
    servers: Iterable[UsageRecord],
    *,
    begins_at: datetime,
    ends_at: datetime,
) -> tuple[UsageRecord, ...]:
    """The seconds for which each sample in [begins_at, ends_at) tells of too few servers.

    `servers` are all that stood in that time. A fleet whose traffic nobody watches has none.
    """
    policy = fleet.traffic
    if policy is None:
        return ()
    stood = [each for each in servers if each.fleet == fleet.name and _is_server(each)]
    longest = int(policy.max_age_s)
    following = [*samples[1:], samples[-1]] if samples else []
    found = []
    for (second, sessions), (next_one, _) in zip(samples, following, strict=True):
        at = datetime.fromtimestamp(second, UTC)
        if begins_at <= at < ends_at:
            there = sum(each.amount for each in stood if each.start <= at < each.end)
            short_s = min(next_one - second, longest) if sessions > policy.full_for(there) else 0
            found.append(_shortage(fleet, at, short_s))
    return tuple(found)


def _is_server(record: UsageRecord) -> bool:
    return record.kind is UsageKind.INSTANCE


def _shortage(fleet: Fleet, at: datetime, short_s: int) -> UsageRecord:
    return UsageRecord(
        resource=f"sessions of {fleet.name} at minute {at:%M:%S}",
        kind=UsageKind.SHORTAGE,
        sku="seconds short",
        region=fleet.regions[0].name,
        fleet=fleet.name,
        source=UsageSource.OUTCOME,
        start=at,
        end=at + timedelta(seconds=1),
        amount=short_s,
    )
