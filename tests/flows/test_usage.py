"""Usage collected by tasks from a running cloud, and kept so that repeating is harmless."""

from datetime import date, timedelta
from pathlib import Path

import pytest

from flows.evening_window import close_evening_window, open_evening_window
from springtide.ledger.sums import daily_sums, totals
from springtide.ledger.usage_ledger import UsageLedger, fingerprint
from springtide.model.usage import CounterReading, UsageKind, UsageRecord
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
    assert {UsageKind.INSTANCE, UsageKind.LOAD_BALANCER, UsageKind.COUNTER} == kinds


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
