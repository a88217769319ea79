"""Usage collected by tasks from a running cloud, and kept so that repeating is harmless."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from flows.evening_window import close_evening_window, open_evening_window
from springtide.ledger.sums import daily_sums, totals
from springtide.ledger.usage_ledger import UsageLedger, fingerprint
from springtide.model.inventory import Datastore, Inventory
from springtide.model.usage import CounterReading, UsageKind, UsageRecord
from springtide.pricing.standing_usage import core_usage
from tasks.usage import (
    UsageOrder,
    collect_containers,
    collect_core,
    collect_region,
    keep_usage,
    read_counters,
)
from tests.flows.evening import MONDAY_16H, TAIL, Evening
from tests.flows.storage import Storage

BEGIN, END = date(2026, 11, 1), date(2026, 12, 1)
NIGHT = MONDAY_16H + timedelta(hours=7)
HALF = timedelta(minutes=30)
REGIONS = ("GRA11", "SBG5", "RBX1")


def collected(order: UsageOrder) -> tuple[list[UsageRecord], list[CounterReading]]:
    """All that the three regions tell."""
    records = [each for name in REGIONS for each in collect_region.fn(order, name)]
    return records, [each for name in REGIONS for each in read_counters.fn(order, name)]


def test_an_evening_is_collected_after_its_end(evening: Evening, tmp_path: Path) -> None:
    """Six servers that are gone, six hours each; balancers, counters; and again, and in part."""
    evening.run(open_evening_window)
    evening.sandbox.set_clock(TAIL)
    evening.run(close_evening_window)
    order = UsageOrder(estate_file=evening.estate_file, begins_at=MONDAY_16H, ends_at=NIGHT)
    records, readings = collected(order)
    at_once, in_parts = UsageLedger(tmp_path / "at once"), UsageLedger(tmp_path / "in parts")
    assert 1 == keep_usage.fn(order, at_once.folder, records, readings)
    assert 0 == keep_usage.fn(order, at_once.folder, records, readings)
    for part in (records[4:], records[:5]):
        keep_usage.fn(order, in_parts.folder, part)
    keep_usage.fn(order, in_parts.folder, (), readings)
    assert fingerprint(at_once, BEGIN, END) == fingerprint(in_parts, BEGIN, END)
    servers = [t for t in totals(at_once, BEGIN, END) if t.kind is UsageKind.INSTANCE]
    assert [6] * 6 == [total.clock_hours for total in servers]
    assert {"api"} == {total.fleet for total in servers}
    kinds = {each.kind for each in daily_sums(at_once, BEGIN, END)}
    assert {
        UsageKind.INSTANCE,
        UsageKind.LOAD_BALANCER,
        UsageKind.COUNTER,
        UsageKind.LOOK,
    } == kinds


def test_containers_are_collected_once_each(storage: Storage, tmp_path: Path) -> None:
    """The bytes of the vault's container in a real Swift."""
    order = UsageOrder(
        estate_file=storage.estate_file, begins_at=MONDAY_16H, ends_at=MONDAY_16H + HALF
    )
    (record,) = collect_containers.fn(order)
    assert (UsageKind.OBJECT_STORAGE, True) == (record.kind, record.amount >= 0)
    assert 1 == keep_usage.fn(order, tmp_path, [record])


def test_an_estate_without_a_core_uses_none(evening: Evening) -> None:
    """A rehearsal has none."""
    order = UsageOrder(estate_file=evening.estate_file, begins_at=MONDAY_16H, ends_at=NIGHT)
    assert () == collect_core.fn(order)


def look_at_the_core(folder: Path, now: datetime, *, hours: int, datastores: int) -> None:
    """Keep what a collection that looks so far back sees of the private cloud."""
    begins_at = now.replace(minute=0) - timedelta(hours=hours)
    order = UsageOrder(estate_file=Path("estate.yaml"), begins_at=begins_at, ends_at=now)
    inventory = Inventory(
        at=now,
        clusters=(),
        hosts=(),
        datastores=tuple(
            Datastore(name=f"ssd-{n}", capacity_bytes=10**12, free_bytes=1)
            for n in range(datastores)
        ),
        virtual_machines=(),
    )
    records = core_usage(inventory, "core", since=order.begins_at, until=order.ends_at)
    keep_usage.fn(order, folder, records)


def datastores_by_day(folder: Path) -> dict[date, int]:
    """How many datastores have an hour on each day."""
    found: dict[date, int] = {}
    for total in totals(UsageLedger(folder), date(2026, 3, 1), date(2026, 5, 1)):
        found[total.day] = found.get(total.day, 0) + 1
    return found


@pytest.mark.parametrize("hours", [3, 72, 744])
def test_a_datastore_counts_from_its_first_look_on(tmp_path: Path, hours: int) -> None:
    """However far back that looks: none that came in April is billed for March as well."""
    new = datetime(2026, 4, 1, 1, 50, tzinfo=UTC)
    look_at_the_core(tmp_path, new, hours=hours, datastores=10)
    assert {new.date(): 10} == datastores_by_day(tmp_path)


def test_hours_without_a_look_are_made_good(tmp_path: Path) -> None:
    """Of the datastore that stood before them and not of the one that came after them."""
    before, after = (datetime(2026, *day, 4, 20, tzinfo=UTC) for day in ((3, 30), (4, 2)))
    look_at_the_core(tmp_path, before, hours=3, datastores=1)
    look_at_the_core(tmp_path, after, hours=3, datastores=2)
    gap = {before.date(): 1, after.date(): 2}
    assert gap == datastores_by_day(tmp_path)
    look_at_the_core(tmp_path, after, hours=744, datastores=2)
    between = {date(2026, 3, 31): 1, date(2026, 4, 1): 1}
    assert gap | between == datastores_by_day(tmp_path)


@pytest.mark.parametrize(
    ("begins", "ends"),
    [
        pytest.param(MONDAY_16H + HALF, NIGHT, id="begins within an hour"),
        pytest.param(NIGHT, NIGHT, id="ends where it begins"),
    ],
)
def test_what_cannot_be_collected(begins: object, ends: object) -> None:
    """An order names the field that is wrong."""
    with pytest.raises(ValueError, match="must be"):
        UsageOrder.model_validate({"estate_file": "x", "begins_at": begins, "ends_at": ends})
