"""Paid hours follow the provider's own example, and the clocks never falsify them."""

from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from springtide.model.price import RoundingRule
from springtide.pricing.paid_hours import (
    billed_seconds,
    clock_hours_touched,
    started_hours,
)

PARIS = ZoneInfo("Europe/Paris")


def at(text: str) -> datetime:
    """A local time in Paris, e.g. `23 16:00` of November 2026 or a whole ISO time."""
    full = text if "T" in text else f"2026-11-{text.replace(' ', 'T')}"
    return datetime.fromisoformat(full).replace(tzinfo=PARIS)


@pytest.mark.parametrize(
    ("start", "end", "clock", "started"),
    [
        pytest.param("04 09:40", "12 16:30", 200, 199, id="the provider's worked example"),
        pytest.param("23 16:00", "23 21:58", 6, 6, id="an evening"),
        pytest.param("23 16:00", "23 22:00", 6, 6, id="an end on the full hour touches no more"),
        pytest.param("23 16:00", "23 22:00:01", 7, 7, id="a second later it does"),
        pytest.param("23 15:45", "23 21:58", 7, 7, id="with a lead"),
        pytest.param("23 15:45", "23 22:05", 8, 7, id="with a lead and a late close"),
        pytest.param("23 15:59:59", "23 16:00:01", 2, 1, id="two seconds in two hours"),
        pytest.param("23 16:10", "23 16:10", 1, 1, id="no time at all, within an hour"),
        pytest.param("23 16:00", "23 16:00", 1, 1, id="no time at all, on the full hour"),
        pytest.param("23 16:59", "23 17:00", 1, 1, id="the last minute of an hour"),
        pytest.param("23 23:30", "24 00:30", 2, 1, id="past midnight"),
        pytest.param("2026-03-29T01:00", "2026-03-29T04:00", 2, 2, id="the clocks go forward"),
        pytest.param("2026-10-25T01:00", "2026-10-25T04:00", 4, 4, id="the clocks go back"),
    ],
)
def test_hours(start: str, end: str, clock: int, started: int) -> None:
    """Hours of the clock that are touched, and hours begun since the start."""
    assert clock == clock_hours_touched(at(start), at(end))
    assert started == started_hours(at(start), at(end))


def test_the_repeated_hour_is_an_hour() -> None:
    """From the first 02:30 to the second one hour passes, though the clock shows the same."""
    first = at("2026-10-25T02:30")
    assert 2 == clock_hours_touched(first, first.replace(fold=1))
    assert 1 == started_hours(first, first.replace(fold=1))


@pytest.mark.parametrize(
    ("rule", "end", "expected"),
    [
        pytest.param(RoundingRule.CLOCK_HOUR, "23 17:10", 2 * 3600, id="clock hour"),
        pytest.param(RoundingRule.STARTED_HOUR, "23 17:10", 3600, id="started hour"),
        pytest.param(RoundingRule.SECOND, "23 17:10", 2400, id="second"),
        pytest.param(RoundingRule.SECOND, "23 16:30:00.000001", 1, id="a second that is begun"),
        pytest.param(RoundingRule.SECOND, "23 16:30", 0, id="no second is begun"),
    ],
)
def test_rules(rule: RoundingRule, end: str, expected: int) -> None:
    """Each rule rounds the same stay in its own way, to whole seconds."""
    assert expected == billed_seconds(at("23 16:30"), at(end), rule=rule)


def test_the_clock_hour_is_the_default() -> None:
    """It is OVHcloud's rule."""
    assert 7 * 3600 == billed_seconds(at("23 15:45"), at("23 22:00"))


@pytest.mark.parametrize(
    ("start", "end"),
    [
        pytest.param(at("23 16:01"), at("23 16:00"), id="the end is before the start"),
        pytest.param(at("23 16:00").replace(tzinfo=None), at("23 17:00"), id="naive start"),
        pytest.param(at("23 16:00"), at("23 17:00").replace(tzinfo=None), id="naive end"),
    ],
)
@pytest.mark.parametrize("rule", RoundingRule)
def test_nonsense_is_refused(start: datetime, end: datetime, rule: RoundingRule) -> None:
    """A stay without a zone or of negative length has no price."""
    with pytest.raises(ValueError, match=r"no time zone|before start"):
        billed_seconds(start, end, rule=rule)


MOMENTS = st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - hypothesis wants naive bounds
STAYS = st.timedeltas(timedelta(0), timedelta(days=3))


@given(start=MOMENTS, stay=STAYS)
def test_clock_hours_as_counted_one_by_one(start: datetime, stay: timedelta) -> None:
    """The count of those full hours whose span [h, h + 1) meets [start, end)."""
    end = start + stay
    hour = start.replace(minute=0, second=0, microsecond=0)
    counted = 0
    while hour < end or counted == 0:
        counted += 1
        hour += timedelta(hours=1)
    assert counted == clock_hours_touched(start, end)


@given(start=MOMENTS, stay=STAYS, offset_h=st.integers(-11, 11))
def test_rules_compare_and_zones_do_not_matter(
    start: datetime, stay: timedelta, offset_h: int
) -> None:
    """Seconds ≤ started hours ≤ clock hours ≤ one more; the same in a zone of whole hours."""
    end = start + stay
    seconds = billed_seconds(start, end, rule=RoundingRule.SECOND)
    started, clock = started_hours(start, end), clock_hours_touched(start, end)
    assert seconds <= started * 3600 <= clock * 3600 <= (started + 1) * 3600
    zone = timezone(timedelta(hours=offset_h))
    assert clock == clock_hours_touched(start.astimezone(zone), end.astimezone(PARIS))
