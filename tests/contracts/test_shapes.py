"""The shape of what is read: status and keys that sandbox and real services answer alike."""

import re
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

import pytest

from springtide.errors import NotFound
from springtide.model.server import Server
from tests.contracts.answers import (
    BARE_STAMP,
    ID,
    READS,
    REFUSALS,
    STAMP,
    UNKNOWN,
    USAGE_STAMP,
    Answer,
)
from tests.contracts.stage import TAG, Contract, PoolStage, case_name


@pytest.mark.parametrize("case", [*READS, *REFUSALS], ids=case_name)
def test_an_answer_has_what_is_read_of_it(contract: Contract, case: Answer) -> None:
    """Status and keys, with values of the same kind."""
    path = case.path.replace("{pool}", contract.region().resolve_pool(contract.fleet).pool_id)
    answer = contract.raw(case.service, path, method=case.method, sent=case.sent)
    assert case.status == answer.status_code, answer.text
    _has(_inside(answer.json(), case.at), case.keys)


@pytest.mark.parametrize(
    ("service", "path"),
    [
        ("image", f"/v2/images/{UNKNOWN}"),
        ("load-balancer", f"/v2/lbaas/pools/{UNKNOWN}/members"),
    ],
)
def test_a_refusal_is_a_page_for_whoever_asks_for_no_json(
    contract: Contract, service: str, path: str
) -> None:
    """HTML: only its status says anything, which is why we ask for JSON."""
    answer = contract.raw(service, path, accept="*/*")
    assert (HTTPStatus.NOT_FOUND, "text/html") == (
        answer.status_code,
        answer.headers["Content-Type"].partition(";")[0],
    )


@pytest.mark.parametrize(
    ("kind", "path", "said"),
    [
        ("compute", f"/servers/{UNKNOWN}", f"Instance {UNKNOWN} could not be found."),
        ("network", f"/ports/{UNKNOWN}", f"Port {UNKNOWN} could not be found."),
        ("image", f"/images/{UNKNOWN}", f"No image found with ID {UNKNOWN}"),
        ("load-balancer", f"/lbaas/loadbalancers/{UNKNOWN}", f"Load Balancer {UNKNOWN} not found."),
        ("load-balancer", f"/lbaas/pools/{UNKNOWN}/members", f"Pool {UNKNOWN} not found."),
    ],
)
def test_what_a_service_says_is_told(contract: Contract, kind: str, path: str, said: str) -> None:
    """In its own words and in one line, whichever way it words a refusal."""
    with pytest.raises(NotFound) as refused:
        contract.service(kind).get(path)
    assert f"GRA11 {kind} GET {path}: 404 {said}" == str(refused.value)


@pytest.fixture(scope="module")
def a_server(ground_of_all: Contract) -> Iterator[Server]:
    """A server that stands for the whole module."""
    with ground_of_all.launched(ground_of_all.order(1)) as (server,):
        yield server


def test_a_server_is_listed_with_what_is_read_of_it(contract: Contract, a_server: Server) -> None:
    """By the microversion that we ask for; moments in each of Nova's two ways."""
    [shown] = contract.raw("compute", f"/servers/detail?tags={TAG}").json()["servers"]
    keys = {
        "id": a_server.id,
        "name": f"contract-{a_server.wave}",
        "status": "ACTIVE",
        "OS-EXT-STS:task_state": "None",
        "OS-EXT-STS:vm_state": "active",
        "OS-EXT-STS:power_state": "1",
        "OS-EXT-AZ:availability_zone": "nova",
        "OS-SRV-USG:launched_at": USAGE_STAMP,
        "OS-SRV-USG:terminated_at": "None",
        "OS-DCF:diskConfig": "MANUAL",
        "created": STAMP,
        "updated": STAMP,
        "config_drive": "True",
        "key_name": "springtide",
        "hostId": "[0-9a-f]{56}",
        "progress": "(0|100)",
    }
    _has(shown, keys)
    assert "fault" not in shown
    _has(shown["image"], {"id": a_server.image_id})
    _has(shown["flavor"], {"original_name": "win-b2-60", "vcpus": "16", "ram": "61440"})
    [address] = shown["addresses"]["vrack"]
    _has(address, {"addr": r"127(\.\d+){3}", "version": "4", "OS-EXT-IPS:type": "fixed"})


def test_a_servers_port_names_it(contract: Contract, a_server: Server) -> None:
    """By `device_id`, so that a port which stays behind is known."""
    answer = contract.raw("network", f"/v2.0/ports?device_id={a_server.id}")
    [port] = answer.json()["ports"]
    _has(port, {"id": ID, "device_id": a_server.id, "device_owner": "compute:.*", "tags": r"\[\]"})
    assert [a_server.address] == [fixed["ip_address"] for fixed in port["fixed_ips"]]


def test_a_wave_is_accepted_with_202(contract: Contract) -> None:
    """The answer names one of its servers, and not how many there are."""
    order, setup = contract.order(2, "GRA11"), contract.region().resolve_launch(contract.fleet)
    body = {
        "name": f"contract-{order.wave}",
        "imageRef": order.image_id,
        "flavorRef": setup.flavour_id,
        "networks": [{"uuid": setup.network_id}],
        "min_count": 2,
        "max_count": 2,
        "tags": ["springtide", "springtide:fleet:contract-raw", f"springtide:wave:{order.wave}"],
    }
    fleet = contract.fleet.model_copy(update={"name": "contract-raw"})
    try:
        answer = contract.raw("compute", "/servers", method="POST", sent={"server": body})
        assert HTTPStatus.ACCEPTED == answer.status_code
        _has(answer.json()["server"], {"id": ID, "links": ".+", "adminPass": ".+"})
        assert {"name", "status"}.isdisjoint(answer.json()["server"])
        listed = contract.wave(order, fleet)
        assert (2, {"BUILD"}) == (len(listed), {s.status for s in listed})
        assert answer.json()["server"]["id"] in {s.id for s in listed}
    finally:
        contract.clear_servers("GRA11", fleet)
    contract.wait_gone(order, fleet)


def test_a_member_is_listed_with_what_is_read_of_it(shared_pool: PoolStage) -> None:
    """Octavia's moments say no zone; once it is ACTIVE a member has been updated."""
    member = shared_pool.joined(1)[1]
    path = f"/v2/lbaas/pools/{shared_pool.pool_id}/members"
    found = shared_pool.contract.raw("load-balancer", path).json()["members"]
    [shown] = [each for each in found if each["id"] == member.id]
    keys = {
        "address": shared_pool.pool_member(1).address.replace(".", r"\."),
        "protocol_port": "8080",
        "name": "contract-1",
        "weight": "1",
        "backup": "False",
        "admin_state_up": "True",
        "monitor_address": "None",
        "monitor_port": "None",
        "subnet_id": ID,
        "provisioning_status": "ACTIVE",
        "operating_status": "[A-Z_]+",
        "created_at": BARE_STAMP,
        "updated_at": BARE_STAMP,
    }
    _has(shown, keys)
    assert {"springtide", TAG, "springtide:server:server-1"} == set(shown["tags"])


@pytest.mark.parametrize("query", ["", "?additive_only=true"])
def test_a_batch_is_accepted_without_a_body(own_pool: PoolStage, query: str) -> None:
    """202; what it says becomes true when the balancer is ACTIVE again."""
    member = own_pool.pool_member(1)
    own_pool.wait_idle()
    answer = own_pool.contract.raw(
        "load-balancer",
        f"/v2/lbaas/pools/{own_pool.pool_id}/members{query}",
        method="PUT",
        sent={"members": [{"address": member.address, "protocol_port": 8080}]},
        region="SBG5",
    )
    assert (HTTPStatus.ACCEPTED, b"") == (answer.status_code, answer.content)
    own_pool.wait_idle()


def _inside(body: Any, at: tuple[str, ...]) -> dict[str, Any]:  # noqa: ANN401 - JSON
    for key in at:
        body = body[key][0] if isinstance(body[key], list) else body[key]
    found: dict[str, Any] = body
    return found


def _has(shown: dict[str, Any], keys: dict[str, str]) -> None:
    assert keys.keys() <= shown.keys()
    wrong = {k: shown[k] for k, wanted in keys.items() if not re.fullmatch(wanted, str(shown[k]))}
    assert {} == wrong
