"""What `make bench` measures of the costs, each step as a process of its own.

`python -m tests.bench.cost_steps STEP FOLDER`, with `SERVERS` in the environment for `write`.
"""

import os
import sys
from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import duckdb

from springtide.ledger.charge_files import write_charges
from springtide.ledger.sums import running_hours, totals
from springtide.ledger.usage_ledger import COLUMNS, UsageLedger
from springtide.model.charge import Charge
from springtide.model.price import PriceBook, PriceEntry
from springtide.model.proof import Occasion, OccasionKind, ProofFacts
from springtide.pricing.charges import Pricer
from springtide.pricing.focus import COLUMNS as FOCUS_COLUMNS
from springtide.pricing.focus import focus_rows
from springtide.pricing.proofs import prove_all

BEGIN, END = date(2026, 1, 1), date(2027, 1, 1)
_MEMORY = "256MB"
"""As the ledger's own engine has it, that both are compared on equal terms."""

# Names and times of a test, and nothing that anybody gives.
_HOURS = """
    COPY (
        SELECT printf('%08d-0000-4000-8000-000000000000', server) AS resource,
               printf('api-%d', server) AS name, 'instance' AS kind, 'b2-60' AS sku,
               CASE server % 3 WHEN 0 THEN 'GRA11' WHEN 1 THEN 'SBG5' ELSE 'RBX1' END AS region,
               'api' AS fleet, 'nova' AS source, hour::TIMESTAMP AS hour, 1::BIGINT AS amount,
               3600::INTEGER AS stood_s, 1::INTEGER AS clock_hours, 1::INTEGER AS started_hours
        FROM range(?) AS servers(server),
             range(?::TIMESTAMP, ?::TIMESTAMP, INTERVAL 1 HOUR) AS hours(hour)
        ORDER BY resource, sku, hour
    ) TO ? (FORMAT parquet, COMPRESSION zstd)
"""
_NOTHING = "SELECT * FROM read_parquet(?, hive_partitioning = false) LIMIT 0"
_FLOOR = """
    SELECT resource, CAST(hour AS DATE) AS day, sum(amount * stood_s), sum(amount * clock_hours),
           sum(amount * started_hours)
    FROM read_parquet(?) GROUP BY resource, day
"""


def main() -> None:
    """Take the step."""
    step, folder = sys.argv[1], Path(sys.argv[2])
    STEPS[step](UsageLedger(folder))


def write_year(ledger: UsageLedger) -> None:
    """The usage of so many servers, each hour of a year, as the ledger keeps it."""
    servers = int(os.environ["SERVERS"])
    with duckdb.connect() as connection:
        for month in range(1, 13):
            begins = datetime(2026, month, 1)  # noqa: DTZ001 - as the ledger's files have it
            ends = (begins + timedelta(days=32)).replace(day=1)
            path = ledger.file(begins.date())
            path.parent.mkdir(parents=True, exist_ok=True)
            connection.execute(_HOURS, [servers, begins, ends, str(path)])
            found = connection.execute(_NOTHING, [str(path)])
            if [each[0] for each in found.description or ()] != list(COLUMNS):
                raise RuntimeError("the ledger's columns have changed: change the benchmark's")


def floor(ledger: UsageLedger) -> None:
    """The same integers added up by bare DuckDB, and nothing made of them."""
    settings: dict[str, str | bool | int | float | list[str]] = {"memory_limit": _MEMORY}
    with duckdb.connect(config=settings) as connection:
        for path in ledger.files(BEGIN, END):
            found = connection.execute(_FLOOR, [str(path)])
            while found.fetchmany(4096):
                pass


def price(ledger: UsageLedger) -> None:
    """A charge for each server and day, and their sum."""
    total = sum((charge.billed_cost for charge in _charges(ledger)), Decimal(0))
    print(total)  # noqa: T201 - whoever measures checks it


def prove(ledger: UsageLedger) -> None:
    """All proofs over the year's hours and evenings."""
    facts = ProofFacts(
        begin=BEGIN,
        end=END,
        fleet="api",
        sku="b2-60",
        region="GRA11",
        book=_book(),
        hours=running_hours(ledger, BEGIN, END),
        billed_cost=Decimal(1),
        occasions=tuple(_evenings()),
    )
    print(len(prove_all(facts)))  # noqa: T201 - as above


def write_files(ledger: UsageLedger) -> None:
    """The charges as CSV and Parquet in FOCUS."""
    columns = {column.name: column.type.value for column in FOCUS_COLUMNS}
    write_charges(focus_rows(_charges(ledger), _book()), columns, ledger.folder / "charges")


def _charges(ledger: UsageLedger) -> Iterator[Charge]:
    return Pricer(_book()).charges(totals(ledger, BEGIN, END))


def _book() -> PriceBook:
    entry = PriceEntry(
        sku="b2-60", price=Decimal("0.51"), valid_from=BEGIN, source="the benchmark's own price"
    )
    return PriceBook(
        name="benchmark",
        provider="OVHcloud",
        currency="EUR",
        source="the benchmark's own prices",
        dated=BEGIN,
        billing_account="project",
        entries=(entry,),
    )


def _evenings() -> Iterator[Occasion]:
    for number in range((END - BEGIN).days):
        day = BEGIN + timedelta(days=number)
        if day.weekday() < 3:
            yield Occasion.model_validate(
                {
                    "name": f"evening of {day}",
                    "kind": OccasionKind.WINDOW,
                    "begins_at": f"{day}T15:00:00Z",
                    "ends_at": f"{day}T21:00:00Z",
                    "servers": 30,
                }
            )


STEPS: dict[str, Callable[[UsageLedger], None]] = {
    "write": write_year,
    "floor": floor,
    "price": price,
    "prove": prove,
    "files": write_files,
}


if __name__ == "__main__":
    main()
