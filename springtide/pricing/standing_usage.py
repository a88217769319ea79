"""What stands for long and is looked at now and then: the private cloud, and object storage.

As an operator reads it: at each look, what stands is taken to have stood since the period's begin.
The ledger keeps the greater of two looks at the same hour, so an hourly look bills "the most of the
hour" as the provider does, and a daily one a little more where something grew.
"""

from datetime import datetime

from springtide.model.inventory import Inventory
from springtide.model.usage import UsageKind, UsageRecord, UsageSource

DATASTORE_SKU = "datastore"
HOST_SKU = "host"
OBJECT_STORAGE_SKU = "object-storage"


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
