"""What stands in one region now, whoever made it: servers, load balancers and volumes.

It is listed to be held against the bill, and nothing else is done with it: what carries no tag of
ours may be somebody else's.
"""

from collections.abc import Mapping

from springtide.clouds.openstack.moments import moment_or_none
from springtide.clouds.openstack.service import Body, Service
from springtide.clouds.openstack.tags import fleet_of
from springtide.model.bill import InventoryItem
from springtide.model.usage import UsageKind

_PAGE = 1000


def read_standing(
    compute: Service, balancer: Service, region: str, *, owners: Mapping[str, str]
) -> tuple[InventoryItem, ...]:
    """All of the project's servers and load balancers there, by id.

    `owners` are fleets by the ids of their balancers, which carry no tag.

    Raises:
        Retryable: a listing does not end, or changed while it was read.
    """
    servers = [
        _item(body, UsageKind.INSTANCE, region, fleet_of(body.get("tags") or []))
        for body in compute.pages("/servers/detail", "servers", limit=_PAGE)
    ]
    balancers = [
        _item(body, UsageKind.LOAD_BALANCER, region, owners.get(body["id"]))
        for body in balancer.pages("/lbaas/loadbalancers", "loadbalancers", limit=_PAGE)
    ]
    return tuple(sorted([*servers, *balancers], key=lambda each: each.resource))


def read_volumes(volume: Service, region: str) -> tuple[InventoryItem, ...]:
    """All of the project's volumes there, by id; no fleet has any.

    Raises:
        Retryable: the listing does not end, or changed while it was read.
    """
    found = volume.pages("/volumes/detail", "volumes", limit=_PAGE)
    items = (_item(body, UsageKind.VOLUME, region, None) for body in found)
    return tuple(sorted(items, key=lambda each: each.resource))


def _item(body: Body, kind: UsageKind, region: str, fleet: str | None) -> InventoryItem:
    return InventoryItem(
        resource=body["id"],
        name=body.get("name") or "",
        kind=kind,
        region=region,
        fleet=fleet,
        since=moment_or_none(body.get("created") or body.get("created_at")),
    )
