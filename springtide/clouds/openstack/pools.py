"""Members of a balancer pool in Octavia: few calls for many, and other people's left alone."""

import time
from contextlib import suppress
from datetime import datetime

from springtide.clouds.openstack.catalogue import PoolSetup
from springtide.clouds.openstack.moments import moment_or_none
from springtide.clouds.openstack.quotas import member_quota
from springtide.clouds.openstack.service import Body, Service
from springtide.clouds.openstack.tags import (
    OURS,
    drain_tag,
    drained_since,
    fleet_tag,
    server_of,
    server_tag,
)
from springtide.errors import (
    BalancerBusy,
    CapacityExhausted,
    Misconfigured,
    NotFound,
    Retryable,
    SpringtideError,
)
from springtide.model.fleet import Fleet, FleetRegion, PoolKind
from springtide.model.plan import Drain, Join, Leave, PoolMember
from springtide.model.server import Member

_PAGE = 1000
_BUSY_POLL_S = 0.5
_BUSY_POLLS = 60
_LEAVE_S = 20.0
"""Longest time for one action on a shared pool: the other regions wait for the round's end."""
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

    def join(self, order: Join) -> None:
        """Weight 1 for each, by one call that leaves all others as they are.

        Raises:
            CapacityExhausted: the quota has no place for all of them; none has joined.
        """
        try:
            self._put([self._body(m, weight=1) for m in order.members], why=_why(order))
        except Misconfigured as error:
            # Octavia answers 403 to that, and to who may not: the quota tells one from the other.
            left, new = members_left(self._balancer), sum(not m.member_id for m in order.members)
            if left is None or left >= new:
                raise
            where = self._region.name
            raise CapacityExhausted(str(error), region=where, kind="quota") from error

    def drain(self, order: Drain, at: datetime) -> None:
        """Weight 0 for each, and a tag that says since when."""
        bodies = [self._body(m, weight=0, more=(drain_tag(at),)) for m in order.members]
        self._put(bodies, why=_why(order))

    def leave(self, order: Leave) -> None:
        """Out of the pool, as it stands at a look of its own.

        A full call drops whoever joined since that look, so it is made only for a pool that is
        ours alone; otherwise each member is deleted by itself.

        Raises:
            BalancerBusy: it takes no change now, or the time for one action is over and some are
                still to leave: the next round goes on.
        """
        bodies = self._bodies()
        going = [b for b in bodies if self._goes(b, order)]
        if going and self._region.pool_kind is PoolKind.EXCLUSIVE:
            self._put_all([b for b in bodies if b not in going], why=_why(order))
            return
        deadline = time.monotonic() + _LEAVE_S
        for index, body in enumerate(going):
            if index:
                self._wait_idle()
            if time.monotonic() > deadline:
                raise BalancerBusy(f"{self._region.name}: {len(going) - index} are still to leave")
            with suppress(NotFound):
                self._balancer.change("DELETE", f"{self._path}/{body['id']}", why=_why(order))

    def _goes(self, body: Body, order: Leave) -> bool:
        """Whether the member is one of the order's, ours, and not wanted back meanwhile."""
        tags = body.get("tags") or []
        if fleet_tag(self._fleet.name) not in tags or (order.only_drained and body["weight"]):
            return False
        return server_of(tags) in {m.server_id for m in order.members}

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

    def _body(self, member: PoolMember, *, weight: int, more: tuple[str, ...] = ()) -> Body:
        body: Body = {
            "address": member.address,
            # Octavia knows a member by address and port: with another port it is a second one.
            "protocol_port": member.port or self._fleet.health.port,
            "name": member.name,
            "weight": weight,
            "tags": [OURS, fleet_tag(self._fleet.name), server_tag(member.server_id), *more],
        }
        if self._setup.subnet_id:
            body["subnet_id"] = self._setup.subnet_id
        return body

    def _member(self, body: Body) -> Member:
        tags, weight = body.get("tags") or [], body["weight"]
        updated = moment_or_none(body.get("updated_at")) or moment_or_none(body.get("created_at"))
        return Member(
            id=body["id"],
            address=body["address"],
            port=body["protocol_port"],
            weight=weight,
            name=body.get("name") or "",
            ours=fleet_tag(self._fleet.name) in tags,
            server_id=server_of(tags),
            drained_by_us=drained_since(tags) is not None,
            draining_since=(drained_since(tags) or updated) if weight == 0 else None,
            provisioning_status=body.get("provisioning_status", "ACTIVE"),
            operating_status=body.get("operating_status", "NO_MONITOR"),
            created_at=moment_or_none(body.get("created_at")),
        )


def members_left(balancer: Service) -> int | None:
    """How many more members all pools of the project may have; None: without limit, or not told.

    Raises:
        Retryable: Octavia does not answer.
    """
    try:
        quota = member_quota(balancer)
    except Retryable:
        raise
    except (SpringtideError, KeyError):
        return None
    return None if quota.limit is None else quota.limit - quota.used


def _why(order: Join | Drain | Leave) -> str:
    """For the audit log: who, and the plan's reason."""
    who = ", ".join(f"{m.name or m.server_id} {m.address}" for m in order.members)
    return f"{order.kind} {who}: {order.reason}"
