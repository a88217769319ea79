"""Which days a report is of, how much it may change, and the usage that the calendar plans."""

from datetime import date, timedelta

import pytest

from springtide.errors import Misconfigured
from springtide.model.cost_report import PeriodKind, ReportPeriod
from springtide.model.usage import UsageRecord
from springtide.planning.cost_report import (
    edition_of,
    evenings_between,
    is_settled,
    next_edition,
    planned_alternatives,
    planned_usage,
    report_period,
    school_year,
)
from springtide.pricing.paid_hours import clock_hours_touched
from tests.planning.windows import AUTUMN, CALENDAR, SPRING, a_window
from tests.simulation.years import a_year_fleet

TODAY = date(2026, 4, 3)
FLEET = a_year_fleet()
FOUR_WEEKS = ReportPeriod(kind=PeriodKind.DAYS, first=date(2026, 11, 16), last=date(2026, 12, 13))


@pytest.mark.parametrize(
    ("asked", "day", "last", "expected"),
    [
        pytest.param("month", None, None, ("2026-04-01", "2026-04-30"), id="yesterday's month"),
        pytest.param("last-month", None, None, ("2026-03-01", "2026-03-31"), id="the one before"),
        pytest.param(
            "month", "2024-02-29", None, ("2024-02-01", "2024-02-29"), id="a leap year's February"
        ),
        pytest.param("day", None, None, ("2026-04-02", "2026-04-02"), id="yesterday"),
        pytest.param("day", "2026-04-03", None, ("2026-04-03", "2026-04-03"), id="today so far"),
        pytest.param("school-year", None, None, ("2025-09-01", "2026-08-31"), id="this one"),
        pytest.param(
            "school-year", "2025-08-31", None, ("2024-09-01", "2025-08-31"), id="its last day"
        ),
        pytest.param(
            "school-year", "2025-09-01", None, ("2025-09-01", "2026-08-31"), id="its first day"
        ),
        pytest.param("days", "2026-01-30", "2026-02-02", ("2026-01-30", "2026-02-02"), id="days"),
        pytest.param("days", "2026-01-30", "2026-01-30", ("2026-01-30", "2026-01-30"), id="one"),
    ],
)
def test_a_period_is_found(
    asked: str, day: str | None, last: str | None, expected: tuple[str, str]
) -> None:
    """By its kind and one of its days; both ends inclusive."""
    found = report_period(asked, TODAY, day=as_date(day), last=as_date(last))
    assert expected == (found.first.isoformat(), found.last.isoformat())


def test_last_month_of_january_is_december() -> None:
    """Over the year's end."""
    found = report_period("last-month", date(2026, 1, 4), day=None, last=None)
    assert "2025-12" == found.name


@pytest.mark.parametrize(
    ("asked", "day", "last", "field"),
    [
        pytest.param("week", None, None, "period", id="no such period"),
        pytest.param("days", "2026-01-01", None, "last_day", id="days without an end"),
        pytest.param("month", None, "2026-01-01", "last_day", id="an end where there is none"),
        pytest.param("days", "2026-01-02", "2026-01-01", "last_day", id="an end before the start"),
        pytest.param("days", "2025-01-01", "2026-03-01", "last_day", id="longer than 400 days"),
        pytest.param("day", "2026-04-04", None, "day", id="tomorrow"),
    ],
)
def test_a_wrong_form_is_refused(asked: str, day: str | None, last: str | None, field: str) -> None:
    """The field is named, with what is allowed."""
    with pytest.raises(Misconfigured) as refused:
        report_period(asked, TODAY, day=as_date(day), last=as_date(last))
    assert field == refused.value.field


@pytest.mark.parametrize(
    ("today", "settled"),
    [
        pytest.param("2026-03-20", False, id="in its midst"),
        pytest.param("2026-04-03", False, id="the third day after"),
        pytest.param("2026-04-04", True, id="the fourth"),
    ],
)
def test_a_report_is_settled_once_late_usage_is_in(today: str, *, settled: bool) -> None:
    """Three days after the period's last one."""
    march = report_period("month", TODAY, day=date(2026, 3, 9), last=None)
    assert settled == is_settled(march, date.fromisoformat(today), settled_after_days=3)


OLD, NEW = "0123456789abcdef", "fedcba9876543210"


@pytest.mark.parametrize(
    ("earlier", "settled", "expected"),
    [
        pytest.param((), False, f"provisional-0-{NEW}", id="not settled"),
        pytest.param((f"final-0-{OLD}",), False, f"provisional-0-{NEW}", id="whatever was"),
        pytest.param((), True, f"final-0-{NEW}", id="the first final one"),
        pytest.param((f"provisional-0-{OLD}", "notes"), True, f"final-0-{NEW}", id="as before"),
        pytest.param((f"final-0-{NEW}",), True, f"final-0-{NEW}", id="the same inputs"),
        pytest.param((f"final-0-{OLD}",), True, f"restated-1-{NEW}", id="other inputs"),
        pytest.param(
            (f"restated-1-{NEW}", f"final-0-{OLD}"),
            True,
            f"restated-1-{NEW}",
            id="as restated",
        ),
        pytest.param(
            (f"final-0-{NEW}", f"restated-1-{OLD}"), True, f"restated-2-{NEW}", id="and back again"
        ),
    ],
)
def test_editions(earlier: tuple[str, ...], expected: str, *, settled: bool) -> None:
    """A final report with other inputs is restated; with the same it is itself."""
    assert expected == next_edition(earlier, NEW, settled=settled).name


@pytest.mark.parametrize("name", ["final-0-xyz", "final", f"draft-0-{OLD}", f"final-0-{OLD}/x"])
def test_other_names_are_no_editions(name: str) -> None:
    """Whatever else lies there is let be."""
    assert edition_of(name) is None


def test_twelve_evenings_are_planned_as_72_hours() -> None:
    """Four weeks of Monday to Wednesday, six clock hours each."""
    opened = evenings_between((a_window(),), CALENDAR, first=FOUR_WEEKS.first, last=FOUR_WEEKS.last)
    usage = planned_usage(FLEET, opened)
    assert 12 == len(opened)
    assert {30} == {sum(r.amount for r in usage if r.start == e.opens_at) for e in opened}
    hours = [clock_hours_touched(r.start, r.end) for r in usage if r.region == "GRA11"]
    assert 72 == sum(hours)


@pytest.mark.parametrize("day", [SPRING, AUTUMN])
def test_an_evening_is_six_hours_when_the_clocks_change(day: date) -> None:
    """No change of the clocks falls into the window."""
    window = a_window(days=["sunday"])
    usage = planned_usage(FLEET, evenings_between((window,), CALENDAR, first=day, last=day))
    assert {6} == {clock_hours_touched(r.start, r.end) for r in usage}


@pytest.mark.parametrize(
    ("name", "hours"),
    [
        pytest.param("scheduled", 12 * 30 * 6, id="as planned"),
        pytest.param("always on, by the hour", 28 * 24 * 30, id="always on"),
        pytest.param("always on, monthly plan", 0, id="by the month"),
        pytest.param("base and burst", 12 * 20 * 6, id="ten by the month"),
        pytest.param("flavour b3-64", 12 * 30 * 6, id="another flavour"),
        pytest.param("ready at the full hour", 12 * 30 * 7, id="a lead costs an hour"),
        pytest.param("a quarter of an hour longer", 12 * 30 * 7, id="22:15 costs an hour"),
        pytest.param("a quarter of an hour shorter", 12 * 30 * 6, id="21:45 saves none"),
    ],
)
def test_alternatives_have_their_hours(name: str, hours: int) -> None:
    """Four weeks of thirty servers in other ways."""
    found = {
        alternative.name: alternative
        for alternative in planned_alternatives(
            FLEET, (a_window(),), CALENDAR, period=FOUR_WEEKS, flavours=("b3-64",)
        )
    }
    assert hours == billed_hours(found[name].usage)
    assert ["scheduled"] == [each.name for each in found.values() if each.actual]


def test_the_present_way_is_no_alternative_to_itself() -> None:
    """A window without a lead is not compared with one without a lead."""
    names = [
        each.name
        for each in planned_alternatives(FLEET, (a_window(),), CALENDAR, period=FOUR_WEEKS)
    ]
    assert "opening at the full hour" not in names
    led = (a_window(lead_minutes=15),)
    names = [each.name for each in planned_alternatives(FLEET, led, CALENDAR, period=FOUR_WEEKS)]
    assert "opening at the full hour" in names
    assert "ready at the full hour" not in names


def test_a_window_until_midnight_is_not_made_longer() -> None:
    """24:00 is not a time of the day."""
    late = (a_window(closes="23:50"),)
    names = [each.name for each in planned_alternatives(FLEET, late, CALENDAR, period=FOUR_WEEKS)]
    assert "a quarter of an hour longer" not in names


def test_no_window_plans_nothing() -> None:
    """A fleet of surges alone has no alternatives with servers."""
    found = planned_alternatives(FLEET, (), CALENDAR, period=FOUR_WEEKS)
    assert {0} == {billed_hours(each.usage) for each in found}


def test_a_school_year_has_365_or_366_days() -> None:
    """From September to August, with its February."""
    lengths = {year: len(school_year(date(year, 9, 1)).days()) for year in (2022, 2023)}
    assert {2022: 365, 2023: 366} == lengths


def billed_hours(usage: tuple[UsageRecord, ...]) -> int:
    """Clock hours of all servers."""
    return sum(clock_hours_touched(r.start, r.end) * r.amount for r in usage)


def as_date(text: str | None) -> date | None:
    """A day as it is written."""
    return date.fromisoformat(text) if text else None


def test_a_period_is_at_most_400_days() -> None:
    """Both sides of the bound."""
    first = date(2025, 1, 1)
    ReportPeriod(kind=PeriodKind.DAYS, first=first, last=first + timedelta(days=399))
    with pytest.raises(ValueError, match="399"):
        ReportPeriod(kind=PeriodKind.DAYS, first=first, last=first + timedelta(days=400))
