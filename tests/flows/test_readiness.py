"""The readiness check on Prefect's own engine and the sandbox cloud."""

import json

import pytest

from flows.readiness import check_readiness
from springtide.sandbox.config import SandboxQuota
from springtide.sandbox.control_inputs import RegionChange
from springtide.sandbox.faults import FaultRule
from tests.flows.evening import Evening

GREEN, RED = (json.dumps(text).strip('"') for text in ("🟢 green", "🔴 red"))
NO_ROOM = RegionChange(quota=SandboxQuota(cores=16))


def test_a_cloud_that_is_ready_is_green_and_unchanged(evening: Evening) -> None:
    """The run completes, the table says so for every check, and nothing but reads was sent."""
    state = evening.run(check_readiness)
    assert state.is_completed(), state.message
    assert (state.message or "").startswith("ready: ")
    shown = evening.artifact("readiness-api")
    assert GREEN in shown
    assert RED not in shown
    assert "full surge" in shown
    assert 0 == evening.changes()


def test_a_shortfall_is_red_and_said_in_the_runs_own_message(evening: Evening) -> None:
    """Which is what the notice to people says: how many find no room, and what is lacking."""
    for region in ("GRA11", "SBG5", "RBX1"):
        evening.sandbox.change_region(region, NO_ROOM)
    state = evening.run(check_readiness)
    assert state.is_failed()
    assert "find no room" in (state.message or "")
    assert "are lacking" in (state.message or "")
    assert RED in evening.artifact("readiness-api")


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        pytest.param(
            FaultRule(service="compute", region="SBG5", status=503), "SBG5: answer: ", id="a region"
        ),
        pytest.param(
            FaultRule(service="identity", method="POST", status=401),
            "cloud: credentials: ",
            id="the credentials",
        ),
    ],
)
def test_what_does_not_work_is_red_and_no_crash(
    evening: Evening, rule: FaultRule, said: str
) -> None:
    """The run fails with a finding, and the table is shown all the same."""
    evening.sandbox.add_fault(rule)
    state = evening.run(check_readiness)
    assert state.is_failed()
    assert said in (state.message or "")
    assert RED in evening.artifact("readiness-api")


def test_an_unknown_fleet_is_refused(evening: Evening) -> None:
    """Before the first call."""
    state = evening.run(check_readiness, fleet="web")
    assert state.is_failed()
    assert "no fleet 'web'" in (state.message or "")
