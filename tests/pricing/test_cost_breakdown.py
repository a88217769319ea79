"""Charges by group and day: each counts once, whatever order they come in."""

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from springtide.model.charge import Charge
from springtide.model.price import Plan, PriceUnit
from springtide.model.usage import ServerHours, UsageKind, UsageSum
from springtide.pricing.charges import price_totals
from springtide.pricing.cost_breakdown import (
    OWN,
    CostBreakdown,
    break_even,
    cost_groups,
    counted,
    day_hours,
    unit_costs,
)
from tests.pricing.using import a_book, a_record, an_entry, totals_of

FIRST, LAST = date(2026, 11, 1), date(2026, 11, 30)
MONDAY, TUESDAY = date(2026, 11, 23), date(2026, 11, 24)
BOOK = a_book(
    an_entry(),
    an_entry(price="182", plan=Plan.MONTHLY, unit=PriceUnit.MONTH),
    an_entry("objects", "0.01", unit=PriceUnit.GB_MONTH),
)
OBJECTS = {"kind": UsageKind.OBJECT_STORAGE, "sku": "objects", "amount": 3 * 10**12}


def some_charges() -> tuple[Charge, ...]:
    """Two evenings of two servers, one forgotten server, one of our own, and three terabytes."""
    return price_totals(
        totals_of(
            a_record("23 16:00", "23 22:00", resource="i-1"),
            a_record("23 16:10", "23 22:05", resource="i-2"),
            a_record("24 16:00", "24 21:55", resource="i-3"),
            a_record("24 10:00", "24 11:00", resource="i-4", fleet=None),
            a_record("24 10:00", "24 12:00", resource="i-5", fleet=None, name="springtide"),
            a_record("24 01:00", "25 01:00", resource="documents", **OBJECTS),
        ),
        BOOK,
    ).charges


def broken_down(charges: tuple[Charge, ...] | list[Charge]) -> CostBreakdown:
    """All of them, added."""
    found = CostBreakdown({"springtide"})
    for charge in charges:
        found.add(charge)
    return found


def test_groups_tell_who_the_servers_are_of() -> None:
    """A fleet's, nobody's, our own; other things by their kind."""
    groups = cost_groups(broken_down(some_charges()).daily(FIRST, LAST))
    expected = {
        "servers of api": Decimal("9.69"),
        "servers of no fleet": Decimal("0.51"),
        OWN: Decimal("1.02"),
        "object storage": Decimal("1.0000008"),
    }
    assert expected == {name: billed for name, billed, _ in groups}
    assert sorted((e for _, _, e in groups), reverse=True) == [e for _, _, e in groups]


@given(st.permutations(some_charges()))
def test_order_does_not_matter(charges: list[Charge]) -> None:
    """The sums are those of the charges, however they come."""
    found = broken_down(charges)
    assert broken_down(some_charges()).daily(FIRST, LAST) == found.daily(FIRST, LAST)
    total = sum((cost.billed for cost in found.daily(FIRST, LAST)), Decimal(0))
    assert sum((charge.billed_cost for charge in charges), Decimal(0)) == total
    assert total == sum(found.by_day().values())


HOURS = (
    ServerHours(day=MONDAY, fleet="api", servers=2, least=6, total=13, most=7),
    ServerHours(day=MONDAY, fleet="web", servers=1, least=24, total=24, most=24),
    ServerHours(day=TUESDAY, fleet="api", servers=1, least=6, total=6, most=6),
)


def test_hours_of_a_day_are_fewest_mean_most() -> None:
    """Of the fleet's own servers."""
    monday, tuesday = day_hours(HOURS, "api")
    assert (MONDAY, 2, 6, Decimal("6.50"), 7) == (
        monday.day,
        monday.servers,
        monday.least,
        monday.mean,
        monday.most,
    )
    assert (TUESDAY, 1, 6, 6) == (tuesday.day, tuesday.servers, tuesday.least, tuesday.most)


@pytest.mark.parametrize(
    ("first", "last", "days"),
    [
        pytest.param(MONDAY, MONDAY, [MONDAY], id="the first day"),
        pytest.param(TUESDAY, LAST, [TUESDAY], id="from the second on"),
        pytest.param(FIRST, date(2026, 11, 22), [], id="before"),
    ],
)
def test_only_the_asked_days_are_told(first: date, last: date, days: list[date]) -> None:
    """Both ends are inclusive."""
    found = broken_down(some_charges())
    assert set(days) == {each.day for each in found.daily(first, last)}


def test_storage_is_the_days_mean() -> None:
    """Three terabytes for a day are three terabytes."""
    (stored,) = broken_down(some_charges()).storage(FIRST, LAST)
    assert (TUESDAY, "object storage", Decimal("3.00")) == (
        stored.day,
        stored.group,
        stored.terabytes,
    )


def test_the_monthly_plan_breaks_even_at_357_hours() -> None:
    """182 a month over 0.51 an hour, as the price list comes to."""
    hours = day_hours(HOURS, "api")
    days = [date(2026, 11, day) for day in range(1, 31)]
    found = break_even(hours, BOOK, "b2-60", region="GRA11", days=days)
    assert found is not None
    assert found.monthly is not None
    assert Decimal("356.9") == (found.monthly / found.hourly).quantize(Decimal("0.1"))
    assert Decimal("12.68") == found.hours


@pytest.mark.parametrize(
    ("sku", "known"), [pytest.param("b2-60", True, id="ours"), pytest.param("b9", False, id="none")]
)
def test_a_break_even_needs_a_price(sku: str, *, known: bool) -> None:
    """Without one there is none to be told."""
    found = break_even((), BOOK, sku, region="GRA11", days=[MONDAY])
    assert known == (found is not None)


def connections(day: date, opened: int) -> UsageSum:
    """What the balancers counted on a day."""
    kind = UsageKind.CONNECTIONS
    sums = {"stood_s": 0, "clock_hours": opened, "started_hours": 0}
    return UsageSum(day=day, kind=kind, sku="connections", region="GRA11", fleet="api", **sums)


def test_unit_cost_is_per_thousand_connections() -> None:
    """A day without connections has none, and does not divide by nothing."""
    daily = broken_down(some_charges()).daily(FIRST, LAST)
    monday, tuesday = unit_costs(daily, [connections(MONDAY, 1_000_000)])
    assert (MONDAY, 1_000_000, Decimal("0.0066")) == (
        monday.day,
        monday.connections,
        monday.per_thousand,
    )
    assert (0, None) == (tuesday.connections, tuesday.per_thousand)


def test_what_nobody_counted_is_not_zero() -> None:
    """No row is unknown; a row of 0 is none."""
    assert counted([], UsageKind.REQUEST_ERRORS) is None
    assert counted([connections(MONDAY, 0)], UsageKind.CONNECTIONS) == 0
