"""Forecasts from the calendar: exact where days are alike, and honest about where they were not."""

from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from springtide.model.cost_figures import AlertKind, CostForecast
from springtide.planning.cost_forecast import (
    BudgetAmount,
    CostHistory,
    budget_alerts,
    forecast_cost,
)

FIRST, LAST = date(2026, 11, 1), date(2026, 11, 30)
EVENING, STANDING = Decimal("91.80"), Decimal(40)


def days(first: date, last: date) -> list[date]:
    """Each day, both ends inclusive."""
    return [first + timedelta(days=n) for n in range((last - first).days + 1)]


def a_history(
    known_until: date,
    *,
    times: Decimal = Decimal(1),
    odd: dict[date, Decimal] | None = None,
    begin: date = date(2026, 9, 1),
) -> CostHistory:
    """Since September: 40 a day, and Monday to Wednesday an evening that costs `times` its plan."""
    planned = {day: EVENING for day in days(begin, LAST) if day.weekday() < 3}
    actual = {
        day: STANDING + times * planned.get(day, Decimal(0)) for day in days(begin, known_until)
    }
    return CostHistory(actual | (odd or {}), planned)


def forecast(history: CostHistory, known_until: date) -> CostForecast:
    """Of November."""
    return forecast_cost("month", history, first=FIRST, last=LAST, known_until=known_until)


@pytest.mark.parametrize("times", ["1", "1.25", "0.5"])
@pytest.mark.parametrize("known_until", [FIRST, date(2026, 11, 15), date(2026, 11, 29)])
def test_what_repeats_is_forecast_exactly(known_until: date, times: str) -> None:
    """Evenings that always cost so many times their plan go on to."""
    whole = a_history(LAST, times=Decimal(times)).actual
    found = forecast(a_history(known_until, times=Decimal(times)), known_until)
    expected = sum(whole[day] for day in days(FIRST, LAST))
    assert expected == found.expected
    assert Decimal(0) == found.error_percent
    assert found.low == found.high == found.expected


def test_a_forecast_at_the_end_is_what_was_spent() -> None:
    """Nothing is left to be expected."""
    found = forecast(a_history(LAST), LAST)
    assert found.spent == found.expected == found.low == found.high
    assert 0 == found.evenings_left


def test_holidays_are_cheap() -> None:
    """A day without an evening costs what stands every day: the calendar decides."""
    known_until = date(2026, 11, 15)
    history = a_history(known_until)
    fewer = CostHistory(history.actual, {d: c for d, c in history.planned.items() if d < FIRST})
    assert 7 == forecast(history, known_until).evenings_left
    expected = forecast(history, known_until).expected - 7 * EVENING
    assert expected <= forecast(fewer, known_until).expected


def test_one_surge_moves_no_forecast_and_widens_the_bounds() -> None:
    """A day of a hundred times the cost is no new habit; the upper bound remembers it."""
    known_until = date(2026, 11, 15)
    calm = forecast(a_history(known_until), known_until)
    storm = {date(2026, 11, 5): Decimal(4000)}
    surged = forecast(a_history(known_until, odd=storm), known_until)
    assert calm.expected - calm.spent == surged.expected - surged.spent
    assert surged.high > calm.high
    assert surged.spent == calm.spent + Decimal(4000) - STANDING


def test_too_short_a_past_is_not_tested() -> None:
    """With six days nothing can be compared: a tenth each way, and no error is told."""
    known_until = date(2026, 11, 6)
    found = forecast(a_history(known_until, begin=FIRST), known_until)
    assert (None, 0) == (found.error_percent, found.tested)
    assert found.low < found.expected < found.high


def test_nothing_known_expects_the_plan() -> None:
    """On the first day the evenings' plan is all there is."""
    history = CostHistory({}, {day: EVENING for day in days(FIRST, LAST) if day.weekday() < 3})
    found = forecast(history, FIRST - timedelta(days=1))
    assert (Decimal(0), 13 * EVENING) == (found.spent, found.expected)


@given(
    st.lists(st.integers(0, 5000), min_size=20, max_size=60),
    st.integers(0, 29),
)
def test_bounds_hold_what_is_expected(costs: list[int], known: int) -> None:
    """Low, expected and high are in order on every day, and spent is never above them."""
    begin = FIRST - timedelta(days=30)
    known_until = FIRST + timedelta(days=known)
    actual = {
        day: Decimal(cost) for day, cost in zip(days(begin, known_until), costs, strict=False)
    }
    planned = {day: EVENING for day in days(begin, LAST) if day.weekday() < 3}
    found = forecast(CostHistory(actual, planned), known_until)
    assert [] == [each.day for each in found.days if not each.low <= each.expected <= each.high]
    assert days(FIRST, LAST) == [each.day for each in found.days]
    known_days = [each.actual for each in found.days if each.actual is not None]
    assert sorted(known_days) == known_days
    assert found.spent == (known_days[-1] if known_days else Decimal(0))


@pytest.mark.parametrize(
    ("spent", "expected", "reached"),
    [
        pytest.param("499.99", "799.99", [("forecast", 50)], id="just below each"),
        pytest.param(
            "500.00", "800.00", [("actual", 50), ("forecast", 50), ("forecast", 80)], id="just on"
        ),
        pytest.param("0", "499.99", [], id="none"),
        pytest.param(
            "1000",
            "1000",
            [(k, p) for k in ("actual", "forecast") for p in (50, 80, 100)],
            id="all",
        ),
    ],
)
def test_shares_of_a_budget(spent: str, expected: str, reached: list[tuple[str, int]]) -> None:
    """Each share from its very amount on, of what is spent and of what is forecast."""
    amounts = {AlertKind.ACTUAL: spent, AlertKind.FORECAST: expected}
    alerts = [
        alert
        for kind, amount in amounts.items()
        for alert in budget_alerts(
            BudgetAmount(kind, "month", "2026-11", Decimal(amount)),
            limit=Decimal(1000),
            percents=(100, 50, 80, 50),
            currency="EUR",
        )
    ]
    assert reached == [(alert.kind.value, alert.percent) for alert in alerts]


def test_an_alert_has_a_key_and_a_sentence() -> None:
    """The key is the same tomorrow, whatever the amount is then, and another of a raised budget."""
    low, high, raised = (
        budget_alerts(
            BudgetAmount(
                AlertKind.ACTUAL,
                "school year",
                "2026-2027",
                Decimal(amount),
                incomplete="no price" if amount > 600 else None,
            ),
            limit=Decimal(limit),
            percents=(50,),
            currency="EUR",
        )[0]
        for amount, limit in ((600, "1000"), (700, "1000.00"), (700, "1000.50"))
    )
    assert AlertKind.ACTUAL == low.kind
    assert "school-year-2026-2027-actual-50-of-100000" == low.key == high.key
    assert "school-year-2026-2027-actual-50-of-100050" == raised.key
    expected = "50 % of the school year's budget 2026-2027 reached: 600.00 of 1000.00 EUR spent"
    assert expected == str(low)
    assert str(high).endswith("700.00 of 1000.00 EUR spent; incomplete: no price")
