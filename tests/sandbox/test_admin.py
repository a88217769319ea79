"""The admin API: the sandbox's controls over HTTP, and their input checked."""

from collections.abc import Iterator
from datetime import datetime

import pytest

from springtide.sandbox.process import Sandbox
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


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "wrong"),
    [
        pytest.param("POST", "/clock", {}, 422, "exactly one", id="no time"),
        pytest.param("POST", "/clock", {"at": "2026-11-16T16:00:00"}, 422, "timezone", id="naive"),
        pytest.param("POST", "/faults", {"status": 99}, 422, "status", id="no such status"),
        pytest.param("POST", "/faults", {"status": 500, "x": 1}, 422, "x", id="an unknown field"),
        pytest.param(
            "POST", "/faults", {"status": 500, "region": "PAR1"}, 400, "PAR1", id="fault's region"
        ),
        pytest.param("POST", "/behaviours", {"share": 2}, 422, "share", id="more than all"),
        pytest.param("POST", "/behaviours", {"region": "PAR1"}, 400, "PAR1", id="its region"),
        pytest.param("PATCH", "/regions/PAR1", {}, 404, "PAR1", id="no such region"),
        pytest.param(
            "PATCH", "/regions/SBG5", {"capacity_servers": -1}, 422, "capacity", id="capacity"
        ),
        pytest.param("PATCH", "/traffic", {"requests_per_s": 0}, 422, "requests", id="no rate"),
        pytest.param("POST", "/servers", {"name": "x"}, 422, "region", id="a server nowhere"),
        pytest.param(
            "POST",
            "/servers",
            {"name": "x", "region": "SBG5", "flavor": "m1"},
            400,
            "m1",
            id="no such flavor",
        ),
        pytest.param("POST", "/servers/none/crash", None, 404, "none", id="no such server"),
        pytest.param("POST", "/holds/none/release", None, 404, "none", id="no such hold"),
        pytest.param("DELETE", "/faults/none", None, 404, "none", id="no such fault"),
        pytest.param("POST", "/pools/none/stick", {"seconds": 1}, 404, "none", id="no such pool"),
        pytest.param("POST", "/pools/none/connections", {"active": 1}, 404, "none", id="no pool"),
        pytest.param("POST", "/pools/none/connections", {}, 422, "active", id="no connections"),
    ],
)
def test_wrong_input_is_refused(  # noqa: PLR0913 - a table's columns
    api: Api,
    *,
    method: str,
    path: str,
    body: object,
    status: int,
    wrong: str,
) -> None:
    """Input that means nothing changes nothing, and the answer says what is wrong."""
    answer = api.admin(method, path, body)
    assert answer.status_code == status
    assert wrong in answer.text


def test_the_clock_is_read_and_moved(api: Api) -> None:
    """The clock can be set to a moment and moved by seconds."""
    set_to = api.admin("POST", "/clock", {"at": "2026-11-16T16:00:00+00:00"}).json()["now"]
    moved_to = api.admin("POST", "/clock", {"advance_s": 3600}).json()["now"]
    read = api.admin("GET", "/clock").json()["now"]
    hours = [datetime.fromisoformat(now).hour for now in (set_to, moved_to, read)]
    assert hours == [16, 17, 17]


def test_faults_are_added_listed_and_removed(api: Api) -> None:
    """A rule strikes while it is there."""
    rule = {"service": "compute", "status": 500}
    key = api.admin("POST", "/faults", rule).json()["id"]
    assert api.admin("GET", "/faults").json()[key]["status"] == 500
    struck = api.compute("GET", "/flavors").status_code
    assert api.admin("DELETE", f"/faults/{key}").status_code == 204
    assert (500, 200) == (struck, api.compute("GET", "/flavors").status_code)
    api.admin("POST", "/faults", rule)
    assert api.admin("DELETE", "/faults").status_code == 204
    assert api.admin("GET", "/faults").json() == {}


def test_behaviours_are_added_listed_and_removed(api: Api) -> None:
    """A behaviour applies to servers created while it is there."""
    key = api.admin("POST", "/behaviours", {"stuck_build": True}).json()["id"]
    assert list(api.admin("GET", "/behaviours").json()) == [key]
    assert api.admin("DELETE", f"/behaviours/{key}").status_code == 204
    assert api.running()[0]["status"] == "ACTIVE"


def test_calls_are_counted(api: Api) -> None:
    """Counts are listed by service, region, method and route, and can be forgotten."""
    api.admin("DELETE", "/calls")
    api.compute("GET", "/servers/detail")
    expected = {
        "service": "compute",
        "region": "GRA11",
        "method": "GET",
        "path": "/servers/detail",
        "count": 1,
    }
    assert {"calls": [expected]} == api.admin("GET", "/calls").json()


def test_capacity_and_limits_change_at_run_time(api: Api) -> None:
    """Capacity takes effect on the next wave, a rate limit on the next request."""
    assert api.admin("PATCH", "/regions/GRA11", {"capacity_servers": 0}).status_code == 204
    api.create()
    wait_until(lambda: api.statuses() == ["ERROR"])
    assert api.admin("PATCH", "/traffic", {"requests_per_s": 0.5}).status_code == 204
    assert 429 in [api.compute("GET", "/flavors").status_code for _ in range(3)]


def test_a_foreign_server_is_there_at_once(api: Api) -> None:
    """It is ACTIVE, with its own tags and metadata, whatever the capacity."""
    api.admin("PATCH", "/regions/GRA11", {"capacity_servers": 0})
    wanted = {
        "region": "GRA11",
        "name": "theirs",
        "image": "api-iis-2026-11-01",
        "tags": ["payroll"],
        "metadata": {"owner": "them"},
    }
    assert api.admin("POST", "/servers", wanted).status_code == 201
    assert [("theirs", "ACTIVE", ["payroll"], {"owner": "them"})] == [
        (server["name"], server["status"], server["tags"], server["metadata"])
        for server in api.servers()
    ]


@pytest.mark.parametrize(
    ("action", "status"), [("crash", "ACTIVE"), ("error", "ERROR"), ("shutoff", "SHUTOFF")]
)
def test_a_server_dies_in_three_ways(api: Api, action: str, status: str) -> None:
    """Nova shows a crash as ACTIVE; either way the data plane hears that it answers no more."""
    server_id = api.running()[0]["id"]
    down: list[str] = []

    def listen(server_id: str) -> None:
        down.append(server_id)

    api.sandbox.control(lambda _: api.sandbox.world.on_server_down.append(listen))
    assert api.admin("POST", f"/servers/{server_id}/{action}").status_code == 204
    api.sandbox.control(lambda _: api.sandbox.world.on_server_down.remove(listen))
    assert ([status], [server_id]) == (api.statuses(), down)


def test_a_balancer_sticks_and_gets_a_foreign_member(api: Api) -> None:
    """A pool can be given a member of somebody else's, and its balancer kept busy."""
    pools = api.http.get("/GRA11/load-balancer/v2.0/lbaas/pools").json()["pools"]
    path = f"/GRA11/load-balancer/v2.0/lbaas/pools/{pools[0]['id']}/members"
    foreign = {"address": "10.0.0.7", "port": 80, "name": "theirs"}
    added = api.admin("POST", f"/pools/{pools[0]['id']}/members", foreign)
    members = api.http.get(path).json()["members"]
    assert [(added.json()["id"], "theirs")] == [
        (member["id"], member["name"]) for member in members
    ]
    assert api.admin("POST", f"/pools/{pools[0]['id']}/stick", {"seconds": 60}).status_code == 204
    assert api.http.delete(f"{path}/{members[0]['id']}").status_code == 409


def test_the_state_tells_what_exists(api: Api) -> None:
    """The state counts servers by status and ports; a reset empties it."""
    api.running(2)
    state = api.admin("GET", "/state").json()["regions"]["GRA11"]
    assert ({"ACTIVE": 2}, ["api-1", "api-2"], 2) == (
        state["servers"],
        state["names"],
        state["ports"],
    )
    assert api.admin("POST", "/reset").status_code == 204
    state = api.admin("GET", "/state").json()["regions"]["GRA11"]
    assert ({}, 0) == (state["servers"], state["ports"])


def test_tokens_can_be_made_worthless(api: Api) -> None:
    """After that a client must authenticate again."""
    assert api.admin("DELETE", "/tokens").json()["revoked"] >= 1
    assert api.compute("GET", "/flavors").status_code == 401
