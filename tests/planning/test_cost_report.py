"""Which days a report is of, and how much it may change."""

from datetime import date, timedelta

import pytest

from springtide.errors import Misconfigured
from springtide.model.cost_report import PeriodKind, ReportPeriod
from springtide.planning.cost_report import (
    edition_of,
    is_settled,
    next_edition,
    report_period,
    school_year,
)

TODAY = date(2026, 4, 3)


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


def test_a_school_year_has_365_or_366_days() -> None:
    """From September to August, with its February."""
    lengths = {year: len(school_year(date(year, 9, 1)).days()) for year in (2022, 2023)}
    assert {2022: 365, 2023: 366} == lengths


def as_date(text: str | None) -> date | None:
    """A day as it is written."""
    return date.fromisoformat(text) if text else None


def test_a_period_is_at_most_400_days() -> None:
    """Both sides of the bound."""
    first = date(2025, 1, 1)
    ReportPeriod(kind=PeriodKind.DAYS, first=first, last=first + timedelta(days=399))
    with pytest.raises(ValueError, match="399"):
        ReportPeriod(kind=PeriodKind.DAYS, first=first, last=first + timedelta(days=400))
