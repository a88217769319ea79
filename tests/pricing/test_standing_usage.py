"""The private cloud and object storage, as one look sees them."""

from springtide.model.inventory import Datastore, Host, Inventory
from springtide.model.usage import UsageKind
from springtide.pricing.standing_usage import container_usage, core_usage
from tests.pricing.using import at, hours_of

SINCE, UNTIL = at("23 16:00"), at("23 17:20")


def test_hosts_and_datastores_of_the_core() -> None:
    """A host counts as one, a datastore with its capacity; each under a name of its own."""
    inventory = Inventory(
        at=UNTIL,
        clusters=(),
        hosts=(Host(name="esx-1", cluster=None, connected=True, cores=16, mhz=2600, ram_mib=1),),
        datastores=(Datastore(name="ssd-1", capacity_bytes=3 * 10**12, free_bytes=5),),
        virtual_machines=(),
    )
    assert [
        ("core/host/esx-1", UsageKind.HOST, "host", 1),
        ("core/datastore/ssd-1", UsageKind.DATASTORE, "datastore", 3 * 10**12),
    ] == [
        (record.resource, record.kind, record.sku, record.amount)
        for record in core_usage(inventory, "core", since=SINCE, until=UNTIL)
    ]


def test_a_container_counts_with_its_bytes_in_each_hour() -> None:
    """From the look before until now."""
    rows = hours_of(container_usage("GRA", "backup", stored_bytes=700, since=SINCE, until=UNTIL))
    assert [("GRA/backup", 700, 1), ("GRA/backup", 700, 1)] == [
        (row.resource, row.amount, row.clock_hours) for row in rows
    ]
