"""When what has state is left alone: each edge of evenings, surges and the night's hour."""

from datetime import timedelta

import pytest

from springtide.model.claim import Claim, ClaimBook, ClaimKind
from springtide.planning.change_windows import window_limitation
from tests.planning.windows import CALENDAR, a_window, utc

HOUR = timedelta(hours=1)


def limitation(at: str, *, book: ClaimBook | None = None) -> str | None:
    """Why nothing is begun at that instant of UTC, by the customer's evening."""
    return window_limitation([a_window()], CALENDAR, book or ClaimBook(), before=HOUR, now=utc(at))


@pytest.mark.parametrize(
    ("at", "why"),
    [
        pytest.param("2026-11-23T13:59:59", None, id="more than an hour before"),
        pytest.param("2026-11-23T14:00", "begins at 16:00: nothing is begun from 15:00", id="hour"),
        pytest.param("2026-11-23T15:00", "window evening is open until 22:00", id="it opens"),
        pytest.param("2026-11-23T20:59:59", "is open until 22:00", id="the last paid second"),
        pytest.param("2026-11-23T21:00", None, id="it is over"),
        pytest.param("2026-11-26T15:00", None, id="a Thursday"),
        pytest.param("2026-11-26T00:59:59", None, id="before two"),
        pytest.param("2026-11-26T01:00", "between 02:00 and 03:00", id="two"),
        pytest.param("2026-11-26T02:00", None, id="three"),
        pytest.param("2026-10-25T00:30", "between 02:00 and 03:00", id="the hour that is double"),
        pytest.param("2026-10-25T01:30", "between 02:00 and 03:00", id="and again"),
    ],
)
def test_the_hours(at: str, why: str | None) -> None:
    """Start inclusive, end exclusive; the night's hour is that of Paris."""
    found = limitation(at)
    assert (why is None) == (found is None)
    assert (why or "") in (found or "")


def test_a_surge() -> None:
    """As long as its claim holds; an order is none."""
    surge = Claim(
        key="surge-lockdown",
        fleet="api",
        kind=ClaimKind.SURGE,
        servers=100,
        starts_at=utc("2026-11-26T08:00"),
        ends_at=utc("2026-11-26T10:00"),
        owner="operations",
        reason="schools are closed",
    )
    book = ClaimBook(claims=(surge,))
    assert "the surge surge-lockdown of api" in (limitation("2026-11-26T09:59:59", book=book) or "")
    assert limitation("2026-11-26T10:00", book=book) is None
    order = ClaimBook(claims=(surge.model_copy(update={"kind": ClaimKind.ORDER}),))
    assert limitation("2026-11-26T09:00", book=order) is None


def test_a_store_that_cannot_be_read() -> None:
    """In doubt nothing is begun."""
    book = ClaimBook(trouble="Prefect is away")
    assert "is not known: Prefect is away" in (limitation("2026-11-26T09:00", book=book) or "")
