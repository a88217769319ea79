"""Charges as CSV and Parquet: the same rows, exact, and read alike by others."""

from decimal import Decimal
from pathlib import Path

import duckdb
import pytest

from springtide.ledger.charge_files import write_charges
from springtide.pricing.focus import COLUMNS, focus_rows
from tests.pricing.using import a_charge_of_each_kind

TYPES = {column.name: column.type.value for column in COLUMNS}


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    """The files of a charge of each kind."""
    book, charges = a_charge_of_each_kind()
    return write_charges(focus_rows(charges, book), TYPES, tmp_path / "charges")


def test_parquet_holds_exact_decimals(files: tuple[Path, Path]) -> None:
    """Its sum is that of the charges, and price times quantity is cost to whoever asks it."""
    _, charges = a_charge_of_each_kind()
    asked = (
        "SELECT sum(BilledCost), bool_and(ListUnitPrice * PricingQuantity = ListCost), count(*)"  # noqa: S608 - a test's own file
        f" FROM '{files[1]}'"
    )
    billed = sum((charge.billed_cost for charge in charges), Decimal(0))
    assert [(billed, True, len(charges))] == duckdb.sql(asked).fetchall()


def test_types_are_those_of_the_columns(files: tuple[Path, Path]) -> None:
    """Names in the order of the columns, each of its type."""
    described = duckdb.sql(f"DESCRIBE SELECT * FROM '{files[1]}'").fetchall()  # noqa: S608 - as above
    assert {name: kind.replace(", ", ",") for name, kind in TYPES.items()} == {
        name: kind.replace(", ", ",") for name, kind, *_ in described
    }


def test_both_files_have_the_same_rows(files: tuple[Path, Path]) -> None:
    """Read as text, for the CSV has no types."""
    names = ", ".join(f"CAST({name} AS {kind}) AS {name}" for name, kind in TYPES.items())
    table, parquet = (str(path) for path in files)
    asked = f"SELECT {names} FROM read_csv('{table}', all_varchar = true)"  # noqa: S608 - a test's own file
    assert [] == duckdb.sql(f"{asked} EXCEPT ALL SELECT * FROM '{parquet}'").fetchall()  # noqa: S608 - as above


def test_writing_again_replaces_both(files: tuple[Path, Path]) -> None:
    """No row of before is left, and no unfinished file."""
    book, charges = a_charge_of_each_kind()
    write_charges(focus_rows(charges[:1], book), TYPES, files[0].parent)
    assert [(1,)] == duckdb.sql(f"SELECT count(*) FROM '{files[1]}'").fetchall()  # noqa: S608 - as above
    assert {"charges.csv", "charges.parquet"} == {
        path.name for path in files[0].parent.iterdir() if path.is_file()
    }


def test_names_may_hold_what_a_csv_is_made_of(tmp_path: Path) -> None:
    """Commas, quotes and line ends come back as they were."""
    book, charges = a_charge_of_each_kind()
    odd = charges[0].model_copy(update={"name": 'a, "b"\nc'})
    _, parquet = write_charges(focus_rows([odd], book), TYPES, tmp_path)
    assert [('a, "b"\nc',)] == duckdb.sql(f"SELECT ResourceName FROM '{parquet}'").fetchall()  # noqa: S608 - as above


def test_no_charges_are_files_without_rows(tmp_path: Path) -> None:
    """A quiet period has its files, too."""
    _, parquet = write_charges([], TYPES, tmp_path)
    assert [(0,)] == duckdb.sql(f"SELECT count(*) FROM '{parquet}'").fetchall()  # noqa: S608 - as above
