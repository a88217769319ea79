"""Healing and holding as flows, on Prefect's own engine and the sandbox cloud."""

import pytest

from flows.evening_window import close_evening_window, keep_fleet, open_evening_window
from flows.fleet_healing import heal_fleet
from flows.fleet_orders import hold_server, release_server
from springtide.sandbox.records import Server
from tests.flows.evening import TAIL, Evening

WHO = {"owner": "ada", "reason": "a look at its memory"}


@pytest.fixture
def healing(evening: Evening) -> Evening:
    """Six servers that serve."""
    assert evening.run(open_evening_window).is_completed()
    evening.sandbox.forget_calls()
    return evening


def servers(evening: Evening, region: str = "GRA11") -> list[Server]:
    """The servers of that region."""
    return list(evening.sandbox.world.regions[region].servers.values())


def test_a_dead_server_is_replaced_on_demand(healing: Evening) -> None:
    """It is checked thrice and replaced; the outcome says what was done."""
    victim = servers(healing)[0]
    healing.sandbox.crash_server(victim.id)
    state = healing.run(heal_fleet)
    assert state.is_completed(), state.message
    assert 6 == healing.serving() == healing.left()[0]
    assert victim.id not in {server.id for server in servers(healing)}
    told = healing.artifact("outcome-api")
    assert '"launched", "value": 1' in told
    assert '"deleted", "value": 1' in told


def test_a_dry_run_shows_the_checks_and_makes_none(healing: Evening) -> None:
    """Nothing is written on the server, and the plan says who complains."""
    healing.sandbox.crash_server(servers(healing)[0].id)
    state = healing.run(heal_fleet, dry_run=True)
    assert state.is_completed(), state.message
    assert 0 == healing.changes()
    assert "it does not answer our probe" in healing.artifact("plan-api")


def test_a_storm_fails_the_run_and_says_what_was_seen(healing: Evening) -> None:
    """All are silent: nothing is changed, the message is the alarm; a person may insist."""
    for region in ("GRA11", "SBG5", "RBX1"):
        for server in servers(healing, region):
            healing.sandbox.crash_server(server.id)
    before = healing.left()
    for flow in (heal_fleet, keep_fleet):
        state = healing.run(flow)
        assert state.is_failed()
        assert "6 of 6 members fail their checks (Nova: 0, our probe: 6" in (state.message or "")
    assert before == healing.left()


def test_who_has_looked_may_raise_the_stop(healing: Evening) -> None:
    """Four of six are really dead: above the estate's half, within what the person says."""
    for region in ("GRA11", "SBG5"):
        for server in servers(healing, region):
            healing.sandbox.shut_off_server(server.id)
    assert healing.run(heal_fleet).is_failed()
    state = healing.run(heal_fleet, stop_share=0.9)
    assert state.is_completed(), state.message
    assert 6 == healing.serving() == healing.left()[0]


@pytest.mark.parametrize("share", [0.0, 1.1])
def test_a_share_that_is_none_is_refused(evening: Evening, share: float) -> None:
    """Before anything is changed, with the field and its bounds."""
    state = evening.run(heal_fleet, stop_share=share)
    assert f"stop_share: given {share}, must be above 0 and at most 1" == _last(state.message)
    assert 0 == evening.changes()


def _last(message: str | None) -> str:
    return (message or "").partition("GuardRefused: ")[2]


def test_a_held_server_outlives_its_fleet_until_it_is_released(healing: Evening) -> None:
    """Held by its name, over its death and the window's end; then it goes."""
    held = servers(healing)[0]
    asked = {"fleet": "api", "server": held.name, **WHO}
    assert healing.run(hold_server, hours=12, **asked).is_completed()
    healing.sandbox.crash_server(held.id)
    assert healing.run(heal_fleet).is_completed()
    assert held.id in {server.id for server in servers(healing)}
    healing.sandbox.set_clock(TAIL)
    closed = healing.run(close_evening_window)
    assert f"left behind: server {held.name} in GRA11" == closed.message
    assert (1, 1) == (healing.left()[0], len(servers(healing)))
    assert f"{held.name} is held by ada: a look at its memory" in healing.artifact("outcome-api")
    assert healing.run(release_server, **asked).is_completed()
    assert healing.run(close_evening_window).is_completed()
    assert (0, 0, 0) == healing.left()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        pytest.param({}, "server: the fleet has no 'api-1' (standing: none stands)", id="no-such"),
        pytest.param({"hours": 0}, "hours 0 is outside: above 0, at most 744", id="for-no-time"),
        pytest.param({"hours": 745}, "hours 745 is outside", id="for-too-long"),
        pytest.param({"owner": " "}, "owner and reason say who it is", id="by-nobody"),
        pytest.param({"fleet": "web"}, "no fleet 'web'", id="of-no-fleet"),
    ],
)  # fmt: skip
def test_a_hold_that_cannot_be_is_refused(
    evening: Evening, changes: dict[str, object], said: str
) -> None:
    """With what is wrong and what is there; nothing is changed."""
    wish = {"fleet": "api", "server": "api-1", "hours": 1, **WHO, **changes}
    state = evening.run(hold_server, **wish)
    assert state.is_failed()
    assert said in (state.message or "")
    assert 0 == evening.changes()
