"""Pool members: batches that add and change, weights, departures, and a balancer that is busy."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from springtide.model.plan import PoolMember
from tests.contracts.stage import Contract, PoolStage, cleared_pool, until_busy

AT = datetime(2026, 11, 23, 21, 50, 0, tzinfo=timezone(timedelta(hours=1)))
UNKNOWN = "00000000-0000-4000-8000-000000000000"


def test_members_join_by_one_call_and_keep_their_tags(shared_pool: PoolStage) -> None:
    """Weight 1, the health check's port, and the tags by which we know them again."""
    contract = shared_pool.contract
    contract.control.forget_calls()
    members = shared_pool.joined(1, 2)
    assert 1 == contract.control.calls("PUT", "/members$")
    first = members[1]
    assert (True, "server-1", 1, 8080, "contract-1") == (
        first.ours,
        first.server_id,
        first.weight,
        first.port,
        first.name,
    )
    assert {"ACTIVE"} == {m.provisioning_status for m in members.values()}
    assert first.created_at is not None
    assert first.created_at.tzinfo is not None
    assert (None, False) == (first.draining_since, first.drained_by_us)


def test_a_second_join_leaves_the_first_as_it_is(shared_pool: PoolStage) -> None:
    """What an additive call does not name stays: weight, tags and its last change."""
    first = shared_pool.joined(1)[1]
    assert (first, {1, 2}) == ((after := shared_pool.joined(2))[1], set(after))


def test_a_duplicate_is_sent_once(shared_pool: PoolStage) -> None:
    """An address that is asked for twice is one member; as a known one, too."""
    assert [1] == list(shared_pool.joined(1, 1))
    assert [1] == list(shared_pool.joined(1, 1))


def test_a_drain_is_written_down_and_a_join_ends_it(shared_pool: PoolStage) -> None:
    """Weight 0 with its tag in UTC, and back: the other is not touched by either."""
    contract, cloud = shared_pool.contract, shared_pool.cloud
    before = shared_pool.joined(1, 2)
    drained = shared_pool.done(lambda: cloud.drain(contract.fleet, shared_pool.a_drain(1), AT))
    assert (0, AT.astimezone(UTC), True) == (
        drained[1].weight,
        drained[1].draining_since,
        drained[1].drained_by_us,
    )
    assert (before[2], before[1].id) == (drained[2], drained[1].id)
    back = shared_pool.joined(1)
    assert (1, None, "server-1") == (back[1].weight, back[1].draining_since, back[1].server_id)
    assert (before[2], before[1].id) == (back[2], back[1].id)


def test_a_weight_that_another_set_to_0_dates_from_its_change(shared_pool: PoolStage) -> None:
    """Without our tag, the member's last update counts."""
    member = shared_pool.joined(1)[1]
    balancers = shared_pool.contract.connections["GRA11"].load_balancer
    changed = shared_pool.done(
        lambda: balancers.update_member(member.id, shared_pool.pool_id, weight=0)
    )[1]
    assert (0, False, "server-1") == (changed.weight, changed.drained_by_us, changed.server_id)
    assert changed.draining_since is not None
    assert changed.created_at is not None
    assert changed.created_at <= changed.draining_since


def test_a_change_during_another_is_refused_as_busy(shared_pool: PoolStage) -> None:
    """409, in words that say why; and the next one is taken when the first is done."""
    contract, numbers = shared_pool.contract, iter(range(1, 20))
    busy = until_busy(
        lambda: shared_pool.cloud.join(contract.fleet, shared_pool.a_join(next(numbers)))
    )
    assert "409" in str(busy)
    assert "is immutable and cannot be updated" in str(busy)
    shared_pool.wait_idle()
    refused = next(numbers) - 1
    assert refused not in shared_pool.members()
    assert refused in shared_pool.joined(refused)


def test_others_are_busy_with_their_balancer(shared_pool: PoolStage) -> None:
    """Every kind of change meets the same refusal."""
    contract, cloud = shared_pool.contract, shared_pool.cloud
    shared_pool.joined(1, 2)
    for change in (
        lambda: cloud.drain(contract.fleet, shared_pool.a_drain(1), AT),
        lambda: cloud.leave(contract.fleet, shared_pool.a_leave(1)),
    ):
        shared_pool.wait_idle()
        cloud.join(contract.fleet, shared_pool.a_join(2))
        assert "immutable" in str(until_busy(change))
        assert 2 in shared_pool.members()


@pytest.mark.parametrize(
    ("region", "method", "calls"),
    [("GRA11", "DELETE", 2), ("SBG5", "PUT", 1)],
    ids=["shared", "exclusive"],
)
def test_members_leave_and_others_stay(
    contract: Contract, region: str, method: str, calls: int
) -> None:
    """One full PUT for a pool that is ours, else one DELETE each; asked twice, nothing more."""
    with cleared_pool(contract, region) as pool:
        pool.joined(1, 2, 3)
        before = pool.done(lambda: pool.cloud.drain(contract.fleet, pool.a_drain(3), AT))
        contract.control.forget_calls()
        after = pool.done(lambda: pool.cloud.leave(contract.fleet, pool.a_leave(1, 2)))
        assert calls == contract.control.calls(method, "/members")
        assert before == after | {1: before[1], 2: before[2]}
        assert after == pool.done(lambda: pool.cloud.leave(contract.fleet, pool.a_leave(1, 2)))


def test_nothing_of_a_foreign_member_changes_by_our_full_put(own_pool: PoolStage) -> None:
    """Weight, backup, monitor, state, tags and name of another client's member survive it."""
    contract, pool_id = own_pool.contract, own_pool.pool_id
    balancers = contract.connections["SBG5"].load_balancer
    foreign = {
        "address": own_pool.pool_member(99).address,
        "protocol_port": 8443,
        "name": "core-1",
        "weight": 7,
        "backup": True,
        "is_admin_state_up": False,
        "monitor_address": own_pool.pool_member(98).address,
        "monitor_port": 9090,
        "tags": ["core", "springtide:fleet:other"],
    }
    own_pool.wait_idle()
    made = balancers.create_member(pool_id, **foreign)
    own_pool.joined(1)
    left = own_pool.done(lambda: own_pool.cloud.leave(contract.fleet, own_pool.a_leave(1)))
    shown = balancers.get_member(made.id, pool_id).to_dict()
    assert {} == left
    assert foreign == {key: shown[key] for key in foreign}


def test_only_those_still_drained_leave_where_asked(shared_pool: PoolStage) -> None:
    """Whoever was given a weight again in the meantime stays."""
    contract, cloud = shared_pool.contract, shared_pool.cloud
    shared_pool.joined(1, 2)
    shared_pool.done(lambda: cloud.drain(contract.fleet, shared_pool.a_drain(1, 2), AT))
    shared_pool.joined(2)
    order = shared_pool.a_leave(1, 2, only_drained=True)
    assert [2] == list(shared_pool.done(lambda: cloud.leave(contract.fleet, order)))


def test_an_exclusive_pool_may_become_empty(own_pool: PoolStage) -> None:
    """The last members leave by an empty list."""
    own_pool.joined(1, 2)
    leave = own_pool.a_leave(1, 2)
    assert {} == own_pool.done(lambda: own_pool.cloud.leave(own_pool.contract.fleet, leave))
    assert () == own_pool.cloud.list_members(own_pool.contract.fleet)


def test_a_batch_that_is_no_addition_takes_others_out(own_pool: PoolStage) -> None:
    """The very reason why our joins are additive."""
    own_pool.joined(1)
    second = own_pool.pool_member(2)
    bodies = [{"address": second.address, "protocol_port": 8080, "tags": _tags(second)}]
    balancer = own_pool.contract.service("load-balancer", "SBG5")
    path = f"/lbaas/pools/{own_pool.pool_id}/members"
    members = own_pool.done(
        lambda: balancer.change("PUT", path, {"members": bodies}, why="the contract is checked")
    )
    assert [2] == list(members)


def test_what_a_batch_leaves_out_of_a_known_member_becomes_the_default(
    own_pool: PoolStage,
) -> None:
    """Weight, backup and monitor fall back, name and tags stay: so our full PUT says all."""
    first, balancers = own_pool.pool_member(1), own_pool.contract.connections["SBG5"].load_balancer
    own_pool.wait_idle()
    balancers.create_member(
        own_pool.pool_id,
        address=first.address,
        protocol_port=8080,
        name="kept",
        weight=7,
        backup=True,
        monitor_port=9090,
        tags=_tags(first),
    )
    path = f"/lbaas/pools/{own_pool.pool_id}/members?additive_only=true"
    body = {"members": [{"address": first.address, "protocol_port": 8080}]}
    balancer = own_pool.contract.service("load-balancer", "SBG5")
    member = own_pool.done(
        lambda: balancer.change("PUT", path, body, why="the contract is checked")
    )[1]
    shown = balancers.get_member(member.id, own_pool.pool_id)
    assert ("kept", 1, False, None, "server-1") == (
        shown.name,
        shown.weight,
        shown.backup,
        shown.monitor_port,
        member.server_id,
    )


def _tags(member: PoolMember) -> list[str]:
    return ["springtide", "springtide:fleet:contract", f"springtide:server:{member.server_id}"]
