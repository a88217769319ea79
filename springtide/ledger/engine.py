"""DuckDB as an engine for files of our own: it fetches nothing, and takes so much memory."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb

MEMORY = "256MB"
"""Beyond it, it sorts and groups on disk."""
_ROWS_AT_ONCE = 4096


@contextmanager
def engine(scratch: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection without a database, that spills into that folder."""
    settings: dict[str, str | bool | int | float | list[str]] = {
        "autoinstall_known_extensions": "false",
        "autoload_known_extensions": "false",
        "memory_limit": MEMORY,
        "temp_directory": str(scratch),
    }
    connection = duckdb.connect(config=settings)
    try:
        yield connection
    finally:
        connection.close()


def rows_of(
    connection: duckdb.DuckDBPyConnection, query: str, given: Sequence[object] = ()
) -> Iterator[tuple[Any, ...]]:
    """The rows of a query, a few thousand in memory at a time."""
    found = connection.execute(query, list(given))
    while some := found.fetchmany(_ROWS_AT_ONCE):
        yield from some
