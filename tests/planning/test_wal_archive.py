"""Which segments of a log are needed, missing, or may go."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from springtide.model.postgres import PostgresSource
from springtide.model.wal import BaseBackup, Segment, ServerPosition, Switch, WalContents
from springtide.planning.wal_archive import (
    base_segments,
    complete_at,
    next_segment,
    plan_wal_archive,
    wal_gaps,
    wal_state,
    wal_state_alarm,
    wal_state_rows,
    wal_verdicts,
)
from tests.planning.wal import NOW, SEGMENT, base, contents, segments

WEEKS = timedelta(days=35)
FORK = {2: (Switch(1, 5 * SEGMENT + 1000),)}
"""Timeline 1 was left within its segment 5."""


def names(found: WalContents, *, bases: tuple[BaseBackup, ...] = ()) -> list[str]:
    """What is missing, as `first-last`, by the last digits; those that are bridged in brackets."""
    plan = plan_wal_archive(found, bases, WEEKS, NOW)
    told = [
        (f"{gap.first[:8].lstrip('0')}:{gap.first[-2:]}-{gap.last[-2:]}", gap.bridged)
        for gap in wal_gaps(found, bases, plan)
    ]
    return [f"({text})" if bridged else text for text, bridged in told]


@pytest.mark.parametrize(
    ("found", "bases", "missing"),
    [
        pytest.param(contents(), (), [], id="nothing is archived"),
        pytest.param(contents(segments(1, range(3, 9))), (), [], id="whole, without a base"),
        pytest.param(contents(segments(1, [3, 4, 7])), (), ["1:05-06"], id="without a base"),
        pytest.param(
            contents(segments(1, range(3, 9))), (base(1, 3, 4),), [], id="whole since the base"
        ),
        pytest.param(
            contents(segments(1, range(4, 9))), (base(1, 3, 4),), ["1:03-03"], id="its first lacks"
        ),
        pytest.param(
            contents(segments(1, [3, 5, 6])), (base(1, 3, 4),), ["1:04-04"], id="its last lacks"
        ),
        pytest.param(
            contents(segments(1, [3, 4, 6])), (base(1, 3, 4),), ["1:05-05"], id="one after it"
        ),
        pytest.param(
            contents(segments(1, [1, 3, 4, 5])),
            (base(1, 3, 4),),
            [],
            id="one before it",
        ),
        pytest.param(
            contents(segments(1, [3, 4, 6, 7])),
            (base(2, 3, 4), base(1, 6, 6)),
            ["(1:05-05)"],
            id="a later base begins after it",
        ),
        pytest.param(
            contents(segments(1, [3, 4, 6, 7])),
            (base(2, 3, 4), base(1, 5, 6)),
            ["1:05-05"],
            id="a later base begins within it",
        ),
        pytest.param(
            contents(segments(1, range(3, 5)), segments(2, range(5, 8)), histories=FORK),
            (base(1, 3, 4),),
            [],
            id="a promotion: the new timeline has the segment of the switch",
        ),
        pytest.param(
            contents(segments(1, range(3, 6)), segments(2, range(6, 8)), histories=FORK),
            (base(1, 3, 4),),
            ["2:05-05"],
            id="a promotion: the old one's copy does not lead on",
        ),
        pytest.param(
            contents(segments(1, [3]), segments(2, range(5, 8)), histories=FORK),
            (base(1, 3, 3),),
            ["1:04-04"],
            id="a promotion: the end of the old timeline lacks",
        ),
        pytest.param(
            contents(segments(1, range(3, 9)), segments(2, range(5, 8)), histories=FORK),
            (base(1, 3, 4),),
            [],
            id="a promotion: what the old one went on with is no part of it",
        ),
        pytest.param(
            contents(segments(2, range(6, 8)), histories=FORK),
            (base(1, 6, 6, timeline=2),),
            [],
            id="begun after the promotion",
        ),
    ],
)
def test_gaps(found: WalContents, bases: tuple[BaseBackup, ...], missing: list[str]) -> None:
    """What a base backup needs and nobody has is named; bridged where a later one needs it not."""
    assert missing == names(found, bases=bases)


@pytest.mark.parametrize(
    ("bases", "removed"),
    [
        pytest.param((), [], id="no base: all stays"),
        pytest.param((base(1, 5, 6),), [0, 1, 2, 3, 4], id="one base: all since"),
        pytest.param((base(40, 5, 6),), [0, 1, 2, 3, 4], id="one old base: all since, too"),
        pytest.param((base(40, 2, 3), base(20, 8, 9)), [0, 1], id="the old one begins the window"),
        pytest.param(
            (base(60, 1, 2), base(36, 6, 7), base(20, 12, 13)),
            [0, 3, 4, 5],
            id="of an older one its own alone",
        ),
        pytest.param(
            (base(36, 6, 7), base(35, 12, 13)),
            [*range(6), *range(8, 12)],
            id="just as old as the window",
        ),
        pytest.param((base(36, 6, 7), base(34.9, 12, 13)), [*range(6)], id="a little younger"),
        pytest.param((base(50, 2, 3), base(40, 30, 31)), [0, 1], id="a log yet to come"),
        pytest.param((base(50, 2, 3), base(40, 19, 20)), [0, 1], id="the end of a log yet to come"),
        pytest.param((base(40, 25, 26), base(36, 30, 31)), [], id="all logs yet to come"),
    ],
)
def test_what_goes(bases: tuple[BaseBackup, ...], removed: list[int]) -> None:
    """Twenty segments: those go that no kept base backup needs."""
    plan = plan_wal_archive(contents(segments(1, range(20))), bases, WEEKS, NOW)
    assert removed == [segment.number for segment in plan.removed]


@pytest.mark.parametrize("older", [(), (base(90, 2, 3),)])
def test_an_archiver_that_was_down_goes_on(older: tuple[BaseBackup, ...]) -> None:
    """Base backups went on meanwhile, for longer than the window: its segments are not too old."""
    held = contents(segments(1, range(20)))
    bases = (*older, *(base(days, 100 - days, 101 - days) for days in range(1, 80, 7)))
    plan = plan_wal_archive(held, bases, WEEKS, NOW)
    assert (2 if older else 0) == plan.floor == min(segment.number for segment in plan.kept)


def test_another_clusters_base_backup_needs_nothing_of_ours() -> None:
    """With none of its own an archive loses nothing."""
    foreign = base(1, 5, 6).model_copy(update={"system": 1})
    plan = plan_wal_archive(contents(segments(1, range(9))), (foreign,), WEEKS, NOW)
    assert ((), {}) == (plan.removed, plan.missing)


def test_reasons_are_told_by_stretches() -> None:
    """Each stretch says why it stays or goes."""
    held = contents(segments(1, range(14)))
    plan = plan_wal_archive(held, (base(60, 1, 2), base(36, 6, 7)), WEEKS, NOW)
    assert [
        ("00", "00", False, "no base backup that is kept needs it"),
        ("01", "02", True, "for the base backup of 2026-01-15 to be consistent"),
        ("03", "05", False, "no base backup that is kept needs it"),
        ("06", "0D", True, "to restore any moment since the base backup of 2026-02-08"),
    ] == [(v.first[-2:], v.last[-2:], v.kept, v.reason) for v in wal_verdicts(held, plan)]


a_base = st.builds(
    base,
    st.floats(0, 100),
    st.integers(0, 30),
    st.integers(31, 35),
)
archives = st.frozensets(st.integers(0, 40)).map(lambda numbers: contents(segments(1, numbers)))


@given(archives, st.lists(a_base, max_size=4).map(tuple))
def test_nothing_that_is_needed_goes(found: WalContents, bases: tuple[BaseBackup, ...]) -> None:
    """Kept and removed are all there are, and no kept base backup loses what it needs."""
    plan = plan_wal_archive(found, bases, WEEKS, NOW)
    assert found.segments == plan.kept.keys() | set(plan.removed)
    assert not plan.kept.keys() & set(plan.removed)
    needed = {segment for each in bases for segment in base_segments(each, SEGMENT)}
    assert not needed & set(plan.removed)
    assert needed - found.segments <= plan.missing.keys()
    assert plan.floor <= max((segment.number for segment in found.segments), default=0)


@given(archives, st.lists(a_base, max_size=4).map(tuple), st.data())
def test_interrupted_and_planned_again_it_arrives(
    found: WalContents, bases: tuple[BaseBackup, ...], data: st.DataObject
) -> None:
    """Whatever part of the removal was done, the next plan leaves what the first would have."""
    plan = plan_wal_archive(found, bases, WEEKS, NOW)
    done = data.draw(st.sets(st.sampled_from(plan.removed))) if plan.removed else set()
    halfway = found.model_copy(update={"segments": found.segments - done})
    again = plan_wal_archive(halfway, bases, WEEKS, NOW)
    assert plan.kept == again.kept
    assert plan.missing == again.missing


@given(archives, st.lists(a_base, min_size=1, max_size=4).map(tuple), st.integers(0, 40))
def test_a_segment_that_is_taken_away_is_missed(
    found: WalContents, bases: tuple[BaseBackup, ...], number: int
) -> None:
    """Whatever is needed and taken away is named, unless it was the last of all.

    Where no base backup is whole all stays, and nobody knows where it began.
    """
    plan = plan_wal_archive(found, bases, WEEKS, NOW)
    if not any(found.segments.issuperset(base_segments(each, SEGMENT)) for each in bases):
        return
    segment = Segment(1, number)
    head = found.head
    if segment not in plan.kept or head is None or number >= head.number:
        return
    without = found.model_copy(update={"segments": found.segments - {segment}})
    assert segment in plan_wal_archive(without, bases, WEEKS, NOW).missing


def at(seconds: float, lsn: int, timeline: int = 1) -> ServerPosition:
    """So many seconds after `NOW` a server had written so far."""
    return ServerPosition(NOW + timedelta(seconds=seconds), timeline, lsn)


@pytest.mark.parametrize(
    ("head", "positions", "seconds"),
    [
        pytest.param(None, [at(0, 0)], None, id="nothing is archived"),
        pytest.param(Segment(1, 4), [at(0, 5 * SEGMENT)], 0, id="just to its end"),
        pytest.param(Segment(1, 4), [at(0, 5 * SEGMENT + 1)], None, id="a byte more"),
        pytest.param(
            Segment(1, 4), [at(0, SEGMENT), at(9, 5 * SEGMENT), at(11, 6 * SEGMENT)], 9, id="newest"
        ),
        pytest.param(Segment(1, 9), [at(0, SEGMENT, 2)], None, id="an old timeline says nothing"),
        pytest.param(Segment(2, 9), [at(0, SEGMENT, 2)], 0, id="the new one does"),
    ],
)
def test_complete_at(
    head: Segment | None, positions: list[ServerPosition], seconds: float | None
) -> None:
    """When the server had last written no more than is archived."""
    expected = None if seconds is None else NOW + timedelta(seconds=seconds)
    assert expected == complete_at(positions, head, SEGMENT)


BOUNDARY = (Switch(1, 5 * SEGMENT),)
TWICE = (Switch(1, 5 * SEGMENT), Switch(2, 5 * SEGMENT + 9))


@pytest.mark.parametrize(
    ("found", "timeline", "switches", "expected"),
    [
        pytest.param(contents(), 1, (), Segment(1, 2), id="nothing is archived"),
        pytest.param(contents(segments(1, [3, 4])), 1, (), Segment(1, 5), id="the next"),
        pytest.param(contents(segments(1, [3])), 2, FORK[2], Segment(1, 4), id="promoted since"),
        pytest.param(
            contents(segments(1, [3, 4])),
            2,
            FORK[2],
            Segment(1, 5),
            id="up to the switch on the old",
        ),
        pytest.param(
            contents(segments(1, [3, 4, 5, 6])), 2, FORK[2], Segment(1, 5), id="it went too far"
        ),
        pytest.param(contents(segments(1, [3, 4])), 2, BOUNDARY, Segment(2, 5), id="at its end"),
        pytest.param(contents(segments(1, [3, 4])), 3, TWICE, Segment(2, 5), id="promoted twice"),
        pytest.param(contents(segments(1, [5, 6])), 2, FORK[2], Segment(2, 2), id="none leads on"),
        pytest.param(
            contents(segments(1, [4, 5]), segments(2, [5])), 2, FORK[2], Segment(2, 6), id="further"
        ),
        pytest.param(
            contents(segments(1, [4]), segments(3, [5])), 2, FORK[2], Segment(1, 5), id="a branch"
        ),
    ],
)
def test_the_segment_that_comes_next(
    found: WalContents, timeline: int, switches: tuple[Switch, ...], expected: Segment
) -> None:
    """After the newest that is on the way to the server's timeline."""
    assert expected == next_segment(found, timeline, switches, 2 * SEGMENT + 5)


def a_source() -> PostgresSource:
    """With a quarter of an hour."""
    return PostgresSource(
        kind="postgresql",
        name="core",
        vault="core",
        service="core",
        spool_folder="/srv/spool",
        restore_folder="/srv/restored",
    )


@pytest.mark.parametrize(
    ("held", "minutes", "alarm"),
    [
        pytest.param([3, 4, 5], 15, None, id="just in time"),
        pytest.param(
            [3, 4, 5],
            15.1,
            "core: the log has not been archived completely since 2026-03-16 18:00 UTC",
            id="too late",
        ),
        pytest.param(
            [3, 4, 6],
            0,
            "core: log missing from 000000010000000000000005 to 000000010000000000000005"
            " (1 segment): take a base backup now",
            id="a gap",
        ),
    ],
)
def test_alarms(held: list[int], minutes: float, alarm: str | None) -> None:
    """The recovery point's bound, on both sides, and gaps by name."""
    now = NOW + timedelta(minutes=minutes)
    state = wal_state(a_source(), contents(segments(1, held)), (base(1, 3, 4),), now)
    assert alarm == wal_state_alarm(state)


def test_an_archive_that_never_was_is_an_alarm() -> None:
    """No archiver has ever run: people hear of it."""
    state = wal_state(a_source(), WalContents(), (), NOW)
    assert "core: the log has not been archived completely ever" == wal_state_alarm(state)
    assert "none" == wal_state_rows(state)[0]["is"]


def test_a_bridged_gap_is_told_and_no_alarm() -> None:
    """The present can be restored; the hole in the past is in the table."""
    held = contents(segments(1, [3, 4, 6, 7]))
    state = wal_state(a_source(), held, (base(2, 3, 4), base(1, 6, 6)), NOW)
    assert None is wal_state_alarm(state)
    assert "a later base backup begins after it" in str(wal_state_rows(state)[-1]["is"])
