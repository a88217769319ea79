"""What the ledger adds up: integers alone, month by month, so that a year needs no more memory.

Nothing is divided and no money is spoken of here: DuckDB makes floating numbers of such.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import duckdb

from springtide.ledger.engine import engine, rows_of
from springtide.ledger.usage_ledger import UsageLedger
from springtide.model.price import Purchase
from springtide.model.usage import RunningHour, UsageSum, UsageTotal

_SUMS = """
    CAST(sum(amount * stood_s) AS HUGEINT), CAST(sum(amount * clock_hours) AS HUGEINT),
    CAST(sum(amount * started_hours) AS HUGEINT)
"""
_WITHIN = "FROM read_parquet(?) WHERE hour >= ? AND hour < ?"

# Names of columns of ours and nothing that anybody gives.
_TOTALS = f"""
    SELECT resource, max(name), kind, sku, region, max(fleet), max(source),
           CAST(hour AS DATE) AS day, {_SUMS}, covered
    FROM (SELECT *, false AS covered {_WITHIN})
    GROUP BY resource, kind, sku, region, day, covered ORDER BY day, resource, sku, covered
"""  # noqa: S608
_COVERED_TOTALS = _TOTALS.replace(
    f"SELECT *, false AS covered {_WITHIN}",
    f"""
    SELECT *, kind = 'instance' AND rank <= (
        SELECT coalesce(sum(instances), 0) FROM covers
        WHERE covers.sku = ranked.sku AND covers.region = ranked.region
        AND covers.begins <= ranked.hour AND ranked.hour < covers.ends
    ) AS covered
    FROM (SELECT *, row_number() OVER (PARTITION BY sku, region, hour ORDER BY resource) AS rank
          {_WITHIN}) AS ranked
    """,  # noqa: S608 - as above
)
_BY_DAY = f"""
    SELECT CAST(hour AS DATE) AS day, kind, sku, region, fleet, {_SUMS} {_WITHIN}
    GROUP BY day, kind, sku, region, fleet ORDER BY ALL
"""
_BY_HOUR = f"""
    SELECT hour, kind, sku, region, fleet, count(*), CAST(sum(amount * stood_s) AS HUGEINT),
           CAST(sum(amount) AS HUGEINT) {_WITHIN}
    GROUP BY hour, kind, sku, region, fleet ORDER BY ALL
"""

_COUNTERS = """
    SELECT resource, sku, max_by(amount, hour) FROM read_parquet(?)
    WHERE kind = 'counter' AND hour < ? GROUP BY resource, sku
"""
_DAY = timedelta(days=1)


def totals(
    ledger: UsageLedger, begin: date, end: date, *, purchases: Sequence[Purchase] = ()
) -> Iterator[UsageTotal]:
    """Each resource's days from `begin` until before `end`, by day, resource and SKU.

    Of the instances of an hour the first by their id are covered, as many as the purchases say.
    """
    covers = [each for each in purchases if each.covers is not None]
    query = _COVERED_TOTALS if covers else _TOTALS
    for row in _each_month(ledger, query, begin, end, covers=covers):
        names = ("resource", "name", "kind", "sku", "region", "fleet", "source", "day")
        numbers = ("stood_s", "clock_hours", "started_hours", "covered")
        yield UsageTotal(**dict(zip(names + numbers, row, strict=True)))


def daily_sums(ledger: UsageLedger, begin: date, end: date) -> tuple[UsageSum, ...]:
    """What was used each day, by kind, SKU, region and fleet."""
    return tuple(
        UsageSum(**dict(zip(UsageSum.model_fields, row, strict=True)))
        for row in _each_month(ledger, _BY_DAY, begin, end)
    )


def running_hours(ledger: UsageLedger, begin: date, end: date) -> tuple[RunningHour, ...]:
    """What stood in each hour, by kind, SKU, region and fleet."""
    return tuple(
        RunningHour(
            hour=row[0].replace(tzinfo=UTC),
            **dict(zip(tuple(RunningHour.model_fields)[1:], row[1:], strict=True)),
        )
        for row in _each_month(ledger, _BY_HOUR, begin, end)
    )


def last_counts(ledger: UsageLedger, before: datetime) -> dict[tuple[str, str], int]:
    """How far each counter had come, by its resource and SKU, as last kept before that hour.

    One that was not looked at for a month has begun anew as far as anybody knows.
    """
    day = before.astimezone(UTC).date()
    with engine(ledger.folder / "scratch") as connection:
        files = [str(path) for path in ledger.files(day - timedelta(days=31), day + _DAY)]
        found = rows_of(connection, _COUNTERS, [files, _naive(before)]) if files else ()
        return {(resource, sku): amount for resource, sku, amount in found}


def _naive(at: datetime) -> datetime:
    return at.astimezone(UTC).replace(tzinfo=None)


def _each_month(
    ledger: UsageLedger,
    query: str,
    begin: date,
    end: date,
    *,
    covers: Sequence[Purchase] = (),
) -> Iterator[tuple[Any, ...]]:
    span = [datetime.combine(day, time()) for day in (begin, end)]
    with engine(ledger.folder / "scratch") as connection:
        if covers:
            _load(connection, covers)
        for path in ledger.files(begin, end):
            yield from rows_of(connection, query, [str(path), *span])


def _load(connection: duckdb.DuckDBPyConnection, purchases: Sequence[Purchase]) -> None:
    connection.execute(
        "CREATE TEMP TABLE covers"
        " (sku VARCHAR, region VARCHAR, instances INTEGER, begins TIMESTAMP, ends TIMESTAMP)"
    )
    for each in purchases:
        if each.covers is not None:
            what = each.covers
            connection.execute(
                "INSERT INTO covers VALUES (?, ?, ?, ?, ?)",
                [what.sku, what.region, what.instances, each.bought_on, each.serves_until],
            )
