"""Octavia over the sandbox's regions: every load balancer, and when its changes take effect.

A change is accepted at once; it has taken effect when its load balancer is ACTIVE again.
"""

import asyncio
import logging
import time
from functools import partial
from http import HTTPStatus

from starlette.routing import BaseRoute

from springtide.sandbox import pool_members
from springtide.sandbox.balancer_resources import LoadBalancer, Member, Pool, Provisioning
from springtide.sandbox.balancers import RegionBalancers
from springtide.sandbox.dataplane import DataPlane
from springtide.sandbox.haproxy import HAProxyError
from springtide.sandbox.member_routes import MemberApi
from springtide.sandbox.octavia_routes import RegionApi
from springtide.sandbox.protocol import Refused
from springtide.sandbox.world import World

_log = logging.getLogger(__name__)


class Octavia:
    """The load balancers of every region. Touched only from the event loop's thread."""

    def __init__(self, world: World, dataplane: DataPlane | None) -> None:
        """Seed what is configured; without a data plane, requests are sent nowhere."""
        self.world = world
        self.dataplane = dataplane or DataPlane(world)
        self.regions = {
            region.name: RegionBalancers(world, region) for region in world.config.regions
        }
        self._changes: set[asyncio.Task[None]] = set()
        self._follow_pools()

    def routes(self, region: str) -> list[BaseRoute]:
        """The routes of one region, below the service's root."""
        state = self.regions[region]
        changed = partial(self.changed, state)
        return [
            *RegionApi(state, self.dataplane, changed).routes(),
            *MemberApi(state, self.dataplane, changed).routes(),
        ]

    def changed(self, state: RegionBalancers, balancer: LoadBalancer) -> None:
        """Have a load balancer's change take effect in its time."""
        change = asyncio.get_running_loop().create_task(self._take_effect(state, balancer))
        self._changes.add(change)
        change.add_done_callback(self._changes.discard)

    def stick(self, pool_id: str, seconds: float) -> None:
        """Have a pool's load balancer be PENDING_UPDATE for that long from now.

        Raises:
            Refused: 404, if no region has that pool.
        """
        _, pool = self._pool(pool_id)
        pool.balancer.busy_until = max(pool.balancer.busy_until, time.monotonic() + seconds)

    def set_connections(self, pool_id: str, active: int | None) -> None:
        """Have a pool's load balancer tell so many open connections; None: those that are.

        Raises:
            Refused: 404, if no region has that pool.
        """
        _, pool = self._pool(pool_id)
        pool.balancer.connections = active

    def add_foreign_member(
        self, pool_id: str, address: str, port: int, *, name: str = ""
    ) -> Member:
        """A member that someone else has added, there at once.

        Raises:
            Refused: 404, if no region has that pool; 409, if it has that address and port.
        """
        state, pool = self._pool(pool_id)
        body = {"name": name, "address": address, "protocol_port": port}
        member = pool_members.add_foreign_member(state, pool_id, body)
        if self.dataplane.running:
            self.changed(state, pool.balancer)
        return member

    def reset(self) -> None:
        """Have only what is configured, as at start."""
        for change in self._changes:
            change.cancel()
        for state in self.regions.values():
            state.reset()
        self._follow_pools()
        if self.dataplane.running:
            for state in self.regions.values():
                for balancer in state.load_balancers.values():
                    self.changed(state, balancer)

    def _follow_pools(self) -> None:
        for state in self.regions.values():
            for pool in state.pools.values():
                self.dataplane.follow(pool)

    def _pool(self, pool_id: str) -> tuple[RegionBalancers, Pool]:
        for state in self.regions.values():
            if pool_id in state.pools:
                return state, state.pools[pool_id]
        raise Refused(HTTPStatus.NOT_FOUND, f"Pool {pool_id} not found.")

    async def _take_effect(self, state: RegionBalancers, balancer: LoadBalancer) -> None:
        # Not one sleep, as `stick` may have put the end off meanwhile.
        while (wait_s := balancer.busy_until - time.monotonic()) > 0:  # noqa: ASYNC110 - a time
            await asyncio.sleep(wait_s)
        try:
            for pool in state.pools_of(balancer):
                await self.dataplane.sync_pool(pool)
        except HAProxyError:
            _log.exception("load balancer not changed id=%s", balancer.id)
            balancer.provisioning = Provisioning.ERROR
            return
        state.settle(balancer)
