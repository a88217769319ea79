"""The private cloud and object storage, as one look sees them."""

from datetime import datetime, timedelta

import pytest

from springtide.model.inventory import Datastore, Host, Inventory
from springtide.model.usage import UsageKind
from springtide.pricing.standing_usage import container_usage, core_usage, since_first_seen
from tests.pricing.using import a_record, at, hours_of

SINCE, UNTIL = at("23 16:00"), at("23 17:20")


def test_hosts_and_datastores_of_the_core() -> None:
    """A host counts as one, a datastore with its capacity; each under a name of its own."""
    inventory = Inventory(
        at=UNTIL,
        clusters=(),
        hosts=(Host(name="esx-1", cluster=None, connected=True, cores=16, ram_mib=1),),
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
    """Those of the look's whole span: which of them count is said below."""
    rows = hours_of(container_usage("GRA", "backup", stored_bytes=700, since=SINCE, until=UNTIL))
    assert [("GRA/backup", 700, 1), ("GRA/backup", 700, 1)] == [
        (row.resource, row.amount, row.clock_hours) for row in rows
    ]


LOOK = hours_of(
    container_usage("GRA", "backup", stored_bytes=700, since=at("23 13:00"), until=UNTIL)
)
"""At 17:20, from 13:00 on."""


def kept(**amounts: int) -> dict[tuple[str, str], dict[datetime, int]]:
    """Bytes that earlier looks kept, by the hour of that day."""
    hours = {at(f"23 {name[1:]}:00"): amount for name, amount in amounts.items()}
    return {("GRA/backup", "object-storage"): hours} if hours else {}


@pytest.mark.parametrize(
    ("before", "expected"),
    [
        pytest.param(kept(), [(17, 700)], id="nobody had seen it"),
        pytest.param(kept(h17=500), [(17, 700)], id="seen in this very hour"),
        pytest.param(kept(h16=500), [(16, 500), (17, 700)], id="an hour ago it was smaller"),
        pytest.param(
            kept(h13=500, h15=600),
            [(13, 500), (14, 700), (15, 600), (16, 700), (17, 700)],
            id="between two looks the later one stands for it",
        ),
        pytest.param(
            kept(h10=500), [(h, 700) for h in range(13, 18)], id="long ago: it stood all the time"
        ),
    ],
)
def test_it_counts_since_it_was_first_seen(
    before: dict[tuple[str, str], dict[datetime, int]], expected: list[tuple[int, int]]
) -> None:
    """And with what it held then, not with what it holds now."""
    found = since_first_seen(LOOK, before, seen_in=at("23 17:00"))
    assert expected == [(row.hour.astimezone(UNTIL.tzinfo).hour, row.amount) for row in found]


def test_an_hour_that_was_seen_in_its_midst_becomes_whole() -> None:
    """The look at 16:10 knew of ten minutes; the next one knows that it stood to the end."""
    found = list(since_first_seen(LOOK, kept(h16=500), seen_in=at("23 17:00")))
    assert [3600, 1200] == [row.stood_s for row in found]


def test_what_says_itself_since_when_it_stands_passes() -> None:
    """Nova knows when a server became ACTIVE."""
    rows = hours_of(a_record("23 13:00", UNTIL + timedelta(hours=3)))
    assert rows == list(since_first_seen(rows, {}, seen_in=at("23 17:00")))
