"""The compute API: creates, quotas, listings, and what belongs to a server."""

from collections.abc import Iterator
from typing import Any

import pytest

from springtide.sandbox.config import SandboxQuota
from springtide.sandbox.control_inputs import RegionChange
from springtide.sandbox.process import Sandbox
from tests.sandbox.running import SMALL_QUOTA, Api, a_config
from tests.waiting import wait_until

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


def test_the_version_document_tells_the_microversions(api: Api) -> None:
    """Clients read the least and greatest microversion from the service's root."""
    version = api.compute("GET", "/").json()["version"]
    assert ("2.1", "2.96") == (version["min_version"], version["version"])


@pytest.mark.parametrize(
    ("asked", "status", "answered"),
    [
        ("2.1", 200, "compute 2.1"),
        ("2.96", 200, "compute 2.96"),
        ("latest", 200, "compute 2.96"),
        ("2.97", 406, None),
        ("1.9", 406, None),
        ("two", 400, None),
    ],
)
def test_microversions(api: Api, asked: str, status: int, answered: str | None) -> None:
    """A known microversion is used and named in the reply; others are refused."""
    answer = api.compute("GET", "/flavors", version=asked)
    assert (status, answered) == (answer.status_code, answer.headers.get("OpenStack-API-Version"))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        pytest.param({"imageRef": NOWHERE}, "Can not find requested image", id="image"),
        pytest.param({"imageRef": ""}, "Invalid imageRef provided.", id="no image"),
        pytest.param({"imageRef": "x"}, "field/attribute imageRef", id="image not by identifier"),
        pytest.param({"flavorRef": "m1"}, "Flavor m1 could not be found.", id="flavor"),
        pytest.param(
            {"networks": [{"uuid": NOWHERE}]},
            f"Network {NOWHERE} could not be found.",
            id="network",
        ),
        pytest.param({"networks": None}, "'networks' is a required property", id="no network"),
        pytest.param({"key_name": "k"}, "Invalid key_name provided.", id="key pair"),
        pytest.param(
            {"security_groups": [{"name": "g"}]}, "Security group g not found", id="security group"
        ),
        pytest.param(
            {"availability_zone": "moon"},
            "The requested availability zone is not available",
            id="zone",
        ),
        pytest.param(
            {"min_count": 3, "max_count": 2}, "min_count must be <= max_count", id="counts"
        ),
        pytest.param({"min_count": 0}, "field/attribute min_count", id="no server"),
        pytest.param({"name": ""}, "field/attribute name", id="no name"),
        pytest.param({"tags": ["a,b"]}, "field/attribute tags", id="a comma in a tag"),
        pytest.param({"tags": ["x" * 61]}, "field/attribute tags", id="a long tag"),
        pytest.param({"metadata": {"a": "x" * 256}}, "field/attribute metadata", id="metadata"),
        pytest.param({"user_data": "#!"}, "Userdata content cannot be decoded", id="user data"),
        pytest.param({"colour": "red"}, "field/attribute colour", id="an unknown field"),
    ],
)
def test_wrong_creates_are_refused(api: Api, changes: dict[str, Any], message: str) -> None:
    """What the region does not know, or the schema forbids, is a 400 with Nova's wording."""
    answer = api.create(**changes)
    assert answer.status_code == 400
    assert message in answer.json()["badRequest"]["message"]
    assert api.servers() == []


def test_a_create_takes_everything_that_a_launch_sends(api: Api) -> None:
    """A full create is accepted, and what it asked for is shown."""
    answer = api.create(
        tags=["a", "b", "a", "x" * 60],
        metadata={"role": "api"},
        key_name="springtide",
        security_groups=[{"name": "api"}],
        availability_zone="nova",
        user_data="IyEvYmluL3NoCg==",
        config_drive=True,
        block_device_mapping_v2=[{"boot_index": 0, "source_type": "image"}],
        description="one",
    )
    assert answer.status_code == 202
    assert set(answer.json()["server"]) >= {"id", "links", "adminPass", "security_groups"}
    server = api.servers()[0]
    shown = {name: server[name] for name in ("name", "tags", "metadata", "key_name")}
    assert {
        "name": "api",
        "tags": ["a", "b", "x" * 60],
        "metadata": {"role": "api"},
        "key_name": "springtide",
    } == shown


@pytest.mark.parametrize(
    ("version", "status"), [("2.51", 400), ("2.52", 202)], ids=["too old", "old enough"]
)
def test_tags_in_a_create_need_a_microversion(api: Api, version: str, status: int) -> None:
    """Tags are an unknown field up to 2.51, and accepted from 2.52 on."""
    answer = api.compute("POST", "/servers", api.body(tags=["a"]), version=version)
    assert answer.status_code == status


def test_a_multi_create_numbers_its_servers(api: Api) -> None:
    """Three servers share tags and a reservation, by which they can be listed."""
    answer = api.create(min_count=3, max_count=3, return_reservation_id=True, tags=["wave"])
    reservation = answer.json()["reservation_id"]
    servers = api.servers(f"?reservation_id={reservation}")
    assert [("api-3", ["wave"]), ("api-2", ["wave"]), ("api-1", ["wave"])] == [
        (server["name"], server["tags"]) for server in servers
    ]


@pytest.mark.parametrize(
    ("quota", "flavor", "message"),
    [
        pytest.param({"instances": 4}, "b2-7", None, id="as many instances as there are"),
        pytest.param(
            {"instances": 3},
            "b2-7",
            "instances: Requested 4, but already used 0 of 3 instances",
            id="instances",
        ),
        pytest.param({"cores": 64}, "b2-60", None, id="as many cores as there are"),
        pytest.param(
            {"cores": 63},
            "b2-60",
            "cores: Requested 64, but already used 0 of 63 cores",
            id="cores",
        ),
        pytest.param({"ram_mib": 4 * 7168}, "b2-7", None, id="as much RAM as there is"),
        pytest.param(
            {"ram_mib": 4 * 7168 - 1},
            "b2-7",
            "ram: Requested 28672, but already used 0 of 28671 ram",
            id="RAM",
        ),
        pytest.param(
            {"instances": 3, "cores": 6},
            "b2-7",
            "cores, instances: Requested 8, 4, but already used 0, 0 of 6, 3 cores, instances",
            id="two at once",
        ),
        pytest.param({"ports": 4}, "b2-7", None, id="as many ports as there are"),
    ],
)
def test_quotas(api: Api, quota: dict[str, int], flavor: str, message: str | None) -> None:
    """A create of four fits up to the quota, and is 403 with Nova's wording beyond it."""
    wide = SandboxQuota(instances=20, cores=64, ram_mib=20 * 61440, ports=20).model_dump()
    change = RegionChange(quota=SandboxQuota.model_validate(wide | quota))
    api.sandbox.change_region("GRA11", change)
    answer = api.create(min_count=4, max_count=4, flavorRef=flavor)
    assert answer.status_code == (202 if message is None else 403)
    if message is not None:
        forbidden = {"code": 403, "message": f"Quota exceeded for {message}"}
        assert {"forbidden": forbidden} == answer.json()


def test_the_port_quota_limits_creates(api: Api) -> None:
    """More servers than ports are 403."""
    quota = SMALL_QUOTA.model_copy(update={"ports": 3})
    api.sandbox.change_region("GRA11", RegionChange(quota=quota))
    answer = api.create(min_count=4, max_count=4)
    message = answer.json()["forbidden"]["message"]
    assert (403, "Maximum number of ports exceeded") == (answer.status_code, message)


def test_between_min_and_max_as_many_as_the_quota_allows(api: Api) -> None:
    """With room for 20, a create of 5 to 30 makes 20."""
    assert api.create(min_count=5, max_count=30).status_code == 202
    assert len(api.servers()) == 20


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        pytest.param("", {"a", "b", "c"}, id="all"),
        pytest.param("?tags=red", {"a", "b"}, id="a tag"),
        pytest.param("?tags=red,big", {"b"}, id="both tags"),
        pytest.param("?tags-any=big,blue", {"b", "c"}, id="any of two tags"),
        pytest.param("?not-tags=red,big", {"a", "c"}, id="not both tags"),
        pytest.param("?not-tags-any=red,blue", set(), id="none of two tags"),
        pytest.param("?name=^[ab]$", {"a", "b"}, id="a regular expression"),
        pytest.param("?status=BUILD", set(), id="another status"),
        pytest.param("?status=active", {"a", "b", "c"}, id="a status"),
        pytest.param("?flavor=b2-15", {"c"}, id="a flavor"),
        pytest.param("?deleted=False", {"a", "b", "c"}, id="not deleted"),
        pytest.param("?deleted=True", set(), id="deleted"),
    ],
)
def test_filters(filtered: Api, query: str, expected: set[str]) -> None:
    """A listing shows what all of its filters let through."""
    assert expected == {server["name"] for server in filtered.servers(query)}


@pytest.fixture(scope="module")
def filtered(started: Sandbox) -> Api:
    """Three ACTIVE servers in SBG5, which no other test empties before this one has used it."""
    started.reset()
    api = Api(started, "SBG5")
    api.create(name="a", tags=["red"])
    api.create(name="b", tags=["red", "big"])
    api.create(name="c", tags=["blue"], flavorRef="b2-15")
    wait_until(lambda: api.statuses() == ["ACTIVE"] * 3)
    return api


@pytest.mark.parametrize(
    "query",
    [
        "?metadata={'a':'b'}",
        "?colour=red",
        "?marker=unknown",
        "?limit=few",
        "?name=(",
        "?sort_key=x",
    ],
)
def test_wrong_filters_are_refused(api: Api, query: str) -> None:
    """A filter that Nova does not know, or can't read, is 400."""
    assert api.compute("GET", f"/servers/detail{query}").status_code == 400


def test_pages_follow_one_another(api: Api) -> None:
    """By limit and the next link every server is seen once, the newest first."""
    api.create(min_count=5, max_count=5)
    answer = api.compute("GET", "/servers?limit=2").json()
    seen = [server["name"] for server in answer["servers"]]
    for _ in range(5):
        if "servers_links" not in answer:
            break
        answer = api.http.get(answer["servers_links"][0]["href"]).json()
        seen += [server["name"] for server in answer["servers"]]
    assert ["api-5", "api-4", "api-3", "api-2", "api-1"] == seen


def test_the_page_size_is_the_most() -> None:
    """A listing without a limit, or with a greater one, is cut at the configured size."""
    with Sandbox(a_config(page_size=3)) as sandbox:
        api = Api(sandbox)
        api.create(min_count=5, max_count=5)
        assert [3, 3, 1] == [len(api.servers(query)) for query in ("", "?limit=10", "?limit=1")]


@pytest.mark.parametrize(
    ("version", "flavor", "tagged"),
    [("2.25", {"id", "links"}, False), ("2.26", {"id", "links"}, True), ("2.47", {"vcpus"}, True)],
)
def test_fields_follow_the_microversion(
    api: Api,
    version: str,
    flavor: set[str],
    tagged: bool,  # noqa: FBT001 - a table's column
) -> None:
    """Tags come with 2.26; the flavor is embedded from 2.47 on."""
    server_id = api.create().json()["server"]["id"]
    server = api.compute("GET", f"/servers/{server_id}", version=version).json()["server"]
    assert flavor <= set(server["flavor"])
    assert ("tags" in server) == tagged


def test_metadata_is_changed_key_by_key(api: Api) -> None:
    """POST merges, PUT of a key sets it, DELETE removes it."""
    path = f"/servers/{api.create(metadata={'a': '1'}).json()['server']['id']}/metadata"
    api.compute("POST", path, {"metadata": {"b": "2"}})
    api.compute("PUT", f"{path}/c", {"meta": {"c": "3"}})
    assert api.compute("DELETE", f"{path}/a").status_code == 204
    assert {"b": "2", "c": "3"} == api.compute("GET", path).json()["metadata"]
    assert api.compute("DELETE", f"{path}/a").status_code == 404
    assert api.compute("PUT", f"{path}/c", {"meta": {"d": "3"}}).status_code == 400
    assert {"meta": {"c": "3"}} == api.compute("GET", f"{path}/c").json()
    assert {"metadata": {}} == api.compute("PUT", path, {"metadata": {}}).json()


def test_tags_are_changed_one_by_one_or_all_at_once(api: Api) -> None:
    """PUT of the list replaces, PUT of a tag adds it once, DELETE removes it."""
    path = f"/servers/{api.create(tags=['a']).json()['server']['id']}/tags"
    assert ["b"] == api.compute("PUT", path, {"tags": ["b"]}).json()["tags"]
    assert [201, 204] == [api.compute("PUT", f"{path}/c").status_code for _ in range(2)]
    assert [204, 404] == [api.compute("DELETE", f"{path}/b").status_code for _ in range(2)]
    assert {"tags": ["c"]} == api.compute("GET", path).json()
    assert api.compute("PUT", path, {"tags": ["a/b"]}).status_code == 400
    assert api.compute("DELETE", path).status_code == 204


def test_limits_and_quota_usage_agree(api: Api) -> None:
    """Both tell what is used of instances, cores and RAM."""
    api.create(min_count=2, max_count=2)
    absolute = api.compute("GET", "/limits").json()["limits"]["absolute"]
    detail = api.compute("GET", "/os-quota-sets/p/detail").json()["quota_set"]
    plain = api.compute("GET", "/os-quota-sets/p").json()["quota_set"]
    assert (2, 4, 2 * 7168) == tuple(
        absolute[name] for name in ("totalInstancesUsed", "totalCoresUsed", "totalRAMUsed")
    )
    assert {"limit": 20, "in_use": 2, "reserved": 0} == detail["instances"]
    assert (64, 20 * 7168) == (plain["cores"], plain["ram"])


def test_flavors(api: Api) -> None:
    """Flavors are listed with their sizes, and found by identifier only."""
    flavors = api.compute("GET", "/flavors/detail").json()["flavors"]
    sizes = {flavor["name"]: (flavor["vcpus"], flavor["ram"]) for flavor in flavors}
    assert ((16, 61440), (2, 7168)) == (sizes["win-b2-60"], sizes["b2-7"])
    assert api.compute("GET", "/flavors/b2-60").status_code == 200
    assert api.compute("GET", "/flavors/m1.tiny").status_code == 404


def test_a_server_group_takes_ten_members(api: Api) -> None:
    """The eleventh member is 403; a group that does not exist is 400."""
    group = api.compute(
        "POST", "/os-server-groups", {"server_group": {"name": "g", "policy": "soft-anti-affinity"}}
    ).json()["server_group"]
    create = api.body(min_count=10, max_count=10) | {"os:scheduler_hints": {"group": group["id"]}}
    one = api.body() | {"os:scheduler_hints": {"group": group["id"]}}
    nowhere = api.body() | {"os:scheduler_hints": {"group": NOWHERE}}
    statuses = [
        api.compute("POST", "/servers", body).status_code for body in (create, one, nowhere)
    ]
    shown = api.compute("GET", f"/os-server-groups/{group['id']}").json()["server_group"]
    assert ([202, 403, 400], 10) == (statuses, len(shown["members"]))
    assert api.compute("DELETE", f"/os-server-groups/{group['id']}").status_code == 204
    assert api.compute("GET", "/os-server-groups").json() == {"server_groups": []}


def test_key_pairs(api: Api) -> None:
    """A key pair can be made once, shown and deleted."""
    body = {"keypair": {"name": "k", "public_key": "ssh-ed25519 AAAA k"}}
    assert [201, 409] == [api.compute("POST", "/os-keypairs", body).status_code for _ in range(2)]
    assert [204, 404] == [api.compute("DELETE", "/os-keypairs/k").status_code for _ in range(2)]
    names = [
        one["keypair"]["name"] for one in api.compute("GET", "/os-keypairs").json()["keypairs"]
    ]
    assert names == ["springtide"]


def test_zones(api: Api) -> None:
    """The configured zones are listed, and a server is put into the one it asks for."""
    api.region = "SBG5"
    zones = api.compute("GET", "/os-availability-zone").json()["availabilityZoneInfo"]
    assert ["az1", "az2"] == [zone["zoneName"] for zone in zones]
    server = api.running(availability_zone="az2")[0]
    assert server["OS-EXT-AZ:availability_zone"] == "az2"
