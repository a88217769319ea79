"""Octavia's resources as its API shows them."""

from collections.abc import Callable, Iterable
from datetime import datetime

from springtide.sandbox.balancer_resources import (
    Listener,
    LoadBalancer,
    Member,
    Monitor,
    Pool,
    Provisioning,
    Top,
)
from springtide.sandbox.balancers import RegionBalancers
from springtide.sandbox.records import Document

_WORST_FIRST = ("ERROR", "DEGRADED", "DRAINING", "OFFLINE", "NO_MONITOR", "ONLINE")


class Documents:
    """What the API shows of one region."""

    def __init__(
        self,
        state: RegionBalancers,
        member_status: Callable[[Pool, Member], str],
    ) -> None:
        """Show `state`; `member_status` gives a member's operating status."""
        self._state = state
        self._project_id = state.world.project_id
        self._member_status = member_status

    def of(self, resource: Top) -> Document:
        """A load balancer, listener, pool or health monitor."""
        match resource:
            case LoadBalancer():
                return self._load_balancer(resource)
            case Listener():
                return self._listener(resource)
            case Pool():
                return self._pool(resource)
            case Monitor():
                return self._monitor(resource)

    def member(self, pool: Pool, member: Member) -> Document:
        """A member of a pool."""
        return self._base(member) | {"operating_status": self._member_status(pool, member)}

    def status_tree(self, balancer: LoadBalancer) -> Document:
        """The statuses of a load balancer and of everything below it."""
        listeners = [
            _brief(self._listener(listener))
            | {"pools": [self._pool_branch(pool) for pool in self._pools_of(listener)]}
            for listener in self._state.listeners_of(balancer)
        ]
        pools = [self._pool_branch(pool) for pool in self._state.pools_of(balancer)]
        top = _brief(self._load_balancer(balancer)) | {"listeners": listeners, "pools": pools}
        return {"statuses": {"loadbalancer": top}}

    def _load_balancer(self, balancer: LoadBalancer) -> Document:
        listeners = self._state.listeners_of(balancer)
        pools = self._state.pools_of(balancer)
        return self._base(balancer) | {
            "provisioning_status": balancer.status,
            "operating_status": _worst(self._pool_status(pool) for pool in pools),
            "vip_vnic_type": "normal",
            "listeners": _ids(listeners),
            "pools": _ids(pools),
        }

    def _listener(self, listener: Listener) -> Document:
        return self._base(listener) | {
            "provisioning_status": _below(listener, listener.balancer),
            "operating_status": _worst(self._pool_status(x) for x in self._pools_of(listener)),
            "default_tls_container_ref": None,
            "sni_container_refs": [],
            "client_authentication": "NONE",
            "client_ca_tls_container_ref": None,
            "client_crl_container_ref": None,
            "tls_ciphers": None,
            "tls_versions": [],
            "alpn_protocols": [],
            "hsts_include_subdomains": False,
            "hsts_max_age": None,
            "hsts_preload": False,
            "l7policies": [],
            "loadbalancers": _ids([listener.balancer]),
        }

    def _pool(self, pool: Pool) -> Document:
        listeners = [
            x for x in self._state.listeners.values() if x.settings.default_pool_id == pool.id
        ]
        return self._base(pool) | {
            "provisioning_status": _below(pool, pool.balancer),
            "operating_status": self._pool_status(pool),
            "healthmonitor_id": pool.monitor.id if pool.monitor is not None else None,
            "listeners": _ids(listeners),
            "loadbalancers": _ids([pool.balancer]),
            "members": _ids(pool.members.values()),
            "alpn_protocols": [],
            "ca_tls_container_ref": None,
            "crl_container_ref": None,
            "tls_ciphers": None,
            "tls_container_ref": None,
            "tls_enabled": False,
            "tls_versions": [],
        }

    def _monitor(self, monitor: Monitor) -> Document:
        return self._base(monitor) | {
            "operating_status": "ONLINE",
            "pools": _ids([monitor.pool]),
        }

    def _pool_branch(self, pool: Pool) -> Document:
        members = [
            _brief(self.member(pool, member))
            | {"address": member.key[0], "protocol_port": member.key[1]}
            for member in pool.members.values()
        ]
        branch = _brief(self._pool(pool)) | {"members": members}
        if pool.monitor is not None:
            checks = _brief(self._monitor(pool.monitor)) | {"type": pool.monitor.settings.type}
            branch["health_monitor"] = checks
        return branch

    def _pools_of(self, listener: Listener) -> list[Pool]:
        pool = self._state.pools.get(listener.settings.default_pool_id or "")
        return [pool] if pool is not None else []

    def _pool_status(self, pool: Pool) -> str:
        """Source: Octavia's health manager: ERROR when every member is, DEGRADED when one is."""
        statuses = {self._member_status(pool, member) for member in pool.members.values()}
        if statuses == {"ERROR"}:
            return "ERROR"
        return "DEGRADED" if "ERROR" in statuses else "ONLINE"

    def _base(self, resource: Top | Member) -> Document:
        settings = resource.settings
        return settings.model_dump(mode="json", exclude=set(settings.hidden)) | {
            "id": resource.id,
            "project_id": self._project_id,
            "tenant_id": self._project_id,
            "provisioning_status": resource.provisioning,
            "created_at": _stamp(resource.created_at),
            "updated_at": _stamp(resource.updated_at),
        }


def _below(resource: Listener | Pool, balancer: LoadBalancer) -> Provisioning:
    """A listener or pool is PENDING_UPDATE with its load balancer."""
    if resource.provisioning is Provisioning.ACTIVE:
        busy = balancer.status is Provisioning.PENDING_UPDATE
        return Provisioning.PENDING_UPDATE if busy else Provisioning.ACTIVE
    return resource.provisioning


def _worst(statuses: Iterable[str]) -> str:
    return min(statuses, key=_WORST_FIRST.index, default="ONLINE")


def _ids(resources: Iterable[Top | Member]) -> list[Document]:
    return [{"id": resource.id} for resource in resources]


def _brief(document: Document) -> Document:
    return {name: document[name] for name in _BRIEF}


def _stamp(at: datetime | None) -> str | None:
    """Octavia writes UTC without saying so."""
    return at.strftime("%Y-%m-%dT%H:%M:%S") if at is not None else None


_BRIEF = ("id", "name", "operating_status", "provisioning_status")
