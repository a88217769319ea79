"""What a surge may cost at most: every server, every clock hour that it may touch."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from springtide.model.fleet import Fleet, Timeouts
from springtide.pricing.paid_hours import clock_hours_touched
from springtide.pricing.surge_cost import surge_cost
from tests.planning.surges import a_policy, a_surging_fleet


def a_fleet(**changes: object) -> Fleet:
    """A fleet at 0.51 an hour that leaves 60 at a time with seven minutes each."""
    base: dict[str, object] = {
        "max_servers": 300,
        "price_per_hour": "0.51",
        "timeouts": Timeouts(drain_s=120, delete_s=300),
        "surge": a_policy(step_down_servers=60),
    }
    return a_surging_fleet(**(base | changes))


@pytest.mark.parametrize(
    ("servers", "hours", "paid", "total"),
    [
        pytest.param(300, 3, 5, "765.00", id="five steps down take a part of an hour"),
        pytest.param(60, 3, 5, "153.00", id="so does one"),
        pytest.param(1, 0.25, 2, "1.02", id="a quarter may touch two"),
        pytest.param(300, 48, 50, "7650.00", id="two days"),
    ],
)
def test_the_most_that_it_costs(servers: int, hours: float, paid: int, total: str) -> None:
    """Whichever minute it begins at."""
    found = surge_cost(a_fleet(), servers=servers, hours=hours)
    assert found is not None
    assert (paid, Decimal(total)) == (found.paid_hours, found.total)


def test_no_price_no_cost() -> None:
    """Nothing is made up."""
    assert surge_cost(a_fleet(price_per_hour=None), servers=10, hours=1) is None


@given(
    hours=st.floats(min_value=0.01, max_value=100),
    minute=st.integers(min_value=0, max_value=59),
    servers=st.integers(min_value=1, max_value=300),
)
def test_no_server_is_ever_paid_for_longer(hours: float, minute: int, servers: int) -> None:
    """From any minute on, to the last delete that the time-outs allow."""
    found = surge_cost(a_fleet(), servers=servers, hours=hours)
    assert found is not None
    begins = datetime(2026, 11, 23, 15, minute, tzinfo=UTC)
    gone = begins + timedelta(hours=hours, seconds=-(-servers // 60) * 420)
    assert clock_hours_touched(begins, gone) <= found.paid_hours
