"""The network API: networks, ports and their filters, quotas, addresses."""

from collections.abc import Iterator
from ipaddress import IPv4Address
from itertools import pairwise

import pytest

from springtide.sandbox.config import SandboxConfig
from springtide.sandbox.process import Sandbox
from springtide.sandbox.world import World
from tests.sandbox.running import Api, a_config

NOWHERE = "00000000-0000-4000-8000-000000000000"


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


def add_port(api: Api, **fields: object) -> str:
    """The identifier of a new port on the private network."""
    body = {"port": {"network_id": api.network_id, **fields}}
    added: str = api.network("POST", "/v2.0/ports", body).json()["port"]["id"]
    return added


def test_each_region_shares_a_private_network(api: Api) -> None:
    """The network is called vrack, is shared, and has one subnet."""
    for region in ("GRA11", "SBG5"):
        api.region = region
        network = api.network("GET", "/v2.0/networks?name=vrack").json()["networks"][0]
        subnet = api.network("GET", f"/v2.0/subnets/{network['subnets'][0]}").json()["subnet"]
        assert (True, network["id"]) == (network["shared"], subnet["network_id"])


def test_allocation_pools_are_disjoint() -> None:
    """No address can be given out by two regions, as they are one network."""
    pools = []
    for region in World(SandboxConfig()).regions.values():
        for subnet in region.subnets.values():
            pool = subnet["allocation_pools"][0]
            pools.append((IPv4Address(pool["start"]), IPv4Address(pool["end"])))
    pools.sort()
    assert len(pools) == 3
    assert all(end < start for (_, end), (start, _) in pairwise(pools))


def test_a_port_comes_and_goes_with_its_server(api: Api) -> None:
    """Nova's port names the server and has the address that the server shows."""
    server = api.running()[0]
    ports = api.network("GET", f"/v2.0/ports?device_id={server['id']}").json()["ports"]
    assert [("compute:nova", "ACTIVE", server["addresses"]["vrack"][0]["addr"])] == [
        (port["device_owner"], port["status"], port["fixed_ips"][0]["ip_address"]) for port in ports
    ]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        pytest.param("", {"a", "b"}, id="all"),
        pytest.param("?name=a", {"a"}, id="a name"),
        pytest.param("?name=a&name=b", {"a", "b"}, id="either name"),
        pytest.param("?device_owner=compute:nova", {"b"}, id="an owner"),
        pytest.param("?status=DOWN", {"a"}, id="a status"),
        pytest.param("?admin_state_up=True", {"a", "b"}, id="a switch"),
        pytest.param("?fixed_ips=ip_address%3D127.31.0.2", {"a"}, id="an address"),
        pytest.param("?tags=red", {"a", "b"}, id="a tag"),
        pytest.param("?tags=red,big", {"b"}, id="both tags"),
        pytest.param("?tags-any=big,blue", {"b"}, id="any of two tags"),
        pytest.param("?not-tags=big", {"a"}, id="not a tag"),
        pytest.param("?colour=red", {"a", "b"}, id="an unknown field"),
        pytest.param("?sort_key=name&sort_dir=desc&limit=1", {"b"}, id="the last"),
    ],
)
def test_filters(api: Api, query: str, expected: set[str]) -> None:
    """A listing shows what all of its filters let through."""
    first = add_port(api, name="a", tags=["red"])
    second = add_port(api, name="b", device_id="x", device_owner="compute:nova")
    assert api.network("PUT", f"/v2.0/ports/{second}/tags", {"tags": ["red"]}).status_code == 200
    assert api.network("PUT", f"/v2.0/ports/{second}/tags/big").status_code == 201
    assert {"tags": ["red"]} == api.network("GET", f"/v2.0/ports/{first}/tags").json()
    found = api.network("GET", f"/v2.0/ports{query}").json()["ports"]
    assert expected == {port["name"] for port in found}


def test_fields_can_be_chosen(api: Api) -> None:
    """With `fields=` a document has those fields and no other."""
    port_id = add_port(api, name="a")
    query = "?fields=id&fields=name"
    expected = {"id": port_id, "name": "a"}
    assert [expected] == api.network("GET", f"/v2.0/ports{query}").json()["ports"]
    assert {"port": expected} == api.network("GET", f"/v2.0/ports/{port_id}{query}").json()


def test_pages_follow_one_another(api: Api) -> None:
    """By limit and the next link every port is seen once."""
    for name in "abc":
        add_port(api, name=name)
    first = api.network("GET", "/v2.0/ports?limit=2").json()
    second = api.http.get(first["ports_links"][0]["href"]).json()
    assert ["a", "b", "c"] == [port["name"] for page in (first, second) for port in page["ports"]]
    assert "ports_links" not in second


def test_a_port_is_changed_and_deleted(api: Api) -> None:
    """Its name can be changed, its network can't; it is deleted once."""
    path = f"/v2.0/ports/{add_port(api)}"
    assert api.network("PUT", path, {"port": {"name": "n"}}).json()["port"]["name"] == "n"
    assert api.network("PUT", path, {"port": {"network_id": NOWHERE}}).status_code == 400
    assert [201, 204, 404] == [
        api.network(method, f"{path}/tags/t").status_code for method in ("PUT", "DELETE", "DELETE")
    ]
    assert [204, 404] == [api.network("DELETE", path).status_code for _ in range(2)]
    assert api.network("GET", path).json()["NeutronError"]["type"] == "PortNotFound"


def test_the_port_quota_is_kept_and_told(api: Api) -> None:
    """The twentieth port fits, the next is 409; the quota's detail tells how many are used."""
    for _ in range(20):
        add_port(api)
    body = {"port": {"network_id": api.network_id}}
    answer = api.network("POST", "/v2.0/ports", body)
    assert (409, "OverQuota") == (answer.status_code, answer.json()["NeutronError"]["type"])
    detail = api.network("GET", "/v2.0/quotas/p/details.json").json()["quota"]["port"]
    assert {"limit": 20, "used": 20, "reserved": 0} == detail
    assert api.network("GET", "/v2.0/quotas/p").json()["quota"]["port"] == 20


def test_addresses_are_counted(api: Api) -> None:
    """The availability tells the pool's size and how many addresses are used."""
    add_port(api)
    shown = api.network("GET", "/v2.0/network-ip-availabilities").json()
    found = shown["network_ip_availabilities"][0]
    assert (253, 1) == (found["total_ips"], found["used_ips"])
    path = f"/v2.0/network-ip-availabilities/{found['network_id']}"
    assert found == api.network("GET", path).json()["network_ip_availability"]


def test_a_freed_address_is_not_given_out_at_once(api: Api) -> None:
    """The next port gets another address, so that nothing old answers for something new."""
    path = f"/v2.0/ports/{add_port(api)}"
    api.network("DELETE", path)
    port = api.network("GET", f"/v2.0/ports/{add_port(api)}").json()["port"]
    assert port["fixed_ips"][0]["ip_address"] == "127.31.0.3"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", f"/v2.0/networks/{NOWHERE}"),
        ("GET", f"/v2.0/network-ip-availabilities/{NOWHERE}"),
        ("GET", "/v2.0/extensions/dns"),
        ("DELETE", f"/v2.0/ports/{NOWHERE}"),
    ],
)
def test_what_is_unknown_is_404(api: Api, method: str, path: str) -> None:
    """An unknown identifier is 404 with Neutron's error body."""
    answer = api.network(method, path)
    assert answer.status_code == 404
    assert "NeutronError" in answer.json()


@pytest.mark.parametrize("kind", ["floatingips", "routers", "security-group-rules"])
def test_what_the_sandbox_does_not_have_is_empty(api: Api, kind: str) -> None:
    """Clients that look for routers and the like find none."""
    assert [[]] == list(api.network("GET", f"/v2.0/{kind}").json().values())


def test_security_groups(api: Api) -> None:
    """There is a default group and one for the API."""
    groups = api.network("GET", "/v2.0/security-groups").json()["security_groups"]
    assert ["default", "api"] == [group["name"] for group in groups]
