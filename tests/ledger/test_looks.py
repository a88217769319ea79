"""What earlier looks have left in the ledger."""

from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from springtide.ledger.looks import kept_amounts, looked_days
from springtide.ledger.usage_ledger import UsageLedger
from springtide.model.usage import UsageKind, UsageRecord
from tests.pricing.using import a_record, hours_of


def at(day: int, hour: int = 0, minute: int = 0, month: int = 11) -> datetime:
    """A moment of 2026 in UTC."""
    return datetime(2026, month, day, hour, minute, tzinfo=UTC)


def a_look(region: str, start: datetime, end: datetime) -> UsageRecord:
    """That a region told what was used then."""
    given = {"resource": f"look at {region}", "sku": "look", "region": region, "fleet": None}
    return a_record(start, end, kind=UsageKind.LOOK, **given)


@pytest.fixture
def ledger(tmp_path: Path) -> UsageLedger:
    """An empty ledger."""
    return UsageLedger(tmp_path / "usage")


def test_a_day_is_whole_once_every_hour_was_looked_at(ledger: UsageLedger) -> None:
    """Over a month's end, by looks that overlap; half an hour is missing on the last day."""
    ledger.merge(
        hours_of(
            a_look("GRA11", at(30, 12, month=10), at(31, 13, 20, month=10)),
            a_look("GRA11", at(31, 13, month=10), at(2)),
            a_look("GRA11", at(2), at(2, 23, 30)),
            a_look("SBG5", at(1), at(2)),
        )
    )
    october = {date(2026, 10, 30): False, date(2026, 10, 31): True}
    november = {date(2026, 11, 1): True, date(2026, 11, 2): False}
    expected = {"GRA11": october | november, "SBG5": {date(2026, 11, 1): True}}
    assert expected == looked_days(ledger)


def test_amounts_of_a_month_are_remembered(ledger: UsageLedger) -> None:
    """By resource, SKU and hour; of the kinds that are asked for."""
    stored = {"kind": UsageKind.OBJECT_STORAGE, "resource": "GRA/backup", "sku": "object-storage"}
    ledger.merge(
        hours_of(
            a_record(at(1, 2, month=10), at(1, 3, month=10), amount=4, **stored),
            a_record(at(1, 3, month=10), at(1, 4, month=10), amount=5, **stored),
            a_record(at(1, 2), at(1, 3), amount=7, **stored),
            a_record(at(1, 3), at(1, 4), amount=9, **stored),
            a_record(at(1, 2), at(1, 3)),
        )
    )
    expected = {("GRA/backup", "object-storage"): {at(1, 3, month=10): 5, at(1, 2): 7}}
    kinds = [UsageKind.OBJECT_STORAGE, UsageKind.HOST]
    assert expected == kept_amounts(ledger, kinds, at(1, 3), at(1, 3))


def test_an_empty_ledger_remembers_nothing(ledger: UsageLedger) -> None:
    """And nothing is made by asking."""
    assert ({}, {}) == (looked_days(ledger), kept_amounts(ledger, [UsageKind.HOST], at(1), at(2)))
    assert not ledger.folder.exists()
