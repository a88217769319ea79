"""The usage ledger: hour rows as Parquet, one file a month, written so that repeating is harmless.

As an operator reads it: the ledger is a folder. What is collected for a day is merged into its
month's file: of two rows of the same resource, SKU and hour the greater numbers hold. Usage only
grows while one looks, so a repeated, a late and a disordered collection come to the same file.
`replace_day` takes back what a source had wrong. A volume's hour under its type alone, as volumes
were called once, goes where that hour comes under `volume.` and its type; nothing else is taken
back. A month's file is replaced as a whole or not at all, and whoever writes holds the ledger's
lock.
"""

import fcntl
import hashlib
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import date, datetime, time, timedelta
from pathlib import Path

import duckdb

from springtide.ledger.engine import engine, rows_of
from springtide.model.usage import UsageHour

COLUMNS = {
    "resource": "VARCHAR",
    "name": "VARCHAR",
    "kind": "VARCHAR",
    "sku": "VARCHAR",
    "region": "VARCHAR",
    "fleet": "VARCHAR",
    "source": "VARCHAR",
    "hour": "TIMESTAMP",
    "amount": "BIGINT",
    "stood_s": "INTEGER",
    "clock_hours": "INTEGER",
    "started_hours": "INTEGER",
}
"""Of the Parquet files; times are in UTC without saying so, as DuckDB's TIMESTAMP has them."""
_KEY = ("resource", "sku", "hour")
_NAMES = ", ".join(COLUMNS)
_MERGED = ", ".join(name if name in _KEY else f"max({name}) AS {name}" for name in COLUMNS)
_DESCRIBED = ", ".join(f"{name} {kind}" for name, kind in COLUMNS.items())
_UNNESTED = ", ".join(f"unnest(?::{kind}[])" for kind in COLUMNS.values())
_NO_ROWS = "0"

# Made of the columns' names above and of nothing that anybody gives.
_KEEP = f"""
    INSERT INTO given SELECT {_NAMES} FROM read_parquet(?)
    WHERE CAST(hour AS DATE) IS DISTINCT FROM ?
"""  # noqa: S608
_RENAMED = """
    DELETE FROM given WHERE kind = 'volume'
    AND (resource, hour, 'volume.' || sku)
        IN (SELECT (resource, hour, sku) FROM given WHERE kind = 'volume')
"""
_COPY = f"""
    COPY (SELECT {_MERGED} FROM given GROUP BY {", ".join(_KEY)} ORDER BY {", ".join(_KEY)})
    TO ? (FORMAT parquet, COMPRESSION zstd)
"""  # noqa: S608
_HASH = f"""
    SELECT coalesce(hex(bit_xor(md5_number(concat_ws('|', {_NAMES})))), '{_NO_ROWS}')
    FROM read_parquet(?) WHERE hour >= ? AND hour < ?
"""  # noqa: S608


class UsageLedger:
    """The hour rows in one folder."""

    def __init__(self, folder: Path) -> None:
        """Use that folder; what is missing is made when something is written."""
        self.folder = folder

    def file(self, month: date) -> Path:
        """Where that month's rows are."""
        return self.folder / f"month={month:%Y-%m}" / "usage.parquet"

    def files(self, begin: date, end: date) -> tuple[Path, ...]:
        """The files of the months with days from `begin` until before `end`, in order."""
        found = sorted(self.folder.glob("month=*/usage.parquet"))
        last_day = end - timedelta(days=1)
        first, last = f"month={begin:%Y-%m}", f"month={last_day:%Y-%m}"
        return tuple(path for path in found if first <= path.parent.name <= last)

    def merge(self, hours: Iterable[UsageHour]) -> int:
        """Merge the rows into their months; returns how many months' files that changed."""
        by_month: dict[date, list[UsageHour]] = defaultdict(list)
        for row in hours:
            by_month[row.hour.date().replace(day=1)].append(row)
        return sum(self._write(month, rows, but=None) for month, rows in sorted(by_month.items()))

    def replace_day(self, day: date, hours: Iterable[UsageHour]) -> int:
        """Have that day's rows be these, whatever they were; 1 if that changed them.

        Raises:
            ValueError: a row is of another day.
        """
        rows = list(hours)
        if other := [row for row in rows if row.hour.date() != day]:
            raise ValueError(f"{other[0].hour} is not on {day}")
        return self._write(day, rows, but=day)

    def _write(self, month: date, rows: list[UsageHour], *, but: date | None) -> int:
        """Put the rows to those of the month's file, but for those of that day; 1 if it changed."""
        path = self.file(month)
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_suffix(".new")
        with self._alone(), engine(self.folder / "scratch") as connection:
            _load(connection, rows)
            if path.exists():
                connection.execute(_KEEP, [str(path), but])
            connection.execute(_RENAMED)
            connection.execute(_COPY, [str(fresh)])
            if path.exists() and _hash(connection, path) == _hash(connection, fresh):
                fresh.unlink()
                return 0
            fresh.replace(path)
        return 1

    @contextmanager
    def _alone(self) -> Iterator[None]:
        # Two writers would each keep what they read, and the last one's file would lack the rest.
        with (self.folder / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def fingerprint(ledger: UsageLedger, begin: date, end: date) -> str:
    """A hash of the rows before `end`, since the first of the month that `begin` is in.

    Equal rows have an equal one, whatever else is in their months' files. Whatever was computed
    from a ledger names it; another one now means that usage came late. A monthly plan is billed on
    the month's first day of use, so that earlier days of the month count.
    """
    digest = hashlib.sha256()
    span = datetime.combine(begin.replace(day=1), time()), datetime.combine(end, time())
    with engine(ledger.folder / "scratch") as connection:
        for path in ledger.files(begin, end):
            if (found := _hash(connection, path, span)) != _NO_ROWS:
                digest.update(f"{path.parent.name} {found}\n".encode())
    return digest.hexdigest()


def _hash(
    connection: duckdb.DuckDBPyConnection,
    path: Path,
    span: tuple[datetime, datetime] = (datetime.min, datetime.max),  # noqa: DTZ901 - the columns'
) -> str:
    # Keys are unique, so that no two rows cancel each other out.
    return str(next(rows_of(connection, _HASH, [str(path), *span]))[0])


def _load(connection: duckdb.DuckDBPyConnection, rows: list[UsageHour]) -> None:
    connection.execute(f"CREATE TEMP TABLE given ({_DESCRIBED})")
    columns = [[_plain(row, name) for row in rows] for name in COLUMNS]
    connection.execute(f"INSERT INTO given SELECT {_UNNESTED}", columns)


def _plain(row: UsageHour, name: str) -> object:
    return row.hour.replace(tzinfo=None) if name == "hour" else getattr(row, name)
