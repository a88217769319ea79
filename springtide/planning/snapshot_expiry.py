"""Which snapshots stay and which go, and why.

Rule: whatever one rule keeps, stays. Each rule keeps the newest of as many hours, days, weeks,
months or years as it says, counting only those that have a snapshot. Snapshots of one host and one
set of paths are judged among themselves. What is protected, or dated in the future, stays and
takes nobody's place. Fewer than the minimum never remain. Shards are no snapshots yet, and no rule
counts them: the whole that they become removes them; of a backup that was given up they go later.

Example: `keep_daily` 2 on Monday 22:00, Monday 10:00, Friday 22:00 and Thursday 22:00 keeps
Monday 22:00 and Friday 22:00; a `minimum_copies` of 3 keeps Monday 10:00 as well.

Source: restic 0.14, `restic forget`: the rules, their words and the grouping by host and paths.
"""

from collections.abc import Callable, Hashable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import islice
from zoneinfo import ZoneInfo

from springtide.errors import Misconfigured
from springtide.model.retention import OFFLOADED, SHARD, BackupSnapshot, Retention

UNKEPT = "no rule keeps it"
FUTURE = "its time lies in the future"
UNDER_WAY = "its backup may be under way"
_SHARD_KEPT = timedelta(days=14)
"""Twice as long as a backup in shards may take: by then nothing will be made of it any more."""


@dataclass(frozen=True)
class ExpiryVerdict:
    """What becomes of one snapshot."""

    snapshot: BackupSnapshot
    kept: bool
    reasons: tuple[str, ...]
    """Why, in restic's words where it has them; never empty."""


@dataclass(frozen=True)
class GroupExpiry:
    """The snapshots of one host and one set of paths, newest first."""

    hostname: str
    paths: tuple[str, ...]
    verdicts: tuple[ExpiryVerdict, ...]


@dataclass(frozen=True)
class ExpiryPlan:
    """What becomes of all snapshots."""

    groups: tuple[GroupExpiry, ...]

    @property
    def kept(self) -> tuple[BackupSnapshot, ...]:
        """Those that stay."""
        return tuple(v.snapshot for group in self.groups for v in group.verdicts if v.kept)

    @property
    def removed(self) -> tuple[BackupSnapshot, ...]:
        """Those that go."""
        return tuple(v.snapshot for group in self.groups for v in group.verdicts if not v.kept)


def plan_expiry(
    snapshots: Iterable[BackupSnapshot], retention: Retention, now: datetime, zone: ZoneInfo
) -> ExpiryPlan:
    """Each snapshot with what becomes of it; hours, days and so on are those of `zone`.

    Raises:
        Misconfigured: no rule says what to keep.
    """
    if retention.says_nothing:
        raise Misconfigured(
            "no rule says what to keep, and all would go",
            field="retention",
            allowed="at least one of keep_last, keep_hourly … keep_yearly, keep_within",
        )
    groups: dict[tuple[str, tuple[str, ...]], list[BackupSnapshot]] = {}
    for snapshot in sorted(snapshots, key=lambda s: (_instant(s), s.id), reverse=True):
        groups.setdefault((snapshot.hostname, tuple(sorted(snapshot.paths))), []).append(snapshot)
    return ExpiryPlan(
        tuple(
            GroupExpiry(hostname, paths, tuple(_judged(found, retention, now, zone)))
            for (hostname, paths), found in sorted(groups.items())
        )
    )


def monthly_cost(size: int, per_gb: Decimal | None) -> Decimal | None:
    """What so many bytes cost a month, in euros; None without a price."""
    return None if per_gb is None else (per_gb * size / 1_000_000_000).quantize(Decimal("0.01"))


def _judged(
    newest_first: list[BackupSnapshot], retention: Retention, now: datetime, zone: ZoneInfo
) -> Iterator[ExpiryVerdict]:
    """The verdicts over one group."""
    reasons = {s.id: list(_untouchable(s, retention, now)) for s in newest_first}
    counted = [s for s in newest_first if not reasons[s.id] and SHARD not in s.tags]
    for snapshot, found in _kept_by_rules(counted, retention, zone):
        reasons[snapshot.id].append(found)
    missing = retention.minimum_copies - sum(bool(reasons[s.id]) for s in counted)
    for snapshot in islice((s for s in counted if not reasons[s.id]), max(0, missing)):
        reasons[snapshot.id].append(f"minimum of {retention.minimum_copies} copies")
    for snapshot in newest_first:
        found_reasons = tuple(reasons[snapshot.id])
        yield ExpiryVerdict(snapshot, bool(found_reasons), found_reasons or (UNKEPT,))


def _untouchable(snapshot: BackupSnapshot, retention: Retention, now: datetime) -> Iterator[str]:
    """Why no rule is asked about it."""
    # Of what was taken away from where it was no rule decides, whatever the estate says.
    for tag in dict.fromkeys((OFFLOADED, *retention.protected_tags)):
        if tag in snapshot.tags:
            yield f"protected by its tag {tag}"
    age = now.astimezone(UTC) - _instant(snapshot)
    if age < timedelta(0):
        yield FUTURE
    elif SHARD in snapshot.tags and age < _SHARD_KEPT:
        yield UNDER_WAY


def _kept_by_rules(
    newest_first: list[BackupSnapshot], retention: Retention, zone: ZoneInfo
) -> Iterator[tuple[BackupSnapshot, str]]:
    """The snapshots that the rules keep, each as often as there are reasons."""
    for snapshot in newest_first:
        for tag in retention.keep_tags:
            if tag in snapshot.tags:
                yield snapshot, f"has tags [{tag}]"
        # From the newest, as restic does: where backups have stopped, time alone removes none.
        age = _instant(newest_first[0]) - _instant(snapshot)
        if retention.keep_within and age < retention.keep_within:
            yield snapshot, f"within {retention.keep_within}"
    for snapshot in newest_first[: retention.keep_last]:
        yield snapshot, "last snapshot"
    for count, reason, period in _periods(retention):
        for snapshot in islice(_newest_of_each(newest_first, period, zone), count):
            yield snapshot, reason


def _periods(
    retention: Retention,
) -> tuple[tuple[int, str, Callable[[datetime], Hashable]], ...]:
    """How many periods of each kind have one kept, and what tells one period from another."""
    return (
        (retention.keep_hourly, "hourly snapshot", lambda t: (t.date(), t.hour)),
        (retention.keep_daily, "daily snapshot", lambda t: t.date()),
        (retention.keep_weekly, "weekly snapshot", lambda t: t.isocalendar()[:2]),
        (retention.keep_monthly, "monthly snapshot", lambda t: (t.year, t.month)),
        (retention.keep_yearly, "yearly snapshot", lambda t: t.year),
    )


def _newest_of_each(
    newest_first: list[BackupSnapshot], period: Callable[[datetime], Hashable], zone: ZoneInfo
) -> Iterator[BackupSnapshot]:
    """The newest snapshot of each period that has one."""
    last: Hashable = None
    for snapshot in newest_first:
        found = period(snapshot.time.astimezone(zone))
        if found != last:
            yield snapshot
        last = found


def _instant(snapshot: BackupSnapshot) -> datetime:
    """Its time in UTC: within one zone Python compares and subtracts what clocks show."""
    return snapshot.time.astimezone(UTC)
