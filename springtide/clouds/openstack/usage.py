"""What stood and for how long, as Nova and Octavia tell it: servers that are gone included.

Nova's os-simple-tenant-usage gives for each server when it became ACTIVE and when it was gone, for
as long as Nova remembers it: until its database is purged, which providers do after some weeks. It
tells no tags; so a server's fleet is known by its tag while it stands, and by its name afterwards.

Source: OpenStack Compute API, "Usage reports (os-simple-tenant-usage)"; Nova 26,
api/openstack/compute/simple_tenant_usage.py.
"""

from collections.abc import Collection, Iterator, Mapping
from datetime import UTC, datetime

from springtide.clouds.openstack.moments import moment_of
from springtide.clouds.openstack.service import Body, Service
from springtide.clouds.openstack.tags import OURS, fleet_of
from springtide.errors import Retryable
from springtide.model.usage import UsageKind, UsageRecord, UsageSource
from springtide.model.wave_names import server_fleet

_PAGE = 1000
_MOST_PAGES = 100
_NAIVE = "%Y-%m-%dT%H:%M:%S.%f"
_DEFAULT_SKU = "load-balancer"
_VOLUME_SKU = "volume"
_GIB = 1 << 30
_RESIZE = "resize"


def read_servers_usage(
    compute: Service,
    region: str,
    begins_at: datetime,
    ends_at: datetime,
    *,
    fleets: Collection[str],
) -> tuple[UsageRecord, ...]:
    """Every server of the project that stood in [begins_at, ends_at), by its id.

    One that was never ACTIVE is none of them. One that stands is told up to `ends_at`, which should
    not be ahead of Nova's clock.

    Raises:
        Retryable: the listing changed while it was read, or does not end.
    """
    asked = {
        "start": begins_at.astimezone(UTC).strftime(_NAIVE),
        "end": ends_at.astimezone(UTC).strftime(_NAIVE),
    }
    tagged = _tagged(compute)
    records = []
    for told in _usages(compute, asked):
        fleet = tagged.get(told["instance_id"]) or _fleet_by_name(told["name"], fleets)
        record = _record(told, region, fleet, ends_at)
        if fleet is None:
            record = _since_resize(compute, record)
        records.append(record)
    return tuple(sorted(records, key=lambda record: record.resource))


def read_balancers_usage(
    balancer: Service, region: str, ends_at: datetime, *, owners: Mapping[str, str]
) -> tuple[UsageRecord, ...]:
    """Every load balancer that stands, from its creation until `ends_at`, by its id.

    Octavia tells nothing of those that are gone: look each hour, and the ledger remembers them.
    `owners` are fleets by the ids of their balancers.
    """
    flavours = {
        each["id"]: each["name"]
        for each in balancer.pages("/lbaas/flavors", "flavors", limit=_PAGE)
    }
    found = balancer.pages("/lbaas/loadbalancers", "loadbalancers", limit=_PAGE)
    records = (
        UsageRecord(
            resource=each["id"],
            name=each["name"],
            kind=UsageKind.LOAD_BALANCER,
            sku=flavours.get(each.get("flavor_id") or "", _DEFAULT_SKU),
            region=region,
            fleet=owners.get(each["id"]),
            source=UsageSource.OCTAVIA,
            start=min(moment_of(each["created_at"]), ends_at),
            end=ends_at,
        )
        for each in found
    )
    return tuple(sorted(records, key=lambda record: record.resource))


def read_volumes_usage(volume: Service, region: str, ends_at: datetime) -> tuple[UsageRecord, ...]:
    """Every volume that stands, from its creation until `ends_at`, by its id.

    One of the type `classic` is sold as `volume.classic`, as the provider's catalogue calls it.
    Cinder gives sizes in GiB, and tells nothing of those that are gone: look each hour.

    Source: OpenStack Block Storage API v3, "List accessible volumes with details".
    """
    records = (
        UsageRecord(
            resource=each["id"],
            name=each.get("name") or "",
            kind=UsageKind.VOLUME,
            sku=".".join(filter(None, (_VOLUME_SKU, each.get("volume_type")))),
            region=region,
            source=UsageSource.CINDER,
            start=min(moment_of(each["created_at"]), ends_at),
            end=ends_at,
            amount=each["size"] * _GIB,
        )
        for each in volume.pages("/volumes/detail", "volumes", limit=_PAGE)
    )
    return tuple(sorted(records, key=lambda record: record.resource))


def _usages(compute: Service, asked: Mapping[str, object]) -> Iterator[Body]:
    """The servers of all pages; the listing's marker is the last server's id."""
    path = f"/os-simple-tenant-usage/{compute.project_id}"
    marker: dict[str, object] = {}
    for _ in range(_MOST_PAGES):
        page = compute.get(path, **asked, **marker, limit=_PAGE)
        told = (page.get("tenant_usage") or {}).get("server_usages") or []
        yield from told
        if not told or not page.get("tenant_usage_links"):
            return
        marker = {"marker": told[-1]["instance_id"]}
    raise Retryable(f"{path} does not end")


def _tagged(compute: Service) -> dict[str, str]:
    """The fleets of servers that stand, by their ids."""
    standing = compute.pages("/servers/detail", "servers", limit=_PAGE, tags=OURS)
    return {body["id"]: fleet for body in standing if (fleet := fleet_of(body.get("tags", [])))}


def _fleet_by_name(name: str, fleets: Collection[str]) -> str | None:
    """The one of the fleets whose waves are named so."""
    fleet = server_fleet(name)
    return fleet if fleet in fleets else None


def _record(told: Body, region: str, fleet: str | None, ends_at: datetime) -> UsageRecord:
    start = moment_of(told["started_at"])
    end = moment_of(told["ended_at"]) if told.get("ended_at") else max(start, ends_at)
    return UsageRecord(
        resource=told["instance_id"],
        name=told["name"],
        kind=UsageKind.INSTANCE,
        sku=told["flavor"],
        region=region,
        fleet=fleet,
        source=UsageSource.NOVA,
        start=start,
        end=max(start, end),
    )


def _since_resize(compute: Service, record: UsageRecord) -> UsageRecord:
    """The record, from the server's last change of flavour on.

    Nova tells its flavour of today alone. What it had before was collected before; our fleets'
    servers are never resized, so that nobody asks for their actions.
    """
    told = compute.get(f"/servers/{record.resource}/os-instance-actions").get("instanceActions", [])
    resized = [moment_of(each["start_time"]) for each in told if each["action"] == _RESIZE]
    start = min(max(resized, default=record.start), record.end)
    return record.model_copy(update={"start": max(start, record.start)})
