"""What the ledger adds up: integers alone, month by month, so that a year needs no more memory.

Nothing is divided and no money is spoken of here: DuckDB makes floating numbers of such.
"""

from collections.abc import Collection, Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import duckdb

from springtide.ledger.engine import engine, rows_of
from springtide.ledger.usage_ledger import UsageLedger
from springtide.model.price import PriceBook
from springtide.model.usage import RunningHour, ServerHours, UsageSum, UsageTotal

_SUMS = """
    CAST(sum(amount * stood_s) AS HUGEINT) AS stood_s,
    CAST(sum(amount * clock_hours) AS HUGEINT) AS clock_hours,
    CAST(sum(amount * started_hours) AS HUGEINT) AS started_hours
"""
_WITHIN = "FROM read_parquet(?) WHERE hour >= ? AND hour < ?"

# Names of columns of ours and nothing that anybody gives.
_TOTALS = f"""
    SELECT resource, max(name) AS name, kind, sku, region, max(fleet) AS fleet,
           max(source) AS source, CAST(hour AS DATE) AS day, {_SUMS}, covered
    FROM ({{rows}})
    GROUP BY resource, kind, sku, region, day, covered
"""  # noqa: S608
_IN_ORDER = "ORDER BY day, resource, sku, covered"
_UNCOVERED = f"SELECT *, false AS covered {_WITHIN}"
# What is on the monthly plan is paid for as it is: it is ranked apart, and never covered.
_COVERED = f"""
    SELECT *, kind = 'instance' AND NOT by_month AND rank <= (
        SELECT coalesce(sum(instances), 0) FROM covers
        WHERE covers.sku = ranked.sku AND covers.region = ranked.region
        AND covers.begins <= ranked.hour AND ranked.hour < covers.ends
    ) AS covered
    FROM (SELECT *, row_number() OVER (
              PARTITION BY sku, region, hour, by_month ORDER BY resource
          ) AS rank
          FROM (SELECT *, resource IN (SELECT id FROM monthly) AS by_month {_WITHIN})) AS ranked
"""  # noqa: S608 - as above
_ALIKE = "alike"
"""In place of the resource, where it is several."""
_BY_LIKENESS = """
    SELECT CASE WHEN apart THEN resource ELSE ? END, CASE WHEN apart THEN name ELSE '' END,
           kind, sku, region, fleet, source, day, CAST(sum(stood_s) AS HUGEINT),
           CAST(sum(clock_hours) AS HUGEINT), CAST(sum(started_hours) AS HUGEINT), covered, count(*)
    FROM (SELECT *, kind <> 'instance' OR list_contains(?, resource) OR list_contains(?, name)
                 AS apart FROM ({totals}))
    GROUP BY 1, 2, kind, sku, region, fleet, source, day, covered, clock_hours, started_hours
    ORDER BY ALL
"""
_BY_DAY = f"""
    SELECT CAST(hour AS DATE) AS day, kind, sku, region, fleet, {_SUMS} {_WITHIN}
    GROUP BY day, kind, sku, region, fleet ORDER BY ALL
"""
_BY_HOUR = f"""
    SELECT hour, kind, sku, region, fleet, count(*), CAST(sum(amount * stood_s) AS HUGEINT),
           CAST(sum(amount) AS HUGEINT) {_WITHIN}
    GROUP BY hour, kind, sku, region, fleet ORDER BY ALL
"""
_OF_SERVERS = f"""
    SELECT day, fleet, count(*), min(hours), CAST(sum(hours) AS HUGEINT), max(hours)
    FROM (SELECT CAST(hour AS DATE) AS day, fleet, resource,
                 CAST(sum(amount * clock_hours) AS HUGEINT) AS hours
          {_WITHIN} AND kind = 'instance' AND fleet IS NOT NULL
          GROUP BY day, fleet, resource)
    GROUP BY day, fleet ORDER BY ALL
"""  # noqa: S608 - as above

_INSTANCES = f"SELECT DISTINCT resource {_WITHIN} AND kind = 'instance'"
_COUNTERS = """
    SELECT resource, sku, max_by(amount, hour) FROM read_parquet(?)
    WHERE kind = 'counter' AND hour < ? GROUP BY resource, sku
"""
_DAY = timedelta(days=1)
_TOTAL_NAMES = (
    *("resource", "name", "kind", "sku", "region", "fleet", "source", "day"),
    *("stood_s", "clock_hours", "started_hours", "covered"),
)


def totals(
    ledger: UsageLedger, begin: date, end: date, *, book: PriceBook | None = None
) -> Iterator[UsageTotal]:
    """Each resource's days from `begin` until before `end`, by day, resource and SKU.

    Of the instances of an hour the first by their id are covered, as many as the book's purchases
    say; those on the monthly plan never are.
    """
    query = f"{_totals(book)} {_IN_ORDER}"
    for row in _each_month(ledger, query, (begin, end), book=book):
        yield UsageTotal(**dict(zip(_TOTAL_NAMES, row, strict=True)))


def alike_totals(
    ledger: UsageLedger,
    begin: date,
    end: date,
    *,
    book: PriceBook | None = None,
    apart: Collection[str] = (),
) -> Iterator[UsageTotal]:
    """The same days, with instances as one that had as many hours on a day of the same SKU.

    What is added up of them is the same as of each by itself. All else stays by itself, and so do
    those on the book's monthly plan, and the resources whose ids or names are in `apart`.
    """
    query = _BY_LIKENESS.format(totals=_totals(book))
    alone = [*apart, *(book.monthly_resources if book else ())]
    before = (_ALIKE, alone, alone)
    for row in _each_month(ledger, query, (begin, end), book=book, before=before):
        yield UsageTotal(**dict(zip((*_TOTAL_NAMES, "resources"), row, strict=True)))


def daily_sums(ledger: UsageLedger, begin: date, end: date) -> tuple[UsageSum, ...]:
    """What was used each day, by kind, SKU, region and fleet."""
    return tuple(
        UsageSum(**dict(zip(UsageSum.model_fields, row, strict=True)))
        for row in _each_month(ledger, _BY_DAY, (begin, end))
    )


def running_hours(ledger: UsageLedger, begin: date, end: date) -> tuple[RunningHour, ...]:
    """What stood in each hour, by kind, SKU, region and fleet."""
    return tuple(
        RunningHour(
            hour=row[0].replace(tzinfo=UTC),
            **dict(zip(tuple(RunningHour.model_fields)[1:], row[1:], strict=True)),
        )
        for row in _each_month(ledger, _BY_HOUR, (begin, end))
    )


def server_hours(ledger: UsageLedger, begin: date, end: date) -> tuple[ServerHours, ...]:
    """The clock hours that each fleet's servers had on each day.

    Each server counts once, however many charges its day is: a plan may cover a part of it.
    """
    return tuple(
        ServerHours(**dict(zip(ServerHours.model_fields, row, strict=True)))
        for row in _each_month(ledger, _OF_SERVERS, (begin, end))
    )


def instances(ledger: UsageLedger, begin: date, end: date) -> frozenset[str]:
    """The ids of all instances that stood from `begin` until before `end`, whoever's they are."""
    return frozenset(row[0] for row in _each_month(ledger, _INSTANCES, (begin, end)))


def last_counts(ledger: UsageLedger, before: datetime) -> dict[tuple[str, str], int]:
    """How far each counter had come, by its resource and SKU, as last kept before that hour.

    One that was not looked at for a month has begun anew as far as anybody knows.
    """
    day = before.astimezone(UTC).date()
    with engine(ledger.folder / "scratch") as connection:
        files = [str(path) for path in ledger.files(day - timedelta(days=31), day + _DAY)]
        found = rows_of(connection, _COUNTERS, [files, _naive(before)]) if files else ()
        return {(resource, sku): amount for resource, sku, amount in found}


def _totals(book: PriceBook | None) -> str:
    return _TOTALS.format(rows=_COVERED if _covers(book) else _UNCOVERED)


def _covers(book: PriceBook | None) -> list[tuple[str, str, int, date, date]]:
    """What is covered, from when until when: SKU, region, how many."""
    return [
        (what.sku, what.region, what.instances, each.bought_on, each.serves_until)
        for each in (book.purchases if book else ())
        if (what := each.covers) is not None
    ]


def _naive(at: datetime) -> datetime:
    return at.astimezone(UTC).replace(tzinfo=None)


def _each_month(
    ledger: UsageLedger,
    query: str,
    days: tuple[date, date],
    *,
    book: PriceBook | None = None,
    before: Sequence[object] = (),
) -> Iterator[tuple[Any, ...]]:
    """The query's rows, given `before`, the month's file and the span."""
    span = [datetime.combine(day, time()) for day in days]
    with engine(ledger.folder / "scratch") as connection:
        if book and _covers(book):
            _load(connection, book)
        for path in ledger.files(*days):
            yield from rows_of(connection, query, [*before, str(path), *span])


def _load(connection: duckdb.DuckDBPyConnection, book: PriceBook) -> None:
    connection.execute(
        "CREATE TEMP TABLE covers"
        " (sku VARCHAR, region VARCHAR, instances INTEGER, begins TIMESTAMP, ends TIMESTAMP)"
    )
    connection.executemany("INSERT INTO covers VALUES (?, ?, ?, ?, ?)", _covers(book))
    connection.execute("CREATE TEMP TABLE monthly (id VARCHAR)")
    for resource in book.monthly_resources:
        connection.execute("INSERT INTO monthly VALUES (?)", [resource])
