"""Pool members: additive calls for joining and draining, and nobody else's members lost."""

from datetime import UTC, datetime, timedelta, timezone
from ipaddress import IPv4Address
from pathlib import Path

import openstack
import pytest

from springtide.clouds.openstack.connection import CloudAccess
from springtide.errors import BalancerBusy, CapacityExhausted, Misconfigured
from springtide.model.fleet import Fleet, PoolKind
from springtide.sandbox.config import SandboxConfig, SandboxQuota, SandboxRegion
from springtide.sandbox.control_inputs import ForeignMember, RegionChange
from springtide.sandbox.faults import FaultRule
from springtide.sandbox.process import Sandbox
from tests.clouds.stage import (
    Stage,
    a_drain,
    a_fleet,
    a_fleet_region,
    a_leave,
    a_pool_member,
    an_estate,
    clouds_file,
    silent_audit,
    wait_until,
)

AT = datetime(2026, 11, 23, 21, 50, 0, tzinfo=timezone(timedelta(hours=1)))
FOREIGN = "127.21.9.9"


def a_shared_fleet() -> Fleet:
    """A fleet whose pool has members of others."""
    return a_fleet(regions=(a_fleet_region(pool_kind=PoolKind.SHARED),))


def with_a_foreign_member(stage: Stage) -> None:
    """Have somebody else's member in the pool."""
    foreign = ForeignMember(address=IPv4Address(FOREIGN), port=8080, name="core-1")
    stage.sandbox.add_member(stage.pool_id(), foreign)


def test_many_members_join_by_one_call(stage: Stage) -> None:
    """They carry our tags, weight 1 and the health check's port; others stay."""
    with_a_foreign_member(stage)
    members = stage.joined(range(1, 31))
    assert (1, 31) == (stage.calls("PUT"), len(members))
    ours = members["127.21.1.7"]
    assert (True, "server-7", 1, 8080, "api-7") == (
        ours.ours,
        ours.server_id,
        ours.weight,
        ours.port,
        ours.name,
    )
    foreign = members[FOREIGN]
    assert (False, None, "core-1") == (foreign.ours, foreign.server_id, foreign.name)


def test_joining_again_changes_nothing(stage: Stage) -> None:
    """The same members by the same ids."""
    assert stage.joined([1, 2]) == stage.joined([2, 1])


def test_a_duplicate_is_sent_once(stage: Stage) -> None:
    """An address that is asked for twice is one member."""
    assert ["127.21.1.1"] == list(stage.joined([1, 1]))


def test_draining_writes_down_since_when(stage: Stage) -> None:
    """Weight 0 and a tag in UTC; draining others leaves it."""
    stage.joined([1, 2])
    stage.gra.drain(stage.fleet, a_drain([a_pool_member(1)]), AT)
    members = stage.members()
    drained, serving = members["127.21.1.1"], members["127.21.1.2"]
    assert (0, AT.astimezone(UTC)) == (drained.weight, drained.draining_since)
    assert (1, None) == (serving.weight, serving.draining_since)
    assert drained.ours


def test_joining_ends_a_drain(stage: Stage) -> None:
    """Weight 1 again, and the tag of the drain is gone."""
    stage.joined([1])
    stage.gra.drain(stage.fleet, a_drain([a_pool_member(1)]), AT)
    back = stage.joined([1])["127.21.1.1"]
    assert (1, None, "server-1") == (back.weight, back.draining_since, back.server_id)


@pytest.mark.parametrize(
    ("fleet", "method", "calls"),
    [(a_fleet(), "PUT", 1), (a_shared_fleet(), "DELETE", 2)],
    ids=["exclusive", "shared"],
)
def test_members_leave_and_others_stay(stage: Stage, fleet: Fleet, method: str, calls: int) -> None:
    """One full PUT for a pool that is ours, else one DELETE each; foreign members stay as is."""
    with_a_foreign_member(stage)
    joined = stage.joined([1, 2, 3])
    stage.gra.drain(stage.fleet, a_drain([a_pool_member(3)]), AT)
    before = stage.members()
    stage.sandbox.forget_calls()
    going = [a_pool_member(n, joined[f"127.21.1.{n}"]) for n in (1, 2)]
    stage.gra.leave(fleet, a_leave(going))
    assert (calls, calls) == (stage.calls(method), stage.calls("PUT") + stage.calls("DELETE"))
    after = stage.members()
    assert {FOREIGN, "127.21.1.3"} == set(after)
    for address, member in after.items():
        assert before[address] == member, address
    stage.gra.leave(fleet, a_leave(going))
    assert after == stage.members()


def test_nothing_of_a_foreign_member_changes_when_ours_leave(stage: Stage) -> None:
    """Weight, backup, monitor, tags and name of another client's member survive the full PUT."""
    balancer = openstack.connect(cloud="sandbox", region_name="GRA11").load_balancer
    pool_id = stage.pool_id()
    balancer.create_member(
        pool_id,
        address=FOREIGN,
        protocol_port=8080,
        name="core-1",
        weight=7,
        backup=True,
        is_admin_state_up=False,
        monitor_address="127.21.9.10",
        monitor_port=9090,
        tags=["core", "springtide:fleet:other"],
    )
    stage.joined([1])

    def foreign() -> dict[str, object]:
        [found] = [m for m in balancer.members(pool_id) if m.address == FOREIGN]
        shown: dict[str, object] = found.to_dict(computed=False)
        return {key: value for key, value in shown.items() if key != "updated_at"}

    before = foreign()
    assert (7, True, ["core", "springtide:fleet:other"]) == (
        before["weight"],
        before["backup"],
        before["tags"],
    )
    stage.gra.leave(stage.fleet, a_leave([a_pool_member(1)]))
    assert [FOREIGN] == list(stage.members())
    assert before == foreign()


def test_a_foreign_member_at_the_same_address_stays(stage: Stage) -> None:
    """Another port of the same address is another member."""
    foreign = ForeignMember(address=IPv4Address("127.21.1.1"), port=443, name="core-1")
    stage.sandbox.add_member(stage.pool_id(), foreign)
    stage.joined([1])
    stage.gra.leave(stage.fleet, a_leave([a_pool_member(1)]))
    assert [443] == [member.port for member in stage.members().values()]


@pytest.mark.parametrize("fleet", [a_fleet(), a_shared_fleet()], ids=["exclusive", "shared"])
def test_somebody_elses_member_is_never_taken_out(stage: Stage, fleet: Fleet) -> None:
    """A member without the fleet's tag stays, even where it is asked for."""
    with_a_foreign_member(stage)
    foreign = stage.members()[FOREIGN]
    member = a_pool_member(1, foreign).model_copy(update={"address": FOREIGN})
    stage.gra.leave(fleet, a_leave([member]))
    assert [FOREIGN] == list(stage.members())


def test_an_exclusive_pool_may_become_empty(stage: Stage) -> None:
    """The last members leave by an empty list."""
    stage.joined([1, 2])
    stage.gra.leave(stage.fleet, a_leave([a_pool_member(1), a_pool_member(2)]))
    assert {} == stage.members()


def test_a_busy_balancer_is_told_at_once(stage: Stage) -> None:
    """PENDING_UPDATE is for the next round: one call, no change."""
    stage.sandbox.stick_balancer(stage.pool_id(), 30)
    with pytest.raises(BalancerBusy):
        stage.joined([1])
    assert (1, {}) == (stage.calls("PUT"), stage.members())


def with_places(stage: Stage, members: int) -> None:
    """Have the project's quota of members be so large."""
    change = RegionChange(quota=SandboxQuota(members=members))
    stage.sandbox.change_region("GRA11", change)


def test_a_batch_beyond_the_quota_of_members_is_a_lack_of_room(stage: Stage) -> None:
    """Octavia refuses all of it, and nobody has joined; as many as have a place do."""
    with_places(stage, 8)
    assert 8 == stage.gra.members_left()
    with pytest.raises(CapacityExhausted) as refused:
        stage.joined(range(1, 10))
    assert ("GRA11", "quota") == (refused.value.region, refused.value.kind)
    assert {} == stage.members()
    assert 8 == len(stage.joined(range(1, 9)))
    assert 0 == stage.gra.members_left()


@pytest.mark.parametrize("members", [None, 2])
def test_who_may_not_join_is_no_lack_of_room(stage: Stage, members: int | None) -> None:
    """The same status where the quota has a place, or is without limit: a person is to look."""
    if members:
        with_places(stage, members)
    stage.sandbox.add_fault(FaultRule(service="load-balancer", method="PUT", status=403))
    with pytest.raises(Misconfigured):
        stage.joined([1, 2])


def test_a_quota_that_may_not_be_read_is_no_limit(stage: Stage) -> None:
    """Then the refusal itself is all that is known."""
    with_places(stage, 1)
    rule = FaultRule(service="load-balancer", path_regex="/lbaas/quotas", status=403)
    stage.sandbox.add_fault(rule)
    assert stage.gra.members_left() is None
    with pytest.raises(Misconfigured):
        stage.joined([1, 2])


def test_members_leave_a_shared_pool_one_after_the_other(tmp_path: Path) -> None:
    """Each departure waits until the balancer has finished the one before."""
    config = SandboxConfig(regions=(SandboxRegion(),), data_plane=False, balancer_update_s=0.2)
    with Sandbox(config) as sandbox, clouds_file(sandbox.clouds_yaml(tmp_path / "clouds.yaml")):
        access = CloudAccess.open(an_estate(), silent_audit())
        stage = Stage(sandbox, tmp_path, access, a_shared_fleet())
        stage.joined([1, 2, 3])
        wait_until(lambda: _idle(stage))
        stage.gra.leave(stage.fleet, a_leave([a_pool_member(n) for n in (1, 2)]))
        wait_until(lambda: _idle(stage))
        assert ["127.21.1.3"] == list(stage.members())
        assert 2 == stage.calls("DELETE")


def _idle(stage: Stage) -> bool:
    """Whether no member is in a change of its own."""
    return all(m.provisioning_status == "ACTIVE" for m in stage.gra.list_members(stage.fleet))


def test_members_of_many_pages_are_all_listed(stage: Stage) -> None:
    """Seven members, five a page."""
    assert 7 == len(stage.joined(range(1, 8)))
