"""The resources of Octavia as the sandbox remembers them, and where each is in its change."""

import time
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from ipaddress import IPv4Address
from typing import Generic, TypeAlias, TypeVar
from uuid import NAMESPACE_URL, uuid5

from springtide.sandbox.config import SandboxRegion
from springtide.sandbox.lbaas import (
    ListenerSettings,
    LoadBalancerSettings,
    MemberSettings,
    MonitorSettings,
    PoolSettings,
    Settings,
)

S = TypeVar("S", bound=Settings)
MemberKey: TypeAlias = tuple[str, int]
"""Address and port: a pool has each pair once."""


class Provisioning(StrEnum):
    """Where a resource is in its own change."""

    ACTIVE = "ACTIVE"
    PENDING_CREATE = "PENDING_CREATE"
    PENDING_UPDATE = "PENDING_UPDATE"
    PENDING_DELETE = "PENDING_DELETE"
    ERROR = "ERROR"


@dataclass(slots=True, kw_only=True, eq=False)
class Resource(Generic[S]):
    """What every kind of resource has."""

    id: str
    settings: S
    created_at: datetime
    updated_at: datetime | None = None
    provisioning: Provisioning = Provisioning.PENDING_CREATE

    def touch(self, at: datetime) -> None:
        """Be PENDING_UPDATE, changed at `at`."""
        self.provisioning = Provisioning.PENDING_UPDATE
        self.updated_at = at


@dataclass(slots=True, kw_only=True, eq=False)
class LoadBalancer(Resource[LoadBalancerSettings]):
    """A load balancer, and until when (monotonic, in seconds) it takes no change."""

    region: str
    busy_until: float = 0.0
    connections: int | None = None
    """Open connections that its statistics tell whatever is really open; None: what is."""

    @property
    def status(self) -> Provisioning:
        """Its provisioning status as the API shows it."""
        if self.provisioning is Provisioning.ACTIVE and time.monotonic() < self.busy_until:
            return Provisioning.PENDING_UPDATE
        return self.provisioning

    @property
    def balancer(self) -> "LoadBalancer":
        """Itself."""
        return self


@dataclass(slots=True, kw_only=True, eq=False)
class Listener(Resource[ListenerSettings]):
    """A listener of a load balancer."""

    balancer: LoadBalancer


@dataclass(slots=True, kw_only=True, eq=False)
class Member(Resource[MemberSettings]):
    """A member of a pool."""

    applied_at: float | None = None
    """When it took effect (monotonic, in seconds); None: not yet."""

    @property
    def key(self) -> MemberKey:
        """What makes it one of its kind within its pool."""
        return str(self.settings.address), self.settings.protocol_port


@dataclass(slots=True, kw_only=True, eq=False)
class Monitor(Resource[MonitorSettings]):
    """The health monitor of a pool."""

    pool: "Pool"

    @property
    def balancer(self) -> LoadBalancer:
        """The load balancer of its pool."""
        return self.pool.balancer


@dataclass(slots=True, kw_only=True, eq=False)
class Pool(Resource[PoolSettings]):
    """A pool with its members, by id."""

    balancer: LoadBalancer
    members: dict[str, Member] = field(default_factory=dict)
    monitor: Monitor | None = None

    @property
    def effective_members(self) -> list[Member]:
        """Those that traffic may go to once every change so far has taken effect."""
        if self.provisioning is Provisioning.PENDING_DELETE:
            return []
        return [
            member
            for member in self.members.values()
            if member.settings.admin_state_up
            and member.provisioning is not Provisioning.PENDING_DELETE
        ]


Top: TypeAlias = LoadBalancer | Listener | Pool | Monitor
"""What is not below a pool."""


def seeded_id(region: str, kind: str, name: str) -> str:
    """The identifier of what exists from the start: the same in every run."""
    return str(uuid5(NAMESPACE_URL, f"{region}/{kind}/{name}"))


def vip_address(region: SandboxRegion) -> IPv4Address:
    """The address of a region's load balancers, which its servers never get."""
    return region.cidr[1]
