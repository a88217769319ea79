"""Waves of servers: what Nova makes of one call, and of calls that go wrong."""

from datetime import UTC, datetime, timedelta

import httpx
import pytest
from openstack.compute.v2.server import Server as Shown

from springtide.clouds.openstack.servers import LaunchReceipt
from springtide.errors import CapacityExhausted, Misconfigured, ReplyLost
from tests.contracts.grounds import QUOTA
from tests.contracts.stage import FLEET, Contract, a_fleet

CREATE = {"service": "compute", "method": "POST", "path_regex": "^/servers$", "times": 1}


def test_a_wave_is_one_call_whose_servers_are_as_the_fleet_says(contract: Contract) -> None:
    """Names -1 to -n, tags, metadata, key pair, group, config drive; each with its address."""
    order = contract.order(2)
    with contract.launched(order) as servers:
        assert [f"contract-{order.wave}-{n}" for n in (1, 2)] == [s.name for s in servers]
        assert {("ACTIVE", None, "win-b2-60", order.image_id)} == {
            (s.status, s.task_state, s.flavour, s.image_id) for s in servers
        }
        for server in servers:
            assert server.launched_at is not None
            assert server.created_at <= server.launched_at
            assert server.updated_at is not None
            assert server.zone
            shown = contract.connections["GRA11"].compute.get_server(server.id)
            _is_as_asked_for(shown, order.wave)
            assert server.address == shown.addresses["vrack"][0]["addr"]
            assert (server.address or "").startswith("127.")


def _is_as_asked_for(shown: Shown, wave: str) -> None:
    ours = {"springtide", f"springtide:fleet:{FLEET}", f"springtide:wave:{wave}", "cost:contract"}
    assert ours == set(shown.tags)
    assert {"springtide_fleet": FLEET, "springtide_wave": wave} == shown.metadata
    assert ("springtide", True) == (shown.key_name, bool(shown.has_config_drive))
    assert [{"name": "api"}] == shown.security_groups


def test_a_wave_joins_a_server_group(contract: Contract) -> None:
    """It is there with its members while they are, and is stray when they are gone."""
    cloud, later = contract.region(), datetime.now(UTC) + timedelta(days=1)
    wave = f"{datetime.now(UTC):%Y%m%dt%H%M%S}000-{contract.order(1).wave}"
    order = contract.order(2).model_copy(update={"wave": wave, "group_members": 10})
    compute = contract.connections["GRA11"].compute
    try:
        with contract.launched(order) as servers:
            (group,) = [g for g in compute.server_groups() if g.name.endswith(wave)]
            assert {server.id for server in servers} == set(group.member_ids)
            assert "soft-anti-affinity" == group.policy
            assert group.id not in cloud.stray_groups(contract.fleet, later)
        assert group.id in cloud.stray_groups(contract.fleet, later)
    finally:
        cloud.delete_groups(cloud.stray_groups(contract.fleet, later))
    assert [] == [g for g in compute.server_groups() if g.name.endswith(wave)]


@pytest.mark.parametrize("fault", [{"effect": "drop"}, {"status": 502}], ids=["closed", "502"])
def test_a_lost_reply_is_looked_up_and_never_sent_again(
    contract: Contract, fault: dict[str, object]
) -> None:
    """The wave was made: it is found by its tag, by one POST in all."""
    order = contract.order(2, "SBG5")
    contract.region("SBG5").resolve_launch(contract.fleet)
    contract.control.add_fault(**CREATE, when="after", **fault)
    contract.control.forget_calls()
    try:
        receipt = contract.region("SBG5").launch(contract.fleet, order, None)
        assert LaunchReceipt(accepted=2, looked_up=True) == receipt
        assert 1 == contract.control.calls("POST", "/servers$")
    finally:
        contract.clear_servers("SBG5")


def test_a_reply_lost_before_any_effect_is_told(contract: Contract) -> None:
    """The wave is not there after a few looks: told, and still not sent again."""
    order = contract.order(2, "SBG5")
    contract.region("SBG5").resolve_launch(contract.fleet)
    contract.control.add_fault(**CREATE, when="before", effect="drop")
    contract.control.forget_calls()
    with pytest.raises(ReplyLost):
        contract.region("SBG5").launch(contract.fleet, order, None)
    assert (1, ()) == (contract.control.calls("POST", "/servers$"), contract.wave(order))


def test_a_quota_without_room_is_told_as_such(contract: Contract) -> None:
    """A wave beyond the quota makes nothing and is not repeated."""
    order = contract.order(QUOTA.instances + 1)
    contract.control.forget_calls()
    with pytest.raises(CapacityExhausted) as refused:
        contract.region().launch(contract.fleet, order, None)
    assert ("quota", "GRA11") == (refused.value.kind, refused.value.region)
    assert "Quota exceeded for " in str(refused.value)
    assert (1, ()) == (contract.control.calls("POST", "/servers$"), contract.wave(order))


def test_a_quota_that_was_lowered_counts_at_once(contract: Contract) -> None:
    """Room for one more is no room for two: neither is made."""
    with contract.ground.room("GRA11", 1):
        room = contract.region().room(contract.fleet).headroom
        assert (1, 1, "instances") == (room.instances, room.servers, room.binding)
        order = contract.order(2)
        with pytest.raises(CapacityExhausted, match="Quota exceeded for instances"):
            contract.region().launch(contract.fleet, order, None)
    assert () == contract.wave(order)


def test_a_wave_that_fits_nowhere_is_seen_in_error(contract: Contract) -> None:
    """NoValidHost comes after the yes, as the fault of each of its servers."""
    fleet = a_fleet(name="contract-large", flavour="too-large")
    order = contract.order(1)
    try:
        receipt = contract.region().launch(fleet, order, None)
        listed = contract.settled(order, fleet)
        assert LaunchReceipt(accepted=1) == receipt
        assert [True] == [server.no_valid_host for server in listed]
        assert {(None, None, None)} == {(s.address, s.launched_at, s.task_state) for s in listed}
        assert {"too-large"} == {s.flavour for s in listed}
    finally:
        contract.clear_servers("GRA11", fleet)
    contract.wait_gone(order, fleet)


def test_a_server_that_fails_at_its_boot_is_seen_and_deleted(contract: Contract) -> None:
    """Its fault is told as Nova's, and is not taken for a lack of hosts."""
    setup, order = contract.region().resolve_launch(contract.fleet), contract.order(1)
    contract.connections["GRA11"].compute.create_server(
        name="contract-spoiled",
        image_id=order.image_id,
        flavor_id=setup.flavour_id,
        networks=[{"uuid": setup.network_id}],
        tags=["springtide", f"springtide:fleet:{FLEET}", f"springtide:wave:{order.wave}"],
        metadata=contract.ground.spoil_next_server("GRA11"),
    )
    [server] = contract.settled(order)
    assert ("ERROR", False) == (server.status, server.no_valid_host)
    assert "aborted" in (server.fault or "")
    contract.clear_servers("GRA11")
    contract.wait_gone(order)


def test_a_create_that_is_refused_as_wrong_is_told(contract: Contract) -> None:
    """An image that does not exist is no passing trouble."""
    order = contract.order(1, image_id="00000000-0000-4000-8000-000000000000")
    with pytest.raises(Misconfigured, match="400"):
        contract.region().launch(contract.fleet, order, None)


def test_deleting_may_be_asked_twice_and_takes_the_ports_along(contract: Contract) -> None:
    """A server that is gone is a success; its port goes with it, and is no stray one."""
    order = contract.order(1)
    with contract.launched(order) as (server,):
        network = contract.connections["GRA11"].network
        assert [server.address] == [
            port.fixed_ips[0]["ip_address"] for port in network.ports(device_id=server.id)
        ]
        first = contract.region().delete_servers([server.id], "the contract is checked")
        contract.wait_gone(order)
        second = contract.region().delete_servers([server.id], "the contract is checked")
        assert (1, None, 1, None) == (
            first.accepted,
            first.refused,
            second.accepted,
            second.refused,
        )
        assert () == contract.region().stray_ports(contract.fleet, [server.id])
        assert [] == list(network.ports(device_id=server.id))


def test_a_server_that_was_deleted_is_not_found(contract: Contract) -> None:
    """Nova's 404 names the instance; so does the sandbox's."""
    unknown = "00000000-0000-4000-8000-000000000000"
    answer = contract.raw("compute", f"/servers/{unknown}", method="DELETE")
    assert httpx.codes.NOT_FOUND == answer.status_code
    receipt = contract.region().delete_servers([unknown], "the contract is checked")
    assert (1, None) == (receipt.accepted, receipt.refused)


def test_stray_ports_are_found_by_their_server_and_deleted_twice(contract: Contract) -> None:
    """A port that names a server which is gone; ports of others are never named."""
    network = contract.connections["GRA11"].network
    gone = "11111111-1111-4111-8111-111111111111"
    wanted = {"network_id": contract.region().resolve_launch(contract.fleet).network_id}
    stray = network.create_port(device_id=gone, device_owner="compute:nova", **wanted)
    other = network.create_port(name="somebody-elses", **wanted)
    try:
        assert (stray.id,) == contract.region().stray_ports(contract.fleet, [gone])
        contract.region().delete_ports([stray.id])
        contract.region().delete_ports([stray.id])
        assert () == contract.region().stray_ports(contract.fleet, [gone])
        assert "somebody-elses" == network.get_port(other.id).name
    finally:
        network.delete_port(other.id)
        network.delete_port(stray.id)
