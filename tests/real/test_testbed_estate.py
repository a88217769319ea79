"""The test bed's estate: its evening is open whenever it is written, until it is ended."""

from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from springtide.estate import load_estate, school_holidays
from springtide.model.window import Evening
from springtide.planning.evening_window import evening_at, paid_evening_at
from springtide.planning.school_calendar import SchoolCalendar
from tests.real.openstack.estate import end_evening, write_estate, zone_of

CONTROL_URL = "http://127.0.0.1:15000"


def evenings_now(estate_file: Path) -> tuple[Evening | None, Evening | None]:
    """The evening that is claimed now, and the one that is paid for now."""
    estate = load_estate(estate_file)
    calendar, now = SchoolCalendar(school_holidays(estate, estate_file)), datetime.now(UTC)
    (window,) = estate.windows
    return evening_at(window, calendar, now=now), paid_evening_at(window, calendar, now=now)


@pytest.mark.parametrize("utc_hour", range(24))
def test_at_every_hour_there_is_a_zone_with_late_afternoon(utc_hour: int) -> None:
    """It is 17 o'clock there, whatever the hour is in UTC."""
    at = datetime(2026, 11, 24, utc_hour, 30, tzinfo=UTC)
    assert 17 == at.astimezone(ZoneInfo(zone_of(utc_hour))).hour


def test_the_evening_is_open_when_it_is_written(tmp_path: Path) -> None:
    """Thirty servers are claimed at once."""
    claimed, _ = evenings_now(write_estate(tmp_path, CONTROL_URL))
    assert claimed is not None
    assert 30 == claimed.servers


def test_an_ended_evening_is_still_paid(tmp_path: Path) -> None:
    """The claim is over, and there is time to close within the paid hours."""
    estate = write_estate(tmp_path, CONTROL_URL)
    end_evening(estate)
    claimed, paid = evenings_now(estate)
    assert claimed is None
    assert paid is not None


def test_the_clock_is_the_front_door_s(tmp_path: Path) -> None:
    """Whoever rehearses on the test bed asks the front door for the time."""
    rehearsal = load_estate(write_estate(tmp_path, CONTROL_URL)).rehearsal
    assert rehearsal is not None
    assert f"{CONTROL_URL}/admin/clock" == str(rehearsal.clock_url)
