"""Windows and calendars to test with."""

from datetime import UTC, date, datetime

from springtide.model.school import SchoolHolidays
from springtide.model.window import Window
from springtide.planning.school_calendar import SchoolCalendar

CALENDAR = SchoolCalendar()
ALL_ZONES: dict[str, object] = {"school_zones": ["A", "B", "C"]}
SPRING, AUTUMN = date(2026, 3, 29), date(2026, 10, 25)
"""The Sundays on which the clocks of Paris change."""


def utc(text: str) -> datetime:
    """An instant of UTC, e.g. `2026-11-23T15:00`."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def a_window(**changes: object) -> Window:
    """The customer's evening, without schools and lead, changed as asked."""
    base: dict[str, object] = {
        "name": "evening",
        "fleet": "api",
        "days": ["monday", "tuesday", "wednesday"],
        "opens": "16:00",
        "closes": "22:00",
        "servers": 30,
    }
    return Window.model_validate(base | changes)


def a_calendar(*entries: dict[str, object], complete_until: str | None = None) -> SchoolCalendar:
    """The built-in calendar with these entries of a school holidays file."""
    said = {"holidays": entries, "complete_until": complete_until}
    return SchoolCalendar(SchoolHolidays.model_validate(said))
