"""Octavia's semantics, and the clients that speak to it unmodified."""

import asyncio
import dataclasses
from collections.abc import Callable, Coroutine
from typing import Any
from urllib.parse import urlencode

import pytest

from springtide.sandbox.config import SandboxQuota, SandboxRegion
from springtide.sandbox.dataplane import DataPlane
from springtide.sandbox.protocol import Refused
from springtide.sandbox.records import Document
from tests.sandbox.balancing import Api, a_member, a_server, a_world, an_api, own_cidr

Scenario = Callable[[Api], Coroutine[Any, Any, None]]


def on_api(scenario: Scenario, **settings: object) -> None:
    """Run a scenario on the API of a fresh world."""

    async def run() -> None:
        async with an_api(a_world(**settings)) as api:
            await scenario(api)

    asyncio.run(run())


def the(index: int, **fields: object) -> Document:
    """Member number `index`."""
    return {"address": f"127.9.0.{index}", "protocol_port": 80, **fields}


def test_each_configured_pool_has_its_own_stable_balancer() -> None:
    """A load balancer, listener, pool and monitor exist for a pool, with the same ids each time."""

    async def ids() -> dict[str, str]:
        async with an_api(a_world()) as api:
            found = {}
            for plural in ("loadbalancers", "listeners", "pools", "healthmonitors"):
                [only] = (await api.get(plural))[plural]
                assert ("api", "ACTIVE") == (only["name"], only["provisioning_status"])
                found[plural] = only["id"]
            return found

    assert asyncio.run(ids()) == asyncio.run(ids())


def test_relations_of_what_is_seeded() -> None:
    """The four seeded resources name each other."""

    async def scenario(api: Api) -> None:
        [pool] = (await api.get("pools"))["pools"]
        [listener] = (await api.get("listeners"))["listeners"]
        [balancer] = (await api.get("loadbalancers"))["loadbalancers"]
        [monitor] = (await api.get("healthmonitors"))["healthmonitors"]
        assert pool["healthmonitor_id"] == monitor["id"]
        assert monitor["pools"] == listener_pools(listener) == [{"id": pool["id"]}]
        assert pool["listeners"] == balancer["listeners"] == [{"id": listener["id"]}]
        assert pool["loadbalancers"] == [{"id": balancer["id"]}]

    def listener_pools(listener: Document) -> list[Document]:
        return [{"id": listener["default_pool_id"]}]

    on_api(scenario)


def test_a_change_locks_the_balancer_and_everything_in_it_until_it_has_taken_effect() -> None:
    """While PENDING_UPDATE every change is a 409 in Octavia's words, and reading goes on."""

    async def scenario(api: Api) -> None:
        answer = await api.call("POST", api.members_path, {"member": the(1)})
        assert answer.status_code == 201
        member = answer.json()["member"]
        assert (member["provisioning_status"], member["operating_status"]) == (
            "PENDING_CREATE",
            "OFFLINE",
        )
        one = f"{api.members_path}/{member['id']}"
        changes = [
            ("POST", api.members_path, {"member": the(2)}),
            ("PUT", api.members_path, {"members": [the(2)]}),
            ("PUT", one, {"member": {"weight": 2}}),
            ("DELETE", one, None),
            ("PUT", f"pools/{api.pool_id}", {"pool": {"description": "x"}}),
            ("PUT", f"loadbalancers/{api.balancer_id}", {"loadbalancer": {"description": "x"}}),
            ("DELETE", f"pools/{api.pool_id}", None),
            ("DELETE", f"loadbalancers/{api.balancer_id}?cascade=true", None),
        ]
        for method, path, body in changes:
            refused = await api.call(method, path, body)
            text = f"Load Balancer {api.balancer_id} is immutable and cannot be updated."
            assert (409, text) == (refused.status_code, refused.json()["faultstring"])
        for path, kind in ((f"pools/{api.pool_id}", "pool"), ("listeners", "listeners")):
            shown = (await api.get(path))[kind]
            status = shown if isinstance(shown, dict) else shown[0]
            assert status["provisioning_status"] == "PENDING_UPDATE"
        await api.settled()
        assert ["ACTIVE"] == [m["provisioning_status"] for m in await api.members()]

    on_api(scenario, balancer_update_s=0.5)


BATCHES = {
    "the whole list replaces": ([the(1), the(2)], {}, [the(2), the(3)], 202, {2: 1, 3: 1}),
    "additive adds and changes": (
        [the(1), the(2)],
        {"additive_only": True},
        [the(2, weight=0), the(3)],
        202,
        {1: 1, 2: 0, 3: 1},
    ),
    "additive_only=false is the whole list": (
        [the(1)],
        {"additive_only": False},
        [the(2)],
        202,
        {2: 1},
    ),
    "an empty list empties": ([the(1)], {}, [], 202, {}),
    "an empty addition changes nothing": ([the(1)], {"additive_only": True}, [], 202, {1: 1}),
    "a weight that a batch leaves out is 1": ([the(1, weight=7)], {}, [the(1)], 202, {1: 1}),
    "a known member twice": ([the(1)], {}, [the(1), the(1, weight=2)], 400, {1: 1}),
    "a new member twice": ([the(1)], {"additive_only": True}, [the(2), the(2)], 409, {1: 1}),
    "weight at its top": ([], {}, [the(1, weight=256)], 202, {1: 256}),
    "weight above its top": ([], {}, [the(1, weight=257)], 400, {}),
    "weight below 0": ([], {}, [the(1, weight=-1)], 400, {}),
    "port 0": ([], {}, [{"address": "127.9.0.1", "protocol_port": 0}], 400, {}),
    "no address": ([], {}, [{"protocol_port": 80}], 400, {}),
    "no IP address": ([], {}, [{"address": "api", "protocol_port": 80}], 400, {}),
    "an unknown field": ([], {}, [the(1, weigth=1)], 400, {}),
    "an unknown subnet": ([], {}, [the(1, subnet_id="nowhere")], 404, {}),
}


@pytest.mark.parametrize("name", BATCHES)
def test_batch_update(name: str) -> None:
    """A batch merges on address and port, and refuses what Octavia refuses, wholly."""
    before, query, batch, status, weights = BATCHES[name]

    async def scenario(api: Api) -> None:
        await api.put_members(*before)
        assert status == await api.put_members(*batch, **query)
        found = {int(m["address"].rpartition(".")[2]): m["weight"] for m in await api.members()}
        assert weights == found

    on_api(scenario)


def test_a_batch_keeps_the_ids_and_brings_the_tags() -> None:
    """A member that stays keeps its id; tags and weight come back as they were sent."""

    async def scenario(api: Api) -> None:
        await api.put_members(the(1, tags=["springtide:api", "wave:1"], weight=3, backup=True))
        [before] = await api.members()
        assert (["springtide:api", "wave:1"], 3, True) == (
            before["tags"],
            before["weight"],
            before["backup"],
        )
        assert before["updated_at"] is not None
        await api.put_members(the(1, weight=0), additive_only=True)
        [after] = await api.members()
        assert (before["id"], before["tags"], 0, False) == (
            after["id"],
            after["tags"],
            after["weight"],
            after["backup"],
        )

    on_api(scenario)


def test_members_one_by_one() -> None:
    """A member can be added, shown, changed and deleted; it is listed until it has gone."""

    async def scenario(api: Api) -> None:
        created = await api.call("POST", api.members_path, {"member": the(1)})
        await api.settled()
        again = await api.call("POST", api.members_path, {"member": the(1)})
        assert (201, 409) == (created.status_code, again.status_code)
        one = f"{api.members_path}/{created.json()['member']['id']}"
        fixed = await api.call("PUT", one, {"member": {"address": "127.9.0.2"}})
        changed = await api.call("PUT", one, {"member": {"weight": 9, "name": "x"}})
        assert (400, 200) == (fixed.status_code, changed.status_code)
        await api.settled()
        reset = await api.call("PUT", one, {"member": {"weight": None}})
        assert (1, "x") == (reset.json()["member"]["weight"], reset.json()["member"]["name"])
        await api.settled()
        gone = await api.call("DELETE", one)
        listed = [m["provisioning_status"] for m in await api.members()]
        await api.settled()
        absent = await api.call("GET", one)
        assert (204, ["PENDING_DELETE"], 404) == (gone.status_code, listed, absent.status_code)

    on_api(scenario, balancer_update_s=0.1)


FILTERS: dict[str, tuple[Document, list[int]]] = {
    "nothing asked": ({}, [1, 2, 3]),
    "address": ({"address": "127.9.0.2"}, [2]),
    "weight": ({"weight": 0}, [3]),
    "two fields": ({"weight": 1, "name": "b"}, [2]),
    "an unknown field": ({"colour": "red"}, []),
    "every tag": ({"tags": "x,y"}, [2]),
    "any tag": ({"tags-any": "x,z"}, [1, 2, 3]),
    "not every tag": ({"not-tags": "x,y"}, [1, 3]),
    "not any tag": ({"not-tags-any": "x,y"}, [3]),
    "limit": ({"limit": 2}, [1, 2]),
}


@pytest.mark.parametrize("name", FILTERS)
def test_listing(name: str) -> None:
    """Listings are filtered by field and tag, and cut into pages."""
    query, expected = FILTERS[name]

    async def scenario(api: Api) -> None:
        await api.put_members(
            the(1, name="a", tags=["x"]),
            the(2, name="b", tags=["x", "y"]),
            the(3, name="b", tags=["z"], weight=0),
        )
        found = (await api.get(f"{api.members_path}?{urlencode(query)}"))["members"]
        assert expected == [int(m["address"].rpartition(".")[2]) for m in found]

    on_api(scenario)


def test_pages_link_to_the_next() -> None:
    """Following the links gives each member once."""

    async def scenario(api: Api) -> None:
        await api.put_members(*(the(i) for i in range(1, 6)))
        seen, path = [], api.members_path
        for _ in range(10):
            page = await api.get(path)
            seen += [m["address"] for m in page["members"]]
            links = page.get("members_links", [])
            if not links:
                break
            path = links[0]["href"].partition("/lbaas/")[2]
        assert [the(i)["address"] for i in range(1, 6)] == seen

    on_api(scenario, page_size=2)


def test_a_balancer_of_ones_own() -> None:
    """A load balancer with all its parts can be built, changed, and deleted with its children."""

    async def scenario(api: Api) -> None:
        async def create(plural: str, kind: str, **fields: object) -> str:
            answer = await api.call("POST", plural, {kind: fields})
            assert answer.status_code == 201, answer.text
            for _ in range(3):
                await api.settled()
            return str(answer.json()[kind]["id"])

        bare = await api.call("POST", "loadbalancers", {"loadbalancer": {"name": "x"}})
        assert bare.status_code == 400
        balancer = await create("loadbalancers", "loadbalancer", name="x", vip_network_id="n")
        http = {"protocol": "HTTP", "protocol_port": 80}
        listener = await create("listeners", "listener", loadbalancer_id=balancer, **http)
        pool = await create(
            "pools", "pool", listener_id=listener, protocol="HTTP", lb_algorithm="ROUND_ROBIN"
        )
        checks = {"type": "HTTP", "delay": 5, "timeout": 2, "max_retries": 3}
        monitor = await create("healthmonitors", "healthmonitor", pool_id=pool, **checks)
        taken = await api.call(
            "POST", "listeners", {"listener": {"loadbalancer_id": balancer, **http}}
        )
        second = await api.call(
            "POST", "healthmonitors", {"healthmonitor": {"pool_id": pool, **checks}}
        )
        alone = await api.call("DELETE", f"loadbalancers/{balancer}")
        assert (409, 409, 400) == (taken.status_code, second.status_code, alone.status_code)
        found = await api.get(f"pools?loadbalancer_id={balancer}")
        assert [pool] == [p["id"] for p in found["pools"]]
        gone = await api.call("DELETE", f"loadbalancers/{balancer}?cascade=true")
        await api.settled()
        left = [
            (await api.call("GET", path)).status_code
            for path in (
                f"loadbalancers/{balancer}",
                f"listeners/{listener}",
                f"pools/{pool}",
                f"healthmonitors/{monitor}",
            )
        ]
        assert (204, [404] * 4) == (gone.status_code, left)

    on_api(scenario)


def test_a_pool_without_monitor_has_members_without_monitor() -> None:
    """Deleting the monitor leaves the pool, whose members are then NO_MONITOR."""

    async def scenario(api: Api) -> None:
        await api.put_members(the(1))
        [monitor] = (await api.get("healthmonitors"))["healthmonitors"]
        await api.call("DELETE", f"healthmonitors/{monitor['id']}")
        await api.settled()
        pool = (await api.get(f"pools/{api.pool_id}"))["pool"]
        assert (None, "NO_MONITOR") == (
            pool["healthmonitor_id"],
            (await api.members())[0]["operating_status"],
        )

    on_api(scenario)


@pytest.mark.parametrize(
    ("fields", "weight", "expected"),
    [
        pytest.param({}, 1, "ONLINE", id="answers"),
        pytest.param({}, 0, "DRAINING", id="answers, without weight"),
        pytest.param({"answer_after_s": 60}, 1, "OFFLINE", id="not yet"),
        pytest.param({"never_answers": True}, 1, "OFFLINE", id="never, before the fall time"),
        pytest.param({"health_status": 503}, 1, "OFFLINE", id="sick, before the fall time"),
    ],
)
def test_operating_status(fields: Document, weight: int, expected: str) -> None:
    """Without HAProxy a member is judged by what its server would answer."""

    async def run() -> str:
        world = a_world(data_plane=False)
        async with an_api(world, DataPlane(world)) as api:
            server = a_server(world, fields=fields)
            world.server_up(server)
            await api.put_members(a_member(server, weight=weight))
            return str((await api.members())[0]["operating_status"])

    assert expected == asyncio.run(run())


def test_operating_status_over_a_servers_life() -> None:
    """It is ERROR once the fall time has passed, and ONLINE again with the server."""

    async def run() -> list[str]:
        world = a_world(data_plane=False)
        async with an_api(world, DataPlane(world)) as api:

            async def status() -> str:
                return str((await api.members())[0]["operating_status"])

            server = a_server(world)
            world.server_up(server)
            await api.put_members(a_member(server))
            seen = [await status()]
            world.server_down(server.server_id)
            seen.append(await status())
            await asyncio.sleep(2.1)
            seen.append(await status())
            world.server_up(server)
            seen.append(await status())
            world.server_up(dataclasses.replace(server, health_status=500))
            seen.append(await status())
            tree = (await api.get(f"loadbalancers/{api.balancer_id}/status"))["statuses"]
            [listener] = tree["loadbalancer"]["listeners"]
            assert server.address == listener["pools"][0]["members"][0]["address"]
            return seen

    assert ["ONLINE", "ONLINE", "ERROR", "ONLINE", "ONLINE"] == asyncio.run(run())


def test_stick() -> None:
    """A stuck balancer refuses changes for as long as it was told, and no longer."""

    async def scenario(api: Api) -> None:
        api.octavia.stick(api.pool_id, 0.3)
        refused = await api.call("POST", api.members_path, {"member": the(1)})
        await api.settled()
        accepted = await api.call("POST", api.members_path, {"member": the(1)})
        assert (409, 201) == (refused.status_code, accepted.status_code)
        with pytest.raises(Refused):
            api.octavia.stick("nowhere", 1)

    on_api(scenario)


def test_foreign_members() -> None:
    """A foreign member is there at once, without a change of the balancer; `reset` removes it."""

    async def scenario(api: Api) -> None:
        api.octavia.add_foreign_member(api.pool_id, "127.9.0.9", 80, name="core-1")
        [member] = await api.members()
        assert ("core-1", "ACTIVE") == (member["name"], member["provisioning_status"])
        api.octavia.reset()
        assert [] == await api.members()

    on_api(scenario)


@pytest.mark.parametrize(
    ("query", "batch", "status"),
    [
        pytest.param({"additive_only": True}, (3,), 202, id="the last one that has room"),
        pytest.param({"additive_only": True}, (3, 4), 403, id="one too many"),
        pytest.param({}, (3, 4, 5), 202, id="in place of others"),
        pytest.param({}, (3, 4, 5, 6), 403, id="in place of too few"),
        pytest.param({"additive_only": True}, (1, 2), 202, id="those that are there"),
    ],
)
def test_the_quota_of_members(
    query: dict[str, object], batch: tuple[int, ...], status: int
) -> None:
    """A batch that is beyond it is refused wholly; it is told under Octavia's own names."""

    async def scenario(api: Api) -> None:
        assert 202 == await api.put_members(the(1), the(2))
        assert status == await api.put_members(*(the(n) for n in batch), **query)
        quota = (await api.get("quotas/any"))["quota"]
        assert (3, -1) == (quota["member"], quota["pool"])

    region = SandboxRegion(cidr=own_cidr(), quota=SandboxQuota(members=3))
    on_api(scenario, regions=(region,))
