"""A restated file: the rows of before as they were, and corrections by which the sums agree."""

import csv
import shutil
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest

from springtide.ledger.charge_files import CSV_NAME, Correcting, write_charges
from springtide.model.charge import Charge
from springtide.pricing.charges import price_totals
from springtide.pricing.focus import ADDED, COLUMNS, CORRECTION, focus_rows
from tests.pricing.using import a_charge_of_each_kind, a_record, totals_of

TYPES = {column.name: column.type.value for column in COLUMNS}
BOOK, BEFORE = a_charge_of_each_kind()
Rows = list[dict[str, str]]


def written(charges: list[Charge], folder: Path, *, before: Path | None = None) -> Rows:
    """The rows of the file."""
    correcting = Correcting(before / CSV_NAME, ADDED, *CORRECTION) if before else None
    table, _ = write_charges(focus_rows(charges, BOOK), TYPES, folder, correcting=correcting)
    with table.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def sums(rows: Rows) -> dict[str, Decimal]:
    """Each column that adds up."""
    return {name: sum((Decimal(row[name] or 0) for row in rows), Decimal(0)) for name in ADDED}


def longer(charges: list[Charge]) -> list[Charge]:
    """An hour more of the first one."""
    first, *others = charges
    quantity = first.quantity + 1
    cost = first.entry.unit_price * quantity
    more = {"quantity": quantity, "clock_hours": first.clock_hours + 1}
    costs = {"list_cost": cost, "billed_cost": cost, "effective_cost": cost}
    return [first.model_copy(update={**more, **costs}), *others]


def dearer(charges: list[Charge]) -> list[Charge]:
    """The first one at another price."""
    first, *others = charges
    entry = first.entry.model_copy(update={"price": Decimal("0.6")})
    cost = entry.unit_price * first.quantity
    costs = {"list_cost": cost, "billed_cost": cost, "effective_cost": cost}
    return [first.model_copy(update={"entry": entry, **costs}), *others]


def late(charges: list[Charge]) -> list[Charge]:
    """A server that nobody knew of."""
    record = a_record("24 16:00", "24 18:00", resource="late")
    return [*charges, *price_totals(totals_of(record), BOOK).charges]


@pytest.mark.parametrize(
    ("change", "quantities"),
    [
        pytest.param(lambda charges: charges, [], id="nothing"),
        pytest.param(longer, ["1.0"], id="an hour more"),
        pytest.param(dearer, ["-9.0", "9.0"], id="another price takes back and puts anew"),
        pytest.param(late, ["2.0"], id="late usage"),
        pytest.param(lambda charges: charges[1:], ["-9.0"], id="a resource of somebody else"),
        pytest.param(lambda charges: list(reversed(charges)), [], id="another order"),
    ],
)
def test_what_has_changed_is_corrected(
    tmp_path: Path, change: Callable[[list[Charge]], list[Charge]], quantities: list[str]
) -> None:
    """No row of before is touched, each correction says so, and all sums are those of now."""
    before = written(BEFORE, tmp_path / "before")
    restated = written(change(BEFORE), tmp_path / "now", before=tmp_path / "before")
    fresh = written(change(BEFORE), tmp_path / "fresh")
    corrections = restated[len(before) :]
    assert before == restated[: len(before)]
    assert quantities == sorted(row["PricingQuantity"] for row in corrections)
    assert {"Correction"} >= {row["ChargeClass"] for row in corrections}
    assert sums(fresh) == sums(restated)


def test_corrections_are_corrected(tmp_path: Path) -> None:
    """A second restating takes back what the first one put, and its sums agree again."""
    written(BEFORE, tmp_path / "0")
    written(dearer(BEFORE), tmp_path / "1", before=tmp_path / "0")
    restated = written(late(BEFORE), tmp_path / "2", before=tmp_path / "1")
    assert sums(written(late(BEFORE), tmp_path / "fresh")) == sums(restated)
    classes = [row["ChargeClass"] for row in restated]
    assert (len(BEFORE), 5) == (classes.count(""), classes.count("Correction"))


def test_a_correction_is_exact_in_parquet(tmp_path: Path) -> None:
    """Price times quantity is cost in each of them, too."""
    written(BEFORE, tmp_path / "before")
    written(dearer(late(BEFORE)), tmp_path / "now", before=tmp_path / "before")
    asked = (
        "SELECT count(*), bool_and(ListUnitPrice * PricingQuantity = ListCost)"  # noqa: S608 - a test's own file
        f" FROM '{tmp_path}/now/charges.parquet' WHERE ChargeClass = 'Correction'"
    )
    assert [(3, True)] == duckdb.sql(asked).fetchall()


def test_restating_again_is_the_same(tmp_path: Path) -> None:
    """A killed run's leavings change nothing."""
    written(BEFORE, tmp_path / "before")
    written(late(BEFORE), tmp_path / "now", before=tmp_path / "before")
    first = (tmp_path / "now" / CSV_NAME).read_bytes()
    shutil.copy(tmp_path / "before" / CSV_NAME, tmp_path / "now" / f"{CSV_NAME}.new")
    written(late(BEFORE), tmp_path / "now", before=tmp_path / "before")
    assert first == (tmp_path / "now" / CSV_NAME).read_bytes()
