"""Faults of whole regions: one that cannot be read in mid-opening, or from the start."""

import asyncio

import pytest

from springtide.model.claim import ClaimBook
from springtide.model.outcome import Ending
from springtide.model.plan import Launch
from springtide.sandbox.faults import FaultRule
from tests.clouds.stage import UNLISTED
from tests.convergence.stage import ENDS_AT, OPENS_AT, REGIONS, Stage, a_region


def test_a_region_that_cannot_be_read_in_mid_opening_gets_nothing_twice(stage: Stage) -> None:
    """Its listing fails after the first launch: nothing more is launched, and it is waited for."""

    def fail_once_launched(line: str) -> None:
        if "launch gra11" in line:
            rule = {"service": "compute", "region": "GRA11", "method": "GET", "status": 500}
            stage.sandbox.add_fault(
                FaultRule.model_validate({**rule, "path_regex": "^/servers/detail", "times": 7})
            )

    stage.sandbox.set_clock(OPENS_AT)
    outcome = stage.converge(say=fail_once_launched)
    assert Ending.SETTLED is outcome.ending
    actions = [result.action for each in outcome.rounds for result in each.results]
    assert 1 == sum(isinstance(a, Launch) and a.region == "GRA11" for a in actions)
    stage.assert_stands(10)
    stage.assert_no_wave_twice(outcome)
    stage.assert_leaves_nothing()


@pytest.mark.parametrize("status", [503, 404])
@pytest.mark.parametrize("service", ["load-balancer", "image"])
def test_a_region_that_is_down_from_the_start_does_not_keep_the_others(
    stage: Stage, service: str, status: int
) -> None:
    """The others take its share over, and when it is back it is as any other."""
    rule = FaultRule(service=service, region="GRA11", status=status)
    key = stage.sandbox.add_fault(rule)
    stage.sandbox.set_clock(OPENS_AT)
    with stage.converging() as ending:
        stage.wait_until(lambda: 10 == len(stage.servers("RBX1") + stage.servers("SBG5")))
        stage.sandbox.remove_fault(key)
        assert Ending.SETTLED is ending.result(30).ending
    stage.assert_stands(10)
    stage.assert_leaves_nothing()


def test_servers_are_counted_where_their_pool_cannot_be_read(stage: Stage) -> None:
    """A new run that never saw the region's members launches none of its servers elsewhere."""
    stage.open()
    stage.sandbox.add_fault(FaultRule(service="load-balancer", region="GRA11", status=503))
    outcome = asyncio.run(stage.hand().converge(ClaimBook(), dry_run=True))
    assert (Ending.DRY_RUN, ()) == (outcome.ending, outcome.first.actions)
    assert any("load-balancer" in wait.reason for wait in outcome.first.waits)


def test_a_region_whose_pool_is_missing_does_not_keep_the_others(stage: Stage) -> None:
    """What drives the fleet without Prefect says so, and goes on as the flows do."""
    stage.write(regions=[a_region("GRA11", pool="none"), a_region("RBX1"), a_region("SBG5")])
    stage.sandbox.set_clock(OPENS_AT)
    outcome = asyncio.run(stage.hand().converge(ClaimBook(), dry_run=True))
    glance = asyncio.run(stage.hand().look_once(ClaimBook()))
    for plan in (outcome.first, glance.plan):
        launches = [a for a in plan.actions if isinstance(a, Launch)]
        assert 10 == sum(launch.servers for launch in launches)
        assert {"RBX1", "SBG5"} == {launch.region for launch in launches}
    assert 2 == sum(
        line.startswith("regions.GRA11.pool: there is no 'none'") for line in stage.said
    )


def test_servers_that_are_not_listed_stay_in_their_pool(stage: Stage) -> None:
    """A new run asks for the members' servers by id, and changes nothing where one stands."""
    stage.open()
    stage.sandbox.add_fault(UNLISTED)
    outcome = asyncio.run(stage.hand().converge(ClaimBook(), dry_run=True))
    assert [] == [a for a in outcome.first.actions if a.region == "GRA11"]
    assert any("the listing leaves out" in wait.reason for wait in outcome.first.waits)


@pytest.mark.parametrize(
    "rule",
    [
        pytest.param(FaultRule(service="compute", region="GRA11", status=503), id="503"),
        pytest.param(UNLISTED, id="servers are not listed"),
    ],
)
def test_a_region_down_at_the_closing_is_closed_when_it_is_back(
    stage: Stage, rule: FaultRule
) -> None:
    """The others are gone by then, and its own serve; nothing of it is left in the end either."""
    stage.open()
    key = stage.sandbox.add_fault(rule)
    stage.sandbox.set_clock(ENDS_AT)
    with stage.converging() as ending:
        stage.wait_until(lambda: len(stage.servers()) == stage.serving("GRA11") == 4)
        stage.sandbox.remove_fault(key)
        assert Ending.SETTLED is ending.result(30).ending
    stage.assert_stands(0)
    assert 3 == len(stage.members(ours=False)) == len(REGIONS)
