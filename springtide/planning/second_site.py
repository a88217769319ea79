"""What is copied to a second site, and what people are told of it.

Rule: what stands at the first site and not at the second is copied, oldest first, unless the second
site's own retention would remove it again. What is removed at the first site stays at the second.

Example: thirty snapshots at the first site, a second site that is empty and keeps 7 daily ones:
seven are copied, and from then on each day's.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Protocol, TypeVar
from zoneinfo import ZoneInfo

from springtide.model.backup import CopyOutcome
from springtide.model.retention import SHARD, BackupSnapshot, Retention
from springtide.planning.snapshot_expiry import plan_expiry
from springtide.planning.telling import Row, amount, megabytes

_SHOWN = 20
_NAMED = 3


class TreeSnapshot(BackupSnapshot, Protocol):
    """A snapshot, and the tree that it leads to."""

    @property
    def tree(self) -> str:
        """The root tree's id: the same under every key."""


Known = TypeVar("Known", bound=TreeSnapshot)
_Sameness = tuple[str, tuple[str, ...], datetime, str, tuple[str, ...]]


def plan_copy(
    there: Iterable[Known],
    here: Sequence[Known],
    retention: Retention,
    *,
    now: datetime,
    zone: ZoneInfo,
) -> tuple[Known, ...]:
    """The snapshots that are to be copied from there to here, oldest first.

    Raises:
        Misconfigured: no rule of the retention says what to keep.
    """
    known = {sameness(snapshot) for snapshot in here}
    # A shard is a snapshot soon to be whole, or what a failed run has left.
    wholes = (each for each in there if SHARD not in each.tags)
    missing = {sameness(each): each for each in wholes if sameness(each) not in known}
    plan = plan_expiry([*missing.values(), *here], retention, now, zone)
    kept = {snapshot.id for snapshot in plan.kept}
    wanted = (each for each in missing.values() if each.id in kept)
    return tuple(sorted(wanted, key=lambda each: (each.time, each.id)))


def nearest_base(snapshot: Known, here: Iterable[Known]) -> Known | None:
    """Of what is whole here, what has most in common with it: the newest that is not newer."""
    group = [h for h in here if (h.hostname, h.paths) == (snapshot.hostname, snapshot.paths)]
    earlier = [each for each in group if each.time <= snapshot.time]
    return max(earlier or group, key=lambda each: (each.time, each.id), default=None)


def sameness(snapshot: TreeSnapshot) -> _Sameness:
    """What two copies of one snapshot have in common: their ids differ from key to key."""
    tags = tuple(sorted(snapshot.tags))
    return snapshot.hostname, snapshot.paths, snapshot.time, snapshot.tree, tags


def copy_rows(found: CopyOutcome) -> list[Row]:
    """What was copied, and each thing that could not be."""
    rows: list[Row] = [
        {
            "what": "copied",
            "snapshots": f"{found.copied} of {found.present}",
            "new": f"{megabytes(found.new_bytes)} in {amount(found.blobs, 'blob')}",
            "sent": f"{megabytes(found.stored_bytes)} in {amount(found.packs, 'pack')}",
            "read back": amount(found.read_back_packs, "pack"),
        }
    ]
    blank = dict.fromkeys(("snapshots", "new", "sent", "read back"), "")
    if found.gone:
        rows.append({"what": f"{_gone(found)}: not copied", **blank})
    rows += [{"what": failure, **blank} for failure in found.failures[:_SHOWN]]
    return rows


def copy_summary(found: CopyOutcome) -> str:
    """One line for the run."""
    adopted = amount(found.adopted_packs, "pack")
    taken = f", {adopted} of a killed run taken over" if found.adopted_packs else ""
    went = f", {_gone(found)}" if found.gone else ""
    return (
        f"{found.vault}: {amount(found.copied, 'snapshot')} copied, {found.present} there now;"
        f" {megabytes(found.new_bytes)} were new{taken}{went}"
    )


def _gone(found: CopyOutcome) -> str:
    return f"{amount(found.gone, 'snapshot')} went at the first site meanwhile"


def copy_alarm(found: CopyOutcome) -> str | None:
    """Why the run has failed; None: all that is to be at the second site is there."""
    if not found.failures:
        return None
    more = len(found.failures) - _NAMED
    told = [*found.failures[:_NAMED], *([f"and {more} more"] if more > 0 else [])]
    return f"{found.vault}: {'; '.join(told)}"
