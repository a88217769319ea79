"""Charges as files for others: CSV, and Parquet with exact decimals, of the same rows.

A restated file is the one before it, row for row, and below it what has changed: whoever had added
up the rows of before adds those of the class `Correction` and has the sums of now. A description
that has changed, such as a price, takes the whole of the old row back and puts the new one.
"""

import csv
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import duckdb

from springtide.ledger.engine import engine, rows_of

Row = tuple[str | None, ...]
CSV_NAME, PARQUET_NAME = "charges.csv", "charges.parquet"
# Nothing is left to be guessed: a sniffer takes 0.10 for a floating number.
_DIALECT = "header = true, auto_detect = false, delim = ',', quote = '\"', escape = '\"'"


@dataclass(frozen=True)
class Correcting:
    """The file that is restated, and how its columns tell a correction."""

    before: Path
    """The CSV of the edition before."""
    adds: Collection[str]
    """Columns whose values add up; all others describe."""
    column: str
    """The column that tells a correction, and the word by which it does."""
    word: str


def write_charges(
    rows: Iterable[Row],
    columns: Mapping[str, str],
    folder: Path,
    *,
    correcting: Correcting | None = None,
) -> tuple[Path, Path]:
    """Write `charges.csv` and `charges.parquet` into the folder, each as a whole or not at all.

    `columns` are names with their types in Parquet. The rows are written as they come, so that no
    number of them needs more memory; the Parquet file is made of the CSV, so that they agree.
    """
    folder.mkdir(parents=True, exist_ok=True)
    table, parquet = folder / CSV_NAME, folder / PARQUET_NAME
    fresh_table, fresh_parquet = folder / f"{CSV_NAME}.new", folder / f"{PARQUET_NAME}.new"
    _write(fresh_table, columns, rows)
    with engine(folder / "scratch") as connection:
        if correcting is not None:
            restated = folder / f"{CSV_NAME}.restated"
            _write(restated, columns, _restated(connection, fresh_table, columns, correcting))
            restated.replace(fresh_table)
        connection.execute(
            f"COPY (SELECT * FROM {_read(columns)}) TO ? (FORMAT parquet, COMPRESSION zstd)",  # noqa: S608 - our columns
            [str(fresh_table), str(fresh_parquet)],
        )
    fresh_table.replace(table)
    fresh_parquet.replace(parquet)
    return table, parquet


def _write(path: Path, columns: Mapping[str, str], rows: Iterable[Row]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(rows)


def _read(columns: Mapping[str, str]) -> str:
    """The CSV that a statement is given as those columns."""
    typed = ", ".join(f"'{name}': '{kind}'" for name, kind in columns.items())
    return f"read_csv(?, {_DIALECT}, columns = {{{typed}}})"


def _restated(
    connection: duckdb.DuckDBPyConnection,
    now: Path,
    columns: Mapping[str, str],
    correcting: Correcting,
) -> Iterator[Row]:
    """The rows of before as they were, and those that make their sums the ones of now."""
    with correcting.before.open(encoding="utf-8", newline="") as file:
        reader = csv.reader(file)
        next(reader)
        yield from (tuple(row) for row in reader)
    # What describes is compared as it is written, and not as what it means.
    read = _read({n: k if n in correcting.adds else "VARCHAR" for n, k in columns.items()})
    described = [n for n in columns if n not in correcting.adds and n != correcting.column]
    sums = [f"sum(CASE WHEN fresh THEN {name} ELSE -{name} END)" for name in correcting.adds]
    query = f"""
        SELECT {", ".join(described)}, {", ".join(sums)} FROM (
            SELECT *, true AS fresh FROM {read} UNION ALL SELECT *, false AS fresh FROM {read}
        ) GROUP BY ALL HAVING {" OR ".join(f"{each} <> 0" for each in sums)} ORDER BY ALL
    """  # noqa: S608 - our columns
    names = [*described, *correcting.adds, correcting.column]
    order = [names.index(name) for name in columns]
    for found in rows_of(connection, query, [str(now), str(correcting.before)]):
        row = (*map(_text, found), correcting.word)
        yield tuple(row[at] for at in order)


def _text(value: str | Decimal | None) -> str | None:
    """A sum as the rows have their numbers: no zero at its end but one after the point."""
    if not isinstance(value, Decimal):
        return value
    text = f"{value:f}"
    if "." not in text:
        return text
    whole, _, digits = text.partition(".")
    return f"{whole}.{digits.rstrip('0') or '0'}"
