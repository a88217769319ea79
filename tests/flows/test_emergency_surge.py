"""A surge as Prefect runs it, on the sandbox: asked for, served, ended, and refused."""

import asyncio
import re
from datetime import timedelta
from typing import Any

import pytest
from prefect import State

from flows.emergency_surge import emergency_surge
from flows.evening_window import close_evening_window, keep_fleet, open_evening_window
from flows.fleet_orders import extend_claim, lift_entry, list_entries
from springtide.errors import GuardRefused
from springtide.estate import load_estate
from springtide.planning.emergency_surge import surge_request
from springtide.sandbox.faults import FaultRule
from tests.flows.evening import ESTATE, MONDAY_16H, TAIL, THURSDAY, Evening, stored

ASKED: dict[str, Any] = {
    "fleet": "api",
    "servers": 10,
    "hours": 2,
    "owner": "operations",
    "reason": "schools are closed",
    "key": "lockdown",
}
OVER = timedelta(hours=2, minutes=1)
"""Since the clock was set: the claim began some seconds after it."""
CLAIM = "springtide_claim_surge-lockdown"


def surge(evening: Evening, **changes: object) -> State[Any]:
    """The state in which a surge ends."""
    return evening.run(emergency_surge, **{**ASKED, **changes})


def names() -> list[str]:
    """What of claims and spendings is stored."""
    kept = ("springtide_claim_", "springtide_spending_", "springtide_proposal_")
    return sorted(name for name in asyncio.run(stored()) if name.startswith(kept))


def test_a_surge_rises_and_ends_by_itself(evening: Evening) -> None:
    """All of it serves outside of any window; after its hours the keeping takes it down."""
    evening.sandbox.set_clock(THURSDAY)
    state = surge(evening)
    assert state.is_completed(), state.message
    assert 10 == evening.serving()
    assert [CLAIM, "springtide_spending_surge-lockdown"] == names()
    evening.sandbox.set_clock(THURSDAY + OVER)
    assert evening.run(keep_fleet, fleet="api").is_completed()
    assert (0, 0, 0) == evening.left()
    assert ["springtide_spending_surge-lockdown"] == names()


def test_the_same_key_is_one_surge(evening: Evening) -> None:
    """Asked for again it is served again, and neither stored nor paid for twice."""
    first, second = surge(evening), surge(evening)
    assert first.is_completed()
    assert second.is_completed()
    assert 10 == evening.serving()
    assert 2 == len(names())


def test_a_key_whose_surge_is_over_is_refused(evening: Evening) -> None:
    """Asked for again after its end it would cost the month nothing: another key is given."""
    evening.sandbox.set_clock(THURSDAY)
    surge(evening)
    evening.sandbox.set_clock(THURSDAY + OVER)
    evening.run(keep_fleet, fleet="api")
    evening.sandbox.forget_calls()
    state = surge(evening)
    assert state.is_failed()
    assert "key: 'lockdown' stands for a surge that is over since" in str(state.message)
    assert (0, ["springtide_spending_surge-lockdown"]) == (evening.changes(), names())
    assert surge(evening, key="lockdown-2").is_completed()


def test_a_surge_that_was_lifted_is_had_again_until_its_end(evening: Evening) -> None:
    """The same key is the same surge: paid for once, and over when it would have been."""
    evening.sandbox.set_clock(THURSDAY)
    surge(evening)
    end = asyncio.run(stored())[CLAIM]["ends_at"]
    evening.run(lift_entry, name=CLAIM, owner="operations", reason="it is over")
    evening.sandbox.set_clock(THURSDAY + timedelta(hours=1))
    assert surge(evening).is_completed()
    assert end == asyncio.run(stored())[CLAIM]["ends_at"]
    assert 2 == len(names())


def test_the_same_key_for_another_surge_is_refused(evening: Evening) -> None:
    """What stands under a key is not changed by asking for something else."""
    surge(evening, servers=4)
    state = surge(evening, servers=8)
    assert state.is_failed()
    assert "key: 'lockdown' stands for another surge" in str(state.message)
    assert "4 servers" in str(state.message)


def test_a_window_in_a_surge_takes_nothing_away(evening: Evening) -> None:
    """It opens within the surge, and its close leaves the surge's servers."""
    surge(evening, hours=8)
    evening.run(open_evening_window, fleet="api")
    assert 10 == evening.serving()
    evening.sandbox.set_clock(TAIL)
    assert evening.run(close_evening_window, fleet="api").is_completed()
    assert 10 == evening.serving()


def test_a_surge_that_ends_in_a_window_leaves_the_windows_servers(evening: Evening) -> None:
    """Never below what another claim needs."""
    surge(evening)
    evening.sandbox.set_clock(MONDAY_16H + OVER)
    evening.run(keep_fleet, fleet="api")
    assert 6 == evening.serving()


def test_a_dry_run_shows_and_changes_nothing(evening: Evening) -> None:
    """Spread, shortfall and cost are in its artifact; no call changed anything."""
    evening.sandbox.set_clock(THURSDAY)
    assert surge(evening, dry_run=True).is_completed()
    shown = evening.artifact("surge-api")
    assert (0, []) == (evening.changes(), names())
    assert [] == [w for w in ("in GRA11", "paid hours", "schools are closed") if w not in shown]


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        pytest.param({"servers": 10_001}, "servers: given 10001", id="absurd"),
        pytest.param({"servers": 0}, "servers: given 0", id="none"),
        pytest.param({"hours": 0}, "hours: given 0", id="no time"),
        pytest.param({"hours": -1}, "hours: given -1", id="negative"),
        pytest.param({"hours": float("nan")}, "hours: given nan", id="not a number"),
        pytest.param({"hours": 745}, "hours: given 745", id="too long"),
        pytest.param({"reason": ""}, "reason", id="no reason"),
        pytest.param({"regions": ["SBG5", "SBG5"]}, "regions: given SBG5, SBG5", id="twice"),
    ],
)
def test_bad_input_is_told_by_its_field(changes: dict[str, Any], why: str) -> None:
    """By what the flow asks before any call."""
    asked = {name: value for name, value in ASKED.items() if name != "fleet"}
    with pytest.raises(GuardRefused, match=re.escape(why)):
        surge_request(load_estate(ESTATE).fleet("api"), {**asked, **changes})


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        pytest.param({"servers": 13}, "servers: given 13, must be 1 to 12", id="above the fleet"),
        pytest.param({"owner": ""}, "owner", id="nobody"),
        pytest.param({"key": "Has Blanks"}, "key", id="key"),
        pytest.param({"regions": ["LON1"]}, "regions: given LON1, each once of", id="region"),
    ],
)
def test_bad_input_is_refused_before_any_change(
    evening: Evening, changes: dict[str, Any], why: str
) -> None:
    """The message names the field and what is allowed."""
    state = surge(evening, **changes)
    assert state.is_failed()
    assert why in str(state.message)
    assert (0, []) == (evening.changes(), names())


def test_the_order_of_regions_is_kept(evening: Evening) -> None:
    """The first region of the order gets them all, as long as it has room."""
    surge(evening, servers=8, regions=["SBG5", "RBX1"])
    assert {"SBG5": 8} == evening.serving_by_region()


def test_a_region_that_only_did_not_answer_is_asked_again(evening: Evening) -> None:
    """Another one has not got what a launch needs, as the same call says: that is no reason."""
    evening.sandbox.add_fault(FaultRule(service="image", region="GRA11", status=403))
    evening.sandbox.add_fault(FaultRule(service="image", region="SBG5", status=503, times=5))
    surge(evening, servers=8)
    assert {"SBG5": 4, "RBX1": 4} == evening.serving_by_region()


def test_a_surge_is_extended_and_ended_early(evening: Evening) -> None:
    """A new claim takes over; lifting both takes the servers down."""
    evening.sandbox.set_clock(THURSDAY)
    surge(evening)
    assert evening.run(
        extend_claim, name=CLAIM, hours=3, owner="operations", reason="not over yet"
    ).is_completed()
    claims = [name for name in names() if "claim" in name]
    assert 2 == len(claims)
    assert set(claims) == set(evening.run(list_entries).result())
    evening.sandbox.set_clock(THURSDAY + timedelta(hours=4))
    evening.run(keep_fleet, fleet="api")
    assert 10 == evening.serving()
    for name in [name for name in names() if "claim" in name]:
        evening.run(lift_entry, name=name, owner="operations", reason="it is over")
    evening.run(keep_fleet, fleet="api")
    assert (0, 0, 0) == evening.left()


def test_a_surge_that_is_lifted_meanwhile_is_over_for_its_own_run(evening: Evening) -> None:
    """Its run takes down again what it has launched, and says why."""
    evening.sandbox.set_clock(THURSDAY)
    state = evening.lift_meanwhile("claim", emergency_surge, standing=1, **ASKED)
    assert state.is_completed(), state.message
    assert f"settled; {CLAIM} was lifted meanwhile" == state.message
    assert (0, 0, 0) == evening.left()


def test_a_surge_that_is_lifted_meanwhile_leaves_the_window_s_servers(evening: Evening) -> None:
    """Its run goes on to what the other claims ask for."""
    state = evening.lift_meanwhile("claim", emergency_surge, standing=1, **ASKED)
    assert state.is_completed(), state.message
    assert 6 == evening.serving() == evening.left()[0]


def test_an_extension_beyond_what_is_authorised_is_refused(evening: Evening) -> None:
    """It points to asking for a surge, which a person can approve."""
    surge(evening)
    state = evening.run(extend_claim, name=CLAIM, hours=100, owner="operations", reason="long")
    assert state.is_failed()
    assert "hours 102 are more than the 12 authorised: ask for a surge" in str(state.message)
