"""School holidays are told by zone and name, corrected by a file, and never guessed."""

from collections.abc import Callable
from datetime import date

import pytest
from pydantic import ValidationError

from springtide.errors import Misconfigured
from springtide.model.school import SchoolHolidayEntry
from springtide.model.window import SchoolZone
from springtide.planning.school_calendar import SchoolCalendar
from tests.planning.windows import CALENDAR, a_calendar

WINTER = "Vacances d'hiver"
SPRING = "Vacances de printemps"
AUTUMN = "Vacances de la Toussaint"
BRIDGE: dict[str, object] = {
    "name": "Pont de l'Ascension",
    "zones": ["A", "B", "C"],
    "first_day": "2026-05-15",
    "last_day": "2026-05-16",
}


@pytest.mark.parametrize(
    ("day", "expected"),
    [
        pytest.param("2026-02-06", (None, None, None), id="school everywhere"),
        pytest.param("2026-02-07", (WINTER, None, None), id="zone A begins"),
        pytest.param("2026-02-14", (WINTER, WINTER, None), id="zone B begins"),
        pytest.param("2026-02-21", (WINTER, WINTER, WINTER), id="zone C begins, A's last days"),
        pytest.param("2026-02-22", (WINTER, WINTER, WINTER), id="zone A's last day"),
        pytest.param("2026-02-23", (None, WINTER, WINTER), id="zone A is back"),
        pytest.param("2026-03-08", (None, None, WINTER), id="zone C's last day"),
        pytest.param("2026-03-09", (None, None, None), id="all are back"),
        pytest.param("2027-04-12", (SPRING, None, SPRING), id="spring of the next school year"),
        pytest.param("2026-10-16", (None, None, None), id="the day before autumn"),
        pytest.param("2026-10-17", (AUTUMN, AUTUMN, AUTUMN), id="autumn begins"),
        pytest.param("2026-11-01", (AUTUMN, AUTUMN, AUTUMN), id="autumn ends"),
        pytest.param("2026-11-02", (None, None, None), id="the day after autumn"),
        pytest.param("2028-08-31", ("Vacances d'été",) * 3, id="the last day that is known"),
    ],
)
def test_built_in_school_holidays(day: str, expected: tuple[str | None, ...]) -> None:
    """The dates of the ministry, for zones A, B and C."""
    asked = date.fromisoformat(day)
    assert expected == tuple(CALENDAR.school_holiday(asked, zone) for zone in SchoolZone)


@pytest.mark.parametrize(
    ("day", "expected"),
    [
        pytest.param("2026-04-06", "Lundi de Pâques", id="moves with Easter"),
        pytest.param("2026-11-11", "Armistice", id="fixed"),
        pytest.param("2026-11-10", None, id="the day before"),
        pytest.param("2026-12-26", None, id="of Alsace and Moselle alone"),
        pytest.param("2030-07-14", "Fête nationale", id="beyond the school holidays' end"),
    ],
)
def test_public_holidays(day: str, expected: str | None) -> None:
    """Those of all France, by their French name, in any year."""
    assert expected == CALENDAR.public_holiday(date.fromisoformat(day))


@pytest.mark.parametrize(
    "ask",
    [
        pytest.param(lambda c: c.school_holiday(date(2028, 9, 1), SchoolZone.A), id="after"),
        pytest.param(lambda c: c.school_holiday(date(1990, 1, 1), SchoolZone.A), id="before"),
        pytest.param(lambda c: c.public_holiday(date(2101, 1, 1)), id="public holidays"),
    ],
)
def test_what_is_not_known_is_refused(ask: Callable[[SchoolCalendar], object]) -> None:
    """The library's own answer would be a silent "no holiday"."""
    with pytest.raises(Misconfigured, match="not known"):
        ask(CALENDAR)


def test_the_refusal_says_what_is_known_and_what_to_do() -> None:
    """One line is enough to put it right."""
    with pytest.raises(Misconfigured) as refused:
        CALENDAR.school_holiday(date(2028, 9, 4), SchoolZone.B)
    assert (
        "school_holidays_file: school holidays of zone B are not known on 2028-09-04 (allowed:"
        " dates from 1990-10-27 until 2028-08-31; for later ones list the holidays in that file"
        " and set its complete_until)"
    ) == str(refused.value)


@pytest.mark.parametrize(
    ("day", "expected"),
    [
        pytest.param("2026-05-14", None, id="the day before"),
        pytest.param("2026-05-15", "Pont de l'Ascension", id="first day"),
        pytest.param("2026-05-16", "Pont de l'Ascension", id="last day"),
        pytest.param("2026-05-17", None, id="the day after"),
    ],
)
def test_a_file_adds_holidays(day: str, expected: str | None) -> None:
    """A bridging day that the built-in dates lack; both ends included."""
    asked = date.fromisoformat(day)
    assert CALENDAR.school_holiday(asked, SchoolZone.A) is None
    assert expected == a_calendar(BRIDGE).school_holiday(asked, SchoolZone.A)


def test_a_file_speaks_of_its_zones_alone() -> None:
    """A local holiday leaves the other zones at school."""
    calendar = a_calendar(BRIDGE | {"zones": ["B"]})
    found = [calendar.school_holiday(date(2026, 5, 15), zone) for zone in SchoolZone]
    assert [None, "Pont de l'Ascension", None] == found


def test_a_file_takes_holidays_away() -> None:
    """An entry with `school` says that school is held after all."""
    entry = {"name": "Reprise", "zones": ["A"], "school": True}
    days = {"first_day": "2026-10-26", "last_day": "2026-10-27"}
    calendar = a_calendar({**entry, **days})
    found = [calendar.school_holiday(date(2026, 10, day), SchoolZone.A) for day in (25, 26, 27, 28)]
    assert [AUTUMN, None, None, AUTUMN] == found


def test_the_last_of_two_entries_counts() -> None:
    """As in any list of rules that people append to."""
    again = BRIDGE | {"name": "Reprise", "school": True, "first_day": "2026-05-16"}
    calendar = a_calendar(BRIDGE, again)
    found = [calendar.school_holiday(date(2026, 5, day), SchoolZone.A) for day in (15, 16)]
    assert ["Pont de l'Ascension", None] == found


@pytest.mark.parametrize(
    ("complete_until", "day", "known"),
    [
        pytest.param("2029-08-31", "2029-08-31", True, id="the last complete day"),
        pytest.param("2029-08-31", "2029-09-01", False, id="the day after"),
        pytest.param("2027-01-01", "2028-08-31", True, id="earlier than the built-in end"),
        pytest.param(None, "2028-09-01", False, id="not said"),
    ],
)
def test_a_complete_file_extends_what_is_known(
    complete_until: str | None, day: str, *, known: bool
) -> None:
    """What a complete file does not list is a school day; an incomplete one tells nothing."""
    calendar = a_calendar(complete_until=complete_until)
    if known:
        calendar.school_holiday(date.fromisoformat(day), SchoolZone.C)
    else:
        with pytest.raises(Misconfigured, match="not known"):
            calendar.school_holiday(date.fromisoformat(day), SchoolZone.C)


def test_an_entry_is_known_beyond_the_end() -> None:
    """Who writes a holiday down knows of it, whether or not the file is complete."""
    calendar = a_calendar(BRIDGE | {"first_day": "2031-05-23", "last_day": "2031-05-24"})
    found = calendar.school_holiday(date(2031, 5, 23), SchoolZone.C)
    assert "Pont de l'Ascension" == found


@pytest.mark.parametrize(
    ("last_day", "allowed"),
    [
        pytest.param("2026-05-14", False, id="ends before it begins"),
        pytest.param("2026-05-15", True, id="one day"),
        pytest.param("2027-05-15", True, id="366 days"),
        pytest.param("2027-05-16", False, id="more than a year: a slip of the year"),
    ],
)
def test_an_entry_has_from_one_day_to_a_year(last_day: str, *, allowed: bool) -> None:
    """A wrong year in a date must not close a fleet for good."""
    given = BRIDGE | {"last_day": last_day}
    if allowed:
        SchoolHolidayEntry.model_validate(given)
    else:
        with pytest.raises(ValidationError):
            SchoolHolidayEntry.model_validate(given)
