"""Usage is cut into hours of the clock, and nothing is lost or counted twice on the way."""

from datetime import UTC, datetime, timedelta
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from springtide.model.price import RoundingRule
from springtide.model.usage import UsageHour
from springtide.pricing.paid_hours import billed_seconds
from springtide.pricing.usage_hours import cut_into_hours
from tests.pricing.using import FAR_AHEAD, LONG_AGO, a_record, hours_of

MOMENTS = st.datetimes(datetime(2024, 1, 1), datetime(2028, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - hypothesis wants naive bounds
STAYS = st.timedeltas(timedelta(0), timedelta(days=3))


def sums(rows: list[UsageHour]) -> tuple[int, int, int]:
    """Clock hours, started hours and seconds."""
    return (
        sum(row.clock_hours for row in rows),
        sum(row.started_hours for row in rows),
        sum(row.stood_s for row in rows),
    )


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        pytest.param("23 16:00", "23 22:00", (6, 6, 21_600), id="an evening"),
        pytest.param("23 15:45", "23 22:05", (8, 7, 22_800), id="early and late"),
        pytest.param("23 15:59:59", "23 22:00", (7, 7, 21_601), id="a second early"),
        pytest.param("23 16:00", "23 22:00:01", (7, 7, 21_601), id="a second late"),
        pytest.param("23 16:00:00", "23 16:00:00", (1, 1, 0), id="deleted in its first second"),
        pytest.param("23 16:59:59.9", "23 16:59:59.9", (1, 1, 0), id="in the hour's last second"),
        pytest.param("23 16:30:00", "23 16:30:00.5", (1, 1, 1), id="half a second"),
        pytest.param("23 22:30", "24 02:15", (5, 4, 13_500), id="over midnight"),
        pytest.param("2026-11-30 23:30", "2026-12-01 00:30", (2, 1, 3600), id="over month's end"),
        pytest.param("2026-12-31 23:00", "2027-01-01 01:00", (2, 2, 7200), id="over year's end"),
        pytest.param("2026-03-29 01:00", "2026-03-29 04:00", (2, 2, 7200), id="summer time begins"),
        pytest.param("2026-10-25 01:00", "2026-10-25 04:00", (4, 4, 14_400), id="it ends"),
    ],
)
def test_a_life_is_cut(start: str, end: str, expected: tuple[int, int, int]) -> None:
    """Clock hours touched, hours begun since its start, and seconds."""
    assert expected == sums(hours_of(a_record(start, end)))


def test_rows_say_which_hours_were_touched() -> None:
    """In UTC, with the seconds of each and all that the record says."""
    rows = hours_of(a_record("23 15:45", "23 17:05", name="api-1", amount=3))
    assert [
        (datetime(2026, 11, 23, 14, tzinfo=UTC), 900, 1),
        (datetime(2026, 11, 23, 15, tzinfo=UTC), 3600, 1),
        (datetime(2026, 11, 23, 16, tzinfo=UTC), 300, 0),
    ] == [(row.hour, row.stood_s, row.started_hours) for row in rows]
    assert {("i-1", "api-1", "b2-60", "GRA11", "api", 3)} == {
        (row.resource, row.name, row.sku, row.region, row.fleet, row.amount) for row in rows
    }


@pytest.mark.parametrize(
    "others",
    [
        pytest.param([("23 16:10", "23 18:20")], id="the same again"),
        pytest.param([("23 17:00", "23 17:30")], id="within it"),
        pytest.param([("23 16:10", "23 17:00"), ("23 17:00", "23 18:20")], id="in two that meet"),
        pytest.param([("23 17:50", "23 18:20"), ("23 16:30", "23 18:00")], id="out of order"),
    ],
)
def test_what_is_told_twice_stood_once(others: list[tuple[str, str]]) -> None:
    """Records of one resource that repeat or overlap are one stay."""
    whole = a_record("23 16:10", "23 18:20")
    assert hours_of(whole) == hours_of(*(a_record(*other) for other in others), whole)


def test_two_stays_in_one_hour_touch_it_once() -> None:
    """Ten minutes at its begin and ten at its end are twenty minutes of one hour."""
    rows = hours_of(a_record("23 16:00", "23 16:10"), a_record("23 16:50", "23 17:00"))
    assert [(1200, 1, 1)] == [(row.stood_s, row.clock_hours, row.started_hours) for row in rows]


def test_a_resized_server_is_billed_as_both_in_the_hour_of_the_change() -> None:
    """Each flavour touched the hour: two rows, which the provider's bill is compared with."""
    rows = hours_of(
        a_record("23 16:00", "23 17:30", sku="b2-60"),
        a_record("23 17:30", "23 19:00", sku="b2-120"),
    )
    assert {"b2-60": 2, "b2-120": 2} == {
        sku: sum(row.clock_hours for row in rows if row.sku == sku) for sku in ("b2-60", "b2-120")
    }


def test_storage_counts_with_the_most_of_the_hour() -> None:
    """A volume that grew within the hour."""
    rows = hours_of(
        a_record("23 16:00", "23 17:30", amount=100), a_record("23 17:30", "23 18:00", amount=250)
    )
    assert [100, 250] == [row.amount for row in rows]


@pytest.mark.parametrize(
    ("begins", "ends"),
    [
        pytest.param("23 16:30", "23 18:00", id="begin"),
        pytest.param("23 16:00", "23 18:00:01", id="end"),
    ],
)
def test_bounds_are_full_hours(begins: str, ends: str) -> None:
    """Within an hour a bound would cut one in two, and each half would touch it."""
    bounds = a_record(begins, ends)
    with pytest.raises(ValueError, match="full hour"):
        cut_into_hours([], bounds.start, bounds.end)


@settings(max_examples=50, deadline=None)
@given(start=MOMENTS, stay=STAYS)
def test_rows_sum_to_what_each_rule_bills(start: datetime, stay: timedelta) -> None:
    """The rows of a life carry each rule's own figure."""
    end = start + stay
    clock, started, seconds = sums(hours_of(a_record(start, end)))
    assert billed_seconds(start, end, rule=RoundingRule.CLOCK_HOUR) == clock * 3600
    assert billed_seconds(start, end, rule=RoundingRule.STARTED_HOUR) == started * 3600
    assert billed_seconds(start, end, rule=RoundingRule.SECOND) == seconds


@settings(max_examples=50, deadline=None)
@given(start=MOMENTS, stay=STAYS, more=STAYS)
def test_a_longer_life_never_counts_less(start: datetime, stay: timedelta, more: timedelta) -> None:
    """By none of the rules."""
    shorter = sums(hours_of(a_record(start, start + stay)))
    longer = sums(hours_of(a_record(start, start + stay + more)))
    assert all(short <= long for short, long in zip(shorter, longer, strict=True))


@settings(max_examples=50, deadline=None)
@given(
    stays=st.lists(st.tuples(MOMENTS, STAYS, st.sampled_from(["i-1", "i-2"])), max_size=6),
    cut=MOMENTS,
    random=st.randoms(),
)
def test_however_it_is_split_the_rows_are_the_same(
    stays: list[tuple[datetime, timedelta, str]], cut: datetime, random: Random
) -> None:
    """Cut at any full hour and told in any order, the same rows come of it."""
    records = [a_record(start, start + stay, resource=name) for start, stay, name in stays]
    hour = cut.replace(minute=0, second=0, microsecond=0)
    shuffled = records + records[:2]
    random.shuffle(shuffled)
    parts = cut_into_hours(shuffled, LONG_AGO, hour) + cut_into_hours(shuffled, hour, FAR_AHEAD)
    assert hours_of(*records) == sorted(parts, key=lambda row: (row.resource, row.sku, row.hour))
