"""Faults while the fleet grows: lost replies, no room, silent servers, missing images."""

from datetime import timedelta

import pytest

from springtide.model.claim import ClaimBook, ProvenImage
from springtide.model.outcome import Ending, Outcome
from springtide.model.plan import Launch
from springtide.planning.telling import broken_promise
from springtide.sandbox.config import SandboxQuota
from springtide.sandbox.control_inputs import RegionChange
from springtide.sandbox.faults import FaultRule, ServerBehaviour
from springtide.sandbox.regions import RegionState
from tests.convergence.stage import IMAGE, OPENS_AT, REGIONS, Stage, a_window

UNPROVEN = {"policy": "unproven"}


def launched(outcome: Outcome, region: str) -> list[Launch]:
    """The launches of that region, in order."""
    actions = (result.action for each in outcome.rounds for result in each.results)
    return [a for a in actions if isinstance(a, Launch) and a.region == region]


def image_id(stage: Stage, region: str) -> str:
    """The id of the fleet's image in that region."""
    images = stage.of_region(region, lambda state: list(state.images.values()))
    return next(str(image["id"]) for image in images if image["name"] == IMAGE)


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param({"effect": "status", "status": 500, "when": "after"}, id="500-after-effect"),
        pytest.param({"effect": "drop", "when": "after"}, id="dropped-after-effect"),
        pytest.param({"effect": "drop"}, id="dropped-before-effect"),
    ],
)
def test_a_launch_without_a_reply_is_not_sent_again(stage: Stage, fault: dict[str, object]) -> None:
    """Two of several waves get no proper answer: the fleet is as large as asked, not larger."""
    stage.write(wave_servers=2)
    stage.sandbox.add_fault(create_fault(**fault, times=2))
    outcome = stage.open()
    assert Ending.SETTLED is outcome.ending
    stage.assert_stands(10)
    stage.assert_no_wave_twice(outcome)
    stage.assert_leaves_nothing()


def test_rate_limits_are_waited_out(stage: Stage) -> None:
    """Every service refuses some calls with 429: all of them are made in the end, none doubled."""
    for service, method in [
        ("compute", "GET"),
        ("compute", "POST"),
        ("compute", "DELETE"),
        ("image", "GET"),
        ("network", "GET"),
        ("load-balancer", "GET"),
        ("load-balancer", "PUT"),
    ]:
        retry_after_s = int(method == "POST")
        rule = {"service": service, "method": method, "status": 429, "times": 1}
        stage.sandbox.add_fault(FaultRule.model_validate({**rule, "retry_after_s": retry_after_s}))
    outcome = stage.open()
    assert Ending.SETTLED is outcome.ending
    stage.assert_stands(10)
    assert 1 + len(stage.waves()) == stage.calls("POST", "/servers")
    stage.assert_leaves_nothing()


def test_a_full_region_gives_what_it_has_and_the_others_take_over(stage: Stage) -> None:
    """Ten are wanted where four fit: at most four stand there, and thirty in all."""
    stage.write(window=a_window(servers=30))
    stage.sandbox.change_region("GRA11", RegionChange(capacity_servers=4))
    outcome = stage.open()
    assert (Ending.SETTLED, None) == (outcome.ending, outcome.last.shortfall)
    stage.assert_stands(30)
    assert 1 <= stage.serving("GRA11") <= 4
    stage.assert_no_wave_twice(outcome)
    stage.assert_leaves_nothing()


@pytest.mark.parametrize(("fits", "serve"), [(2, 6), (0, 0)])
def test_where_all_regions_are_full_the_shortfall_is_told(
    stage: Stage, fits: int, serve: int
) -> None:
    """What fits serves, the rest is told as a shortfall, and the run ends instead of trying on."""
    for region in REGIONS:
        stage.sandbox.change_region(region, RegionChange(capacity_servers=fits))
    outcome = stage.open()
    assert Ending.SETTLED is outcome.ending
    assert outcome.last.shortfall is not None
    assert 10 - serve == outcome.last.shortfall.servers
    assert "no host had room for a single b2-60" in (broken_promise(outcome) or "")
    stage.assert_stands(serve)
    assert stage.calls("POST", "/servers") <= 20
    stage.assert_leaves_nothing()


def test_a_quota_that_others_used_up_is_left_alone(stage: Stage) -> None:
    """A launch refused by quota (403) is not tried again at once: the others take over."""

    def use_up(line: str) -> None:
        if line.startswith("round 1:"):
            change = RegionChange(quota=SandboxQuota(instances=1))
            stage.sandbox.change_region("GRA11", change)

    stage.sandbox.set_clock(OPENS_AT)
    outcome = stage.converge(say=use_up)
    assert (Ending.SETTLED, None) == (outcome.ending, outcome.last.shortfall)
    assert 1 == len(launched(outcome, "GRA11"))
    assert 0 == stage.serving("GRA11")
    stage.assert_stands(10)
    stage.assert_leaves_nothing()


def test_a_small_quota_is_seen_before_the_first_launch(stage: Stage) -> None:
    """A quota of two is filled and not tried beyond."""
    stage.sandbox.change_region("GRA11", RegionChange(quota=SandboxQuota(instances=2)))
    outcome = stage.open()
    assert [2] == [launch.servers for launch in launched(outcome, "GRA11")]
    stage.assert_stands(10)
    stage.assert_no_wave_twice(outcome)


def test_where_the_pool_takes_no_more_members_the_others_take_over(stage: Stage) -> None:
    """Ten are launched where seven find a place beside another's: they serve, and the others go."""
    stage.write(window=a_window(servers=30))
    stage.sandbox.change_region("GRA11", RegionChange(quota=SandboxQuota(members=8)))
    outcome = stage.open()
    assert (Ending.SETTLED, None) == (outcome.ending, outcome.last.shortfall)
    assert 7 == stage.serving("GRA11")
    assert 33 == outcome.changed("launch")
    stage.assert_stands(30)
    stage.assert_no_wave_twice(outcome)
    stage.assert_leaves_nothing()


def test_where_no_pool_takes_more_members_the_shortfall_is_told(stage: Stage) -> None:
    """What has a place serves, nothing is billed without one, and the run ends."""
    for region in REGIONS:
        quota = SandboxQuota(members=3)
        stage.sandbox.change_region(region, RegionChange(quota=quota))
    outcome = stage.open()
    assert Ending.SETTLED is outcome.ending
    assert outcome.last.shortfall is not None
    assert (4, 6) == (outcome.last.shortfall.servers, stage.serving())
    assert "GRA11: quota of members" in outcome.last.shortfall.reason
    stage.assert_stands(6)


@pytest.mark.parametrize(("status", "tries"), [(409, 2), (400, 1)])
def test_a_region_that_refuses_every_launch_is_left_alone(
    stage: Stage, status: int, tries: int
) -> None:
    """What may pass is tried twice, what is wrong once; then the others take over."""
    stage.sandbox.add_fault(create_fault(region="GRA11", status=status))
    outcome = stage.open()
    assert (Ending.SETTLED, None) == (outcome.ending, outcome.last.shortfall)
    assert tries == len(launched(outcome, "GRA11"))
    stage.assert_stands(10)
    stage.assert_leaves_nothing()


def test_where_every_launch_is_wrong_the_shortfall_is_told(stage: Stage) -> None:
    """One try in each region, and the run ends with the reason."""
    stage.sandbox.add_fault(create_fault(status=400))
    outcome = stage.open()
    assert Ending.SETTLED is outcome.ending
    assert "launches are refused" in (broken_promise(outcome) or "")
    assert 3 == stage.calls("POST", "/servers")


def test_where_every_launch_fails_for_a_while_it_is_waited_for(stage: Stage) -> None:
    """Creates fail in all regions, twice: the run waits, and goes on when it is over."""
    stage.write(window=a_window(servers=3))
    stage.sandbox.add_fault(create_fault(status=409, times=6))

    def pass_time(line: str) -> None:
        if line.startswith("round 3:"):
            stage.sandbox.advance_clock(31)

    stage.sandbox.set_clock(OPENS_AT)
    outcome = stage.converge(say=pass_time)
    assert (Ending.SETTLED, None) == (outcome.ending, outcome.last.shortfall)
    assert 9 == stage.calls("POST", "/servers")
    stage.assert_stands(3)


def create_fault(**changes: object) -> FaultRule:
    """Creates end as asked."""
    rule = {"service": "compute", "method": "POST", "path_regex": "^/servers$"}
    return FaultRule.model_validate(rule | changes)


def test_servers_of_a_proven_image_that_never_answer_are_replaced(stage: Stage) -> None:
    """A fifth of the servers stay silent: they are deleted, and others serve in their place."""
    stage.write(
        canary=UNPROVEN, timeouts={"boot_s": 20, "answer_s": 2, "drain_s": 0, "delete_s": 20}
    )
    proven = tuple(
        ProvenImage(
            key=f"proven-api-{region.lower()}",
            fleet="api",
            region=region,
            image_id=image_id(stage, region),
            until=OPENS_AT + timedelta(days=2),
        )
        for region in REGIONS
    )
    stage.sandbox.add_behaviour(ServerBehaviour(never_answers=True, times=2))
    stage.sandbox.set_clock(OPENS_AT)
    outcome = stage.converge(ClaimBook(proven=proven))
    assert (Ending.SETTLED, ()) == (outcome.ending, outcome.alarms)
    assert 12 == outcome.changed("launch")
    assert 2 == outcome.changed("delete")
    stage.assert_stands(10)
    stage.assert_no_wave_twice(outcome)
    stage.assert_leaves_nothing()


def test_a_canary_that_never_answers_stops_its_region(stage: Stage) -> None:
    """The image's first server in a region stays silent: an alarm, and the others go on."""
    stage.write(
        canary=UNPROVEN, timeouts={"boot_s": 20, "answer_s": 2, "drain_s": 0, "delete_s": 20}
    )
    stage.sandbox.add_behaviour(ServerBehaviour(region="GRA11", never_answers=True))
    outcome = stage.open()
    assert Ending.SETTLED is outcome.ending
    assert [1] == [launch.servers for launch in launched(outcome, "GRA11")]
    said = f"GRA11: image {image_id(stage, 'GRA11')} did not answer on its canary"
    assert (said,) == outcome.alarms
    stage.assert_stands(10)
    assert 0 == stage.serving("GRA11")
    stage.assert_leaves_nothing()


def test_servers_in_error_and_stuck_builds_are_replaced(stage: Stage) -> None:
    """One server fails at its boot's end and one never ends its boot: both are replaced."""
    stage.write(timeouts={"boot_s": 2, "answer_s": 20, "drain_s": 0, "delete_s": 20})
    stage.sandbox.add_behaviour(ServerBehaviour(error="BuildAbort", times=1))
    stage.sandbox.add_behaviour(ServerBehaviour(stuck_build=True, times=1))
    outcome = stage.open()
    assert (Ending.SETTLED, 12) == (outcome.ending, outcome.changed("launch"))
    stage.assert_stands(10)
    stage.assert_leaves_nothing()


def test_a_region_without_the_image_is_known_before_the_first_launch(stage: Stage) -> None:
    """Nothing is launched where the image is missing: an alarm, and the others take over."""
    stage.of_region("GRA11", without_images)
    outcome = stage.open()
    assert Ending.SETTLED is outcome.ending
    assert [] == launched(outcome, "GRA11")
    assert ("GRA11: no active image matches api-iis-*",) == outcome.alarms
    assert "GRA11" in {a.region for a in outcome.first.allotments if "no active image" in a.reason}
    stage.assert_stands(10)
    stage.assert_leaves_nothing()


def without_images(state: RegionState) -> None:
    """Take every image out of the region."""
    state.images.clear()
