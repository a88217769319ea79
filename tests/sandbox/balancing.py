"""Builders for the tests of load balancers and of the data plane: worlds, servers, clients."""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Mapping
from ipaddress import IPv4Network
from urllib.parse import urlencode

import httpx
import pytest

from springtide.sandbox.config import SandboxConfig, SandboxRegion
from springtide.sandbox.dataplane import DataPlane
from springtide.sandbox.gateway import Gateway
from springtide.sandbox.haproxy import haproxy_binary
from springtide.sandbox.octavia import Octavia
from springtide.sandbox.records import Document, ServerUp
from springtide.sandbox.world import World

TOKEN = "a-token"  # noqa: S105 - of a world that lives as long as its test


def needs_haproxy() -> None:
    """Skip where HAProxy is not installed; in CI that is a failure."""
    if haproxy_binary() is None:
        if os.environ.get("CI") == "true":
            pytest.fail("HAProxy is not installed")
        pytest.skip("HAProxy is not installed")


def own_cidr(index: int = 0) -> IPv4Network:
    """Loopback addresses that no other test process on this machine uses, most likely."""
    number = os.getpid() * 4 + index
    return IPv4Network(f"127.{64 + number // 16 % 128}.{number % 16 * 16}.0/20")


def a_world(*names: str, **settings: object) -> World:
    """A world with regions of those names, whose balancers settle at once unless told."""
    regions = tuple(
        SandboxRegion(name=name, cidr=own_cidr(index))
        for index, name in enumerate(names or ("GRA11",))
    )
    return World(
        SandboxConfig.model_validate({"balancer_update_s": 0, "regions": regions} | settings)
    )


def a_server(
    world: World, index: int = 0, *, region: int = 0, fields: Mapping[str, object] | None = None
) -> ServerUp:
    """A server that has become ACTIVE, and answers at once unless told otherwise."""
    where = world.config.regions[region]
    given: Document = {
        "server_id": f"{where.name}-{index}",
        "region": where.name,
        "name": f"api-{where.name.lower()}-{index}",
        "address": str(where.cidr[10 + index]),
        "port": world.config.server_port,
        "answer_after_s": 0.0,
        "never_answers": False,
        "health_status": 200,
        "health_delay_s": 0.0,
    }
    given.update(fields or {})
    return ServerUp(**given)


def a_member(server: ServerUp, **fields: object) -> Document:
    """What a client sends to have a server in a pool."""
    return {"name": server.name, "address": server.address, "protocol_port": server.port, **fields}


class Api:
    """The API of one region, over ASGI or HTTP."""

    def __init__(self, client: httpx.AsyncClient, octavia: Octavia, region: str) -> None:
        """Speak to `region` with a token."""
        self._client = client
        self.octavia = octavia
        self.pool_id = next(iter(octavia.regions[region].pools))
        self.balancer_id = next(iter(octavia.regions[region].load_balancers))

    @property
    def members_path(self) -> str:
        """The path of the seeded pool's members."""
        return f"pools/{self.pool_id}/members"

    async def call(self, method: str, path: str, body: object = None) -> httpx.Response:
        """The answer to a request below /v2.0/lbaas/."""
        return await self._client.request(method, f"/v2.0/lbaas/{path}", json=body)

    async def get(self, path: str) -> Document:
        """The JSON object that a GET gives."""
        found: Document = (await self.call("GET", path)).json()
        return found

    async def put_members(self, *members: Document, **query: object) -> int:
        """The status of a batch update; returns when it has taken effect."""
        path = f"{self.members_path}?{urlencode(query)}"
        answer = await self.call("PUT", path, {"members": members})
        await self.settled()
        return answer.status_code

    async def members(self) -> list[Document]:
        """The seeded pool's members."""
        return list((await self.get(self.members_path))["members"])

    async def settled(self) -> None:
        """Return when the seeded load balancer is ACTIVE."""
        for _ in range(1000):
            answer = await self.get(f"loadbalancers/{self.balancer_id}")
            if answer["loadbalancer"]["provisioning_status"] == "ACTIVE":
                return
            await asyncio.sleep(0.01)
        raise TimeoutError("the load balancer did not become ACTIVE")


@contextlib.asynccontextmanager
async def an_api(world: World, dataplane: DataPlane | None = None) -> AsyncIterator[Api]:
    """The API of the world's first region, through the gateway, without a network."""
    octavia = Octavia(world, dataplane)
    region = world.config.regions[0].name
    world.tokens.issue(TOKEN, "password")
    door = Gateway(world, "load-balancer", region=region, routes=octavia.routes(region))
    transport = httpx.ASGITransport(app=door)
    async with httpx.AsyncClient(
        transport=transport, base_url="http://sandbox", headers={"X-Auth-Token": TOKEN}
    ) as client:
        yield Api(client, octavia, region)
