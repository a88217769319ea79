"""Charges as files for others: CSV, and Parquet with exact decimals, of the same rows."""

import csv
from collections.abc import Iterable, Mapping
from pathlib import Path

from springtide.ledger.engine import engine

Row = tuple[str | None, ...]


def write_charges(
    rows: Iterable[Row], columns: Mapping[str, str], folder: Path
) -> tuple[Path, Path]:
    """Write `charges.csv` and `charges.parquet` into the folder, each as a whole or not at all.

    `columns` are names with their types in Parquet. The rows are written as they come, so that no
    number of them needs more memory; the Parquet file is made of the CSV, so that they agree.
    """
    folder.mkdir(parents=True, exist_ok=True)
    table, parquet = folder / "charges.csv", folder / "charges.parquet"
    fresh_table, fresh_parquet = folder / "charges.csv.new", folder / "charges.parquet.new"
    with fresh_table.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(rows)
    # Nothing is left to be guessed: a sniffer takes 0.10 for a floating number.
    dialect = "header = true, auto_detect = false, delim = ',', quote = '\"', escape = '\"'"
    typed = ", ".join(f"'{name}': '{kind}'" for name, kind in columns.items())
    with engine(folder / "scratch") as connection:
        connection.execute(
            f"COPY (SELECT * FROM read_csv(?, {dialect}, columns = {{{typed}}}))"  # noqa: S608 - our columns
            " TO ? (FORMAT parquet, COMPRESSION zstd)",
            [str(fresh_table), str(fresh_parquet)],
        )
    fresh_table.replace(table)
    fresh_parquet.replace(parquet)
    return table, parquet
