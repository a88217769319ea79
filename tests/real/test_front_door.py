"""The front door before a small service of its own: what passes, what is counted, what goes wrong.

It needs Python alone; before a real OpenStack it stands in the tests beside this one.
"""

import json
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from pydantic import ValidationError

from springtide.sandbox.faults import Call
from tests.real.openstack.front_door import DoorConfig, FrontDoor
from tests.real.openstack.front_door_ground import (
    MIB,
    WAIT_S,
    Ground,
    Service,
    a_config,
    free_port,
    once_it_answers,
)
from tests.real.openstack.front_door_proxy import path_below_root, template_of

ROOT = Path(__file__).resolve().parents[2]
ID, OTHER_ID = "0f3a8f7e-3b1c-4c57-9d0e-5b8f5a0c1d2e", "1f3a8f7e-3b1c-4c57-9d0e-5b8f5a0c1d2e"


@pytest.fixture(scope="module")
def running() -> Iterator[Ground]:
    """A service and a front door before it, both answering."""
    with Service() as service:
        front_door = FrontDoor(a_config(service.url))
        threads = [
            threading.Thread(target=service.serve_forever, args=(0.01,)),
            threading.Thread(target=front_door.run),
        ]
        for thread in threads:
            thread.start()
        yield Ground(service, front_door)
        front_door.stop()
        service.shutdown()
        for thread in threads:
            thread.join(WAIT_S)


@pytest.fixture
def ground(running: Ground) -> Ground:
    """The same with no fault in force, nothing counted and nothing asked."""
    running.control("DELETE", "/faults")
    running.control("DELETE", "/calls")
    running.service.asked.clear()
    running.service.first_part_seen.clear()
    running.service.goes_on.clear()
    return running


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        pytest.param("GET", "/v2.1/servers/detail?tags=a%2Cb&name=%5Eapi", b"", id="a query"),
        pytest.param("GET", "/v1/AUTH_a/box/a%2Fb%20c;d=[1]", b"", id="a quoted path"),
        pytest.param("POST", "/v2.1/servers", b'{"server": {}}', id="a body"),
        pytest.param("POST", "/v2.1/servers", b"", id="an empty body"),
        pytest.param("PUT", "/v2/images/a/file", bytes(2 * MIB), id="a large body"),
        pytest.param("PATCH", "/v2/images/a", b"[]", id="a patch"),
        pytest.param("DELETE", f"/v2.1/servers/{ID}", b"", id="a deletion"),
    ],
)
def test_a_request_passes_unchanged(ground: Ground, method: str, path: str, body: bytes) -> None:
    """The service sees method, address and body as they were sent, and the door as its host."""
    target = {"target": path.encode()}
    answer = ground.compute.request(
        method, "/", content=body, headers={"X-Auth-Token": "secret"}, extensions=target
    )
    seen = answer.json()
    headers = {name.lower(): value for name, value in seen["headers"]}
    assert (f"{method} {path} HTTP/1.1", len(body)) == (seen["asked"], seen["size"])
    assert (ground.compute.base_url.netloc.decode(), "secret") == (
        headers["host"],
        headers["x-auth-token"],
    )


def test_an_answer_passes_unchanged(ground: Ground) -> None:
    """Status, headers (repeated ones too) and body come back; those of the connection do not."""
    answer = ground.compute.get("/gone")
    assert (404, b"no such thing") == (answer.status_code, answer.content)
    assert ["one", "two"] == answer.headers.get_list("X-Part")
    assert not {"keep-alive", "transfer-encoding"} & answer.headers.keys()
    assert (404, b"", "13") == (
        (head := ground.compute.head("/gone")).status_code,
        head.content,
        head.headers["Content-Length"],
    )


def test_what_concerns_one_connection_stays_there(ground: Ground) -> None:
    """Neither hop-by-hop headers nor those that Connection names reach the service."""
    sent = {"Connection": "close, X-Mine", "X-Mine": "1", "TE": "trailers", "X-Kept": "1"}
    seen = ground.compute.get("/", headers=sent).json()["headers"]
    names = {name.lower() for name, _ in seen}
    assert {"x-kept"} == names & {"te", "x-mine", "x-kept"}


def test_an_upload_is_passed_on_as_it_comes(ground: Ground) -> None:
    """The service reads the first part of a body before its last one is sent."""

    def parts() -> Iterator[bytes]:
        yield bytes(MIB)
        assert ground.service.first_part_seen.wait(WAIT_S)
        for _ in range(15):
            yield bytes(MIB)

    assert 16 * MIB == ground.compute.put("/v2/images/a/file", content=parts()).json()["size"]


def test_a_download_is_passed_on_as_it_comes(ground: Ground) -> None:
    """The client reads the first part of an answer before the service sends its last one."""
    with ground.compute.stream("GET", "/halves") as answer:
        parts = answer.iter_raw()
        read = len(next(parts))
        ground.service.goes_on.set()
        assert 2 * MIB == read + sum(map(len, parts))


def test_ten_clients_at_once(ground: Ground) -> None:
    """Ten clients get their own answers, and every request is counted."""

    def ask(number: int) -> str:
        return str(ground.compute.get(f"/{number}").json()["asked"])

    with ThreadPoolExecutor(10) as clients:
        answers = list(clients.map(ask, range(50)))
    assert [f"GET /{number} HTTP/1.1" for number in range(50)] == answers


def test_an_unreachable_service_is_a_bad_gateway(ground: Ground) -> None:
    """A door before nothing answers 502, in the words of its service."""
    answer = ground.nowhere.get("/v2/images")
    assert 502 == answer.status_code
    assert "does not answer" in answer.text


def test_an_answer_that_breaks_off_is_no_whole_answer(ground: Ground) -> None:
    """A client can tell that its answer is not all that the service meant to send."""
    with pytest.raises(httpx.RemoteProtocolError):
        ground.compute.get("/breaks-off")


@pytest.mark.parametrize(
    ("fault", "status", "effects"),
    [
        pytest.param({"status": 503}, 503, [], id="a status before"),
        pytest.param({"status": 503, "when": "after"}, 503, ["POST /v2.1/servers"], id="after"),
        pytest.param({"effect": "drop"}, None, [], id="a drop before"),
        pytest.param(
            {"effect": "drop", "when": "after"}, None, ["POST /v2.1/servers"], id="a drop after"
        ),
        pytest.param({"status": 503, "method": "GET"}, 200, ["POST /v2.1/servers"], id="none"),
        pytest.param({"status": 503, "region": "GRA11"}, 503, [], id="its region"),
        pytest.param({"status": 503, "service": "image"}, 200, ["POST /v2.1/servers"], id="else's"),
    ],
)
def test_a_fault_strikes(
    ground: Ground, fault: dict[str, object], status: int | None, effects: list[str]
) -> None:
    """A fault comes before or after the request's effect, once; then requests pass again."""
    rule = {"path_regex": "^/servers$", "times": 1, **fault}
    assert 201 == ground.control("POST", "/faults", rule).status_code
    try:
        answer = ground.compute.post("/v2.1/servers", json={}).status_code
    except httpx.RemoteProtocolError:
        answer = None
    assert (status, effects) == (answer, ground.service.asked)
    ground.control("DELETE", "/faults")
    assert 200 == ground.compute.post("/v2.1/servers", json={}).status_code


def test_a_fault_says_when_to_come_again(ground: Ground) -> None:
    """A 429 carries its Retry-After and the error body of its service, and is counted."""
    ground.control("POST", "/faults", {"status": 429, "retry_after_s": 7})
    answer = ground.compute.get("/v2.1/servers")
    assert (429, "7", ["overLimit"]) == (
        answer.status_code,
        answer.headers["Retry-After"],
        list(answer.json()),
    )
    assert 1 == ground.control("GET", "/calls").json()["calls"][0]["count"]


def test_faults_are_listed_and_taken_back(ground: Ground) -> None:
    """A rule has an id under which it is shown and removed; a wrong one is refused."""
    key = ground.control("POST", "/faults", {"effect": "drop"}).json()["id"]
    assert [key] == list(ground.control("GET", "/faults").json())
    assert 204 == ground.control("DELETE", f"/faults/{key}").status_code
    assert {} == ground.control("GET", "/faults").json()
    assert 422 == ground.control("POST", "/faults", {"effect": "harm"}).status_code
    assert 400 == ground.control("POST", "/faults", {"status": 500, "region": "X"}).status_code


@pytest.mark.parametrize(
    ("when", "before", "after"),
    [
        pytest.param("before", [], ["POST /v2.1/servers"], id="before its effect"),
        pytest.param("after", ["POST /v2.1/servers"], ["POST /v2.1/servers"], id="after it"),
    ],
)
def test_a_held_request_goes_on_when_released(
    ground: Ground, when: str, before: list[str], after: list[str]
) -> None:
    """A request waits on its side of its effect, and is answered once it is released."""
    ground.control("POST", "/faults", {"effect": "hold", "when": when, "method": "POST"})
    with ThreadPoolExecutor(1) as client:
        answer = client.submit(ground.compute.post, "/v2.1/servers", json={})
        held = ground.held()
        assert ("compute", "GRA11", "/servers", when) == (
            held["service"],
            held["region"],
            held["path"],
            held["when"],
        )
        assert before == ground.service.asked
        assert 204 == ground.control("POST", f"/holds/{held['id']}/release").status_code
        assert 200 == answer.result(WAIT_S).status_code
    assert after == ground.service.asked
    assert 404 == ground.control("POST", f"/holds/{held['id']}/release").status_code


def test_what_is_held_goes_on_without_its_client(ground: Ground) -> None:
    """A request whose client has gone has its effect all the same, as in a real cloud."""
    ground.control("POST", "/faults", {"effect": "hold", "method": "POST"})
    door = (ground.compute.base_url.host, ground.compute.base_url.port or 0)
    with socket.create_connection(door, WAIT_S) as client:
        client.sendall(b"POST /v2.1/servers HTTP/1.1\r\nHost: door\r\nContent-Length: 2\r\n\r\n{}")
        ground.held()
    assert [] == ground.service.asked
    ground.control("DELETE", "/faults")
    assert ["POST /v2.1/servers"] == ground.asked_after_a_while()


def test_calls_are_counted_by_service_region_method_and_template(ground: Ground) -> None:
    """Counts tell services apart, and one server from another not; they can begin again."""
    ground.compute.get(f"/v2.1/servers/{ID}")
    ground.compute.get(f"/v2.1/servers/{OTHER_ID}")
    ground.identity.post("/v3/auth/tokens", json={})
    token = {"service": "identity", "region": "", "method": "POST", "path": "/v3/auth/tokens"}
    server = {"service": "compute", "region": "GRA11", "method": "GET", "path": "/servers/{id}"}
    assert [server | {"count": 2}, token | {"count": 1}] == (
        ground.control("GET", "/calls").json()["calls"]
    )
    assert 204 == ground.control("DELETE", "/calls").status_code
    assert {"calls": []} == ground.control("GET", "/calls").json()


def test_the_clock_is_set_and_runs_on(ground: Ground) -> None:
    """The clock shows what it was set to, and more than that later."""
    moved = ground.control("POST", "/clock", {"at": "2026-11-27T17:00:00+01:00"})
    assert "2026-11-27T16:00:00" == moved.json()["now"][:19]
    shown = ground.control("GET", "/clock").json()["now"]
    assert moved.json()["now"] < shown < "2026-11-27T16:01"


@pytest.mark.parametrize("path", ["/state", "/reset", "/servers", "/clockwork"])
def test_what_the_front_door_cannot_do_is_not_offered(ground: Ground, path: str) -> None:
    """Of the sandbox's controls, those of its own servers are missing."""
    assert 404 == ground.control("POST", path, {}).status_code


@pytest.mark.parametrize(
    ("target", "accepted"),
    [
        pytest.param("http://127.0.0.1:16074", True, id="loopback"),
        pytest.param("http://127.1.2.3:80/", True, id="another address of loopback"),
        pytest.param("http://192.0.2.1:16074", False, id="elsewhere"),
        pytest.param("http://0.0.0.0:16074", False, id="any address"),
        pytest.param("http://localhost:16074", False, id="a name"),
        pytest.param("http://127.0.0.1:16074/v3", False, id="a path"),
        pytest.param("https://127.0.0.1:16074", False, id="not plain HTTP"),
    ],
)
def test_a_target_is_on_loopback(target: str, *, accepted: bool) -> None:
    """Nothing but an address of loopback is a target."""
    try:
        DoorConfig(port=0, service="compute", target=target)
    except ValidationError:
        assert not accepted
    else:
        assert accepted


@pytest.mark.parametrize(
    ("service", "path", "below", "template"),
    [
        pytest.param("compute", "/v2.1/servers", "/servers", "/servers", id="compute"),
        pytest.param("compute", f"/v2.1/servers/{ID}", f"/servers/{ID}", "/servers/{id}", id="id"),
        pytest.param(
            "compute", f"/v2.1/{32 * 'a'}/servers/", "/servers", "/servers", id="with a project"
        ),
        pytest.param("compute", "/v2.1", "/", "/", id="its root"),
        pytest.param("compute", "/v2.10x", "/v2.10x", "/v2.10x", id="no root"),
        pytest.param("network", "/v2.0/ports", "/v2.0/ports", "/v2.0/ports", id="network"),
        pytest.param("object-store", "/v1/AUTH_a/box", "/box", "/{container}", id="container"),
        pytest.param(
            "object-store", "/v1/AUTH_a/box/a/b", "/box/a/b", "/{container}/{object}", id="object"
        ),
        pytest.param("object-store", "/v1/AUTH_a", "/", "/", id="account"),
    ],
)
def test_paths_are_seen_below_the_services_root(
    service: str, path: str, below: str, template: str
) -> None:
    """Rules see a path after the service's root; counts see its template."""
    found = path_below_root(service, path)
    assert (below, template) == (found, template_of(Call(service, None, "GET", found)))


def test_the_command_runs_until_it_is_ended(tmp_path: Path) -> None:
    """The command serves what the file says, and ends at SIGTERM."""
    port = free_port()
    door = {"port": free_port(), "service": "image", "target": f"http://127.0.0.1:{free_port()}"}
    config = tmp_path / "front-door.json"
    config.write_text(json.dumps({"control_port": port, "doors": [door]}), encoding="utf-8")
    command = [sys.executable, "-m", "tests.real.openstack.front_door", str(config)]
    with subprocess.Popen(command, cwd=ROOT) as process:
        shown = once_it_answers(f"http://127.0.0.1:{port}/admin/clock")
        passed = once_it_answers(f"http://127.0.0.1:{door['port']}/v2/images")
        process.send_signal(signal.SIGTERM)
        process.wait(WAIT_S)
    assert (200, 502) == (shown.status_code, passed.status_code)
