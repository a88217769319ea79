"""Builders for tests of logs: segments, base backups and what an archive holds."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from springtide.model.wal import BaseBackup, Segment, Switch, WalContents, WalRange

SEGMENT = 16 * 1024 * 1024
SYSTEM = 7_000_000_000_000_000_001
NOW = datetime(2026, 3, 16, 18, tzinfo=UTC)


def segments(timeline: int, numbers: Iterable[int]) -> frozenset[Segment]:
    """Those segments of a timeline."""
    return frozenset(Segment(timeline, number) for number in numbers)


def contents(
    *held: frozenset[Segment], histories: dict[int, tuple[Switch, ...]] | None = None
) -> WalContents:
    """An archive that holds those, complete at `NOW`."""
    return WalContents(
        system=SYSTEM,
        segment_bytes=SEGMENT,
        segments=frozenset[Segment]().union(*held),
        histories=histories or {},
        complete_at=NOW,
    )


def base(days_ago: float, first: int, last: int, *, timeline: int = 1) -> BaseBackup:
    """A base backup that needs those segments."""
    return BaseBackup(
        snapshot=f"{int(days_ago * 10):04x}" * 16,
        time=NOW - timedelta(days=days_ago),
        system=SYSTEM,
        ranges=(WalRange(timeline, first * SEGMENT + 40, last * SEGMENT + 300),),
    )
