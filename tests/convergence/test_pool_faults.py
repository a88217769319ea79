"""Faults at the balancers: busy pools, replies that are lost, other people's members."""

import pytest

from springtide.model.outcome import Ending
from springtide.sandbox.faults import FaultRule
from springtide.sandbox.sockets import free_port
from tests.convergence.stage import ENDS_AT, OPENS_AT, REGIONS, Stage, a_region, a_window

MEMBERS = "/members$"
SMALL = a_window(servers=4)


def shared_pools() -> list[dict[str, object]]:
    """The fleet's regions with pools in which others have members too."""
    return [a_region(name, pool_kind="shared") for name in REGIONS]


def foreign(stage: Stage) -> int:
    """How many members of other people stand in the pools."""
    return len(stage.members(ours=False))


@pytest.mark.parametrize("kind", ["exclusive", "shared"])
def test_a_pool_stuck_in_pending_update_is_waited_for(stage: Stage, kind: str) -> None:
    """A balancer takes no change for a while, at the opening and at the closing: both end right."""
    stage.write(window=SMALL, regions=[a_region(name, pool_kind=kind) for name in REGIONS])
    stage.sandbox.stick_balancer(stage.pool_id("GRA11"), 0.8)
    assert Ending.SETTLED is stage.open().ending
    stage.assert_stands(4)
    stage.sandbox.stick_balancer(stage.pool_id("RBX1"), 0.8)
    stage.assert_leaves_nothing()


@pytest.mark.parametrize("kind", ["exclusive", "shared"])
def test_members_leave_by_the_port_at_which_they_joined(stage: Stage, kind: str) -> None:
    """The health check has another port since: each is asked at its own, and no second one joins.

    A drain that could not be asked would last its whole time-out.
    """
    regions = [a_region(name, pool_kind=kind) for name in REGIONS]
    stage.write(window=SMALL, regions=regions)
    stage.open()
    moved = {"port": free_port(), "in_flight_path": "/in-flight"}
    patient = {"boot_s": 20, "answer_s": 20, "drain_s": 600, "delete_s": 20}
    stage.write(window=SMALL, regions=regions, health=moved, timeouts=patient)
    kept = stage.converge()
    assert (Ending.SETTLED, (), 0) == (kept.ending, kept.alarms, len(kept.last.waits))
    stage.assert_leaves_nothing()


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param({"effect": "status", "status": 500, "when": "after"}, id="500-after-effect"),
        pytest.param({"effect": "drop"}, id="dropped-before-effect"),
    ],
)
def test_changes_of_a_pool_without_a_reply_are_made_good(
    stage: Stage, fault: dict[str, object]
) -> None:
    """Joins, drains and leaves get no proper answer: the next rounds see what became of them."""
    rule = {"service": "load-balancer", "method": "PUT", "path_regex": MEMBERS, "times": 2}
    stage.sandbox.add_fault(FaultRule.model_validate(rule | fault))
    assert Ending.SETTLED is stage.open().ending
    stage.assert_stands(10)
    stage.sandbox.add_fault(FaultRule.model_validate({**rule, "times": 4} | fault))
    stage.assert_leaves_nothing()


def test_a_foreign_member_that_comes_while_we_join_stays(stage: Stage) -> None:
    """A member that somebody adds between our look and our call is in the pool afterwards."""
    stage.write(window=SMALL, regions=shared_pools())
    rule = stage.hold("PUT", MEMBERS, region="GRA11", times=1)
    stage.sandbox.set_clock(OPENS_AT)
    with stage.converging() as ending:
        held = stage.sandbox.wait_for_hold()
        stage.add_foreign_member("GRA11", number=77)
        stage.sandbox.remove_fault(rule)
        stage.sandbox.release(held.id)
        assert Ending.SETTLED is ending.result(30).ending
    stage.assert_stands(4)
    assert 4 == foreign(stage)
    stage.assert_leaves_nothing()
    assert 4 == foreign(stage)


@pytest.mark.parametrize("kind", ["exclusive", "shared"])
def test_foreign_members_that_come_while_we_leave_stay(stage: Stage, kind: str) -> None:
    """A member added after a round's look and before its call is kept, by full calls as well."""
    stage.write(window=SMALL, regions=[a_region(name, pool_kind=kind) for name in REGIONS])
    stage.open()
    rounds = 0

    def add_one(line: str) -> None:
        nonlocal rounds
        if line.startswith("round "):
            rounds += 1
            stage.add_foreign_member("GRA11", number=100 + rounds)

    stage.sandbox.set_clock(ENDS_AT)
    stage.converge(say=add_one)
    stage.assert_stands(0)
    assert rounds >= 4
    assert 3 + rounds == foreign(stage)


def test_a_foreign_member_is_kept_while_a_shared_pool_is_left(stage: Stage) -> None:
    """In a shared pool a member that comes between two of our deletes is not touched."""
    stage.write(window=SMALL, regions=shared_pools())
    stage.open()
    rule = stage.hold("DELETE", "/members/", region="GRA11", times=1)
    stage.sandbox.set_clock(ENDS_AT)
    with stage.converging() as ending:
        held = stage.sandbox.wait_for_hold()
        stage.add_foreign_member("GRA11", number=77)
        stage.sandbox.remove_fault(rule)
        stage.sandbox.release(held.id)
        assert Ending.SETTLED is ending.result(30).ending
    stage.assert_stands(0)
    assert 4 == foreign(stage)
