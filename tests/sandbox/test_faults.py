"""Which requests and servers a fault strikes."""

import asyncio
import random
from typing import get_args

import pytest
from pydantic import ValidationError

from springtide.sandbox.app import SERVICES
from springtide.sandbox.faults import Call, FaultRule, Faults, ServerBehaviour, Service

CREATE = Call("compute", "GRA11", "POST", "/servers")


def new_faults() -> Faults:
    """No fault in force; draws repeat."""
    return Faults(random.Random(7))  # noqa: S311 - draws that repeat


@pytest.mark.parametrize(
    ("rule", "struck"),
    [
        pytest.param({}, True, id="any request"),
        pytest.param({"service": "compute"}, True, id="its service"),
        pytest.param({"service": "network"}, False, id="another service"),
        pytest.param({"region": "GRA11"}, True, id="its region"),
        pytest.param({"region": "SBG5"}, False, id="another region"),
        pytest.param({"method": "POST"}, True, id="its method"),
        pytest.param({"method": "GET"}, False, id="another method"),
        pytest.param({"path_regex": "^/servers$"}, True, id="its path"),
        pytest.param({"path_regex": "^/servers/"}, False, id="another path"),
        pytest.param({"probability": 0.0}, False, id="never drawn"),
    ],
)
def test_a_rule_strikes_what_it_describes(rule: dict[str, object], struck: bool) -> None:  # noqa: FBT001 - a table's column
    """A rule strikes a request if every part of it matches."""
    faults = new_faults()
    faults.add_rule(FaultRule.model_validate({"effect": "drop", **rule}))
    assert (faults.strike(CREATE) is not None) == struck


def test_a_rule_strikes_no_more_often_than_it_may() -> None:
    """A rule with times=2 strikes twice, and is then no longer in force."""
    faults = new_faults()
    faults.add_rule(FaultRule(effect="drop", times=2))
    struck = [faults.strike(CREATE) is not None for _ in range(3)]
    assert struck == [True, True, False]
    assert faults.rules == {}


def test_the_first_rule_that_matches_is_the_one() -> None:
    """Of two rules the earlier strikes; with it removed, the later."""
    faults = new_faults()
    first, second = FaultRule(status=500), FaultRule(status=503)
    key = faults.add_rule(first)
    faults.add_rule(second)
    assert faults.strike(CREATE) == first
    assert faults.remove(key)
    assert faults.strike(CREATE) == second
    assert not faults.remove(key)


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param({"effect": "status"}, id="no status"),
        pytest.param({"effect": "drop", "status": 500}, id="a status with a drop"),
        pytest.param({"status": 600}, id="no such status"),
        pytest.param({"status": 500, "path_regex": "("}, id="no regular expression"),
        pytest.param({"status": 500, "probability": 1.1}, id="more than certain"),
        pytest.param({"status": 500, "times": 0}, id="never"),
        pytest.param({"status": 500, "colour": "red"}, id="an unknown field"),
        pytest.param({"status": 500, "service": "nova"}, id="a service by its program's name"),
        pytest.param({"status": 500, "service": "placement"}, id="a service that is not there"),
        pytest.param({"status": 500, "method": "post"}, id="a method in small letters"),
    ],
)
def test_wrong_rules_are_refused(wrong: dict[str, object]) -> None:
    """A rule that means nothing is no rule."""
    with pytest.raises(ValidationError):
        FaultRule.model_validate(wrong)


def test_rules_know_the_services_that_are_there() -> None:
    """A rule can name each, and none beside."""
    assert {"identity", *(kind for kind, _, _ in SERVICES)} == set(get_args(Service))


def test_behaviours_strike_their_region_image_and_number() -> None:
    """A behaviour applies to servers of its region and image, as often as it says."""
    faults = new_faults()
    dead = ServerBehaviour(region="GRA11", image="new", times=1, never_answers=True)
    faults.add_behaviour(dead)
    asked = [("SBG5", "new"), ("GRA11", "old"), ("GRA11", "new"), ("GRA11", "new")]
    drawn = [faults.behaviour_for(region, image).never_answers for region, image in asked]
    assert drawn == [False, False, True, False]


def test_a_share_of_servers_is_drawn_from_the_seed() -> None:
    """A share of a tenth strikes about a tenth, and the same ones with the same seed."""
    runs = []
    for _ in range(2):
        faults = new_faults()
        faults.add_behaviour(ServerBehaviour(share=0.1, stuck_build=True))
        runs.append([faults.behaviour_for("GRA11", None).stuck_build for _ in range(300)])
    assert runs[0] == runs[1]
    assert 10 <= sum(runs[0]) <= 60


def test_a_held_request_waits_for_its_release() -> None:
    """A hold is listed until it is released, and only then goes on."""

    async def holding() -> list[int]:
        faults = new_faults()
        held = asyncio.create_task(faults.hold(CREATE, "before"))
        await asyncio.sleep(0)
        listed = [len(faults.holds)]
        key = next(iter(faults.holds))
        assert faults.release(key)
        assert not faults.release(key)
        await held
        return [*listed, len(faults.holds)]

    assert asyncio.run(holding()) == [1, 0]
