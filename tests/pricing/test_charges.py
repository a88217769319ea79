"""Money is multiplied once, exactly, whatever was summed before."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from springtide.errors import Misconfigured
from springtide.model.price import (
    Commitment,
    Plan,
    PriceEntry,
    PriceUnit,
    Purchase,
    RoundingRule,
)
from springtide.model.usage import UsageKind, UsageRecord
from springtide.pricing.charges import Pricer, charge_of, price_totals, purchase_charges
from tests.pricing.using import a_book, a_record, an_entry, totals_of

GB = 10**9
VOLUME: dict[str, Any] = {"kind": UsageKind.VOLUME, "sku": "volume", "resource": "v-1"}


def test_the_providers_worked_example() -> None:
    """200 hours of a server and 103 GB for 250 hours: 23.63.

    Source: OVHcloud, "Analyze and control your Public Cloud billing", 2024-04.
    """
    book = a_book(an_entry("s1-2", "0.111"), an_entry("volume", "0.04", unit=PriceUnit.GB_MONTH))
    found = price_totals(
        totals_of(
            a_record("04 09:40", "12 16:30", sku="s1-2"),
            a_record("04 00:00", "14 10:00", **VOLUME, amount=103 * GB),
        ),
        book,
    )
    assert found.complete
    assert Decimal("23.6305567") == found.billed_cost
    assert Decimal("0.0000555556") == found.charges[-1].entry.unit_price


@pytest.mark.parametrize(
    ("start", "end", "hours"),
    [
        pytest.param("16:00", "22:00", 72, id="exactly the window"),
        pytest.param("15:45", "22:05", 96, id="early and late"),
        pytest.param("15:45", "22:00", 84, id="early"),
    ],
)
def test_twelve_evenings(start: str, end: str, hours: int) -> None:
    """Monday to Wednesday for four weeks: paid hours of one instance, and their price."""
    evenings = [f"2026-11-{day:02}" for day in (2, 3, 4, 9, 10, 11, 16, 17, 18, 23, 24, 25)]
    records = [a_record(f"{day} {start}", f"{day} {end}", resource=f"i-{day}") for day in evenings]
    found = price_totals(totals_of(*records), a_book())
    assert hours == sum(charge.quantity for charge in found.charges)
    assert hours * Decimal("0.51") == found.billed_cost


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        pytest.param(an_entry(), "8", id="clock hours"),
        pytest.param(an_entry(rounding=RoundingRule.STARTED_HOUR), "7", id="started hours"),
        pytest.param(
            an_entry(price="0.0001", unit=PriceUnit.SECOND, rounding=RoundingRule.SECOND),
            "22800",
            id="seconds",
        ),
        pytest.param(an_entry(price="0.1", unit=PriceUnit.GB_HOUR), "0.000000008", id="GB hours"),
        pytest.param(an_entry(price="0.1", unit=PriceUnit.GIB_HOUR), "7E-9", id="GiB hours"),
    ],
)
def test_quantities(entry: PriceEntry, expected: str) -> None:
    """Each rule and unit takes the sum that is its own, and cost is price times quantity."""
    (total,) = totals_of(a_record("23 15:45", "23 22:05"))
    charge = charge_of(total, entry)
    assert Decimal(expected) == charge.quantity
    assert entry.unit_price * charge.quantity == charge.list_cost


def test_a_missing_price_is_told_and_the_rest_is_priced() -> None:
    """With SKU, region and days; nothing is taken to cost nothing."""
    found = price_totals(
        totals_of(
            a_record("23 16:00", "23 18:00"),
            a_record("23 16:00", "23 18:00", resource="i-2", region="RBX1", sku="c3-32"),
            a_record("24 16:00", "24 19:00", resource="i-3", region="RBX1", sku="c3-32"),
        ),
        a_book(),
    )
    assert (False, Decimal("1.02")) == (found.complete, found.billed_cost)
    assert ["no price for c3-32 in RBX1 on 2026-11-23 to 2026-11-24"] == [
        str(missing) for missing in found.missing
    ]
    assert 5 == found.missing[0].hours


def test_connections_are_counted_and_not_billed() -> None:
    """They have no price, and lack none."""
    found = price_totals(totals_of(a_record("23 16:00", "23 17:00", kind="connections")), a_book())
    assert ((), ()) == (found.charges, found.missing)


def test_the_monthly_plan_bills_each_begun_month_in_full() -> None:
    """On its first day, and spread over the days on which it stood; their sum is exact."""
    monthly = an_entry(price="182", plan=Plan.MONTHLY, unit=PriceUnit.MONTH)
    found = price_totals(
        totals_of(a_record("28 00:00", "2026-12-02 00:00")),
        a_book(monthly, monthly_resources=frozenset({"i-1"})),
    )
    billed = {charge.day: charge.billed_cost for charge in found.charges if charge.billed_cost}
    assert {date(2026, 11, 27): 182, date(2026, 12, 1): 182} == billed
    assert Decimal(364) == sum(charge.effective_cost for charge in found.charges)
    assert Decimal("45.5") == found.charges[1].effective_cost


def test_an_instance_without_an_hourly_price_is_not_taken_to_be_monthly() -> None:
    """The monthly plan is ordered, not inferred."""
    book = a_book(an_entry(price="182", plan=Plan.MONTHLY, unit=PriceUnit.MONTH))
    assert not price_totals(totals_of(a_record("23 16:00", "23 18:00")), book).complete


def test_a_datastore_is_sold_by_the_month() -> None:
    """What is no instance and has a monthly price alone is billed by it."""
    book = a_book(an_entry("ssd-3", "500", plan=Plan.MONTHLY, unit=PriceUnit.MONTH))
    record = a_record("02 00:00", "04 00:00", kind=UsageKind.DATASTORE, sku="ssd-3")
    assert Decimal(500) == price_totals(totals_of(record), book).billed_cost


@pytest.mark.parametrize("kind", [UsageKind.VOLUME, UsageKind.OBJECT_STORAGE, UsageKind.DATASTORE])
@pytest.mark.parametrize(
    "entry",
    [
        pytest.param(an_entry("bytes", "0.0000139"), id="an hour"),
        pytest.param(
            an_entry("bytes", "0.01", unit=PriceUnit.SECOND, rounding=RoundingRule.SECOND),
            id="a second",
        ),
    ],
)
def test_bytes_have_no_price_without_a_size(kind: UsageKind, entry: PriceEntry) -> None:
    """Ten terabytes for a day would cost billions."""
    record = a_record("02 00:00", "03 00:00", kind=kind, sku="bytes", amount=10**13)
    with pytest.raises(Misconfigured, match="bytes are priced by the") as refused:
        price_totals(totals_of(record), a_book(entry))
    assert "bytes" == refused.value.field


def test_purchases_are_billed_at_once_and_spread() -> None:
    """Billed on the day they were bought, effective on each day that they serve."""
    purchase = Purchase(
        name="ten datastores",
        sku="datastore-setup",
        region="RBX1",
        cost=Decimal(1000),
        bought_on=date(2020, 3, 16),
        serves_until=date(2020, 3, 19),
        source="the order of a test",
    )
    book = a_book(purchases=(purchase,))
    found = list(purchase_charges(book, date(2020, 3, 1), date(2020, 4, 1)))
    assert [1000, 0, 0, 0] == [charge.billed_cost for charge in found]
    assert [Decimal("333.3333333333")] * 2 == [charge.effective_cost for charge in found[1:3]]
    assert 1000 == sum(charge.effective_cost for charge in found)
    assert ["Purchase", "Usage", "Usage", "Usage"] == [charge.category for charge in found]
    assert [] == list(purchase_charges(book, date(2020, 3, 19), date(2020, 4, 1)))


def test_covered_hours_are_not_billed_again() -> None:
    """A savings plan's hours keep their list cost and cost nothing beside it."""
    (total,) = totals_of(a_record("23 16:00", "23 18:00"))
    charge = charge_of(total.model_copy(update={"covered": True}), an_entry())
    assert (Decimal("1.02"), 0, 0) == (charge.list_cost, charge.billed_cost, charge.effective_cost)


def test_a_purchase_serves_at_least_a_day() -> None:
    """One that never serves could not be spread."""
    with pytest.raises(ValueError, match="serves_until"):
        Purchase(
            name="a plan",
            sku="b2-60",
            region="GRA11",
            cost=Decimal(1),
            bought_on=date(2026, 11, 1),
            serves_until=date(2026, 11, 1),
            source="a test",
            covers=Commitment(sku="b2-60", region="GRA11", instances=1),
        )


def _costs(records: list[UsageRecord]) -> Decimal:
    return price_totals(totals_of(*records), a_book(an_entry(price="0.3333333333"))).billed_cost


MOMENTS = st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - hypothesis wants naive bounds
STAYS = st.timedeltas(timedelta(0), timedelta(days=2))


@settings(max_examples=40, deadline=None)
@given(
    stays=st.lists(st.tuples(MOMENTS, STAYS), min_size=1, max_size=5), at_first=st.integers(0, 5)
)
def test_sums_agree_however_the_rows_are_split(
    stays: list[tuple[datetime, timedelta]], at_first: int
) -> None:
    """The cost of all is the cost of some and the cost of the rest, to the last digit."""
    records = [
        a_record(start, start + stay, resource=f"i-{number}")
        for number, (start, stay) in enumerate(stays)
    ]
    assert _costs(records) == _costs(records[:at_first]) + _costs(records[at_first:])


@settings(max_examples=40, deadline=None)
@given(start=MOMENTS, stay=STAYS, more=STAYS)
def test_a_longer_life_never_costs_less(start: datetime, stay: timedelta, more: timedelta) -> None:
    """Whatever the minute at which it ends."""
    shorter, longer = a_record(start, start + stay), a_record(start, start + stay + more)
    assert _costs([shorter]) <= _costs([longer])


def test_a_pricer_remembers_prices_by_day() -> None:
    """A price that changes at noon of the month changes the charges from that day on."""
    book = a_book(
        an_entry(price="0.50", valid_until=date(2026, 11, 24)),
        an_entry(price="0.60", valid_from=date(2026, 11, 24)),
    )
    totals = totals_of(a_record("23 16:00", "23 17:00"), a_record("24 16:00", "24 17:00"))
    assert [Decimal("0.50"), Decimal("0.60")] == [
        charge.billed_cost for charge in Pricer(book).charges(totals)
    ]


@pytest.mark.parametrize(
    ("known_until", "effective"),
    [
        pytest.param(None, "18.2", id="all is known: it served ten days"),
        pytest.param("2026-11-10", "6.0666666667", id="it still stands: it serves until the 30th"),
        pytest.param("2026-11-12", "18.2", id="it went before the last known day"),
    ],
)
def test_a_month_that_is_not_over_is_spread_to_its_end(
    known_until: str | None, effective: str
) -> None:
    """What a month's price is a day does not hang on when one looks."""
    monthly = an_entry(price="182", plan=Plan.MONTHLY, unit=PriceUnit.MONTH)
    book = a_book(monthly, monthly_resources=frozenset({"i-1"}))
    day = date.fromisoformat(known_until) if known_until else None
    pricer = Pricer(book, known_until=day)
    found = list(pricer.charges(totals_of(a_record("2026-11-01 01:00", "2026-11-11 00:00"))))
    assert Decimal(182) == sum(charge.billed_cost for charge in found)
    assert {Decimal(effective)} == {charge.effective_cost for charge in found}
