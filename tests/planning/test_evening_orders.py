"""What may be asked of an evening, which one is meant, and how long it may take."""

from datetime import datetime, timedelta

import pytest

from springtide.errors import GuardRefused
from springtide.model.claim import ClaimKind
from springtide.model.fleet import Timeouts
from springtide.model.window import Evening, SkippedEvening, Window
from springtide.planning.evening_orders import (
    closing_patience_s,
    evening_to_close,
    evening_to_open,
    late_by_s,
    opening_order,
    opening_patience_s,
)
from tests.planning.fleet_world import a_fleet
from tests.planning.windows import CALENDAR, a_window, utc

OPENS_AT, ENDS_AT, CLOSES_AT = (
    utc("2026-11-23T15:00"),
    utc("2026-11-23T20:50"),
    utc("2026-11-23T21:00"),
)
MOMENT = timedelta(microseconds=1)
LATE = a_window(name="late", opens="20:00", closes="23:00", servers=5)
FLEET = a_fleet(timeouts=Timeouts(boot_s=300, answer_s=200, drain_s=100, delete_s=250))


def opened(now: datetime, *windows: Window) -> Evening | SkippedEvening:
    """What an opening at that time is about."""
    return evening_to_open(windows or (a_window(),), CALENDAR, fleet=FLEET, now=now)


def the_evening() -> Evening:
    """The window's evening of Monday 2026-11-23."""
    evening = opened(OPENS_AT)
    assert isinstance(evening, Evening)
    assert (OPENS_AT, ENDS_AT, CLOSES_AT, 30) == (
        evening.claim_starts_at,
        evening.claim_ends_at,
        evening.closes_at,
        evening.servers,
    )
    return evening


@pytest.mark.parametrize("now", [OPENS_AT, ENDS_AT - MOMENT], ids=["first-moment", "last-moment"])
def test_an_open_evening_is_found(now: datetime) -> None:
    """From the claim's start until before its end."""
    assert the_evening() == opened(now)


@pytest.mark.parametrize(
    ("now", "next_one"),
    [
        pytest.param(OPENS_AT - MOMENT, "2026-11-23T15:00", id="just-before"),
        pytest.param(ENDS_AT, "2026-11-24T15:00", id="at-the-claim-s-end"),
        pytest.param(utc("2026-11-26T16:00"), "2026-11-30T15:00", id="on-a-thursday"),
    ],
)
def test_outside_the_hours_an_opening_is_refused(now: datetime, next_one: str) -> None:
    """The refusal says when the next evening opens."""
    with pytest.raises(GuardRefused, match=f"the next one opens at {next_one}"):
        opened(now)


def test_without_any_window_an_opening_is_refused() -> None:
    """And says that none is to come."""
    with pytest.raises(GuardRefused, match="none is to come"):
        evening_to_open((), CALENDAR, fleet=FLEET, now=OPENS_AT)


@pytest.mark.parametrize(
    ("window", "now", "reason"),
    [
        pytest.param(
            a_window(), utc("2026-11-11T15:00"), "public holiday: Armistice", id="public-holiday"
        ),
        pytest.param(
            a_window(remove_dates=["2026-11-23"]), OPENS_AT, "removed by date", id="removed"
        ),
    ],
)
def test_a_skipped_date_is_told_with_its_reason(window: Window, now: datetime, reason: str) -> None:
    """The schedule ticks on such a date too, and that is no error."""
    found = opened(now, window)
    assert isinstance(found, SkippedEvening)
    assert reason in found.reason


def test_of_two_open_windows_the_larger_is_meant() -> None:
    """And where one of them skips the date, the other one."""
    both = utc("2026-11-23T19:30")
    removed = a_window(remove_dates=["2026-11-23"])
    assert ["evening", "late"] == [opened(both, a_window(), LATE).window, opened(both, LATE).window]
    assert isinstance(opened(both, removed, LATE), Evening)


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        pytest.param(OPENS_AT - MOMENT, None, id="not-begun"),
        pytest.param(OPENS_AT, "evening", id="open"),
        pytest.param(ENDS_AT, "evening", id="after-its-claim"),
        pytest.param(CLOSES_AT, "evening", id="late-on-the-same-day"),
        pytest.param(utc("2026-11-23T22:59"), "evening", id="to-the-day-s-end"),
        pytest.param(utc("2026-11-23T23:00"), None, id="the-next-day"),
        pytest.param(utc("2026-11-26T20:50"), None, id="on-a-thursday"),
    ],
)
def test_the_evening_that_a_closing_is_about(now: datetime, expected: str | None) -> None:
    """Today's, once it has begun; a closing after its end is late."""
    found = evening_to_close((a_window(),), CALENDAR, now=now)
    assert expected == (found.window if found else None)


def test_of_two_evenings_the_last_to_close_is_meant() -> None:
    """Once both have begun."""
    windows = (LATE, a_window())
    assert ["evening", "late"] == [
        found.window
        for now in (OPENS_AT, utc("2026-11-23T19:00"))
        if (found := evening_to_close(windows, CALENDAR, now=now))
    ]


@pytest.mark.parametrize("servers", [None, 30], ids=["no-number", "the-window-s-own"])
def test_the_window_s_own_number_needs_no_order(servers: int | None) -> None:
    """Its claim stands already."""
    order = opening_order(the_evening(), FLEET, servers=servers, owner="a person", now=OPENS_AT)
    assert order is None


@pytest.mark.parametrize("servers", [31, 60], ids=["one-more", "the-maximum"])
def test_an_order_holds_as_long_as_the_window(servers: int) -> None:
    """It is a claim with the window's interval, and says who asked instead of what."""
    order = opening_order(the_evening(), FLEET, servers=servers, owner="a person", now=OPENS_AT)
    assert order is not None
    assert (ClaimKind.ORDER, servers, OPENS_AT, ENDS_AT, "a person") == (
        order.kind,
        order.servers,
        order.starts_at,
        order.ends_at,
        order.owner,
    )
    assert f"order-api-20261123-{servers}" == order.key
    assert f"{servers} instead of 30" in order.reason


@pytest.mark.parametrize(
    ("servers", "reason"),
    [
        pytest.param(61, "outside 1 to 60", id="above-the-maximum"),
        pytest.param(0, "outside 1 to 60", id="none"),
        pytest.param(-1, "outside 1 to 60", id="negative"),
        pytest.param(29, "set a ceiling with limit_fleet", id="below-the-window"),
        pytest.param(1, "set a ceiling with limit_fleet", id="far-below-the-window"),
    ],
)
def test_orders_that_could_not_hold_are_refused(servers: int, reason: str) -> None:
    """Too many for the fleet, or fewer than the window's claim, which would win."""
    with pytest.raises(GuardRefused, match=reason):
        opening_order(the_evening(), FLEET, servers=servers, owner="a person", now=OPENS_AT)


def test_an_opening_may_take_two_lives_of_a_server() -> None:
    """The canary's and the waves', with a margin."""
    assert 2 * (300 + 200) + 120 == opening_patience_s(FLEET)


@pytest.mark.parametrize(
    ("evening", "now", "expected"),
    [
        pytest.param(True, ENDS_AT, 600 + 1800, id="in-time-to-the-paid-hour-and-beyond"),
        pytest.param(True, CLOSES_AT, 1800, id="at-the-paid-hour-s-end"),
        pytest.param(True, CLOSES_AT + timedelta(hours=1), 1800, id="late"),
        pytest.param(False, ENDS_AT, 1800, id="no-evening"),
    ],
)
def test_a_closing_goes_on_past_the_paid_hour(
    now: datetime, expected: float, *, evening: bool
) -> None:
    """Half an hour more at least, for nothing may stay."""
    assert expected == closing_patience_s(FLEET, the_evening() if evening else None, now)


def test_a_closing_has_the_time_that_its_servers_need() -> None:
    """Where drain and delete take longer than all that, they decide."""
    slow = a_fleet(timeouts=Timeouts(drain_s=7200, delete_s=300))
    assert 7200 + 300 + 120 == closing_patience_s(slow, the_evening(), ENDS_AT)


@pytest.mark.parametrize(
    ("evening", "ended_at", "expected"),
    [
        (True, CLOSES_AT - timedelta(minutes=5), 0),
        (True, CLOSES_AT, 0),
        (True, CLOSES_AT + timedelta(seconds=7), 7),
        (False, CLOSES_AT, 0),
    ],
    ids=["in-time", "just-in-time", "late", "no-evening"],
)
def test_how_late_a_closing_was(ended_at: datetime, expected: float, *, evening: bool) -> None:
    """Seconds after the paid hours' end; never negative."""
    assert expected == late_by_s(the_evening() if evening else None, (), ended_at)


@pytest.mark.parametrize(
    ("ends", "ended_at", "expected"),
    [
        pytest.param(["22:30"], "22:33", 0, id="in the hour in which the order ended"),
        pytest.param(["22:30"], "23:00", 0, id="just in time"),
        pytest.param(["22:30"], "23:01", 60, id="late"),
        pytest.param(["22:00"], "22:02", 0, id="an hour was begun at its very end"),
        pytest.param(["21:10", "22:30"], "22:33", 0, id="the last one counts"),
        pytest.param(["23:30"], "21:02", 120, id="it holds, and others went late"),
        pytest.param(["20:50"], "21:02", 120, id="it ended with the window's claim"),
    ],
)
def test_what_was_claimed_longer_is_closed_in_time(
    ends: list[str], ended_at: str, expected: float
) -> None:
    """It could not go while it was claimed; the hour in which its claim ended is paid anyway."""
    order = opening_order(the_evening(), FLEET, servers=31, owner="a person", now=OPENS_AT)
    assert order is not None
    claims = [order.model_copy(update={"ends_at": utc(f"2026-11-23T{end}")}) for end in ends]
    assert expected == late_by_s(the_evening(), claims, utc(f"2026-11-23T{ended_at}"))
