"""An evening's price by plan, and what of it lead and tail cost."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from springtide.model.fleet import Fleet
from springtide.model.price import RoundingRule
from springtide.model.startup import RegionStartup
from springtide.model.window import Evening
from springtide.pricing.evening_cost import EveningCost, evening_cost, lead_cost, lead_note

OPENS = datetime(2026, 11, 23, 15, 0, tzinfo=UTC)
CLOSES = OPENS + timedelta(hours=6)


def an_evening(*, lead: int = 0, tail: int = 10) -> Evening:
    """The evening of Monday, with lead and tail in minutes."""
    return Evening(
        window="evening",
        fleet="api",
        date=OPENS.date(),
        servers=30,
        claim_starts_at=OPENS - timedelta(minutes=lead),
        opens_at=OPENS,
        claim_ends_at=CLOSES - timedelta(minutes=tail),
        closes_at=CLOSES,
        reason="Monday",
    )


def a_fleet(**changes: object) -> Fleet:
    """A fleet that needs at most 420 s to drain and delete, at 0.51 EUR an hour."""
    base: dict[str, object] = {
        "name": "api",
        "image": "api-*",
        "flavour": "b2-60",
        "max_servers": 300,
        "price_per_hour": "0.51",
        "timeouts": {"drain_s": 120, "delete_s": 300},
        "regions": [{"name": "GRA11", "network": "vrack", "pool": "api"}],
    }
    return Fleet.model_validate(base | changes)


@pytest.mark.parametrize(
    ("lead", "tail", "hours", "extra"),
    [
        pytest.param(0, 10, 6, None, id="gone in time"),
        pytest.param(0, 7, 6, None, id="gone just in time"),
        pytest.param(0, 6, 7, "+1 h a server: 15.30 EUR", id="a minute late at worst"),
        pytest.param(1, 10, 7, "+1 h a server: 15.30 EUR", id="a minute's lead"),
        pytest.param(60, 10, 7, "+1 h a server: 15.30 EUR", id="an hour's lead"),
        pytest.param(61, 10, 8, "+2 h a server: 30.60 EUR", id="a minute more than an hour"),
        pytest.param(15, 0, 8, "+2 h a server: 30.60 EUR", id="lead and a close that is late"),
        pytest.param(0, 70, 5, None, id="closed an hour earlier"),
    ],
)
def test_lead_and_tail(lead: int, tail: int, hours: int, extra: str | None) -> None:
    """Six hours, and one more for each hour of the clock that lead or tail touch."""
    evening = an_evening(lead=lead, tail=tail)
    assert hours == evening_cost(evening, a_fleet()).paid_hours
    assert extra == lead_cost(evening, a_fleet())


MEASURED = (
    RegionStartup(region="GRA11", servers=60, half_s=180, most_s=290),
    RegionStartup(region="SBG5", servers=30, half_s=200, most_s=412),
)
SLOWEST = "95 % of the servers serve within 412 s in SBG5, the slowest region (30 measured). "


@pytest.mark.parametrize(
    ("lead", "fleet", "told"),
    [
        pytest.param(
            0,
            {},
            SLOWEST + "A lead of 7 min would spare these seconds and cost 1 h a server"
            " (15.30 EUR) more.",
            id="no lead",
        ),
        pytest.param(
            10,
            {},
            "Beyond the window's own hours it may cost +1 h a server: 15.30 EUR. "
            + SLOWEST
            + "Without its lead of 10 min it would save 1 h a server (15.30 EUR) and be 412 s"
            " without its full capacity.",
            id="a lead",
        ),
        pytest.param(
            0,
            {"price_per_hour": None},
            SLOWEST + "A lead of 7 min would spare these seconds and cost 1 h a server more.",
            id="no price",
        ),
    ],
)
def test_the_plan_sets_money_against_seconds(
    lead: int, fleet: dict[str, object], told: str
) -> None:
    """What was chosen, and what the other choice would save or cost."""
    assert told == lead_note(an_evening(lead=lead), a_fleet(**fleet), MEASURED)


def test_where_seconds_are_billed_a_lead_costs_its_minutes() -> None:
    """The provider's rounding decides what a lead costs."""
    note = lead_note(an_evening(lead=15), a_fleet(), MEASURED, rule=RoundingRule.SECOND)
    assert "would save 0.25 h a server (3.82 EUR)" in note


def test_without_measurements_only_the_cost_is_told() -> None:
    """As long as nobody has seen enough servers start."""
    assert "" == lead_note(an_evening(), a_fleet())


def test_the_price_is_exact() -> None:
    """30 servers, 7 hours, 0.51 EUR: no cent is lost to binary fractions."""
    expected = EveningCost(
        paid_hours=Decimal(7),
        extra_hours=Decimal(1),
        cost=Decimal("107.10"),
        extra_cost=Decimal("15.30"),
        currency="EUR",
    )
    assert expected == evening_cost(an_evening(lead=15), a_fleet())


def test_without_a_price_the_hours_are_told() -> None:
    """A fleet need not name what it costs."""
    fleet = a_fleet(price_per_hour=None)
    found = evening_cost(an_evening(lead=15), fleet)
    assert (Decimal(7), None, None) == (found.paid_hours, found.cost, found.extra_cost)
    assert "+1 h a server" == lead_cost(an_evening(lead=15), fleet)


def test_by_the_second_a_lead_costs_its_minutes() -> None:
    """With another provider's rule the lead of 15 minutes is a quarter of an hour."""
    found = lead_cost(an_evening(lead=15, tail=7), a_fleet(), rule=RoundingRule.SECOND)
    assert "+0.25 h a server: 3.82 EUR" == found
