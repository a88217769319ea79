"""Members of a balancer pool in Octavia: few calls for many, and other people's left alone."""

import time
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime

from springtide.clouds.openstack.catalogue import PoolSetup
from springtide.clouds.openstack.service import Body, Service
from springtide.clouds.openstack.tags import (
    OURS,
    drain_tag,
    drained_since,
    fleet_tag,
    server_of,
    server_tag,
)
from springtide.errors import BalancerBusy, NotFound
from springtide.model.fleet import Fleet, FleetRegion, PoolKind
from springtide.model.plan import MemberOrder
from springtide.model.server import Member

_PAGE = 1000
_BUSY_POLL_S = 0.5
_BUSY_POLLS = 60
_KEPT = (
    "address",
    "protocol_port",
    "name",
    "weight",
    "subnet_id",
    "backup",
    "monitor_address",
    "monitor_port",
    "tags",
    "admin_state_up",
)


class Pool:
    """One pool, as one fleet uses it."""

    def __init__(
        self, balancer: Service, setup: PoolSetup, fleet: Fleet, region: FleetRegion
    ) -> None:
        """Nothing is called yet."""
        self._balancer = balancer
        self._setup = setup
        self._fleet = fleet
        self._region = region
        self._path = f"/lbaas/pools/{setup.pool_id}/members"

    def list_members(self) -> tuple[Member, ...]:
        """All members of the pool."""
        return tuple(self._member(body) for body in self._bodies())

    def join(self, members: Sequence[MemberOrder]) -> None:
        """Weight 1 for each, by one call that leaves all others as they are."""
        self._put([self._body(m, weight=1) for m in members], why=f"join {len(members)}")

    def drain(self, members: Sequence[MemberOrder], at: datetime) -> None:
        """Weight 0 for each, and a tag that says since when."""
        bodies = [self._body(m, weight=0, more=(drain_tag(at),)) for m in members]
        self._put(bodies, why=f"drain {len(members)}")

    def leave(self, members: Sequence[MemberOrder]) -> None:
        """Out of the pool.

        A full call drops whoever joined since the look before it, so it is made only for a pool
        that is ours alone; otherwise each member is deleted by itself.
        """
        bodies, addresses = self._bodies(), {m.address for m in members}
        going = [b for b in bodies if b["address"] in addresses and self._is_ours(b)]
        if not going:
            return
        if self._region.pool_kind is PoolKind.EXCLUSIVE:
            self._put_all([b for b in bodies if b not in going], why=f"{len(going)} leave")
            return
        for index, body in enumerate(going):
            if index:
                self._wait_idle()
            with suppress(NotFound):
                path = f"{self._path}/{body['id']}"
                self._balancer.change("DELETE", path, why=f"{body.get('name')} leaves")

    def _is_ours(self, body: Body) -> bool:
        tagged = fleet_tag(self._fleet.name) in (body.get("tags") or ())
        return tagged and bool(body["protocol_port"] == self._fleet.health.port)

    def _put_all(self, bodies: list[Body], *, why: str) -> None:
        kept = [{key: b[key] for key in _KEPT if b.get(key) is not None} for b in bodies]
        self._balancer.change("PUT", self._path, {"members": kept}, why=why)

    def _wait_idle(self) -> None:
        """Return when the balancer has finished the change before, and takes the next."""
        path = f"/lbaas/loadbalancers/{self._setup.balancer_id}"
        for _ in range(_BUSY_POLLS):
            found = self._balancer.get(path)["loadbalancer"]
            if not found["provisioning_status"].startswith("PENDING"):
                return
            time.sleep(_BUSY_POLL_S)
        raise BalancerBusy(f"{self._region.name}: the balancer stays in PENDING")

    def _put(self, bodies: list[Body], *, why: str) -> None:
        # A duplicate in one batch has frozen balancers: the last word on an address counts.
        unique = {(b["address"], b["protocol_port"]): b for b in bodies}
        path = f"{self._path}?additive_only=true"
        self._balancer.change("PUT", path, {"members": list(unique.values())}, why=why)

    def _bodies(self) -> list[Body]:
        return list(self._balancer.pages(self._path, "members", limit=_PAGE))

    def _body(self, order: MemberOrder, *, weight: int, more: tuple[str, ...] = ()) -> Body:
        body: Body = {
            "address": order.address,
            "protocol_port": self._fleet.health.port,
            "name": order.name,
            "weight": weight,
            "tags": [OURS, fleet_tag(self._fleet.name), server_tag(order.server_id), *more],
        }
        if self._setup.subnet_id:
            body["subnet_id"] = self._setup.subnet_id
        return body

    def _member(self, body: Body) -> Member:
        tags, weight = body.get("tags") or [], body["weight"]
        updated = _moment(body.get("updated_at")) or _moment(body.get("created_at"))
        return Member(
            id=body["id"],
            address=body["address"],
            port=body["protocol_port"],
            weight=weight,
            name=body.get("name") or "",
            ours=fleet_tag(self._fleet.name) in tags,
            server_id=server_of(tags),
            draining_since=(drained_since(tags) or updated) if weight == 0 else None,
            provisioning_status=body.get("provisioning_status", "ACTIVE"),
            operating_status=body.get("operating_status", "NO_MONITOR"),
            created_at=_moment(body.get("created_at")),
        )


def _moment(text: str | None) -> datetime | None:
    if not text:
        return None
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
