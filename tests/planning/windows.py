"""Windows and calendars to test with."""

from springtide.model.school import SchoolHolidays
from springtide.model.window import Window
from springtide.planning.school_calendar import SchoolCalendar

CALENDAR = SchoolCalendar()


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
