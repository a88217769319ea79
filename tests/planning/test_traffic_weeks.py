"""Whole days of watched traffic: when a surge is asked for, and what is lost all the same."""

from datetime import timedelta

import pytest

from springtide.simulation.school_traffic import (
    DAY,
    LOCKDOWN,
    NORMAL_WEEK,
    SchoolDay,
    SchoolTraffic,
)
from tests.planning.traffic_replay import Replay


def lockdown_week(day: int = 1) -> tuple[SchoolDay, ...]:
    """A normal week, but for one day (0: Monday) of lockdown."""
    return (*NORMAL_WEEK[:day], LOCKDOWN, *NORMAL_WEEK[day + 1 :])


def in_words(minute: int) -> str:
    """A minute of the week, e.g. `day 1 07:10`."""
    return f"day {minute // DAY} {minute % DAY // 60:02}:{minute % 60:02}"


@pytest.mark.parametrize("every", [2, 5])
def test_a_day_of_lockdown_is_met_before_it_overruns(every: int) -> None:
    """It asks well before what stands is full; measured: 29 minutes, and nothing overruns."""
    sessions = SchoolTraffic(lockdown_week(), seed=0, flash_share=0).open_sessions[: 2 * DAY]
    watched_week = Replay(sessions, every=every).run()
    alone = Replay(sessions, every=0).run()
    first = watched_week.minute_of(watched_week.asks[0])
    assert alone.first_lost - first >= 15, (in_words(first), in_words(alone.first_lost))
    assert {1} == {watched_week.minute_of(ask) // DAY for ask in watched_week.asks}
    assert 300 == max(ask.servers for ask in watched_week.asks)
    assert alone.lost > 20_000_000
    assert watched_week.lost <= alone.lost / 1000
    assert len(watched_week.asks) <= 14


def test_it_never_scales_in() -> None:
    """At every minute of the week at least as many are claimed as without it."""
    sessions = SchoolTraffic(lockdown_week(0), seed=3).open_sessions[:DAY]
    watched_day, alone = Replay(sessions).run(), Replay(sessions, every=0).run()
    pairs = zip(watched_day.claimed, alone.claimed, strict=True)
    assert [] == [minute for minute, (with_it, without) in enumerate(pairs) if with_it < without]
    assert all(ask.servers > ask.claimed for ask in watched_day.asks)
    gaps = [b.at - a.at for a, b in zip(watched_day.asks, watched_day.asks[1:], strict=False)]
    assert min(gaps) >= timedelta(minutes=15)


@pytest.mark.parametrize("seed", [0, 2])
def test_a_normal_week_asks_rarely(seed: int) -> None:
    """At most once; measured over 20 weeks: 3 asks, each of 7 servers before the window opened."""
    sessions = SchoolTraffic(NORMAL_WEEK, seed, flash_share=0).open_sessions[: 3 * DAY]
    assert len(Replay(sessions).run().asks) <= 1


def test_a_rush_is_followed_as_soon_as_it_is_seen() -> None:
    """A rush from one minute to the next can't be foreseen; most of what it overruns is met."""
    sessions = SchoolTraffic(NORMAL_WEEK[:3], seed=7, flash_share=0.04).open_sessions
    with_it, alone = Replay(sessions).run(), Replay(sessions, every=0).run()
    assert with_it.asks
    assert with_it.lost < alone.lost / 2


def test_the_traffic_is_the_same_for_the_same_seed() -> None:
    """What a test shows can be seen again."""
    first, again, other = (SchoolTraffic(NORMAL_WEEK[:1], seed).open_sessions for seed in (1, 1, 2))
    assert first == again != other
