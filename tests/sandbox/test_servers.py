"""The life of servers: scheduled together, booted, stopped, deleted; and what goes wrong."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest

from springtide.sandbox.control_inputs import RegionChange
from springtide.sandbox.faults import ServerBehaviour
from springtide.sandbox.process import Sandbox
from springtide.sandbox.records import NO_VALID_HOST, ServerUp
from tests.sandbox.running import Api, a_config
from tests.waiting import wait_until


@pytest.fixture(scope="module")
def started() -> Iterator[Sandbox]:
    """A sandbox for this module."""
    with Sandbox(a_config()) as sandbox:
        yield sandbox


@pytest.fixture
def api(started: Sandbox) -> Api:
    """A client of an empty sandbox."""
    started.reset()
    return Api(started)


def behave(api: Api, **fields: object) -> None:
    """Have servers to come turn out so."""
    api.sandbox.add_behaviour(ServerBehaviour.model_validate(fields))


def is_only(api: Api, status: str) -> bool:
    """Whether there is one server, in that status."""
    return api.statuses() == [status]


def test_a_server_boots_and_is_told_to_the_listeners(api: Api) -> None:
    """From BUILD to ACTIVE with an address of the region's; the data plane hears of it."""
    told: list[ServerUp] = []

    def listen(server: ServerUp) -> None:
        told.append(server)

    api.sandbox.control(lambda _: api.sandbox.world.on_server_up.append(listen))
    server = api.running()[0]
    api.sandbox.control(lambda _: api.sandbox.world.on_server_up.remove(listen))
    address = server["addresses"]["vrack"][0]["addr"]
    assert ("active", None, 1) == tuple(
        server[f"OS-EXT-STS:{name}"] for name in ("vm_state", "task_state", "power_state")
    )
    assert address.startswith("127.31.0.")
    assert [(server["id"], "GRA11", "api", address, 8080, False)] == [
        (up.server_id, up.region, up.name, up.address, up.port, up.never_answers) for up in told
    ]


def test_a_wave_is_scheduled_all_or_nothing(api: Api) -> None:
    """With room for 5 a wave of 5 boots; a wave of 6 goes to ERROR as a whole, without ports."""
    api.sandbox.change_region("GRA11", RegionChange(capacity_servers=5))
    api.running(5, name="fits")
    for server in api.servers():
        api.compute("DELETE", f"/servers/{server['id']}")
    wait_until(lambda: not api.servers())
    assert api.create(name="over", min_count=6, max_count=6).status_code == 202
    wait_until(lambda: api.statuses() == ["ERROR"] * 6)
    listed = api.servers()[0]
    assert "fault" not in listed
    server = api.compute("GET", f"/servers/{listed['id']}").json()["server"]
    assert (500, NO_VALID_HOST) == (server["fault"]["code"], server["fault"]["message"])
    assert ("", {}) == (server["hostId"], server["addresses"])
    assert api.network("GET", "/v2.0/ports").json()["ports"] == []


def test_servers_in_error_count_until_deleted(api: Api) -> None:
    """A quota filled by ERROR servers refuses a create; deleting one makes room."""
    api.sandbox.change_region("GRA11", RegionChange(capacity_servers=0))
    api.create(min_count=20, max_count=20)
    wait_until(lambda: api.statuses() == ["ERROR"] * 20)
    refused = api.create().status_code
    api.compute("DELETE", f"/servers/{api.servers()[0]['id']}")
    wait_until(lambda: len(api.servers()) == 19)
    assert (403, 202) == (refused, api.create().status_code)


def test_a_deletion_takes_a_moment_and_its_ports(api: Api) -> None:
    """A deleted server is there for a moment, then 404, and its port is gone too."""
    path = f"/servers/{api.running()[0]['id']}"
    assert [204, 204] == [api.compute("DELETE", path).status_code for _ in range(2)]
    assert wait_until(lambda: api.compute("GET", path).status_code == 404)
    assert api.compute("DELETE", path).json()["itemNotFound"]["message"].startswith("Instance ")
    assert api.network("GET", "/v2.0/ports").json()["ports"] == []
    assert [("api", "DELETED")] == [
        (server["name"], server["status"]) for server in api.servers("?deleted=True")
    ]


def test_stop_start_and_reboot(api: Api) -> None:
    """A server is SHUTOFF after a stop, ACTIVE after start and reboot; each is noted."""
    server_id = api.running()[0]["id"]
    for action, before, after in (
        ({"os-stop": None}, None, "SHUTOFF"),
        ({"os-start": None}, None, "ACTIVE"),
        ({"reboot": {"type": "SOFT"}}, "REBOOT", "ACTIVE"),
    ):
        assert api.compute("POST", f"/servers/{server_id}/action", action).status_code == 202
        assert before in {None, api.statuses()[0]}
        wait_until(partial(is_only, api, after))
    noted = api.compute("GET", f"/servers/{server_id}/os-instance-actions").json()
    assert ["reboot", "start", "stop", "create"] == [
        entry["action"] for entry in noted["instanceActions"]
    ]


@pytest.mark.parametrize(
    ("action", "status"),
    [
        pytest.param({"os-start": None}, 409, id="start what runs"),
        pytest.param({"os-dance": None}, 400, id="unknown"),
        pytest.param(None, 400, id="none"),
    ],
)
def test_actions_that_can_not_be(api: Api, action: object, status: int) -> None:
    """An action in the wrong state is 409, one that does not exist 400."""
    server_id = api.running()[0]["id"]
    assert api.compute("POST", f"/servers/{server_id}/action", action).status_code == status


def test_a_locked_server_is_not_deleted(api: Api) -> None:
    """DELETE is 409 while locked, and 204 afterwards."""
    path = f"/servers/{api.running()[0]['id']}"
    api.compute("POST", f"{path}/action", {"lock": None})
    locked = api.compute("DELETE", path).status_code
    api.compute("POST", f"{path}/action", {"unlock": None})
    assert (409, 204) == (locked, api.compute("DELETE", path).status_code)


def test_shifting_the_clock_moves_timestamps_and_no_boot(api: Api) -> None:
    """A boot in flight takes its time, though the clock jumps; it is dated by the new clock."""
    behave(api, boot_s=0.5)
    evening = datetime(2026, 11, 16, 16, 0, tzinfo=UTC)
    api.sandbox.set_clock(evening)
    began = time.monotonic()
    api.create()
    api.sandbox.advance_clock(6 * 3600)
    assert api.statuses() == ["BUILD"]
    wait_until(lambda: api.statuses() == ["ACTIVE"])
    assert time.monotonic() - began >= 0.5
    server = api.servers()[0]
    launched = datetime.fromisoformat(server["OS-SRV-USG:launched_at"]).replace(tzinfo=UTC)
    assert abs(launched - evening - timedelta(hours=6)) < timedelta(minutes=1)
    assert server["created"].startswith("2026-11-16T16:00")
    api.sandbox.set_clock(datetime.now(UTC))


def test_usage_counts_what_was_active_even_if_deleted(api: Api) -> None:
    """Two servers of one hour each, one of them deleted, are two hours."""
    first, second = api.running(2)
    api.sandbox.advance_clock(3600)
    api.compute("DELETE", f"/servers/{first['id']}")
    wait_until(lambda: len(api.servers()) == 1)
    usage = api.compute("GET", "/os-simple-tenant-usage/p").json()["tenant_usage"]
    states = {one["instance_id"]: one["state"] for one in usage["server_usages"]}
    assert {first["id"]: "terminated", second["id"]: "active"} == states
    assert abs(usage["total_hours"] - 2) < 0.1
    api.sandbox.set_clock(datetime.now(UTC))


def test_behaviours_of_servers_to_come(api: Api) -> None:
    """One server never leaves BUILD, one aborts, and the others are as they should be."""
    behave(api, stuck_build=True, times=1)
    behave(api, error="BuildAbort", times=1)
    api.create(min_count=4, max_count=4)
    wait_until(lambda: sorted(api.statuses()) == ["ACTIVE", "ACTIVE", "BUILD", "ERROR"])
    by_name = {server["name"]: server["status"] for server in api.servers()}
    assert ("BUILD", "ERROR") == (by_name["api-1"], by_name["api-2"])
    failed = api.servers("?status=ERROR")[0]
    assert failed["fault"]["message"].endswith("aborted: Failed to build.")
    assert ("", "nova") == (failed["hostId"], failed["OS-EXT-AZ:availability_zone"])


def test_one_server_without_a_host_takes_its_wave_along(api: Api) -> None:
    """NoValidHost for one of three puts all three into ERROR; the next wave boots."""
    behave(api, error="NoValidHost", times=1)
    api.create(name="first", min_count=3, max_count=3)
    wait_until(lambda: api.statuses("?name=first") == ["ERROR"] * 3)
    assert [""] * 3 == [s["OS-EXT-AZ:availability_zone"] for s in api.servers("?name=first")]
    assert len(api.running(3, name="second")) == 3


def test_a_leaked_port_stays_behind(api: Api) -> None:
    """With leak_port the deleted server's port remains, and names it."""
    behave(api, leak_port=True)
    server_id = api.running()[0]["id"]
    api.compute("DELETE", f"/servers/{server_id}")
    wait_until(lambda: not api.servers())
    ports = api.network("GET", "/v2.0/ports").json()["ports"]
    assert [(server_id, "compute:nova")] == [
        (port["device_id"], port["device_owner"]) for port in ports
    ]


def test_no_more_addresses_is_an_error(api: Api) -> None:
    """When the subnet is used up, the server fails to build, as it would on Nova."""
    region = api.sandbox.world.regions["GRA11"]
    subnet = next(iter(region.subnets.values()))
    pool = [{"start": "127.31.0.2", "end": "127.31.0.3"}]
    api.sandbox.control(lambda _: subnet.update(allocation_pools=pool))
    api.create(min_count=3, max_count=3)
    wait_until(lambda: sorted(api.statuses()) == ["ACTIVE", "ACTIVE", "ERROR"])
    assert "No more IP addresses" in api.servers("?status=ERROR")[0]["fault"]["message"]
