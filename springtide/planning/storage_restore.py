"""What people are told of restores and drills."""

from collections.abc import Iterable

from springtide.model.backup import DrillOutcome, RestoreOutcome
from springtide.model.restoring import RestoreOverView
from springtide.planning.telling import Row, amount, megabytes

_DAY_S = 86_400
_ROOM = 1.05
"""So many times a snapshot's size has to be free where it is restored."""


def drill_rows(outcomes: Iterable[DrillOutcome]) -> list[Row]:
    """One row for each restore of the drill."""
    return [
        {
            "part": str(each.part),
            "by": each.by,
            "differences": str(each.differences),
            "recovery time": span(each.restore_s),
            "recovery point": span(each.recovery_point_s),
            "what": each.failure or each.checked,
            "files": str(each.files) if each.files else "",
            "size": megabytes(each.bytes) if each.bytes else "",
            "snapshot": each.snapshot[:8],
        }
        for each in outcomes
    ]


def drill_summary(source: str, outcomes: tuple[DrillOutcome, ...]) -> str:
    """One line for the run."""
    ours = [each for each in outcomes if each.by == "springtide" and not each.failure]
    if not ours:
        return f"{source}: nothing was restored"
    size = sum(each.bytes for each in ours)
    time, point = sum(each.restore_s for each in ours), max(each.recovery_point_s for each in ours)
    programs = " and by ".join(dict.fromkeys(each.by for each in outcomes if not each.failure))
    return (
        f"{source}: {megabytes(size)} restored by {programs}; recovery time {span(time)},"
        f" recovery point {span(point)}"
    )


def drill_alarm(source: str, outcomes: tuple[DrillOutcome, ...]) -> str | None:
    """Why the drill has failed; None: all of it stood again as it was."""
    wrong = [
        f"part {each.part} by {each.by}: {each.failure or f'{each.differences} differences'}"
        for each in outcomes
        if each.failure or each.differences
    ]
    wrong += dict.fromkeys(each.unread for each in outcomes if each.unread)
    if not outcomes:
        return f"{source}: there is no snapshot to restore"
    return f"{source}: {'; '.join(wrong)}" if wrong else None


def restore_summary(outcomes: tuple[RestoreOutcome, ...]) -> str:
    """One line for the run; the target's name is no secret, what is in it is."""
    size, files = sum(each.bytes for each in outcomes), sum(each.files for each in outcomes)
    time = span(sum(each.took_s for each in outcomes))
    return f"{amount(files, 'file')} of {megabytes(size)} in {time}, to {outcomes[0].target}"


def restore_alarm(outcomes: tuple[RestoreOutcome, ...]) -> str | None:
    """Why the restore has failed; None: nothing is missing, and all of the vault can be read."""
    troubles = sum(each.troubles for each in outcomes)
    others = dict.fromkeys(each.unread for each in outcomes if each.unread)
    if troubles:
        told = (
            f"{troubles} files are damaged in the vault or could not be made as they were;"
            f" the rest is in {outcomes[0].target}; a list is beside it"
        )
        return "; ".join([told, *others])
    return "; ".join([f"restored: {restore_summary(outcomes)}", *others]) if others else None


def over_limitation(found: RestoreOverView) -> str | None:
    """Why the part is not to be restored over; None: it may be."""
    if found.is_mount:
        return (
            "the part is a mount point, which a name cannot exchange: restore to a new folder, and"
            " move what you need"
        )
    room = found.free_bytes + found.beside_bytes
    if room < found.bytes * _ROOM:
        return (
            f"{megabytes(found.bytes)} have to stand beside what is there, and"
            f" {megabytes(room)} are free"
        )
    return None


def over_settled(found: RestoreOverView) -> str | None:
    """Why nothing is to be done; None: something is."""
    if found.set_aside and found.stands:
        return (
            "this snapshot was put in place; what stood there before is beside it: to do it again,"
            " remove that first"
        )
    return None


def over_rows(found: RestoreOverView) -> tuple[Row, ...]:
    """The plan for those who sign it."""
    plan = found.plan
    others: tuple[Row, ...] = ({"measure": "other snapshots", "value": found.unread},)
    return (
        {"measure": "source", "value": f"{plan.source}, part {plan.part}"},
        {"measure": "snapshot", "value": plan.snapshot[:16]},
        {"measure": "from the vault", "value": plan.vault},
        {"measure": "size", "value": megabytes(found.bytes)},
        {"measure": "what stands there now", "value": "is moved beside it, and not removed"},
        *(others if found.unread else ()),
    )


def span(seconds: float) -> str:
    """The time in the units in which people speak of it."""
    if seconds < 120:  # noqa: PLR2004 - two minutes
        return f"{seconds:.1f} s"
    if seconds < 2 * 3600:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h" if seconds < 2 * _DAY_S else f"{seconds / _DAY_S:.1f} days"
