"""Local times become the right instants, on the two odd days of the year as well."""

from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from springtide.planning.wall_clock import instant_of

PARIS = ZoneInfo("Europe/Paris")
SPRING, AUTUMN = date(2026, 3, 29), date(2026, 10, 25)


@pytest.mark.parametrize(
    ("day", "clock", "expected"),
    [
        pytest.param(date(2026, 1, 5), "16:00", "2026-01-05T15:00Z", id="winter"),
        pytest.param(date(2026, 7, 6), "16:00", "2026-07-06T14:00Z", id="summer"),
        pytest.param(SPRING, "01:59", "2026-03-29T00:59Z", id="last minute before the jump"),
        pytest.param(SPRING, "02:00", "2026-03-29T01:00Z", id="first minute jumped over"),
        pytest.param(SPRING, "02:59", "2026-03-29T01:00Z", id="last minute jumped over"),
        pytest.param(SPRING, "03:00", "2026-03-29T01:00Z", id="first minute after the jump"),
        pytest.param(SPRING, "03:01", "2026-03-29T01:01Z", id="second minute after the jump"),
        pytest.param(AUTUMN, "01:59", "2026-10-24T23:59Z", id="last minute that comes once"),
        pytest.param(AUTUMN, "02:00", "2026-10-25T00:00Z", id="comes twice: the first"),
        pytest.param(AUTUMN, "02:59", "2026-10-25T00:59Z", id="comes twice, at its end"),
        pytest.param(AUTUMN, "03:00", "2026-10-25T02:00Z", id="comes once again"),
    ],
)
def test_paris(day: date, clock: str, expected: str) -> None:
    """A gap ends where the clocks go on; a repeated hour is its first round."""
    found = instant_of(day, time.fromisoformat(clock), zone=PARIS)
    assert datetime.fromisoformat(expected) == found
    assert UTC == found.tzinfo


def test_a_date_that_a_zone_left_out_is_the_first_instant_after_it() -> None:
    """Samoa had no 2011-12-30: every time of it is the next midnight."""
    apia = ZoneInfo("Pacific/Apia")
    expected = datetime(2011, 12, 30, 10, 0, tzinfo=UTC)
    assert expected == instant_of(date(2011, 12, 30), time(0, 0), zone=apia)
    assert expected == instant_of(date(2011, 12, 30), time(23, 59), zone=apia)


MINUTES = st.integers(0, 24 * 60 - 1).map(lambda m: time(m // 60, m % 60))
ZONES = st.sampled_from(["Europe/Paris", "America/St_Johns", "Australia/Lord_Howe", "UTC"])


@given(
    day=st.dates(date(2020, 1, 1), date(2035, 1, 1)) | st.sampled_from([SPRING, AUTUMN]),
    clocks=st.tuples(MINUTES, MINUTES),
    name=ZONES,
)
def test_later_clocks_are_never_earlier_instants(
    day: date, clocks: tuple[time, time], name: str
) -> None:
    """Otherwise a window could end before it begins."""
    zone = ZoneInfo(name)
    first, second = (instant_of(day, clock, zone=zone) for clock in sorted(clocks))
    assert first <= second


@given(day=st.dates(date(2020, 1, 1), date(2035, 1, 1)), clock=MINUTES, name=ZONES)
def test_the_clock_shows_the_time_or_has_just_jumped_over_it(
    day: date, clock: time, name: str
) -> None:
    """What comes back is the time itself, or a later one of which no earlier exists."""
    zone = ZoneInfo(name)
    wanted = datetime.combine(day, clock)
    shown = instant_of(day, clock, zone=zone).astimezone(zone).replace(tzinfo=None)
    exists = wanted.replace(tzinfo=zone).astimezone(UTC).astimezone(zone)
    if exists.replace(tzinfo=None) == wanted:
        assert wanted == shown
    else:
        assert wanted < shown
