"""One action carried out: what becomes of it, and that no error of the cloud escapes."""

from datetime import UTC, datetime

import pytest

from springtide.clouds.performing import perform
from springtide.model.plan import (
    Action,
    ActionResult,
    Delete,
    Drain,
    Join,
    Launch,
    Leave,
    PoolMember,
    Verdict,
)
from springtide.sandbox.config import SandboxQuota
from springtide.sandbox.control_inputs import RegionChange
from springtide.sandbox.faults import FaultRule
from tests.clouds.stage import Case, Stage, a_launch, a_pool_member, case_name

AT = datetime(2026, 11, 23, 20, 50, tzinfo=UTC)


def a_wave(stage: Stage) -> Launch:
    """Two servers of the newest image."""
    image = stage.gra.matching_images(stage.fleet.image)[0]
    return a_launch(2, image_id=image.id)


def done(stage: Stage, action: Action) -> ActionResult:
    """The result of the action in GRA11."""
    return perform(stage.gra, stage.fleet, action, at=AT)


def test_a_servers_life_by_actions(stage: Stage) -> None:
    """Launched, joined, drained, left, deleted: each is done, and says of how many."""
    results = [done(stage, a_wave(stage))]
    servers = stage.gra.list_servers("api")
    members = tuple(
        PoolMember(server_id=s.id, name=s.name, address=s.address or "") for s in servers
    )
    given = {"region": "GRA11", "reason": "a test"}
    for action in (
        Join(members=members, **given),
        Drain(members=members, **given),
        Leave(members=members, **given),
        Delete(server_ids=tuple(s.id for s in servers), **given),
    ):
        results.append(done(stage, action))
        if action.kind == "drain":
            assert {AT} == {member.draining_since for member in stage.members().values()}
    assert [(Verdict.DONE, 2)] * 5 == [(r.verdict, r.servers) for r in results]
    assert {} == stage.members()


class Refused(Case):
    """What the cloud answers to a launch, and what becomes of it."""

    status: int
    verdict: Verdict


REFUSED = (
    Refused(name="rate", status=429, verdict=Verdict.LATER),
    Refused(name="reply lost", status=502, verdict=Verdict.LATER),
    Refused(name="wrong", status=400, verdict=Verdict.FAILED),
    Refused(name="missing", status=404, verdict=Verdict.FAILED),
)


@pytest.mark.parametrize("case", REFUSED, ids=case_name)
def test_a_refusal_is_a_result(stage: Stage, case: Refused) -> None:
    """What passes is for later; what does not has failed, and says why."""
    wave = a_wave(stage)
    rule = FaultRule(service="compute", method="POST", status=case.status, retry_after_s=0)
    stage.sandbox.add_fault(rule)
    result = done(stage, wave)
    assert (case.verdict, 0, None) == (result.verdict, result.servers, result.exhausted)
    assert result.detail


@pytest.mark.parametrize(
    ("answers", "verdict", "deleted"),
    [
        pytest.param((403,), Verdict.FAILED, 0, id="forbidden"),
        pytest.param((500,), Verdict.LATER, 0, id="reply lost"),
        pytest.param((409,), Verdict.LATER, 0, id="busy"),
        pytest.param((500, 403), Verdict.FAILED, 0, id="one passes and one does not"),
    ],
)
def test_deletions_that_are_refused_are_no_success(
    stage: Stage, answers: tuple[int, ...], verdict: Verdict, deleted: int
) -> None:
    """Whether they pass or not; how many were accepted is told all the same."""
    servers = stage.launch(len(answers) + deleted)
    for status in answers:
        rule = FaultRule(service="compute", method="DELETE", status=status, times=1)
        stage.sandbox.add_fault(rule)
    ids = tuple(server.id for server in servers)
    result = done(stage, Delete(region="GRA11", server_ids=ids, reason="a test"))
    assert (verdict, deleted) == (result.verdict, result.servers)
    assert str(answers[-1]) in result.detail


def test_a_quota_without_room_is_for_later(stage: Stage) -> None:
    """The result says which room was lacking."""
    wave = a_wave(stage)
    stage.sandbox.change_region("GRA11", RegionChange(quota=SandboxQuota(instances=1)))
    result = done(stage, wave)
    assert (Verdict.LATER, "quota") == (result.verdict, result.exhausted)


def test_a_busy_balancer_is_for_later(stage: Stage) -> None:
    """Nothing joined, and nothing has failed."""
    stage.sandbox.stick_balancer(stage.pool_id(), 30)
    result = done(stage, Join(region="GRA11", members=(a_pool_member(1),), reason="a test"))
    assert (Verdict.LATER, 0) == (result.verdict, result.servers)
