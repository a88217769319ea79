"""The usage that the calendar plans, and that of the other ways."""

from datetime import date

import pytest

from springtide.model.cost_report import PeriodKind, ReportPeriod
from springtide.model.usage import UsageRecord
from springtide.planning.cost_report import evenings_between
from springtide.planning.planned_usage import planned_alternatives, planned_usage
from springtide.pricing.paid_hours import clock_hours_touched
from tests.planning.windows import AUTUMN, CALENDAR, SPRING, a_window
from tests.simulation.years import a_year_fleet

FLEET = a_year_fleet()
FOUR_WEEKS = ReportPeriod(kind=PeriodKind.DAYS, first=date(2026, 11, 16), last=date(2026, 12, 13))


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


@pytest.mark.parametrize(
    ("name", "hours"),
    [
        pytest.param("scheduled", 12 * 30 * 7, id="as it is planned, with its cap"),
        pytest.param("ready at the full hour", 12 * 30 * 7, id="with a lead of another length"),
        pytest.param("opening at the full hour", 12 * 30 * 6, id="without any"),
    ],
)
def test_a_measured_lead_can_be_another(name: str, hours: int) -> None:
    """Nothing is left of it where the lead is another one."""
    window = a_window(measured_lead={"cap_minutes": 30})
    planned = planned_alternatives(FLEET, (window,), CALENDAR, period=FOUR_WEEKS)
    (found,) = [each for each in planned if each.name == name]
    assert hours == billed_hours(found.usage)
    lead = {"scheduled": 30, "ready at the full hour": 15}.get(name, 0)
    assert 60 - lead == min(record.start.minute or 60 for record in found.usage)


def test_a_window_until_midnight_is_not_made_longer() -> None:
    """24:00 is not a time of the day."""
    late = (a_window(closes="23:50"),)
    names = [each.name for each in planned_alternatives(FLEET, late, CALENDAR, period=FOUR_WEEKS)]
    assert "a quarter of an hour longer" not in names


def test_no_window_plans_nothing() -> None:
    """A fleet of surges alone has no alternatives with servers."""
    found = planned_alternatives(FLEET, (), CALENDAR, period=FOUR_WEEKS)
    assert {0} == {billed_hours(each.usage) for each in found}


def billed_hours(usage: tuple[UsageRecord, ...]) -> int:
    """Clock hours of all servers."""
    return sum(clock_hours_touched(r.start, r.end) * r.amount for r in usage)
