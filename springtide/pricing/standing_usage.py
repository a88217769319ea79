"""What stands for long and is looked at now and then: the private cloud, and object storage.

As an operator reads it: nobody says since when it stands, so it is billed from the hour in which it
was first seen, however far back a collection reaches. Between two looks it stood: hours that nobody
kept have the amount of the later look, and those that were kept keep theirs. In the hour of the
look the ledger keeps the most, as the provider bills it.

Example: a datastore that is first seen on 2 April at 04:20 has no hour in March, and none on 1
April, by a collection of 72 hours as by one of three.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime

from springtide.model.inventory import Inventory
from springtide.model.usage import UsageHour, UsageKind, UsageRecord, UsageSource

DATASTORE_SKU = "datastore"
HOST_SKU = "host"
OBJECT_STORAGE_SKU = "object-storage"
STANDING = (UsageKind.HOST, UsageKind.DATASTORE, UsageKind.OBJECT_STORAGE)
"""What is known only from when somebody has looked."""


def core_usage(
    inventory: Inventory, region: str, *, since: datetime, until: datetime
) -> tuple[UsageRecord, ...]:
    """Hosts and datastores of the private cloud; a datastore's amount is its capacity."""
    hosts = [(UsageKind.HOST, HOST_SKU, host.name, 1) for host in inventory.hosts]
    datastores = [
        (UsageKind.DATASTORE, DATASTORE_SKU, each.name, each.capacity_bytes)
        for each in inventory.datastores
    ]
    return tuple(
        UsageRecord(
            resource=f"{region}/{kind}/{name}",
            name=name,
            kind=kind,
            sku=sku,
            region=region,
            source=UsageSource.VCENTER,
            start=since,
            end=until,
            amount=amount,
        )
        for kind, sku, name, amount in hosts + datastores
    )


def container_usage(
    region: str, container: str, *, stored_bytes: int, since: datetime, until: datetime
) -> UsageRecord:
    """The bytes of one container of object storage."""
    return UsageRecord(
        resource=f"{region}/{container}",
        name=container,
        kind=UsageKind.OBJECT_STORAGE,
        sku=OBJECT_STORAGE_SKU,
        region=region,
        source=UsageSource.SWIFT,
        start=since,
        end=until,
        amount=stored_bytes,
    )


def since_first_seen(
    hours: Iterable[UsageHour],
    kept: Mapping[tuple[str, str], Mapping[datetime, int]],
    *,
    seen_in: datetime,
) -> Iterator[UsageHour]:
    """The hour rows of a look, without those in which nobody had seen their resource yet.

    `kept` are the amounts of earlier looks by resource and SKU and hour, `seen_in` is the look's
    own hour. What is not `STANDING` says itself since when it stands, and passes.
    """
    for row in hours:
        before = kept.get((row.resource, row.sku), {})
        if row.kind not in STANDING or row.hour == seen_in:
            yield row
        elif row.hour in before:
            # Again, for its seconds: the look that kept it may have come in the midst of it.
            yield row.model_copy(update={"amount": before[row.hour]})
        elif before and row.hour > min(before):
            yield row
