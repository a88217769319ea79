"""What carries our mark in one region, whoever made it: listed, marked, removed.

A server, port or member is ours by its tag, a server group, which can carry none, by its name:
`springtide-<fleet>-<stamp of its wave>`. Nothing else is listed, so nothing else can be removed.
Neutron's ports are made by Nova without a tag: those of our standing servers are marked by a sweep,
so that a port that outlives its server is known again.
"""

from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import datetime

from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_fixed

from springtide.clouds.openstack import tags as marks
from springtide.clouds.openstack.moments import moment_or_none
from springtide.clouds.openstack.server_groups import delete_groups, marked_groups
from springtide.clouds.openstack.servers import belongs_in_listing, show_server
from springtide.clouds.openstack.service import Body, Service
from springtide.errors import BalancerBusy, NotFound, Retryable, SpringtideError
from springtide.model.leftover import LeftoverKind, MarkedThing, RegionInventory

_PAGE = 500
_FORMING = frozenset({"BUILD", "REBUILD", "RESIZE", "VERIFY_RESIZE", "MIGRATING"})
_OWNERS_ASKED = 50
"""Most servers that one look asks for by id; of the others it is not known whether they stand."""
_BUSY_S = 20.0
_BUSY_POLL_S = 0.5


class LeftoverStore:
    """Everything of ours in one region, apart from any fleet."""

    def __init__(self, region: str, services: dict[str, Service]) -> None:
        """`services` by type: compute, network, load-balancer."""
        self._region = region
        self._compute = services["compute"]
        self._network = services["network"]
        self._balancer = services["load-balancer"]

    def inventory(self, now: datetime, gone: frozenset[str] = frozenset()) -> RegionInventory:
        """All of ours that is there; ports of servers in `gone` are, too. Nothing is raised."""
        try:
            return self._inventory(now, gone)
        except SpringtideError as error:
            return RegionInventory(region=self._region, trouble=str(error))

    def mark(self, thing: MarkedThing, at: datetime) -> None:
        """Write on the thing that a sweep saw it first at `at`, in place of an older mark.

        Raises:
            NotFound: it is gone.
            BalancerBusy: its balancer takes no change for some time.
        """
        why, tag = f"{thing.where}: nobody knows it", marks.leftover_tag(at)
        old = [each for each in thing.tags if marks.is_leftover_tag(each) and each != tag]
        if thing.kind is LeftoverKind.MEMBER:
            kept = dict.fromkeys([*(each for each in thing.tags if each not in old), tag])
            path, body = self._member_path(thing), {"member": {"tags": list(kept)}}
            _patiently(lambda: self._balancer.change("PUT", path, body, why=why))
            return
        service, path = self._tagged(thing)
        service.change("PUT", f"{path}/tags/{tag}", why=why)
        for each in old:
            with suppress(NotFound):
                service.change("DELETE", f"{path}/tags/{each}", why=why)

    def mark_port(self, port: MarkedThing) -> None:
        """Write the fleet of its server on a port; one that is gone meanwhile is left out."""
        with suppress(NotFound):
            tag = marks.fleet_tag(port.fleet or "")
            self._network.change(
                "PUT", f"/ports/{port.id}/tags/{tag}", why="it belongs to a server of the fleet"
            )

    def remove(self, thing: MarkedThing, reason: str) -> None:
        """Have the thing gone; one that is gone already is a success.

        Raises:
            BalancerBusy: its balancer takes no change for some time.
        """
        why = f"{thing.where}: {reason}"
        with suppress(NotFound):
            match thing.kind:
                case LeftoverKind.MEMBER:
                    path = self._member_path(thing)
                    _patiently(lambda: self._balancer.change("DELETE", path, why=why))
                case LeftoverKind.GROUP:
                    delete_groups(self._compute, (thing.id,))
                case _:
                    service, path = self._tagged(thing)
                    service.change("DELETE", path, why=why)

    def owner_stands(self, server_id: str) -> bool:
        """Whether there is a server of that id, whosever it is.

        Raises:
            Retryable: Nova does not say.
        """
        return show_server(self._compute, server_id) is not None

    def _tagged(self, thing: MarkedThing) -> tuple[Service, str]:
        if thing.kind is LeftoverKind.SERVER:
            return self._compute, f"/servers/{thing.id}"
        return self._network, f"/ports/{thing.id}"

    def _member_path(self, thing: MarkedThing) -> str:
        return f"/lbaas/pools/{thing.pool_id}/members/{thing.id}"

    def _inventory(self, now: datetime, gone: frozenset[str]) -> RegionInventory:
        # Servers first: whatever comes after its server's listing is asked for by id.
        servers = tuple(self._servers())
        fleets = {server.id: server.fleet for server in servers}
        ports, members = list(self._ports()), list(self._members())
        ours = [p for p in ports if marks.is_ours(p.tags) or p.owner_id in gone]
        standing = self._standing([*ours, *members], set(fleets))
        unmarked = (p for p in ports if not marks.is_ours(p.tags) and fleets.get(p.owner_id or ""))
        return RegionInventory(
            region=self._region,
            things=(
                *servers,
                *(_owned(each, standing) for each in (*ours, *members)),
                *marked_groups(self._compute, self._region, now),
            ),
            unmarked_ports=tuple(
                p.model_copy(update={"fleet": fleets[p.owner_id or ""]}) for p in unmarked
            ),
        )

    def _standing(self, things: list[MarkedThing], known: set[str]) -> dict[str, bool]:
        """Whether each owner stands; those beyond the most that are asked for are not in it.

        Raises:
            Retryable: one of them does, and should be `known`: the listing answered in part.
        """
        strangers = sorted({t.owner_id for t in things if t.owner_id} - known)
        shown = {each: show_server(self._compute, each) for each in strangers[:_OWNERS_ASKED]}
        for each, body in shown.items():
            if body and belongs_in_listing(body, marks.OURS):
                where = f"{self._region} compute"
                raise Retryable(f"{where}: the listing leaves out {each}, which stands")
        return dict.fromkeys(known, True) | {each: body is not None for each, body in shown.items()}

    def _servers(self) -> Iterator[MarkedThing]:
        listing = self._compute.pages("/servers/detail", "servers", limit=_PAGE, tags=marks.OURS)
        for body in {body["id"]: body for body in listing}.values():
            yield self._thing(
                LeftoverKind.SERVER,
                body,
                created_at=moment_or_none(body.get("created")),
                in_change=_change_of(body),
            )

    def _ports(self) -> Iterator[MarkedThing]:
        project = self._network.project_id
        for body in self._network.pages("/ports", "ports", limit=_PAGE, project_id=project):
            yield self._thing(
                LeftoverKind.PORT,
                body,
                created_at=moment_or_none(body.get("created_at")),
                owner_id=body.get("device_id") or None,
            )

    def _members(self) -> Iterator[MarkedThing]:
        for pool in self._balancer.pages("/lbaas/pools", "pools", limit=_PAGE):
            if not pool.get("members"):
                continue
            path = f"/lbaas/pools/{pool['id']}/members"
            for body in self._balancer.pages(path, "members", limit=_PAGE):
                found = body.get("tags") or []
                if not marks.is_ours(found):
                    continue
                status = body.get("provisioning_status", "ACTIVE")
                yield self._thing(
                    LeftoverKind.MEMBER,
                    body,
                    created_at=moment_or_none(body.get("created_at")),
                    owner_id=marks.server_of(found),
                    weight=body["weight"],
                    pool_id=pool["id"],
                    in_change=status if status.startswith("PENDING") else None,
                )

    def _thing(self, kind: LeftoverKind, body: Body, **more: object) -> MarkedThing:
        found = body.get("tags") or []
        return MarkedThing.model_validate(
            {
                "kind": kind,
                "id": body["id"],
                "name": body.get("name") or "",
                "region": self._region,
                "fleet": marks.fleet_of(found),
                "tags": tuple(found),
                "held_until": marks.held_until(found),
                "sighted_at": marks.sighted_at(found),
                "expires_at": marks.expires_at(found),
                **more,
            }
        )


def _owned(thing: MarkedThing, standing: dict[str, bool]) -> MarkedThing:
    return thing.model_copy(update={"owner_stands": standing.get(thing.owner_id or "")})


def _change_of(server: Body) -> str | None:
    task, status = server.get("OS-EXT-STS:task_state"), server["status"]
    return task or (status if status in _FORMING else None)


def _patiently(change: Callable[[], Body]) -> None:
    """Make the change as soon as the balancer takes it, within some time."""
    repeating = Retrying(
        retry=retry_if_exception_type(BalancerBusy),
        stop=stop_after_delay(_BUSY_S),
        wait=wait_fixed(_BUSY_POLL_S),
        reraise=True,
    )
    repeating(change)
