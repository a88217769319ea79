"""The data plane: servers that really listen, and a real HAProxy that follows the pools.

Without HAProxy the servers listen all the same. Before `start`, and with `data_plane` off in the
configuration, nothing listens at all: members are then judged by what the servers would answer.
"""

import contextlib
import logging
import re
import time
from collections.abc import Callable
from typing import Final, NamedTuple

from springtide.sandbox.balancer_resources import Member, Pool, seeded_id, vip_address
from springtide.sandbox.haproxy import (
    Check,
    HAProxy,
    HAProxyError,
    Row,
    Statistics,
    Target,
    haproxy_binary,
)
from springtide.sandbox.haproxy_configuration import Backend
from springtide.sandbox.lbaas import MonitorSettings
from springtide.sandbox.listeners import WebServer
from springtide.sandbox.records import ServerUp
from springtide.sandbox.sockets import AddressBusyError, listening_socket
from springtide.sandbox.world import World

_log = logging.getLogger(__name__)


class BalancerTraffic(NamedTuple):
    """What has passed a load balancer since the start."""

    active_connections: int = 0
    total_connections: int = 0
    bytes_in: int = 0
    bytes_out: int = 0
    request_errors: int = 0


class DataPlane:
    """What answers on the servers' addresses and on the load balancers'."""

    def __init__(
        self, world: World, *, find_haproxy: Callable[[], str | None] = haproxy_binary
    ) -> None:
        """Follow the servers of `world` from now on; nothing listens before `start`."""
        self._world = world
        self._find_haproxy = find_haproxy
        self._web: dict[str, WebServer] = {}
        self._by_address: dict[tuple[str, int], WebServer] = {}
        self._gone_at: dict[tuple[str, int], float] = {}
        self._pools: dict[str, Pool] = {}
        self._backends: dict[str, Backend] = {}
        self._started = False
        self._haproxy: HAProxy | None = None
        self._statistics: Statistics = {}
        self._observed_at = 0.0
        self.front_url: str | None = None
        """The customer's entry; None without HAProxy."""
        world.on_server_up.append(self.server_up)
        world.on_server_down.append(self.server_down)

    async def start(self) -> None:
        """Have the servers listen, and HAProxy run if it is installed.

        Raises:
            AddressBusyError: when a load balancer's address or the entry's is taken.
            HAProxyError: when HAProxy does not start.
        """
        if not self._world.config.data_plane:
            return
        self._started = True
        for web in self._web.values():
            _open(web)
        binary = self._find_haproxy() if self._world.config.haproxy else None
        if binary is not None:
            await self._start_haproxy(binary)

    async def stop(self) -> None:
        """Have nothing listen any more."""
        for web in self._web.values():
            web.close()
        self._started = False
        self.front_url = None
        if self._haproxy is not None:
            await self._haproxy.stop()
            self._haproxy = None

    def server_up(self, server: ServerUp) -> None:
        """Have a server answer when its time has come, or change what its health page says.

        A server without a network has no address to answer on.
        """
        known = self._web.get(server.server_id)
        if known is not None:
            known.be(server)
            return
        if not server.address:
            return
        web = WebServer(server)
        self._web[server.server_id] = web
        self._by_address[web.key] = web
        if self._started:
            _open(web)

    def server_down(self, server_id: str) -> None:
        """Have a server dead from this moment, its connections cut; again is no error."""
        web = self._web.pop(server_id, None)
        if web is None:
            return
        web.close()
        if self._by_address.get(web.key) is web:
            del self._by_address[web.key]
            self._gone_at[web.key] = time.monotonic()

    @property
    def running(self) -> bool:
        """Whether anything listens."""
        return self._started

    def follow(self, pool: Pool) -> None:
        """Have a pool's members served from the start on."""
        self._pools[pool.id] = pool

    async def sync_pool(self, pool: Pool) -> None:
        """Have HAProxy send requests to the pool's members as they are now.

        Raises:
            HAProxyError: when it does not do so.
        """
        self._pools[pool.id] = pool
        if self._haproxy is not None and pool.id in self._backends:
            targets = {member.id: _target(pool, member) for member in pool.effective_members}
            await self._haproxy.sync(self._backends[pool.id].name, targets)

    async def observe(self) -> None:
        """Bring what `operating_status` and `traffic` say up to date."""
        if self._haproxy is None or time.monotonic() - self._observed_at < _FRESH_S:
            return
        try:
            self._statistics = await self._haproxy.statistics()
        except HAProxyError:
            # What a dead load balancer says of its members: nothing.
            self._statistics = {}
        self._observed_at = time.monotonic()

    def operating_status(self, pool: Pool, member: Member) -> str:
        """A member's operating status as Octavia words it, as last observed."""
        if not member.settings.admin_state_up or member.applied_at is None:
            return "OFFLINE"
        if pool.monitor is None:
            return "NO_MONITOR"
        if self._haproxy is not None and pool.id in self._backends:
            health = _health_of(self._statistics.get((self._backends[pool.id].name, member.id)))
        else:
            health = self._expected_health(pool.monitor.settings, member)
        return "DRAINING" if health == "ONLINE" and member.settings.weight == 0 else health

    def traffic(self, pool: Pool) -> BalancerTraffic:
        """What has passed the pool's load balancer, as last observed; zeros without HAProxy."""
        backend = self._backends.get(pool.id)
        row = self._statistics.get((backend.name, "FRONTEND")) if backend is not None else None
        if row is None:
            return BalancerTraffic()
        return BalancerTraffic(
            row.sessions, row.sessions_total, row.bytes_in, row.bytes_out, row.request_errors
        )

    def in_flight(self, server_id: str) -> int:
        """How many requests a server has in progress; 0 for one that is not there."""
        web = self._web.get(server_id)
        return web.in_flight if web is not None else 0

    def _expected_health(self, checks: MonitorSettings, member: Member) -> str:
        applied_at = member.applied_at or time.monotonic()
        web = self._by_address.get(member.key)
        if web is not None and web.healthy(timeout_s=checks.timeout):
            return "ONLINE"
        failing_since = applied_at
        if web is None:
            failing_since = max(applied_at, self._gone_at.get(member.key, 0.0))
        elif web.answers:
            failing_since = max(applied_at, web.changed_at)
        if time.monotonic() - failing_since >= checks.fall_s:
            return "ERROR"
        return "ONLINE" if failing_since > applied_at else "OFFLINE"

    async def _start_haproxy(self, binary: str) -> None:
        config = self._world.config
        self._backends = {
            seeded_id(region.name, "pool", name): Backend(
                _backend_name(region.name, name),
                str(vip_address(region)),
                config.server_port + index,
                in_front=index == 0,
            )
            for region in config.regions
            for index, name in enumerate(region.pools)
        }
        with contextlib.ExitStack() as ours:
            sockets = {
                backend: ours.enter_context(listening_socket(backend.address, backend.port))
                for backend in self._backends.values()
            }
            front = ours.enter_context(listening_socket(FRONT_ADDRESS, config.front_port))
            haproxy = HAProxy(binary)
            await haproxy.start(sockets, front)
            self.front_url = "http://{}:{}".format(*front.getsockname())
        self._haproxy = haproxy
        for pool in self._pools.values():
            await self.sync_pool(pool)


def _open(web: WebServer) -> None:
    try:
        web.open()
    except AddressBusyError as error:
        # One address less must not end the world's agenda; the member's checks will fail.
        _log.error("server cannot listen name=%s reason=%s", web.server.name, error)


def _target(pool: Pool, member: Member) -> Target:
    settings, monitor = member.settings, pool.monitor
    check = None
    if monitor is not None:
        check = Check(
            interval_s=monitor.settings.delay,
            rise=monitor.settings.max_retries,
            fall=monitor.settings.max_retries_down,
            address=str(settings.monitor_address) if settings.monitor_address else None,
            port=settings.monitor_port,
        )
    return Target(*member.key, weight=settings.weight, backup=settings.backup, check=check)


def _health_of(row: Row | None) -> str:
    if row is None or "INI" in row.check_status or row.status.startswith("MAINT"):
        return "OFFLINE"
    if row.status == "no check":
        return "NO_MONITOR"
    return "ERROR" if row.status.startswith("DOWN") else "ONLINE"


def _backend_name(region: str, pool: str) -> str:
    return re.sub(r"[^A-Za-z0-9_.-]", "-", f"{region}.{pool}")


FRONT_ADDRESS: Final = "127.0.0.1"
_FRESH_S: Final = 0.2
"""How old an observation may be before HAProxy is asked again."""
