"""Servers behind a real HAProxy: nothing lost with a drain, something without."""

import asyncio
import contextlib
import dataclasses
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import NamedTuple

import httpx
import pytest

from springtide.sandbox.dataplane import DataPlane
from springtide.sandbox.records import ServerUp
from springtide.sandbox.sockets import AddressBusyError, listening_socket
from springtide.sandbox.traffic import Traffic, TrafficMix, TrafficReport
from springtide.sandbox.world import World
from tests.sandbox.balancing import (
    Api,
    a_member,
    a_server,
    a_world,
    an_api,
    needs_haproxy,
    own_cidr,
)

MIX = TrafficMix(slow_share=0.2, slow_ms=300)


@pytest.fixture
def haproxy() -> None:
    """Needs HAProxy: skipped without it, failed in CI."""
    needs_haproxy()


class Stage(NamedTuple):
    """A running data plane, and the API of the first region's pool."""

    world: World
    plane: DataPlane
    api: Api

    async def opened(self, servers: Sequence[ServerUp], *, region: int = 0) -> None:
        """Return when those servers serve in a region's pool."""
        for server in servers:
            self.world.server_up(server)
        await asyncio.sleep(0.05)
        state = self.api.octavia.regions[self.world.config.regions[region].name]
        [pool] = state.pools.values()
        for server in servers:
            self.api.octavia.add_foreign_member(
                pool.id, server.address, server.port, name=server.name
            )
        await self.until(lambda: self.statuses(region) == {"ONLINE"})

    def statuses(self, region: int = 0) -> set[str]:
        """The operating statuses of the members in a region's pool, as last observed."""
        state = self.api.octavia.regions[self.world.config.regions[region].name]
        [pool] = state.pools.values()
        return {self.plane.operating_status(pool, member) for member in pool.members.values()}

    async def until(self, condition: Callable[[], bool], *, within_s: float = 10) -> None:
        """Return when `condition` holds, HAProxy being observed."""
        deadline = time.monotonic() + within_s
        while not condition():
            assert time.monotonic() < deadline, "it did not come about"
            await asyncio.sleep(0.05)
            await self.plane.observe()

    async def idle(self, servers: Sequence[ServerUp]) -> None:
        """Return when none of those servers has a request in progress."""
        await self.until(lambda: not any(self.plane.in_flight(x.server_id) for x in servers))

    async def status(self) -> int:
        """What a customer is answered at the entry."""
        async with httpx.AsyncClient() as client:
            return (await client.get(str(self.plane.front_url))).status_code


@contextlib.asynccontextmanager
async def staged(*regions: str) -> AsyncIterator[Stage]:
    """A stage in those regions, by default one."""
    world = a_world(*regions)
    plane = DataPlane(world)
    async with an_api(world, plane) as api:
        await plane.start()
        try:
            yield Stage(world, plane, api)
        finally:
            await plane.stop()


def on_stage(scenario: Callable[[Stage], Awaitable[None]], *regions: str) -> None:
    """Run a scenario on a stage."""

    async def run() -> None:
        async with staged(*regions) as stage:
            await scenario(stage)

    asyncio.run(run())


@contextlib.asynccontextmanager
async def under_traffic(stage: Stage, requests_per_s: float) -> AsyncIterator[Traffic]:
    """Traffic at the customer's entry, a little of it before and after what is done."""
    traffic = Traffic(str(stage.plane.front_url), requests_per_s, mix=MIX)
    running = asyncio.create_task(asyncio.to_thread(_run, traffic))
    await asyncio.sleep(0.5)
    try:
        yield traffic
        await asyncio.sleep(0.5)
    finally:
        traffic.end()
        await running


def _run(traffic: Traffic) -> None:
    asyncio.run(traffic.run())


def assert_nothing_lost(report: TrafficReport) -> None:
    """Every request was answered well."""
    assert (0, ()) == (report.failed, report.examples)
    assert report.ok == report.sent


def test_without_data_plane_nothing_runs() -> None:
    """Switched off, there is no entry and no listener."""

    async def run() -> None:
        world = a_world(data_plane=False)
        plane = DataPlane(world)
        await plane.start()
        world.server_up(a_server(world))
        assert (None, False) == (plane.front_url, plane.running)
        await plane.stop()

    asyncio.run(run())


def test_a_taken_address_is_told() -> None:
    """A second sandbox on the same addresses says which one is taken."""

    async def run(world: World) -> None:
        plane = DataPlane(world, find_haproxy=lambda: "unused")
        try:
            await plane.start()
        finally:
            await plane.stop()

    world = a_world()
    vip = str(own_cidr()[1])
    with listening_socket(vip, 8080), pytest.raises(AddressBusyError, match=f"{vip}:8080"):
        asyncio.run(run(world))


@pytest.mark.haproxy
@pytest.mark.usefixtures("haproxy")
def test_growing_and_shrinking_with_a_drain_loses_nothing() -> None:
    """Under traffic, 30 servers come into two regions and 29 go, one region to the last one."""

    async def scenario(stage: Stage) -> None:
        near = [a_server(stage.world, index) for index in range(15)]
        far = [a_server(stage.world, index, region=1) for index in range(15)]
        await stage.opened(near[:1])
        await stage.opened(far[:1], region=1)
        async with under_traffic(stage, 200) as traffic:
            await stage.opened(far[1:], region=1)
            for server in near[1:]:
                stage.world.server_up(server)
            await asyncio.sleep(0.05)
            await stage.api.put_members(*(a_member(x) for x in near[1:]), additive_only=True)
            await stage.until(lambda: len(traffic.report().by_server) == 30)
            await stage.until(lambda: stage.statuses() == {"ONLINE"})
            await stage.api.put_members(*(a_member(x, weight=0) for x in near))
            assert {"DRAINING"} == {x["operating_status"] for x in await stage.api.members()}
            await stage.idle(near)
            assert 202 == await stage.api.put_members()
            for server in near:
                stage.world.server_down(server.server_id)
        assert_nothing_lost(traffic.report())
        passed = (await stage.api.get(f"loadbalancers/{stage.api.balancer_id}/stats"))["stats"]
        assert passed["total_connections"] > 0
        assert passed["bytes_out"] > 0

    on_stage(scenario, "GRA11", "SBG5")


@pytest.mark.haproxy
@pytest.mark.usefixtures("haproxy")
def test_without_a_drain_requests_are_lost() -> None:
    """The same servers killed in the midst of their work lose what they had in progress."""

    async def scenario(stage: Stage) -> None:
        servers = [a_server(stage.world, index) for index in range(30)]
        await stage.opened(servers)
        async with under_traffic(stage, 200) as traffic:
            for server in servers[1:]:
                stage.world.server_down(server.server_id)
        report = traffic.report()
        assert report.failed > 0
        assert report.ok + report.failed == report.sent

    on_stage(scenario)


@pytest.mark.haproxy
@pytest.mark.usefixtures("haproxy")
def test_removal_alone_lets_requests_in_progress_end() -> None:
    """A member that is deleted keeps the requests that it has, as long as its server lives."""

    async def scenario(stage: Stage) -> None:
        servers = [a_server(stage.world, index) for index in range(4)]
        await stage.opened(servers)
        async with under_traffic(stage, 100) as traffic:
            await stage.api.put_members(a_member(servers[0]))
            await stage.idle(servers[1:])
            for server in servers[1:]:
                stage.world.server_down(server.server_id)
        assert_nothing_lost(traffic.report())

    on_stage(scenario)


@pytest.mark.haproxy
@pytest.mark.usefixtures("haproxy")
def test_operating_status_is_what_haproxy_sees() -> None:
    """A sick server's member is ERROR, a well one's ONLINE; the pool with both is DEGRADED."""

    async def scenario(stage: Stage) -> None:
        servers = [a_server(stage.world, index) for index in range(2)]
        await stage.opened(servers)
        stage.world.server_up(dataclasses.replace(servers[0], health_status=503))
        await stage.until(lambda: stage.statuses() == {"ERROR", "ONLINE"})
        pool = (await stage.api.get(f"pools/{stage.api.pool_id}"))["pool"]
        assert pool["operating_status"] == "DEGRADED"
        stage.world.server_up(servers[0])
        await stage.until(lambda: stage.statuses() == {"ONLINE"})

    on_stage(scenario)


@pytest.mark.haproxy
@pytest.mark.usefixtures("haproxy")
def test_the_entry_follows_the_pools() -> None:
    """With no server anywhere it answers 503 by itself, and 200 as soon as one region has one."""

    async def scenario(stage: Stage) -> None:
        assert 503 == await stage.status()
        server = a_server(stage.world)
        stage.world.server_up(server)
        await asyncio.sleep(0.05)
        await stage.api.put_members(a_member(server))
        assert [200] * 6 == [await stage.status() for _ in range(6)]
        stage.world.server_down(server.server_id)
        await stage.until(lambda: stage.statuses() == {"ERROR"})
        assert 503 == await stage.status()

    on_stage(scenario, "GRA11", "SBG5")


@pytest.mark.haproxy
@pytest.mark.usefixtures("haproxy")
def test_members_from_before_the_start_are_served() -> None:
    """What a pool holds when the data plane starts is served from then on, till the end."""

    async def run() -> None:
        world = a_world()
        plane = DataPlane(world)
        server = a_server(world)
        async with an_api(world, plane) as api:
            world.server_up(server)
            api.octavia.add_foreign_member(api.pool_id, server.address, server.port)
            await plane.start()
            stage = Stage(world, plane, api)
            await stage.until(lambda: stage.statuses() == {"ONLINE"})
            assert 200 == await stage.status()
            await plane.stop()
            assert plane.front_url is None

    asyncio.run(run())
