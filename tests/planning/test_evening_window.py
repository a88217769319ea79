"""Evenings are intervals: which dates have one, when it holds, and why a date is skipped."""

from collections.abc import Callable
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from springtide.errors import Misconfigured
from springtide.model.claim import ClaimKind
from springtide.model.window import Evening, SkippedEvening, Window
from springtide.planning.evening_window import (
    evening_at,
    evenings,
    next_evening,
    paid_evening_at,
    window_claims,
)
from tests.planning.windows import ALL_ZONES, AUTUMN, CALENDAR, SPRING, a_calendar, a_window, utc

MONDAY = date(2026, 11, 23)


def the_only(window: Window, day: date) -> Evening | SkippedEvening | None:
    """What the window says of one date; None where it does not speak of it."""
    found = evenings(window, CALENDAR, first=day, last=day)
    assert len(found) <= 1
    return found[0] if found else None


def test_an_evening_in_absolute_time() -> None:
    """The claim starts a lead before `from` and ends a tail before `until`."""
    expected = Evening(
        window="evening",
        fleet="api",
        date=MONDAY,
        servers=30,
        claim_starts_at=utc("2026-11-23T14:45"),
        opens_at=utc("2026-11-23T15:00"),
        claim_ends_at=utc("2026-11-23T20:50"),
        closes_at=utc("2026-11-23T21:00"),
        reason="Monday",
    )
    assert expected == the_only(a_window(lead_minutes=15), MONDAY)


@pytest.mark.parametrize(
    ("day", "changes", "opens", "reason"),
    [
        pytest.param("2026-11-23", {}, True, "Monday", id="weekday"),
        pytest.param("2026-11-26", {}, None, "", id="no weekday of it"),
        pytest.param("2026-11-11", {}, False, "public holiday: Armistice", id="public holiday"),
        pytest.param(
            "2026-11-11",
            {"skip_public_holidays": False},
            True,
            "Wednesday",
            id="public holidays do not matter",
        ),
        pytest.param("2026-10-19", {}, True, "Monday", id="school holidays do not matter"),
        pytest.param(
            "2026-10-19",
            ALL_ZONES,
            False,
            "school holidays in A, B, C: Vacances de la Toussaint",
            id="all zones on holiday",
        ),
        pytest.param("2026-02-09", ALL_ZONES, True, "Monday, school in B, C", id="one zone off"),
        pytest.param("2026-02-18", ALL_ZONES, True, "Wednesday, school in C", id="two zones off"),
        pytest.param(
            "2026-02-09",
            {"school_zones": ["A"]},
            False,
            "school holidays in A: Vacances d'hiver",
            id="the only zone that matters is off",
        ),
        pytest.param("2026-11-02", ALL_ZONES, True, "Monday, school in A, B, C", id="back"),
        pytest.param(
            "2026-11-23", {"remove_dates": [MONDAY]}, False, "removed by date", id="removed"
        ),
        pytest.param(
            "2026-11-26", {"remove_dates": ["2026-11-26"]}, None, "", id="removed, no weekday of it"
        ),
        pytest.param(
            "2026-11-26", {"add_dates": ["2026-11-26"]}, True, "added by date", id="added Thursday"
        ),
        pytest.param(
            "2026-11-11", {"add_dates": ["2026-11-11"]}, True, "added by date", id="added holiday"
        ),
        pytest.param(
            "2026-10-19",
            ALL_ZONES | {"add_dates": ["2026-10-19"]},
            True,
            "added by date",
            id="added in the school holidays",
        ),
        pytest.param(
            "2028-09-07",
            ALL_ZONES | {"add_dates": ["2028-09-07"]},
            True,
            "added by date",
            id="added beyond what is known of schools",
        ),
        pytest.param(
            "2028-12-25",
            ALL_ZONES,
            False,
            "public holiday: Noël",
            id="a public holiday beyond what is known of schools",
        ),
    ],
)
def test_why(day: str, changes: dict[str, object], *, opens: bool | None, reason: str) -> None:
    """Removed dates first, then added ones, public holidays, school holidays, weekdays."""
    found = the_only(a_window(**changes), date.fromisoformat(day))
    if opens is None:
        assert found is None
    else:
        assert (opens, reason) == (isinstance(found, Evening), found.reason if found else "")


def test_evenings_come_in_order_and_include_both_ends() -> None:
    """From a Monday to the next Wednesday: six, the last one too."""
    found = evenings(a_window(), CALENDAR, first=MONDAY, last=date(2026, 12, 2))
    days = [each.date.isoformat()[5:] for each in found]
    assert ["11-23", "11-24", "11-25", "11-30", "12-01", "12-02"] == days
    assert () == evenings(a_window(), CALENDAR, first=MONDAY, last=date(2026, 11, 22))


@pytest.mark.parametrize(
    ("now", "claimed", "paid"),
    [
        pytest.param("2026-11-23T14:44:59", False, False, id="just before the lead"),
        pytest.param("2026-11-23T14:45:00", True, True, id="the lead begins"),
        pytest.param("2026-11-23T15:00:00", True, True, id="from"),
        pytest.param("2026-11-23T19:00:00", True, True, id="a late run"),
        pytest.param("2026-11-23T20:49:59", True, True, id="just before the tail"),
        pytest.param("2026-11-23T20:50:00", False, True, id="the tail begins"),
        pytest.param("2026-11-23T20:59:59", False, True, id="just before until"),
        pytest.param("2026-11-23T21:00:00", False, False, id="until"),
        pytest.param("2026-11-26T19:00:00", False, False, id="a Thursday"),
        pytest.param("2026-11-11T19:00:00", False, False, id="a public holiday"),
    ],
)
def test_boundaries(now: str, *, claimed: bool, paid: bool) -> None:
    """Starts belong to the evening, ends do not."""
    window = a_window(lead_minutes=15)
    assert claimed == (evening_at(window, CALENDAR, now=utc(now)) is not None)
    assert paid == (paid_evening_at(window, CALENDAR, now=utc(now)) is not None)


def test_now_may_be_of_any_time_zone() -> None:
    """Half past seven in the morning in Auckland is an evening in Paris."""
    now = datetime(2026, 11, 24, 7, 30, tzinfo=ZoneInfo("Pacific/Auckland"))
    found = evening_at(a_window(), CALENDAR, now=now)
    assert found
    assert MONDAY == found.date


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        pytest.param("2026-11-22T22:29", None, id="just before the lead"),
        pytest.param("2026-11-22T22:30", MONDAY, id="23:30 on Sunday, for Monday"),
        pytest.param("2026-11-22T23:30", MONDAY, id="00:30 on Monday"),
        pytest.param("2026-11-23T22:30", date(2026, 11, 24), id="on Monday, for Tuesday"),
    ],
)
def test_a_lead_before_midnight_belongs_to_the_next_date(now: str, expected: date | None) -> None:
    """Opening at half past midnight with an hour's lead begins the evening before."""
    window = a_window(opens="00:30", closes="06:00", lead_minutes=60)
    found = evening_at(window, CALENDAR, now=utc(now))
    assert expected == (found.date if found else None)


SUNDAYS = {"days": ["sunday"], "skip_public_holidays": False, "tail_minutes": 10}


@pytest.mark.parametrize(
    ("day", "opens", "closes", "begin", "end"),
    [
        pytest.param(SPRING, "01:00", "04:00", "03-29T00:00", "03-29T02:00", id="2 h in spring"),
        pytest.param(AUTUMN, "01:00", "04:00", "10-24T23:00", "10-25T03:00", id="4 h in autumn"),
        pytest.param(SPRING, "02:30", "04:00", "03-29T01:00", "03-29T02:00", id="from in the gap"),
        pytest.param(SPRING, "01:00", "02:30", "03-29T00:00", "03-29T01:00", id="until in the gap"),
        pytest.param(AUTUMN, "02:30", "04:00", "10-25T00:30", "10-25T03:00", id="from comes twice"),
        pytest.param(
            AUTUMN, "01:00", "02:30", "10-24T23:00", "10-25T00:30", id="until comes twice"
        ),
        pytest.param(
            AUTUMN, "02:15", "02:45", "10-25T00:15", "10-25T00:45", id="opens once, not twice"
        ),
        pytest.param(SPRING, "16:00", "22:00", "03-29T14:00", "03-29T20:00", id="spring's evening"),
        pytest.param(AUTUMN, "16:00", "22:00", "10-25T15:00", "10-25T21:00", id="autumn's evening"),
    ],
)
def test_when_the_clocks_change(day: date, opens: str, closes: str, begin: str, end: str) -> None:
    """Windows on the two odd Sundays have the right length in hours that pass."""
    found = the_only(a_window(**SUNDAYS, opens=opens, closes=closes), day)
    assert isinstance(found, Evening)
    assert (utc(f"2026-{begin}"), utc(f"2026-{end}")) == (found.opens_at, found.closes_at)
    assert timedelta(minutes=10) == found.closes_at - found.claim_ends_at


@pytest.mark.parametrize(
    ("opens", "closes", "skipped"),
    [
        pytest.param("02:00", "03:00", True, id="wholly in the gap"),
        pytest.param("02:00", "03:10", True, id="the rest is the tail"),
        pytest.param("02:00", "03:11", False, id="a minute is left"),
    ],
)
def test_hours_that_the_clocks_jump_over_are_skipped(
    opens: str, closes: str, *, skipped: bool
) -> None:
    """An evening without time has no claim, and says so."""
    found = the_only(a_window(**SUNDAYS, opens=opens, closes=closes), SPRING)
    assert skipped == isinstance(found, SkippedEvening)
    if skipped:
        assert found
        assert "the clocks jump over these hours on that date" == found.reason


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        pytest.param("2026-11-23T14:59:59", "2026-11-23", id="before today's"),
        pytest.param("2026-11-23T15:00:00", "2026-11-24", id="today's has begun"),
        pytest.param("2026-11-25T15:00:00", "2026-11-30", id="over the weekend"),
        pytest.param("2026-10-14T15:00:00", "2026-11-02", id="over the school holidays"),
        pytest.param("2026-12-16T15:00:00", "2027-01-04", id="over the end of the year"),
    ],
)
def test_next_evening(after: str, expected: str) -> None:
    """The first whose claim has not begun."""
    found = next_evening(a_window(**ALL_ZONES), CALENDAR, after=utc(after))
    assert found
    assert expected == found.date.isoformat()


@pytest.mark.parametrize(
    ("day", "found"),
    [
        pytest.param("2027-12-28", True, id="within 400 days"),
        pytest.param("2027-12-29", False, id="a day beyond"),
    ],
)
def test_the_search_for_the_next_evening_is_bounded(day: str, *, found: bool) -> None:
    """A window that opens in years has none to come."""
    removed = [MONDAY + timedelta(days=7 * n) for n in range(80)]
    window = a_window(days=["monday"], remove_dates=removed, add_dates=[day])
    coming = next_evening(window, CALENDAR, after=utc("2026-11-23T12:00"))
    assert found == (coming is not None)


ASKS: dict[str, Callable[[Window], object]] = {
    "evenings": lambda w: evenings(w, CALENDAR, first=date(2028, 9, 1), last=date(2028, 9, 6)),
    "evening_at": lambda w: evening_at(w, CALENDAR, now=utc("2028-09-04T15:00")),
    "paid_evening_at": lambda w: paid_evening_at(w, CALENDAR, now=utc("2028-09-04T15:00")),
    "next_evening": lambda w: next_evening(w, CALENDAR, after=utc("2028-09-01T15:00")),
    "window_claims": lambda w: window_claims([w], CALENDAR, now=utc("2028-09-04T15:00")),
}


@pytest.mark.parametrize("ask", ASKS.values(), ids=ASKS.keys())
def test_unknown_school_holidays_neither_open_nor_close(ask: Callable[[Window], object]) -> None:
    """Beyond the known dates a window with zones is refused, one without has its evening."""
    with pytest.raises(Misconfigured, match="not known"):
        ask(a_window(**ALL_ZONES))
    assert ask(a_window())


def test_unknown_school_holidays_do_not_matter_outside_the_hours() -> None:
    """In the morning nothing is open, holidays or not."""
    window = a_window(**ALL_ZONES)
    assert evening_at(window, CALENDAR, now=utc("2028-09-04T13:59:59")) is None
    assert paid_evening_at(window, CALENDAR, now=utc("2028-09-04T20:00")) is None


def test_a_complete_file_opens_the_years_after() -> None:
    """What the file lists is a holiday, what it does not list is a school day."""
    entry: dict[str, object] = {"name": "Toussaint", "zones": ["A", "B", "C"]}
    days = {"first_day": "2028-10-21", "last_day": "2028-11-05"}
    calendar = a_calendar({**entry, **days}, complete_until="2029-08-31")
    found = evenings(
        a_window(**ALL_ZONES), calendar, first=date(2028, 10, 16), last=date(2028, 10, 23)
    )
    assert ["Evening"] * 3 + ["SkippedEvening"] == [type(each).__name__ for each in found]


def test_window_claims() -> None:
    """One claim for each window whose evening holds, in the windows' order."""
    windows = [
        a_window(name="late", opens="18:00", servers=60),
        a_window(name="thursdays", days=["thursday"]),
        a_window(),
    ]
    late, evening = window_claims(windows, CALENDAR, now=utc("2026-11-23T17:00"))
    assert "window-late-20261123" == late.key
    assert ("api", ClaimKind.WINDOW, 30) == (evening.fleet, evening.kind, evening.servers)
    assert ("window evening", "Monday") == (evening.owner, evening.reason)
    assert utc("2026-11-23T15:00") == evening.starts_at
    assert utc("2026-11-23T20:50") == evening.ends_at
    assert evening.active_at(utc("2026-11-23T17:00"))
