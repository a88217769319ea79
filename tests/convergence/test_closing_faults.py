"""Closing does not depend on launching: whatever launches need may be broken or gone."""

from collections.abc import Callable

import pytest

from springtide.model.claim import ClaimBook
from springtide.model.outcome import Ending
from springtide.sandbox.faults import FaultRule
from tests.convergence.stage import ENDS_AT, OPENS_AT, Stage, a_window


def refuse_launches(stage: Stage) -> None:
    """Every create answers 500."""
    stage.sandbox.add_fault(FaultRule(method="POST", path_regex="^/servers$", status=500))


def lose_images(stage: Stage) -> None:
    """No region has an image any more."""
    for region in ("GRA11", "RBX1", "SBG5"):
        stage.of_region(region, lambda state: state.images.clear())


def break_images(stage: Stage) -> None:
    """The image service of every region is down."""
    stage.sandbox.add_fault(FaultRule(service="image", status=503))


def lose_flavour(stage: Stage) -> None:
    """The fleet's flavour is not sold any more."""
    stage.write(flavour="b1-discontinued")


def lose_flavour_at_less(stage: Stage) -> None:
    """The fleet's flavour is not sold any more, and two servers are to stay."""
    stage.write(flavour="b1-discontinued", min_servers=2)


def lose_network(stage: Stage) -> None:
    """The network has another name now, and two servers are to stay."""
    regions = [
        {"name": name, "network": "renamed", "pool": "api"} for name in ("GRA11", "RBX1", "SBG5")
    ]
    stage.write(regions=regions, min_servers=2)


@pytest.mark.parametrize(
    ("break_it", "left"),
    [
        pytest.param(refuse_launches, 0, id="creates-fail"),
        pytest.param(lose_images, 0, id="image-missing"),
        pytest.param(break_images, 0, id="image-service-down"),
        pytest.param(lose_flavour, 0, id="flavour-missing"),
        pytest.param(lose_flavour_at_less, 2, id="flavour-missing-some-stay"),
        pytest.param(lose_network, 2, id="network-missing-some-stay"),
    ],
)
def test_what_launches_need_is_not_needed_for_closing(
    stage: Stage, break_it: Callable[[Stage], None], left: int
) -> None:
    """The fleet goes down to what is wanted, while nothing could be launched."""
    stage.write(window=a_window(servers=6))
    stage.open()
    break_it(stage)
    stage.sandbox.set_clock(ENDS_AT)
    assert Ending.SETTLED is stage.converge().ending
    stage.assert_stands(left)


def test_a_launch_that_fails_for_good_does_not_keep_a_region_from_closing(stage: Stage) -> None:
    """A run whose launches all fail is overtaken by the window's end: everything goes."""
    stage.write(window=a_window(servers=6))
    stage.open()
    stage.write(window=a_window(servers=20))
    stage.sandbox.add_fault(FaultRule(method="POST", path_regex="^/servers$", status=409))
    late = False

    def end_the_window(line: str) -> None:
        nonlocal late
        if "launch" in line and not late:
            late = True
            stage.sandbox.set_clock(ENDS_AT)

    stage.sandbox.set_clock(OPENS_AT)
    assert Ending.SETTLED is stage.converge(ClaimBook(), say=end_the_window).ending
    stage.assert_stands(0)


def test_deletes_that_are_refused_for_good_are_told(stage: Stage) -> None:
    """The credential may not delete at first: a failure that names it, and no server counted."""
    stage.open()
    rule = {"method": "DELETE", "path_regex": "^/servers/", "status": 403, "times": 15}
    stage.sandbox.add_fault(FaultRule.model_validate(rule))
    outcome = stage.close()
    assert (Ending.SETTLED, 10) == (outcome.ending, outcome.changed("delete"))
    assert outcome.failures
    assert {True} == {"DELETE" in told and "403" in told for told in outcome.failures}
    stage.assert_stands(0)


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param({"effect": "status", "status": 500, "when": "after"}, id="500-after-effect"),
        pytest.param({"effect": "status", "status": 409}, id="conflict"),
    ],
)
def test_deletes_that_fail_are_made_good(stage: Stage, fault: dict[str, object]) -> None:
    """Some deletes get no proper answer: the next round sees what is left, and deletes that."""
    stage.open()
    rule = {"method": "DELETE", "path_regex": "^/servers/", "times": 4}
    stage.sandbox.add_fault(FaultRule.model_validate(rule | fault))
    stage.assert_leaves_nothing()
