"""Which segments of a write-ahead log are needed, by what; which of them are missing or may go.

Rule: from the base backup by which `recover_within` begins, all segments are needed, to the newest;
of older base backups only those without which they are not consistent. What is needed and not there
is a gap. What is there and not needed may go. The window begins by none whose own segments are not
archived: what comes before those may be yet to come. Without any other all is needed, and in doubt
all is kept.

Example: weekly base backups, and 35 days within which any moment counts. The base backup of six
weeks ago is the newest that is older than that: its segment and all after it are kept. Of the base
backup of three months ago two segments are kept, by which it can be restored to its own end.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from springtide.model.postgres import PostgresSource
from springtide.model.wal import BaseBackup, Segment, ServerPosition, Switch, WalContents
from springtide.model.wal_state import WalGap, WalOutcome, WalState, WalVerdict
from springtide.planning.telling import Row, amount

_NO_BASE = "there is no base backup yet"
_NONE_WHOLE = "of no base backup the log is archived yet"
_WINDOW = "to restore any moment since the base backup of {0:%Y-%m-%d}"
_OWN = "for the base backup of {0:%Y-%m-%d} to be consistent"
_UNNEEDED = "no base backup that is kept needs it"


@dataclass(frozen=True)
class WalPlan:
    """What becomes of an archive's segments."""

    kept: dict[Segment, str]
    """With the reason of each."""
    removed: tuple[Segment, ...]
    missing: dict[Segment, str]
    """That are needed and not there, with what needs them."""
    floor: int
    """Below this number only single base backups need something."""


def plan_wal_archive(
    contents: WalContents, bases: Iterable[BaseBackup], recover_within: timedelta, now: datetime
) -> WalPlan:
    """Each segment with what becomes of it, and those that lack.

    `bases` are the base backups that are kept; those of another cluster count for nothing.
    """
    ours = sorted(
        (base for base in bases if base.system == contents.system),
        key=lambda base: (base.time, base.snapshot),
    )
    size = contents.segment_bytes
    whole = [base for base in ours if contents.segments.issuperset(base_segments(base, size))]
    if whole:
        old = [base for base in whole if base.time <= now - recover_within]
        anchor = old[-1] if old else whole[0]
        starts = (base.start // size for base in ours if base.time >= anchor.time)
        # Never above the newest segment: what comes next is always to be taken.
        floor = min(*starts, max(contents.segments).number)
        begins, window = floor, _WINDOW.format(anchor.time)
    else:
        floor, window = 0, _NONE_WHOLE if ours else _NO_BASE
        begins = min((segment.number for segment in contents.segments), default=0)
    needed = dict.fromkeys(_chain(contents, begins), window)
    for base in ours:
        for segment in base_segments(base, size):
            needed.setdefault(segment, _OWN.format(base.time))
    kept = {
        segment: needed.get(segment, window)
        for segment in contents.segments
        if segment.number >= floor or segment in needed
    }
    removed = tuple(sorted(contents.segments - kept.keys()))
    return WalPlan(kept, removed, _without(needed, contents), floor)


def base_segments(base: BaseBackup, segment_bytes: int) -> tuple[Segment, ...]:
    """The segments without which a base backup is not consistent."""
    return tuple(
        Segment(each.timeline, number)
        for each in base.ranges
        for number in each.segments(segment_bytes)
    )


def wal_gaps(
    contents: WalContents, bases: tuple[BaseBackup, ...], plan: WalPlan
) -> tuple[WalGap, ...]:
    """The stretches that lack, oldest first."""
    newest_start = max((base.start for base in bases if base.system == contents.system), default=-1)
    return tuple(
        WalGap(
            first=contents.name(run[0]),
            last=contents.name(run[-1]),
            count=len(run),
            why=plan.missing[run[0]],
            bridged=(run[-1].number + 1) * contents.segment_bytes <= newest_start,
        )
        for run in _runs(plan.missing)
    )


def wal_verdicts(contents: WalContents, plan: WalPlan) -> tuple[WalVerdict, ...]:
    """The stretches that are kept or go, each for one reason, oldest first."""
    reasons = {segment: (True, why) for segment, why in plan.kept.items()}
    reasons |= dict.fromkeys(plan.removed, (False, _UNNEEDED))
    return tuple(
        WalVerdict(
            first=contents.name(run[0]),
            last=contents.name(run[-1]),
            count=len(run),
            kept=reasons[run[0]][0],
            reason=reasons[run[0]][1],
        )
        for run in _runs(reasons)
    )


def complete_at(
    positions: Iterable[ServerPosition], head: Segment | None, segment_bytes: int
) -> datetime | None:
    """When the server had last written no more than is archived; None: at none of the positions.

    What an old timeline holds beyond the place where it was left says nothing of the new one.
    """
    if head is None:
        return None
    end = (head.number + 1) * segment_bytes
    known = (each for each in positions if each.timeline == head.timeline and each.lsn <= end)
    return max((each.at for each in known), default=None)


def next_segment(
    contents: WalContents, timeline: int, switches: tuple[Switch, ...], begins: int
) -> Segment:
    """The segment that is to be archived next from a server that is on `timeline`.

    After the newest archived one from which the server leads on: what was archived of an old
    timeline beyond the place where the server left it leads nowhere. Without any, that of the
    position `begins`. Where a timeline was left just at a segment's end, the next one is of the new
    timeline: pg_receivewal fails if it is to go on there with the old one.
    """
    size = contents.segment_bytes
    follows = _newest_leading(contents, timeline, switches)
    if follows is None:
        return Segment(timeline, begins // size)
    number = follows.number + 1
    owners = [
        s.timeline for s in switches if s.timeline >= follows.timeline and s.until > number * size
    ]
    return Segment(owners[0] if owners else timeline, number)


def _newest_leading(
    contents: WalContents, timeline: int, switches: tuple[Switch, ...]
) -> Segment | None:
    until = {switch.timeline: switch.until // contents.segment_bytes for switch in switches}
    led = (
        segment
        for segment in contents.segments
        if segment.timeline == timeline or segment.number < until.get(segment.timeline, 0)
    )
    return max(led, key=lambda segment: (segment.number, segment.timeline), default=None)


def wal_state(
    source: PostgresSource, contents: WalContents, bases: tuple[BaseBackup, ...], now: datetime
) -> WalState:
    """How the archive of a source stands."""
    plan = plan_wal_archive(contents, bases, source.recover_within, now)
    age = now - contents.complete_at if contents.complete_at else None
    head = contents.head
    return WalState(
        source=source.name,
        newest=contents.name(head) if head else "",
        complete_at=contents.complete_at,
        age_s=max(0.0, age.total_seconds()) if age is not None else None,
        overdue=age is None or age > source.wal_max_age,
        gaps=wal_gaps(contents, bases, plan),
        base_backups=sum(base.system == contents.system for base in bases),
    )


def wal_state_alarm(state: WalState) -> str | None:
    """Why people are told; None: all is well."""
    wrong = [
        f"log missing from {gap.first} to {gap.last} ({amount(gap.count, 'segment')}):"
        " take a base backup now"
        for gap in state.gaps
        if not gap.bridged
    ]
    if state.overdue:
        since = f"since {state.complete_at:%Y-%m-%d %H:%M} UTC" if state.complete_at else "ever"
        wrong.append(f"the log has not been archived completely {since}")
    return f"{state.source}: {'; '.join(wrong)}" if wrong else None


def wal_state_rows(state: WalState) -> list[Row]:
    """How it stands, for people."""
    complete = f"{state.complete_at:%Y-%m-%d %H:%M:%S} UTC" if state.complete_at else "never"
    point = f"{state.age_s:.0f} s" if state.age_s is not None else "unknown"
    rows: list[Row] = [
        {"what": "newest segment", "is": state.newest or "none"},
        {"what": "complete until", "is": complete},
        {"what": "recovery point", "is": point + (", too old" if state.overdue else "")},
        {"what": "base backups", "is": str(state.base_backups)},
    ]
    for gap in state.gaps:
        after = "; a later base backup begins after it" if gap.bridged else ""
        rows.append(
            {
                "what": f"missing: {gap.first} to {gap.last}",
                "is": f"{amount(gap.count, 'segment')}, needed {gap.why}{after}",
            }
        )
    return rows


def wal_verdict_rows(verdicts: Iterable[WalVerdict]) -> list[Row]:
    """What becomes of each stretch of segments."""
    rows: list[Row] = [
        {
            "from": each.first,
            "to": each.last,
            "segments": each.count,
            "what": "stays" if each.kept else "goes",
            "why": each.reason,
        }
        for each in verdicts
    ]
    return rows or [{"from": "", "to": "", "segments": 0, "what": "nothing is archived", "why": ""}]


def wal_verdict_summary(source: str, verdicts: Iterable[WalVerdict], *, dry_run: bool) -> str:
    """One line for what expires of a log."""
    counts = {True: 0, False: 0}
    for each in verdicts:
        counts[each.kept] += each.count
    gone = "would go" if dry_run else "went"
    return f"{source}: {amount(counts[True], 'segment')} kept, {counts[False]} {gone}"


def wal_alarm(outcome: WalOutcome) -> str | None:
    """Why a run of the archiver has failed; None: it did what it should."""
    return f"{outcome.source}: {outcome.failure}" if outcome.failure else None


def wal_summary(outcome: WalOutcome) -> str:
    """One line for a run of the archiver."""
    complete = f"{outcome.complete_at:%H:%M:%S} UTC" if outcome.complete_at else "never"
    taken = f", {amount(outcome.adopted_packs, 'pack')} taken over" if outcome.adopted_packs else ""
    return (
        f"{outcome.source}: {amount(outcome.segments, 'segment')} archived, newest"
        f" {outcome.newest or 'none'}, complete until {complete}{taken}"
    )


def _chain(contents: WalContents, floor: int) -> Iterator[Segment]:
    """All segments that lead from the floor to the newest, there or not."""
    head = contents.head
    if head is None:
        return
    for timeline, numbers in contents.chain(head.timeline):
        for number in range(max(floor, numbers.start), numbers.stop):
            yield Segment(timeline, number)


def _without(needed: dict[Segment, str], contents: WalContents) -> dict[Segment, str]:
    return {
        segment: why for segment, why in sorted(needed.items()) if segment not in contents.segments
    }


def _runs(reasons: Mapping[Segment, object]) -> Iterator[list[Segment]]:
    """Neighbours with the same reason, together."""
    ordered = sorted(reasons)
    run = ordered[:1]
    for before, segment in pairwise(ordered):
        follows = segment == (before.timeline, before.number + 1)
        if not follows or reasons[segment] != reasons[before]:
            yield run
            run = []
        run.append(segment)
    if run:
        yield run
