"""The ledger's sums are the integers that its rows add up to."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from springtide.ledger.sums import (
    alike_totals,
    daily_sums,
    instances,
    last_counts,
    running_hours,
    server_hours,
    totals,
)
from springtide.ledger.usage_ledger import UsageLedger
from springtide.model.price import (
    Commitment,
    Plan,
    PriceEntry,
    PriceUnit,
    Purchase,
    RoundingRule,
)
from springtide.model.usage import UsageKind, UsageRecord
from springtide.pricing.charges import Pricer, price_totals
from springtide.pricing.cost_breakdown import CostBreakdown
from tests.pricing.using import a_book, a_record, an_entry, hours_of, totals_of

BEGIN, END = date(2026, 1, 1), date(2028, 1, 1)
PB = 10**15


def ledger_of(folder: Path, *records: UsageRecord) -> UsageLedger:
    """A new ledger with those records."""
    ledger = UsageLedger(folder / f"usage-{len(list(folder.iterdir()))}")
    ledger.merge(hours_of(*records))
    return ledger


MOMENTS = st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - hypothesis wants naive bounds
STAYS = st.timedeltas(timedelta(0), timedelta(days=2))


@settings(
    max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(stays=st.lists(st.tuples(MOMENTS, STAYS, st.sampled_from(["i-1", "i-2"])), max_size=4))
def test_totals_are_those_of_the_rows(
    tmp_path: Path, stays: list[tuple[datetime, timedelta, str]]
) -> None:
    """SQL adds up as Python does, and the charges of both are the same."""
    records = [a_record(start, start + stay, resource=name) for start, stay, name in stays]
    found = list(totals(ledger_of(tmp_path, *records), BEGIN, END))
    assert totals_of(*records) == found
    assert price_totals(totals_of(*records), a_book()) == price_totals(found, a_book())


ROUNDINGS = {
    RoundingRule.CLOCK_HOUR: PriceUnit.HOUR,
    RoundingRule.STARTED_HOUR: PriceUnit.HOUR,
    RoundingRule.SECOND: PriceUnit.SECOND,
}
PRICES = st.decimals(0, 1, places=10, allow_nan=False)
NAMES = st.sampled_from([f"i-{number}" for number in range(1, 7)])


@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    stays=st.lists(st.tuples(MOMENTS, STAYS, NAMES), max_size=8),
    price=PRICES,
    rounding=st.sampled_from(RoundingRule),
    covered=st.integers(0, 2),
)
def test_alike_servers_cost_what_each_of_them_costs(
    tmp_path: Path,
    stays: list[tuple[datetime, timedelta, str]],
    price: Decimal,
    rounding: RoundingRule,
    covered: int,
) -> None:
    """To the last digit, whatever the rounding."""
    records = [a_record(start, start + stay, resource=name) for start, stay, name in stays]
    purchases = (a_plan(covered),) if covered else ()
    entry = an_entry(price=str(price), unit=ROUNDINGS[rounding], rounding=rounding)
    book = a_book(entry, monthly(), monthly_resources=frozenset({"i-1"}), purchases=purchases)
    ledger = ledger_of(tmp_path, *records)
    sums = []
    for used in (
        totals(ledger, BEGIN, END, book=book),
        alike_totals(ledger, BEGIN, END, book=book, apart={"i-2"}),
    ):
        breakdown = CostBreakdown({"i-2"})
        for charge in Pricer(book).charges(used):
            breakdown.add(charge)
        sums.append(breakdown.daily(BEGIN, END))
    assert sums[0] == sums[1]


def a_plan(instances: int) -> Purchase:
    """A savings plan over half of the year."""
    return Purchase(
        name="plan",
        sku="plan",
        region="GRA11",
        cost=Decimal(100),
        bought_on=date(2026, 3, 1),
        serves_until=date(2026, 9, 1),
        source="a test's own order",
        covers=Commitment(sku="b2-60", region="GRA11", instances=instances),
    )


def november_plan(instances: int) -> Purchase:
    """A savings plan over November 2026."""
    return a_plan(instances).model_copy(
        update={"bought_on": date(2026, 11, 1), "serves_until": date(2026, 12, 1)}
    )


def monthly() -> PriceEntry:
    """The fleet's flavour by the month."""
    return an_entry(price="182", plan=Plan.MONTHLY, unit=PriceUnit.MONTH)


def test_servers_that_are_alike_are_one_row(tmp_path: Path) -> None:
    """A hundred of an evening, but for two that stood longer and one that is looked for by name."""
    records = [
        a_record("23 16:00", "23 22:00" if n < 98 else "23 23:30", resource=f"i-{n}", name=f"n-{n}")
        for n in range(100)
    ]
    found = alike_totals(ledger_of(tmp_path, *records), BEGIN, END, apart={"n-7"})
    assert [("alike", 2, 16), ("alike", 97, 582), ("i-7", 1, 6)] == [
        (total.resource, total.resources, total.clock_hours) for total in found
    ]


@pytest.mark.parametrize(
    ("begin", "end", "hours"),
    [
        pytest.param(date(2026, 11, 30), date(2026, 12, 1), 3, id="the last day of a month"),
        pytest.param(date(2026, 12, 1), date(2027, 1, 1), 5, id="a month"),
        pytest.param(date(2026, 12, 2), date(2027, 1, 1), 0, id="afterwards"),
        pytest.param(BEGIN, END, 8, id="all"),
    ],
)
def test_days_from_and_until(tmp_path: Path, begin: date, end: date, hours: int) -> None:
    """Begin inclusive, end exclusive, in UTC."""
    ledger = ledger_of(tmp_path, a_record("2026-11-30 22:00", "2026-12-01 06:00"))
    assert hours == sum(total.clock_hours for total in totals(ledger, begin, end))
    assert hours == sum(each.clock_hours for each in daily_sums(ledger, begin, end))
    assert hours == sum(each.resources for each in running_hours(ledger, begin, end))


def test_petabytes_do_not_overflow(tmp_path: Path) -> None:
    """Byte seconds of a month are beyond 64 bits, and exact."""
    record = a_record("01 01:00", "30 01:00", kind=UsageKind.OBJECT_STORAGE, amount=2 * PB)
    (found,) = {each.stood_s for each in daily_sums(ledger_of(tmp_path, record), BEGIN, END)}
    assert 2 * PB * 86_400 == found


def test_what_runs_in_an_hour(tmp_path: Path) -> None:
    """How many stood, and their seconds, by SKU, region and fleet."""
    ledger = ledger_of(
        tmp_path,
        a_record("23 16:00", "23 17:00"),
        a_record("23 16:30", "23 17:30", resource="i-2"),
        a_record("23 16:30", "23 17:00", resource="i-3", fleet=None),
    )
    assert [("api", 15, 2, 5400), (None, 15, 1, 1800), ("api", 16, 1, 1800)] == [
        (each.fleet, each.hour.hour, each.resources, each.stood_s)
        for each in running_hours(ledger, BEGIN, END)
    ]


def test_a_savings_plan_covers_so_many_each_hour(tmp_path: Path) -> None:
    """Of three instances two are covered, while it serves; the list cost stays."""
    records = [
        a_record("29 22:00", "2026-12-01 02:00", resource=f"i-{number}") for number in (1, 2, 3)
    ]
    book = a_book(purchases=(november_plan(2),))
    found = list(totals(ledger_of(tmp_path, *records), BEGIN, END, book=book))
    hours = {
        (total.day.isoformat()[5:], total.resource): (total.clock_hours, total.covered)
        for total in found
    }
    assert (24, True) == hours["11-30", "i-1"] == hours["11-30", "i-2"]
    assert (24, False) == hours["11-30", "i-3"]
    assert (1, False) == hours["12-01", "i-1"]


def test_a_savings_plan_is_not_spent_on_what_is_paid_by_the_month(tmp_path: Path) -> None:
    """Of two that stand all November one is on the monthly plan: the plan covers the other."""
    records = [
        a_record("2026-11-01 01:00", "2026-12-01 01:00", resource=name)
        for name in ("a-monthly", "b-hourly")
    ]
    book = a_book(
        an_entry(),
        monthly(),
        monthly_resources=frozenset({"a-monthly"}),
        purchases=(november_plan(1),),
    )
    ledger = ledger_of(tmp_path, *records)
    for used in (totals, alike_totals):
        charges = list(Pricer(book).charges(used(ledger, BEGIN, END, book=book)))
        billed = {
            covered: sum(each.billed_cost for each in charges if each.covered is covered)
            for covered in (False, True)
        }
        assert {False: 182, True: 0} == billed


def test_servers_hours_are_fewest_all_and_most_of_each_day(tmp_path: Path) -> None:
    """Each server once, whether a plan covers a part of its day, or it was resized in its midst."""
    ledger = ledger_of(
        tmp_path,
        a_record("23 16:00", "23 22:00", resource="i-1"),
        a_record("23 16:10", "23 19:00", resource="i-2"),
        a_record("23 19:00", "23 22:05", resource="i-2", sku="b2-120"),
        a_record("24 16:00", "24 21:55", resource="i-3"),
        a_record("24 10:00", "24 11:00", resource="i-4", fleet=None),
        a_record("24 01:00", "25 01:00", resource="v", kind=UsageKind.VOLUME, amount=PB),
    )
    assert [(23, "api", 2, 6, 13, 7), (24, "api", 1, 6, 6, 6)] == [
        (each.day.day, each.fleet, each.servers, each.least, each.total, each.most)
        for each in server_hours(ledger, BEGIN, END)
    ]


def test_which_instances_stood(tmp_path: Path) -> None:
    """Each once, with and without a fleet, and nothing else."""
    ledger = ledger_of(
        tmp_path,
        a_record("23 16:00", "24 18:00", resource="i-1"),
        a_record("24 16:00", "24 18:00", resource="i-2", fleet=None),
        a_record("24 16:00", "24 18:00", resource="v", kind=UsageKind.VOLUME),
        a_record("2026-12-01 16:00", "2026-12-01 18:00", resource="i-3"),
    )
    assert {"i-1", "i-2"} == instances(ledger, BEGIN, date(2026, 12, 1))


def test_how_far_counters_have_come(tmp_path: Path) -> None:
    """As last kept before the hour, whatever month that was in; not of the hour itself."""
    looks = [("2026-11-30 23:20", 500), ("2026-12-01 00:10", 700), ("2026-12-01 02:10", 900)]
    ledger = ledger_of(
        tmp_path,
        *(
            a_record(at, at, resource="lb", kind=UsageKind.COUNTER, sku="c", amount=total)
            for at, total in looks
        ),
    )
    assert {("lb", "c"): 700} == last_counts(ledger, datetime(2026, 12, 1, 1, tzinfo=UTC))
    assert {("lb", "c"): 500} == last_counts(ledger, datetime(2026, 11, 30, 23, tzinfo=UTC))
    assert {} == last_counts(ledger, datetime(2026, 11, 30, 22, tzinfo=UTC))
    assert {} == last_counts(ledger, datetime(2027, 3, 1, tzinfo=UTC))
