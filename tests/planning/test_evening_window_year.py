"""A whole year of evenings, and evenings of any hours, against a naive reading of the rules."""

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from holidays import country_holidays
from hypothesis import given
from hypothesis import strategies as st
from vacances_scolaires_france import SchoolHolidayDates

from springtide.model.window import Evening, SkippedEvening, Weekday
from springtide.planning.evening_window import evening_at, evenings, next_evening
from tests.planning.windows import ALL_ZONES, AUTUMN, CALENDAR, SPRING, a_window, utc

PARIS = ZoneInfo("Europe/Paris")
MINUTE = timedelta(minutes=1)


def open_dates(year: int, weekdays: set[int]) -> set[date]:
    """The dates of that year that open, straight from the libraries' own tables."""
    schools, public = SchoolHolidayDates(), country_holidays("FR")
    days = (date(year, 1, 1) + timedelta(days=n) for n in range(366))
    return {
        day
        for day in days
        if day.weekday() in weekdays
        and day not in public
        and not all(schools.is_holiday_for_zone(day, zone) for zone in "ABC")
    }


@pytest.mark.parametrize(
    ("weekdays", "changes", "begin", "end"),
    [
        pytest.param({0, 1, 2}, {}, 960, 1310, id="customer"),
        pytest.param(
            {2, 5, 6},
            {"opens": "01:20", "closes": "04:00", "lead_minutes": 15, "tail_minutes": 20},
            65,
            220,
            id="across both changes of the clocks",
        ),
    ],
)
def test_every_minute_of_a_year(
    weekdays: set[int], changes: dict[str, object], begin: int, end: int
) -> None:
    """A naive reading of wall clock and tables, minute by minute, finds the same."""
    days = [day for number, day in enumerate(Weekday) if number in weekdays]
    window = a_window(**ALL_ZONES, days=days, **changes)
    opening = open_dates(2026, weekdays)
    expected: set[datetime] = set()
    actual: set[datetime] = set()
    start = utc("2026-01-02T00:00")
    for number in range(363 * 24 * 60):
        now = start + number * MINUTE
        local = now.astimezone(PARIS)
        if begin <= local.hour * 60 + local.minute < end and local.date() in opening:
            expected.add(now)
    for found in evenings(window, CALENDAR, first=date(2026, 1, 2), last=date(2026, 12, 31)):
        if isinstance(found, Evening):
            minutes = (found.claim_ends_at - found.claim_starts_at) // MINUTE
            actual |= {found.claim_starts_at + n * MINUTE for n in range(minutes)}
    assert expected == actual
    for number in range(0, 363 * 24 * 60, 37):
        now = start + number * MINUTE
        assert (now in expected) == (evening_at(window, CALENDAR, now=now) is not None)


CLOCKS = st.integers(0, 24 * 60 - 2).flatmap(
    lambda start: st.tuples(st.just(start), st.integers(start + 1, 24 * 60 - 1))
)


@given(
    clocks=CLOCKS,
    lead=st.integers(0, 240),
    share=st.floats(0, 0.99),
    day=st.dates(date(2025, 1, 1), date(2028, 1, 1)) | st.sampled_from([SPRING, AUTUMN]),
    zone=st.sampled_from(["Europe/Paris", "America/St_Johns", "Asia/Kolkata"]),
)
def test_each_evening_is_found_within_itself(
    clocks: tuple[int, int], lead: int, share: float, day: date, zone: str
) -> None:
    """Whatever the hours: in order, found from its first to its last instant, and next before."""
    opens, closes = (f"{m // 60:02}:{m % 60:02}" for m in clocks)
    window = a_window(
        days=["monday"],
        skip_public_holidays=False,
        opens=opens,
        closes=closes,
        lead_minutes=lead,
        tail_minutes=min(240, int((clocks[1] - clocks[0]) * share)),
        timezone=zone,
        add_dates=[day],
    )
    (found,) = evenings(window, CALENDAR, first=day, last=day)
    if isinstance(found, SkippedEvening):
        return
    instant = timedelta(microseconds=1)
    assert found.claim_starts_at <= found.opens_at < found.claim_ends_at <= found.closes_at
    assert found == evening_at(window, CALENDAR, now=found.claim_ends_at - instant)
    assert found == next_evening(window, CALENDAR, after=found.claim_starts_at - instant)
    first = evening_at(window, CALENDAR, now=found.claim_starts_at)
    assert first is not None
    assert first.date in (found.date, found.date - timedelta(days=1))
