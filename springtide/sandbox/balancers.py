"""Octavia's state in one region, and when it may be changed.

Only an ACTIVE load balancer can be changed. A change makes it PENDING_UPDATE, and what was
changed below it PENDING_CREATE, PENDING_UPDATE or PENDING_DELETE, until `settle`.
"""

import time
from collections.abc import Iterable
from typing import Final, TypeVar

from springtide.sandbox.balancer_resources import (
    Listener,
    LoadBalancer,
    Member,
    Monitor,
    Pool,
    Provisioning,
    seeded_id,
    vip_address,
)
from springtide.sandbox.config import SandboxRegion
from springtide.sandbox.lbaas import (
    ListenerSettings,
    LoadBalancerSettings,
    MonitorSettings,
    PoolSettings,
)
from springtide.sandbox.protocol import Refused
from springtide.sandbox.world import World

HEALTH_CHECKS: Final = MonitorSettings(
    pool_id="",
    type="HTTP",
    delay=1,
    timeout=1,
    max_retries=1,
    max_retries_down=2,
    url_path="/health",
)
"""How the seeded monitors check: quick, as a rehearsal should not wait for them."""

UNLIMITED = -1
"""How Octavia writes a quota without limit."""

_SEEDED = ("loadbalancer", "listener", "pool", "healthmonitor")

R = TypeVar("R", LoadBalancer, Listener, Pool, Monitor, Member)


class RegionBalancers:
    """Octavia's resources in one region."""

    def __init__(self, world: World, region: SandboxRegion) -> None:
        """Start with a load balancer, a listener, a pool and a monitor per configured pool."""
        self.world = world
        self.region = region
        self.load_balancers: dict[str, LoadBalancer] = {}
        self.listeners: dict[str, Listener] = {}
        self.pools: dict[str, Pool] = {}
        self.monitors: dict[str, Monitor] = {}
        self.reset()

    def reset(self) -> None:
        """Have only what is configured."""
        for collection in (self.load_balancers, self.listeners, self.pools, self.monitors):
            collection.clear()
        for index, name in enumerate(self.region.pools):
            self._seed(name, port=self.world.config.server_port + index)

    def pool(self, pool_id: str) -> Pool:
        """The pool of that id.

        Raises:
            Refused: 404, if there is none.
        """
        return found(self.pools, pool_id, "Pool")

    def member(self, pool_id: str, member_id: str) -> Member:
        """The member of that id, in that pool.

        Raises:
            Refused: 404, if there is none.
        """
        return found(self.pool(pool_id).members, member_id, "Member")

    def member_quota(self) -> int:
        """How many members all pools may have together; -1: without limit."""
        most = self.world.regions[self.region.name].quota.members
        return UNLIMITED if most is None else most

    def check_quota(self, more: int) -> None:
        """Return if so many more members may be added.

        Raises:
            Refused: 403, if the quota has no room for them.
        """
        most, used = self.member_quota(), sum(len(pool.members) for pool in self.pools.values())
        if more > 0 and most != UNLIMITED and used + more > most:
            raise Refused(403, "Quota has been met for resources: Member")

    def listeners_of(self, balancer: LoadBalancer) -> list[Listener]:
        """The listeners of a load balancer."""
        return [x for x in self.listeners.values() if x.balancer is balancer]

    def pools_of(self, balancer: LoadBalancer) -> list[Pool]:
        """The pools of a load balancer."""
        return [x for x in self.pools.values() if x.balancer is balancer]

    def lock(self, balancer: LoadBalancer) -> None:
        """Make a load balancer PENDING_UPDATE.

        Raises:
            Refused: 409, if it is anything but ACTIVE.
        """
        self.check_mutable(balancer)
        balancer.busy_until = self.busy_until()
        balancer.touch(self.world.clock.now())

    def settle(self, balancer: LoadBalancer) -> None:
        """End a load balancer's change: what was to go is gone, everything else is ACTIVE."""
        now = self.world.clock.now()
        for pool in self.pools_of(balancer):
            for member in pool.members.values():
                # Becoming ACTIVE is an update of its own.
                if member.provisioning is not Provisioning.ACTIVE:
                    member.updated_at = now
            _finish(pool.members, pool.members.values())
            for member in pool.members.values():
                member.applied_at = member.applied_at or time.monotonic()
        _finish(self.pools, self.pools_of(balancer))
        _finish(self.listeners, self.listeners_of(balancer))
        _finish(self.monitors, [x for x in self.monitors.values() if x.balancer is balancer])
        _finish(self.load_balancers, [balancer])
        self._forget_dangling()

    def _forget_dangling(self) -> None:
        for monitor in [x for x in self.monitors.values() if x.pool.id not in self.pools]:
            del self.monitors[monitor.id]
        for pool in self.pools.values():
            if pool.monitor is not None and pool.monitor.id not in self.monitors:
                pool.monitor = None
        for listener in self.listeners.values():
            if listener.settings.default_pool_id not in self.pools:
                listener.settings = listener.settings.model_copy(update={"default_pool_id": None})

    def busy_until(self) -> float:
        """When a change that begins now will have settled (monotonic, in seconds)."""
        return time.monotonic() + self.world.config.balancer_update_s

    def check_mutable(self, balancer: LoadBalancer) -> None:
        """Return if a load balancer takes changes.

        Raises:
            Refused: 409, if it is anything but ACTIVE.
        """
        if balancer.status is not Provisioning.ACTIVE:
            text = f"Load Balancer {balancer.id} is immutable and cannot be updated."
            raise Refused(409, text)

    def check_subnet(self, subnet_id: str | None) -> None:
        """Return if there is no subnet of that id to be found, or if it is found.

        Raises:
            Refused: 404, if the region has no such subnet.
        """
        if subnet_id and subnet_id not in self.world.regions[self.region.name].subnets:
            raise Refused(404, f"Subnet {subnet_id} not found.")

    def _seed(self, name: str, *, port: int) -> None:
        region, now = self.region.name, self.world.clock.now()
        subnet = next(iter(self.world.regions[region].subnets.values()))
        ids = {kind: seeded_id(region, kind, name) for kind in _SEEDED}
        vip = LoadBalancerSettings(
            name=name,
            vip_address=vip_address(self.region),
            vip_network_id=subnet["network_id"],
            vip_subnet_id=subnet["id"],
            vip_port_id=seeded_id(region, "vip-port", name),
        )
        entry = ListenerSettings(
            name=name,
            loadbalancer_id=ids["loadbalancer"],
            protocol="HTTP",
            protocol_port=port,
            default_pool_id=ids["pool"],
        )
        spread = PoolSettings(name=name, protocol="HTTP", lb_algorithm="ROUND_ROBIN")
        checks = HEALTH_CHECKS.model_copy(update={"name": name, "pool_id": ids["pool"]})
        balancer = LoadBalancer(id=ids["loadbalancer"], settings=vip, created_at=now, region=region)
        pool = Pool(id=ids["pool"], settings=spread, created_at=now, balancer=balancer)
        pool.monitor = Monitor(id=ids["healthmonitor"], settings=checks, created_at=now, pool=pool)
        self.load_balancers[balancer.id] = balancer
        self.pools[pool.id] = pool
        self.monitors[pool.monitor.id] = pool.monitor
        self.listeners[ids["listener"]] = Listener(
            id=ids["listener"], settings=entry, created_at=now, balancer=balancer
        )
        self.settle(balancer)


def found(collection: dict[str, R], resource_id: str, kind: str) -> R:
    """The resource of that id.

    Raises:
        Refused: 404, if there is none.
    """
    if resource_id not in collection:
        raise Refused(404, f"{kind} {resource_id} not found.")
    return collection[resource_id]


def _finish(collection: dict[str, R], changing: Iterable[R]) -> None:
    for resource in list(changing):
        if resource.provisioning is Provisioning.PENDING_DELETE:
            del collection[resource.id]
        else:
            resource.provisioning = Provisioning.ACTIVE
