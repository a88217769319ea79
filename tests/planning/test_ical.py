"""People's calendars show the evenings, and lose those that are skipped."""

from datetime import UTC, date, datetime

from icalendar import Calendar, Event

from springtide.planning.evening_window import evenings
from springtide.planning.ical import to_ical
from tests.planning.windows import CALENDAR, a_window

STAMP = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)


def published(first: date, last: date, **changes: object) -> list[Event]:
    """The events of a calendar file, read back."""
    found = evenings(a_window(**changes), CALENDAR, first=first, last=last)
    calendar = Calendar.from_ical(to_ical(found, stamp=STAMP))
    assert isinstance(calendar, Calendar)
    return calendar.events


def test_an_evening_is_an_event_of_its_hours() -> None:
    """Begin and end are those of the window, not those of the claim."""
    (event,) = published(date(2026, 11, 23), date(2026, 11, 23), lead_minutes=15)
    assert datetime(2026, 11, 23, 15, 0, tzinfo=UTC) == event.start
    assert datetime(2026, 11, 23, 21, 0, tzinfo=UTC) == event.end
    assert "api: 30 servers (evening)" == event["summary"]
    assert "CONFIRMED" == event["status"]
    assert STAMP == event.DTSTAMP


def test_a_skipped_date_is_a_cancelled_event_that_says_why() -> None:
    """Without it a calendar that had the evening would keep it."""
    (event,) = published(date(2026, 11, 11), date(2026, 11, 11))
    assert date(2026, 11, 11) == event.start
    assert "CANCELLED" == event["status"]
    assert "TRANSPARENT" == event["transp"]
    assert "public holiday: Armistice" == event["description"]


def test_an_event_keeps_its_uid_when_it_moves_or_is_cancelled() -> None:
    """Reading the calendar again changes events and doubles none."""
    day = date(2026, 11, 23)
    before = published(day, day)
    moved = published(day, day, opens="17:00")
    cancelled = published(day, day, remove_dates=[day])
    uids = [event["uid"] for event in (*before, *moved, *cancelled)]
    assert ["window-evening-20261123@springtide"] * 3 == uids


def test_each_date_is_one_event() -> None:
    """Every UID of a year stands once."""
    events = published(date(2026, 1, 1), date(2026, 12, 31))
    assert 156 == len(events)
    assert 156 == len({event["uid"] for event in events})


def test_an_empty_calendar_is_a_calendar() -> None:
    """A window that never opens has a valid file too."""
    assert [] == published(date(2026, 11, 26), date(2026, 11, 29))
