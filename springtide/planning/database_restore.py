"""From which base backup a cluster is restored to a point in time, and whether its log is whole.

Rule: of the base backups that ended before the point and lie on the way to the timeline, the
newest. All segments of the log from its beginning to the newest must be there; with a point in time
only those up to its end are asked for beforehand, as the point may lie before a gap.

Example: base backups of Sundays, and a table dropped on Wednesday at 18:04. With 18:03 the base
backup of Sunday is taken, and recovery ends with the last transaction committed by 18:03:00.
"""

from dataclasses import dataclass
from datetime import datetime

from springtide.errors import GuardRefused, Misconfigured, NotFound
from springtide.model.wal import BaseBackup, Segment, WalContents
from springtide.planning.wal_archive import base_segments


@dataclass(frozen=True)
class RestorePoint:
    """What a person asks for."""

    time: datetime | None = None
    """The last moment that counts; None: all that is archived."""
    timeline: int | None = None
    """None: the newest."""
    snapshot: str = ""
    """The first digits of a base backup's; empty: the best one."""


@dataclass(frozen=True)
class DatabaseRestorePlan:
    """From what a cluster is restored."""

    base: BaseBackup
    timeline: int
    point: RestorePoint
    newest: Segment
    """The last segment that recovery may come to."""


def plan_database_restore(
    contents: WalContents, bases: tuple[BaseBackup, ...], point: RestorePoint
) -> DatabaseRestorePlan:
    """What a restore begins with.

    Raises:
        NotFound: there is no base backup, or none that leads there.
        Misconfigured: there is no such timeline or snapshot.
        GuardRefused: a segment lacks; it is named.
    """
    timeline = _timeline(contents, point)
    chain = contents.chain(timeline)
    base = _base(contents, bases, point, timeline)
    on_chain = [
        Segment(owner, number)
        for owner, numbers in chain
        for number in numbers
        if number >= base.start // contents.segment_bytes
    ]
    wanted = [*base_segments(base, contents.segment_bytes)]
    if point.time is None:
        wanted += on_chain
    lacking = sorted(set(wanted) - contents.segments)
    if lacking:
        raise GuardRefused(
            f"{contents.name(lacking[0])} of the log is missing: restore to a time before it,"
            " or from a base backup after it"
        )
    return DatabaseRestorePlan(base, timeline, point, on_chain[-1])


def _timeline(contents: WalContents, point: RestorePoint) -> int:
    known = sorted({segment.timeline for segment in contents.segments})
    if not known:
        raise NotFound("no log is archived")
    if point.timeline is not None and point.timeline not in known:
        allowed = ", ".join(map(str, known))
        raise Misconfigured(f"given {point.timeline}", field="timeline", allowed=allowed)
    return point.timeline if point.timeline is not None else known[-1]


def _base(
    contents: WalContents, bases: tuple[BaseBackup, ...], point: RestorePoint, timeline: int
) -> BaseBackup:
    until = {switch.timeline: switch.until for switch in contents.histories.get(timeline, ())}
    leading = [
        base
        for base in bases
        if base.system == contents.system
        and all(
            each.timeline == timeline or each.end <= until.get(each.timeline, -1)
            for each in base.ranges
        )
    ]
    if point.snapshot:
        leading = [base for base in leading if base.snapshot.startswith(point.snapshot)]
        if len(leading) != 1:
            raise Misconfigured(
                f"{len(leading)} base backups of that timeline begin with {point.snapshot!r}",
                field="snapshot",
                allowed="the first digits of one that `springtide vault snapshots` shows",
            )
    early = [base for base in leading if point.time is None or base.time <= point.time]
    if not early:
        oldest = min((base.time for base in leading), default=None)
        since = f": the oldest ended at {oldest.isoformat()}" if oldest else ""
        raise NotFound(f"no base backup leads there{since}")
    return max(early, key=lambda base: (base.time, base.snapshot))
