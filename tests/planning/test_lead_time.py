"""How long a measured lead is: floor, cap, ticks, and that an evening under way does not move."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from springtide.model.claim import ClaimBook
from springtide.model.startup import RegionStartup
from springtide.model.window import Evening, Window
from springtide.planning.evening_window import evening_at, evenings, window_claims
from springtide.planning.lead_time import (
    evening_startups,
    lead_minutes,
    on_a_tick,
    timed_windows,
)
from tests.planning.test_startup_times import a_note
from tests.planning.windows import CALENDAR, a_window, utc

OPENS = utc("2026-11-23T15:00")
MEASURED: dict[str, object] = {"measured_lead": {"floor_minutes": 5, "cap_minutes": 30}}


def a_region(most_s: int, region: str = "GRA11") -> RegionStartup:
    """A region of which so much is known."""
    return RegionStartup(region=region, servers=40, half_s=most_s // 2, most_s=most_s)


@pytest.mark.parametrize(
    ("most_s", "minutes"),
    [
        pytest.param([], 30, id="nothing measured: the cap"),
        pytest.param([1], 5, id="the floor"),
        pytest.param([300], 5, id="five minutes"),
        pytest.param([301], 10, id="a second more: the next tick"),
        pytest.param([412, 290], 10, id="the slowest region counts"),
        pytest.param([1800], 30, id="the cap"),
        pytest.param([1801], 30, id="above the cap"),
    ],
)
def test_the_lead_follows_the_slowest_region(most_s: list[int], minutes: int) -> None:
    """Within floor and cap, on a tick of the keeping."""
    regions = [a_region(each, f"R{n}") for n, each in enumerate(most_s)]
    assert minutes == lead_minutes(a_window(**MEASURED), regions)


def test_a_lead_that_is_not_measured_stays() -> None:
    """Whatever was measured."""
    assert 15 == lead_minutes(a_window(lead_minutes=15), [a_region(2000)])
    window = a_window(lead_minutes=15)
    assert (window,) == timed_windows([window], [a_note(*[2000] * 9)], OPENS)


@given(st.integers(0, 59), st.integers(0, 240))
def test_a_claim_starts_on_a_tick(minute: int, wanted: int) -> None:
    """At most four minutes earlier than wanted."""
    window = a_window(opens=f"16:{minute:02}")
    found = on_a_tick(window, wanted)
    assert 0 == (minute - found) % 5
    assert wanted <= found < wanted + 5


def claim_starts(window: Window, notes: list[int], at: str) -> Evening | None:
    """The evening that holds at that time, when an hour ago such servers were seen."""
    note = a_note(*notes, at=utc("2026-11-16T15:05"))
    (timed,) = timed_windows([window], [note], utc(at))
    return evening_at(timed, CALENDAR, now=utc(at))


@pytest.mark.parametrize(
    ("at", "holds"),
    [
        pytest.param("2026-11-23T14:49:59", False, id="a second before"),
        pytest.param("2026-11-23T14:50", True, id="the claim starts"),
        pytest.param("2026-11-23T20:49:59", True, id="its last second"),
        pytest.param("2026-11-23T20:50", False, id="the tail"),
    ],
)
def test_the_claim_starts_so_early(at: str, *, holds: bool) -> None:
    """412 s are ten minutes before 16:00."""
    found = claim_starts(a_window(**MEASURED), [412] * 9, at)
    assert holds == (found is not None)


def test_what_is_learnt_in_an_evening_does_not_move_its_claim() -> None:
    """Quick servers seen at 15:52 do not end the claim that began at 15:50."""
    window, before = a_window(**MEASURED), a_note(*[412] * 9, at=utc("2026-11-16T15:05"))
    learnt = a_note(*[20] * 200, at=utc("2026-11-23T14:52"))
    now = utc("2026-11-23T14:53")
    (timed,) = timed_windows([window], [before, learnt], now)
    assert 1 == len(window_claims((timed,), CALENDAR, now=now))
    assert 10 == timed.lead_minutes
    (next_week,) = timed_windows([window], [before, learnt], now + timedelta(days=1))
    assert 5 == next_week.lead_minutes


def test_a_lead_before_midnight_belongs_to_the_evening_after_it() -> None:
    """At 23:50 the notes that count are those before 23:40, as at 00:05."""
    window = a_window(opens="00:10", closes="06:00", **MEASURED)
    notes = [a_note(*[290] * 9, at=utc("2026-11-22T22:45"))]
    leads = [
        timed_windows([window], notes, utc(at))[0].lead_minutes
        for at in ("2026-11-22T22:50", "2026-11-22T23:05")
    ]
    assert [30, 30] == leads


def test_while_nothing_is_known_plans_show_the_cap() -> None:
    """Previews and calendars know no notes."""
    (found,) = evenings(a_window(**MEASURED), CALENDAR, first=OPENS.date(), last=OPENS.date())
    assert isinstance(found, Evening)
    assert OPENS - timedelta(minutes=30) == found.claim_starts_at


def test_what_was_measured_is_found_for_an_evening() -> None:
    """By its window; of an evening whose window is not known there is nothing."""
    window = a_window()
    (evening,) = evenings(window, CALENDAR, first=OPENS.date(), last=OPENS.date())
    assert isinstance(evening, Evening)
    book = ClaimBook(startups=(a_note(*[290] * 9, at=utc("2026-11-16T15:05")),))
    assert [290] == [r.most_s for r in evening_startups(evening, [window], book)]
    assert () == evening_startups(evening, [], book)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        pytest.param({"lead_minutes": 5, **MEASURED}, "one counts", id="both leads"),
        pytest.param(
            {"measured_lead": {"floor_minutes": 31, "cap_minutes": 30}},
            "floor_minutes 31 must not be above cap_minutes 30",
            id="floor above cap",
        ),
    ],
)
def test_a_wrong_lead_is_refused(changes: dict[str, object], said: str) -> None:
    """In the estate file, by name."""
    with pytest.raises(ValidationError, match=said):
        a_window(**changes)
