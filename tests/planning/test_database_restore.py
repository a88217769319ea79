"""From which base backup a cluster is restored, and what refuses."""

from datetime import datetime, timedelta

import pytest

from springtide.errors import GuardRefused, Misconfigured, NotFound, SpringtideError
from springtide.model.wal import BaseBackup, Segment, Switch, WalContents
from springtide.planning.database_restore import RestorePoint, plan_database_restore
from tests.planning.wal import NOW, SEGMENT, base, contents, segments

FORK = {2: (Switch(1, 5 * SEGMENT + 1000),)}
OLD, NEW = base(9, 3, 3), base(2, 6, 6)
WHOLE = contents(segments(1, range(3, 9)))
PROMOTED = contents(segments(1, range(3, 8)), segments(2, range(5, 8)), histories=FORK)


def ago(days: float) -> datetime:
    """So many days before `NOW`."""
    return NOW - timedelta(days=days)


@pytest.mark.parametrize(
    ("found", "bases", "point", "expected"),
    [
        pytest.param(WHOLE, (OLD, NEW), RestorePoint(), (NEW, 1, 8), id="all there is"),
        pytest.param(WHOLE, (OLD, NEW), RestorePoint(ago(1)), (NEW, 1, 8), id="after both"),
        pytest.param(WHOLE, (OLD, NEW), RestorePoint(ago(2)), (NEW, 1, 8), id="at its end"),
        pytest.param(WHOLE, (OLD, NEW), RestorePoint(ago(2.1)), (OLD, 1, 8), id="before its end"),
        pytest.param(
            WHOLE, (OLD, NEW), RestorePoint(snapshot=OLD.snapshot[:8]), (OLD, 1, 8), id="that one"
        ),
        pytest.param(
            PROMOTED, (base(9, 4, 4),), RestorePoint(), (base(9, 4, 4), 2, 7), id="over a promotion"
        ),
        pytest.param(
            PROMOTED, (base(9, 4, 4), NEW), RestorePoint(), (base(9, 4, 4), 2, 7), id="dead branch"
        ),
        pytest.param(
            PROMOTED, (base(9, 4, 4), NEW), RestorePoint(timeline=1), (NEW, 1, 7), id="to the old"
        ),
        pytest.param(
            contents(segments(1, [3, 4, 6])),
            (OLD,),
            RestorePoint(ago(8)),
            (OLD, 1, 6),
            id="with a time a later gap is left to the log",
        ),
    ],
)
def test_the_base_backup_that_is_taken(
    found: WalContents,
    bases: tuple[BaseBackup, ...],
    point: RestorePoint,
    expected: tuple[BaseBackup, int, int],
) -> None:
    """The newest that ended before the point and leads to the timeline."""
    plan = plan_database_restore(found, bases, point)
    chosen, timeline, newest = expected
    assert (chosen, timeline, Segment(timeline, newest)) == (plan.base, plan.timeline, plan.newest)


@pytest.mark.parametrize(
    ("found", "bases", "point", "kind", "said"),
    [
        pytest.param(
            contents(), (OLD,), RestorePoint(), NotFound, "no log is archived", id="no log"
        ),
        pytest.param(WHOLE, (), RestorePoint(), NotFound, "no base backup leads there", id="none"),
        pytest.param(
            WHOLE,
            (OLD,),
            RestorePoint(ago(10)),
            NotFound,
            "the oldest ended at 2026-03-07T18:00:00",
            id="too early",
        ),
        pytest.param(
            WHOLE,
            (OLD.model_copy(update={"system": 1}),),
            RestorePoint(),
            NotFound,
            "no base backup leads there",
            id="of another cluster",
        ),
        pytest.param(
            WHOLE,
            (OLD,),
            RestorePoint(timeline=2),
            Misconfigured,
            "timeline: given 2",
            id="no such",
        ),
        pytest.param(
            WHOLE, (OLD,), RestorePoint(snapshot="ff"), Misconfigured, "0 base backups", id="no id"
        ),
        pytest.param(
            contents(segments(1, [3, 4, 6])),
            (OLD,),
            RestorePoint(),
            GuardRefused,
            "000000010000000000000005 of the log is missing",
            id="a gap",
        ),
        pytest.param(
            contents(segments(1, range(4, 9))),
            (OLD,),
            RestorePoint(ago(8)),
            GuardRefused,
            "000000010000000000000003 of the log is missing",
            id="what the base itself needs",
        ),
    ],
)
def test_refusals(
    found: WalContents,
    bases: tuple[BaseBackup, ...],
    point: RestorePoint,
    kind: type[SpringtideError],
    said: str,
) -> None:
    """Before anything is made; what lacks or is wrong is named."""
    with pytest.raises(kind, match=said):
        plan_database_restore(found, bases, point)
