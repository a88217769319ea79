"""The ledger: writing again changes nothing, whatever came twice, late or in another order."""

import threading
from datetime import date
from pathlib import Path

import duckdb
import pytest

from springtide.ledger.sums import daily_sums, totals
from springtide.ledger.usage_ledger import UsageLedger, fingerprint
from springtide.model.usage import UsageKind, UsageRecord
from tests.pricing.using import a_record, hours_of, totals_of

BEGIN, END = date(2026, 1, 1), date(2028, 1, 1)
EVENING = hours_of(
    a_record("23 15:45", "23 22:05", name="api-1"),
    a_record("23 16:00", "24 01:30", resource="i-2", sku="b2-120", fleet=None),
)
NEXT_MONTH = hours_of(a_record("2026-11-30 22:00", "2026-12-01 03:00", resource="i-3"))


def rows_of(ledger: UsageLedger) -> list[tuple[object, ...]]:
    """All rows of the ledger, read by DuckDB alone."""
    files = [str(path) for path in ledger.files(BEGIN, END)]
    if not files:
        return []
    return duckdb.sql(f"SELECT * FROM read_parquet({files}) ORDER BY ALL").fetchall()  # noqa: S608 - a test's own files


@pytest.fixture
def ledger(tmp_path: Path) -> UsageLedger:
    """An empty ledger."""
    return UsageLedger(tmp_path / "usage")


def test_rows_are_kept_by_month(ledger: UsageLedger) -> None:
    """One file for each month that rows are in, and each row in it once."""
    assert 2 == ledger.merge(EVENING + NEXT_MONTH)
    assert ["month=2026-11", "month=2026-12"] == [
        path.parent.name for path in ledger.files(BEGIN, END)
    ]
    assert len(EVENING + NEXT_MONTH) == len(rows_of(ledger))


def test_merging_again_changes_nothing(ledger: UsageLedger) -> None:
    """Not even the file."""
    ledger.merge(EVENING)
    written, seen = ledger.files(BEGIN, END)[0].stat(), rows_of(ledger)
    assert 0 == ledger.merge(EVENING)
    assert (written.st_ino, seen) == (ledger.files(BEGIN, END)[0].stat().st_ino, rows_of(ledger))


@pytest.mark.parametrize("order", ["0123", "3210", "2031"])
def test_the_order_does_not_matter(ledger: UsageLedger, tmp_path: Path, order: str) -> None:
    """Parts in any order, one of them an early look at the same hours."""
    early = hours_of(a_record("23 15:45", "23 19:20"))
    parts = [EVENING[::2], EVENING[1::2], early, NEXT_MONTH]
    for number in order:
        ledger.merge(parts[int(number)])
    at_once = UsageLedger(tmp_path / "at once")
    at_once.merge(EVENING + NEXT_MONTH)
    assert rows_of(at_once) == rows_of(ledger)
    assert fingerprint(at_once, BEGIN, END) == fingerprint(ledger, BEGIN, END)


def test_late_usage_is_merged(ledger: UsageLedger) -> None:
    """A server that was seen at half past, and again when it was gone."""
    ledger.merge(hours_of(a_record("23 16:00", "23 16:30")))
    before = fingerprint(ledger, BEGIN, END)
    assert 1 == ledger.merge(hours_of(a_record("23 16:00", "23 17:10")))
    assert totals_of(a_record("23 16:00", "23 17:10")) == list(totals(ledger, BEGIN, END))
    assert before != fingerprint(ledger, BEGIN, END)


def test_a_volume_that_is_called_anew_has_each_hour_once(ledger: UsageLedger) -> None:
    """The hours that are looked at again have the new name alone, whoever writes them; no other."""
    volume = {"resource": "v-1", "kind": UsageKind.VOLUME}
    before = hours_of(a_record("23 10:00", "23 14:00", sku="classic", **volume))
    other = hours_of(
        a_record("23 10:00", "23 14:00", sku="classic", **volume | {"resource": "v-2"})
    )
    anew = hours_of(a_record("23 12:00", "23 16:00", sku="volume.classic", **volume))
    ledger.merge(before + other)
    assert 1 == ledger.merge(anew)
    seen = rows_of(ledger)
    hours = {(each.resource, each.sku): each.clock_hours for each in totals(ledger, BEGIN, END)}
    assert {("v-1", "classic"): 2, ("v-1", "volume.classic"): 4, ("v-2", "classic"): 4} == hours
    assert 0 == ledger.merge(before + anew)
    assert seen == rows_of(ledger)


@pytest.mark.parametrize(
    ("other", "same"),
    [
        pytest.param(a_record("05 16:00", "05 22:00", resource="late"), False, id="of its day"),
        pytest.param(a_record("02 16:00", "02 22:00", resource="late"), False, id="of its month"),
        pytest.param(a_record("06 01:00", "06 22:00", resource="late"), True, id="of later"),
        pytest.param(
            a_record("2026-10-31 16:00", "2026-10-31 22:00"), True, id="of the month before"
        ),
    ],
)
@pytest.mark.parametrize("kept", [True, False], ids=["with usage", "without any"])
def test_a_days_fingerprint_is_of_its_month_until_then(
    ledger: UsageLedger, other: UsageRecord, *, same: bool, kept: bool
) -> None:
    """What was used later changes no report of a day; earlier days count for the monthly plan."""
    ledger.merge(hours_of(a_record("05 16:00", "05 22:00")) if kept else [])
    day = date(2026, 11, 5), date(2026, 11, 6)
    before = fingerprint(ledger, *day)
    assert 1 == ledger.merge(hours_of(other))
    assert same == (before == fingerprint(ledger, *day))


def test_a_day_is_replaced(ledger: UsageLedger) -> None:
    """What a source took back goes; other days of the month stay."""
    ledger.merge(EVENING + hours_of(a_record("24 16:00", "24 22:00")))
    right = hours_of(a_record("23 16:00", "23 17:00"))
    assert 1 == ledger.replace_day(date(2026, 11, 23), right)
    assert 0 == ledger.replace_day(date(2026, 11, 23), right)
    days = {
        (total.day.day, total.resource): total.clock_hours for total in totals(ledger, BEGIN, END)
    }
    assert {(23, "i-1"): 1, (24, "i-1"): 6, (24, "i-2"): 1} == days


def test_a_row_of_another_day_is_no_replacement(ledger: UsageLedger) -> None:
    """It would be lost or counted twice."""
    with pytest.raises(ValueError, match="is not on 2026-11-24"):
        ledger.replace_day(date(2026, 11, 24), EVENING)
    assert [] == rows_of(ledger)


def test_an_empty_day_is_replaced_by_nothing(ledger: UsageLedger) -> None:
    """Nobody stood: that is a statement, too."""
    ledger.merge(EVENING)
    ledger.replace_day(date(2026, 11, 23), [])
    ledger.replace_day(date(2026, 11, 24), [])
    assert ((), "nothing") == (daily_sums(ledger, BEGIN, END), "nothing")


def test_writers_wait_for_each_other(ledger: UsageLedger) -> None:
    """Days that are collected at once are all there in the end."""
    days = [
        hours_of(a_record(f"{day} 16:00", f"{day} 22:00", resource=f"i-{day}"))
        for day in range(10, 14)
    ]
    writers = [threading.Thread(target=ledger.merge, args=(day,)) for day in days]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert 24 == len(rows_of(ledger))


def test_a_killed_writer_leaves_the_month_as_it_was(ledger: UsageLedger) -> None:
    """Its unfinished file is overwritten by the next one, and read by nobody."""
    ledger.merge(EVENING)
    seen = rows_of(ledger)
    fresh = ledger.file(date(2026, 11, 1)).with_suffix(".new")
    fresh.write_bytes(b"half of it")
    assert seen == rows_of(ledger)
    assert 0 == ledger.merge(EVENING)
    assert not fresh.exists()


def test_an_empty_ledger_says_nothing(ledger: UsageLedger) -> None:
    """And nothing is made by asking."""
    assert ([], ()) == (list(totals(ledger, BEGIN, END)), daily_sums(ledger, BEGIN, END))
    assert not ledger.folder.exists()
