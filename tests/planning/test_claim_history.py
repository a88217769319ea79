"""What runs tell of the claims that they stored, lengthened and lifted."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from springtide.planning.claim_history import ClaimRun, surges_claimed, with_orders
from springtide.planning.cost_report import evenings_between
from tests.planning.windows import CALENDAR, a_window

AT = datetime(2026, 10, 20, 14, 0, tzinfo=UTC)
LOCKDOWN = "springtide_claim_surge-lockdown"


def after(hours: float) -> datetime:
    """So many hours after the surge was stored."""
    return AT + timedelta(hours=hours)


def a_surge(ident: str = "run-1", at: float = 0, **given: Any) -> ClaimRun:  # noqa: ANN401 - a form's
    """A surge of 300 for six hours, stored so many hours after the first."""
    asked = {"fleet": "api", "servers": 300, "hours": 6, "reason": "schools are closed"}
    return ClaimRun(ident, f"run {ident}", asked | {"key": "lockdown"} | given, after(at))


def longer(ident: str, at: float, *, by: float, name: str = LOCKDOWN) -> ClaimRun:
    """A run that has the claim of that name last longer."""
    given = {"name": name, "hours": by, "owner": "operations", "reason": "not over"}
    return ClaimRun(ident, f"run {ident}", given, after(at))


def lifted(at: float, name: str = LOCKDOWN) -> ClaimRun:
    """A run that ends the claim of that name."""
    given = {"name": name, "owner": "operations", "reason": "over"}
    return ClaimRun("lift", "run lift", given, after(at))


@pytest.mark.parametrize(
    ("changes", "ends_at"),
    [
        pytest.param([], after(6), id="as it was asked for"),
        pytest.param([longer("run-2", 5, by=3)], after(9), id="made longer"),
        pytest.param(
            [longer("0123456789", 5, by=3), longer("run-3", 8, by=2, name=f"{LOCKDOWN}-x01234567")],
            after(11),
            id="and once more",
        ),
        pytest.param(
            [longer("run-2", 4, by=3), longer("run-3", 5, by=1)], after(9), id="twice at once"
        ),
        pytest.param([lifted(2)], after(2), id="lifted"),
        pytest.param([lifted(7)], after(6), id="lifted when it was over"),
        pytest.param(
            [longer("0123456789", 5, by=3), lifted(5.5)], after(9), id="lifted, the longer one not"
        ),
        pytest.param(
            [longer("0123456789", 5, by=3), lifted(7, f"{LOCKDOWN}-x01234567")],
            after(7),
            id="the longer one lifted",
        ),
        pytest.param(
            [longer("run-2", 5, by=3, name="springtide_claim_order-api-20261020-60")],
            after(6),
            id="an order was made longer",
        ),
        pytest.param([lifted(2, "springtide_freeze_freeze-api")], after(6), id="a freeze lifted"),
    ],
)
def test_how_long_a_surge_lasted(changes: list[ClaimRun], ends_at: datetime) -> None:
    """From when its claim was stored, for its hours, and what was said of it since."""
    (claim,) = surges_claimed([a_surge()], changes)
    assert (AT, ends_at, 300) == (claim.starts_at, claim.ends_at, claim.servers)


def test_a_surge_that_was_lifted_at_once_was_none() -> None:
    """Nothing could stand for it."""
    assert () == surges_claimed([a_surge()], [lifted(0)])


def test_surges_come_in_order_each_by_itself() -> None:
    """A key may be used again; without a key the run is a surge of its own."""
    runs = [a_surge("run-3", 9, key=None), a_surge("run-2", 7, hours="1"), a_surge()]
    found = surges_claimed(runs, [longer("run-9", 7.5, by=1)])
    assert [
        ("surge-lockdown", AT, after(6)),
        ("surge-lockdown", after(7), after(9)),
        ("surge-run-3", after(9), after(15)),
    ] == [(claim.key, claim.starts_at, claim.ends_at) for claim in found]


MONDAY = date(2026, 11, 23)
EVENINGS = evenings_between((a_window(),), CALENDAR, first=MONDAY, last=MONDAY + timedelta(days=1))


@pytest.mark.parametrize(
    ("hours", "servers", "expected"),
    [
        pytest.param(-1, 60, [60, 30], id="an hour before it opens"),
        pytest.param(-1.1, 60, [30, 30], id="in the afternoon"),
        pytest.param(5.9, 60, [60, 30], id="just before it closes"),
        pytest.param(6, 60, [30, 30], id="after it"),
        pytest.param(24, 60, [30, 60], id="the next evening"),
        pytest.param(0, 20, [30, 30], id="less than the window's own"),
    ],
)
def test_an_evening_is_as_large_as_it_was_ordered(
    hours: float, servers: int, expected: list[int]
) -> None:
    """The window's number, or the opening's own where that is more."""
    at = EVENINGS[0].claim_starts_at + timedelta(hours=hours)
    order = ClaimRun("run-1", "open", {"fleet": "api", "servers": servers}, at)
    assert expected == [evening.servers for evening in with_orders(EVENINGS, [order])]
