"""Until when usage is known, and what a report says of a region that did not tell it."""

from datetime import date, timedelta

import pytest

from springtide.planning.cost_report import month_of, report_period
from springtide.planning.known_usage import (
    KnownUsage,
    Looked,
    known_usage,
    untold_between,
    untold_days,
)

NOVEMBER = month_of(date(2026, 11, 1))
REGIONS = ("SBG5", "GRA11")


def day(number: int) -> date:
    """A day of November 2026; 0 and below are October's."""
    return date(2026, 11, 1) + timedelta(days=number - 1)


def looked(*, gra: range = range(-5, 40), sbg: range, partly: tuple[int, ...] = ()) -> Looked:
    """The days of two regions; SBG5 for a part of some."""
    told = {day(n): n not in partly for n in sbg}
    return {"GRA11": {day(n): True for n in gra}, **({"SBG5": told} if told else {})}


def known(found: Looked, *, yesterday: int, settled: bool = False) -> KnownUsage:
    """What a report of November knows."""
    return known_usage(NOVEMBER, found, REGIONS, yesterday=day(yesterday), settled=settled)


@pytest.mark.parametrize(
    ("found", "until", "unknown"),
    [
        pytest.param(looked(sbg=range(-5, 20)), 19, (), id="all told all"),
        pytest.param(looked(sbg=range(-5, 18)), 17, (), id="one has been silent for two days"),
        pytest.param(
            looked(sbg=range(-5, 20), partly=(18, 19)), 17, (), id="it was looked at for a part"
        ),
        pytest.param(
            looked(sbg=range(-5, 20), partly=(3, 5, 6)),
            19,
            ("SBG5 did not tell all usage of 2026-11-03, 2026-11-05 to 2026-11-06",),
            id="it was silent, and is not any more",
        ),
        pytest.param(
            looked(sbg=range(-5, 18), partly=(3,)),
            17,
            ("SBG5 did not tell all usage of 2026-11-03",),
            id="both",
        ),
        pytest.param(
            looked(sbg=range(-5, 1)),
            19,
            ("SBG5 did not tell all usage of 2026-11-01 to 2026-11-19",),
            id="silent all month: what the others told is reported",
        ),
        pytest.param(
            looked(sbg=range(0)),
            19,
            ("SBG5 did not tell all usage of 2026-11-01 to 2026-11-19",),
            id="it never answered",
        ),
    ],
)
def test_a_month_that_is_under_way(found: Looked, until: int, unknown: tuple[str, ...]) -> None:
    """It ends with the last day that every region told; a gap before it is told."""
    seen = known(found, yesterday=19)
    assert (day(until), unknown) == (seen.until, seen.unknown)


@pytest.mark.parametrize(
    ("first", "last", "days"),
    [
        pytest.param(-5, 19, "2026-10-30, 2026-11-03", id="both"),
        pytest.param(-1, 2, "2026-10-30", id="from the first day's on, until before the second"),
        pytest.param(0, 3, "2026-11-03", id="from the day after the first until the second's"),
    ],
)
def test_what_was_not_told_is_known_beyond_the_month(first: int, last: int, days: str) -> None:
    """A forecast of the school year reaches back to September."""
    found = looked(sbg=range(-5, 20), partly=(-1, 3))
    untold = untold_days(found, REGIONS, [day(n) for n in range(-5, 20)])
    told = untold_between(untold, day(first), day(last))
    assert (f"SBG5 did not tell all usage of {days}",) == told


def test_what_is_awaited_is_noted() -> None:
    """Whoever reads that usage is known until the 17th reads why."""
    assert ("SBG5 has not told all usage of 2026-11-18 to 2026-11-19 yet.",) == known(
        looked(sbg=range(-5, 18)), yesterday=19
    ).notes


def test_a_settled_month_is_whole_and_says_what_it_lacks() -> None:
    """Nobody waits any longer: what the others told is in it."""
    seen = known(looked(sbg=range(-5, 28)), yesterday=33, settled=True)
    assert (day(33), ()) == (seen.until, seen.notes)
    assert ("SBG5 did not tell all usage of 2026-11-28 to 2026-11-30",) == seen.unknown


def test_a_month_that_is_over_and_known_is_over() -> None:
    """Not its last day but yesterday: nothing of it is left to be forecast."""
    assert day(31) == known(looked(sbg=range(-5, 40)), yesterday=31).until


def test_a_ledger_from_before_looks_were_kept() -> None:
    """It is taken as it is, and the report says so."""
    seen = known({}, yesterday=19)
    assert (day(19), ()) == (seen.until, seen.unknown)
    assert [True] == ["nobody can say" in note for note in seen.notes]


@pytest.mark.parametrize(
    ("found", "notes"),
    [
        pytest.param(
            looked(gra=range(4, 20), sbg=range(4, 20), partly=(4,)),
            ["Whether GRA11, SBG5 told all usage is noted since 2026-11-05, and not before."],
            id="looks are kept since the fourth",
        ),
        pytest.param(
            looked(sbg=range(4, 20), partly=(4,)),
            ["Whether SBG5 told all usage is noted since 2026-11-05, and not before."],
            id="a region that came later",
        ),
    ],
)
def test_days_before_the_first_look_are_taken_as_they_are(found: Looked, notes: list[str]) -> None:
    """The first day is known in part alone, and nobody is held to it."""
    seen = known(found, yesterday=19)
    assert (day(19), (), notes) == (seen.until, seen.unknown, list(seen.notes))


def test_a_day_that_was_not_told_is_reported_so() -> None:
    """There is no earlier one to end with."""
    period = report_period("day", day(20), day=day(19), last=None)
    found = looked(sbg=range(-5, 19))
    seen = known_usage(period, found, REGIONS, yesterday=day(19), settled=False)
    assert (day(19), ("SBG5 did not tell all usage of 2026-11-19",)) == (seen.until, seen.unknown)
