"""What `make bench` measures of the costs, each step as a process of its own.

`python -m tests.bench.cost_steps STEP FOLDER`, with `SERVERS` in the environment for `write`.
"""

import os
import sys
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import duckdb

from springtide.costing.gathering import Gathering
from springtide.costing.proving import Evidence
from springtide.costing.report import Findings, Premises, Standpoint, cost_report
from springtide.ledger.charge_files import write_charges
from springtide.ledger.usage_ledger import COLUMNS, UsageLedger
from springtide.model.cost_figures import ServiceFigures
from springtide.model.cost_report import CostReporting, PeriodKind, ReportPeriod, ReportStatus
from springtide.model.price import PriceBook, PriceEntry
from springtide.pricing.focus import COLUMNS as FOCUS_COLUMNS
from springtide.pricing.focus import focus_rows
from springtide.reporting.cost_page import cost_page
from tests.planning.windows import CALENDAR, a_window
from tests.simulation.years import a_year_fleet

BEGIN, END = date(2026, 1, 1), date(2027, 1, 1)
YEAR = ReportPeriod(kind=PeriodKind.DAYS, first=BEGIN, last=END - timedelta(days=1))
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


def _premises() -> Premises:
    reporting = CostReporting(price_books=("prices.yaml",))
    return Premises(a_year_fleet(), (a_window(),), CALENDAR, _book(), reporting)


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
    """What each day and group cost, and their sum."""
    begin, end = YEAR.first, YEAR.last
    daily = _gathering(ledger).gathered().breakdown.daily(begin, end)
    print(sum((cost.billed for cost in daily), Decimal(0)))  # noqa: T201 - who measures checks it


def report(ledger: UsageLedger) -> None:
    """The page of the year: priced, proved, reconciled, drawn."""
    at = Standpoint(
        period=YEAR,
        now=datetime(2027, 1, 5, tzinfo=UTC),
        known_until=YEAR.last,
        status=ReportStatus.FINAL,
        inputs="0123456789abcdef",
    )
    gathered = _gathering(ledger).gathered()
    found = Findings(gathered, Evidence(charges=()), ServiceFigures(evenings=0))
    page = cost_page(cost_report(at, _premises(), found))
    (ledger.folder / "report.html").write_text(page, "utf-8")


def write_files(ledger: UsageLedger) -> None:
    """The charges as CSV and Parquet in FOCUS."""
    columns = {column.name: column.type.value for column in FOCUS_COLUMNS}
    write_charges(
        focus_rows(_gathering(ledger).charges(), _book()), columns, ledger.folder / "charges"
    )


def _gathering(ledger: UsageLedger) -> Gathering:
    return Gathering(ledger, _book(), YEAR, known_until=YEAR.last)


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


STEPS: dict[str, Callable[[UsageLedger], None]] = {
    "write": write_year,
    "floor": floor,
    "price": price,
    "report": report,
    "files": write_files,
}


if __name__ == "__main__":
    main()
