"""What is planned is priced like what was used."""

from datetime import date
from decimal import Decimal

from springtide.model.price import Plan, PriceUnit
from springtide.pricing.planned_cost import (
    daily_cost,
    monthly_plan_cost,
    price_usage,
    usage_cost,
)
from tests.pricing.using import a_book, a_record, an_entry

MONTHLY = an_entry(price="182", plan=Plan.MONTHLY, unit=PriceUnit.MONTH)


def test_an_evening_of_thirty_costs_its_hours() -> None:
    """Six hours of thirty servers at 0.51."""
    assert Decimal("91.80") == usage_cost([a_record("23 16:00", "23 22:00", amount=30)], a_book())


def test_nothing_costs_nothing() -> None:
    """No record is no cost, and no trouble."""
    assert Decimal(0) == usage_cost([], a_book())


def test_a_missing_price_is_not_zero() -> None:
    """What has no price has no cost that is known."""
    assert usage_cost([a_record("23 16:00", "23 22:00", sku="b9")], a_book()) is None


def test_each_begun_month_is_paid_in_full() -> None:
    """From January 31 to March 1 are three months, of ten servers."""
    days = [date(2026, 1, 31), date(2026, 2, 14), date(2026, 3, 1)]
    book = a_book(MONTHLY)
    assert Decimal(5460) == monthly_plan_cost(book, "b2-60", region="X", servers=10, days=days)
    assert monthly_plan_cost(book, "b3-64", region="X", servers=10, days=days) is None


def test_cost_by_day_is_that_of_the_charges() -> None:
    """A server over midnight has its hours on both days, in UTC."""
    charges = price_usage([a_record("23 22:00", "24 03:00")], a_book())
    expected = {date(2026, 11, 23): Decimal("1.53"), date(2026, 11, 24): Decimal("1.02")}
    assert expected == daily_cost(charges)
