"""`make demo-cost`: a school year is rehearsed, priced, proved and told, in less than a minute.

Nothing is real but the code: traffic is seeded, the cloud is arithmetic. What decides how many
servers stand is the planning code itself; what prices and proves them is what prices and proves a
real month. It ends with 0 only if the figures are what such a year must come to.
"""

import shutil
import sys
import time
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from datetime import time as clock
from decimal import Decimal
from pathlib import Path

from rich.console import Console
from rich.table import Table

from deployments.demo_year import (
    BASELINES,
    FIRST,
    LAST,
    MIDST,
    OWN,
    provider_bill,
    standing_usage,
    year_settings,
)
from deployments.deploy import ROOT
from springtide.costing.gathering import Gathering
from springtide.costing.proving import Evidence
from springtide.costing.report import Findings, Premises, Standpoint, cost_report
from springtide.estate import load_estate, read_price_book
from springtide.ledger.usage_ledger import UsageLedger, fingerprint
from springtide.model.bill import ProviderBill
from springtide.model.cost_figures import Alternative, CostReport
from springtide.model.cost_report import CostReporting, ReportPeriod, ReportStatus
from springtide.planning.cost_report import month_of, school_year
from springtide.planning.school_calendar import SchoolCalendar
from springtide.pricing.planned_cost import usage_cost
from springtide.pricing.price_book import join_books
from springtide.pricing.usage_hours import cut_into_hours
from springtide.reporting.cost_page import cost_page, for_the_first_page
from springtide.reporting.cost_summary import cost_summary
from springtide.simulation.school_year import SchoolYear, rehearse_year
from springtide.simulation.year_service import year_service
from springtide.simulation.year_usage import hindsight_usage, year_usage

_PRICES = ("prices/ovhcloud-2025-01.yaml", "demo-prices.yaml")
_NOTE = (
    "This year is rehearsed: traffic is seeded and the cloud is arithmetic. Prices are rounded list"
    " prices of 2025-01; those of hosts and datastores are assumptions."
)
_READ = (
    "A FAIL is a finding of the report and not of this demo: such a year, with its surge and its"
    " prices, does not bear that sentence out, and the page says what would."
)
_ESTATE = ROOT / "deployments" / "estate.yaml"


@dataclass
class Rehearsed:
    """The year, and what its reports are made of."""

    premises: Premises
    year: SchoolYear
    ledger: UsageLedger
    wrong: list[str] = field(default_factory=list)


def main() -> int:
    """Rehearse, price, prove and tell the year; the exit code for the shell."""
    console = Console()
    folder = ROOT / ".springtide" / "demo-cost"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    began = time.monotonic()
    console.print(f"Rehearsing the school year from {FIRST} to {LAST} …")
    rehearsed = _rehearsed(folder)
    console.print(f"{len(rehearsed.year.servers):,} servers stood; telling what they cost …")
    whole = _report(rehearsed, school_year(FIRST), known_until=LAST)
    midst = _report(rehearsed, month_of(MIDST), known_until=MIDST)
    for report in (whole, midst):
        path = folder / f"cost-{report.period.name}.html"
        path.write_text(cost_page(report), encoding="utf-8")
        console.print(f"[bold]{report.period.name}: file://{path}[/bold]", soft_wrap=True)
    rehearsed.wrong += _mistakes(whole, midst)
    _tell(console, whole, rehearsed.wrong, time.monotonic() - began)
    return 1 if rehearsed.wrong else 0


def _rehearsed(folder: Path) -> Rehearsed:
    estate = load_estate(_ESTATE)
    fleet = estate.fleets[0].model_copy(update={"flavour": "b2-60"})
    windows = estate.windows_of(fleet.name)
    reporting = CostReporting(
        price_books=_PRICES,
        own_resources=(OWN,),
        compare_flavours=("b3-64", "c3-32"),
        baselines=BASELINES,
        month_budget=Decimal(20_000),
        year_budget=Decimal(150_000),
    )
    book = join_books([read_price_book(_ESTATE.parent / name) for name in _PRICES])
    premises = Premises(fleet, windows, SchoolCalendar(), book, reporting)
    year = rehearse_year(year_settings(fleet, windows[0]))
    ledger = UsageLedger(folder / "usage")
    begins_at = datetime.combine(FIRST.replace(day=1), clock(), UTC) - timedelta(days=1)
    ends_at = datetime.combine(LAST + timedelta(days=1), clock(), UTC)
    records = [*year_usage(year, fleet), *standing_usage(fleet)]
    ledger.merge(cut_into_hours(records, begins_at, ends_at))
    return Rehearsed(premises, year, ledger)


def _report(rehearsed: Rehearsed, period: ReportPeriod, *, known_until: date) -> CostReport:
    premises, ledger = rehearsed.premises, rehearsed.ledger
    gathering = Gathering(ledger, premises.book, period, known_until=known_until)
    charges = tuple(gathering.charges())
    over = known_until >= period.last
    at = Standpoint(
        period=period,
        now=datetime.combine(known_until + timedelta(days=5 if over else 1), clock(6), UTC),
        known_until=known_until,
        status=ReportStatus.FINAL if over else ReportStatus.PROVISIONAL,
        inputs=fingerprint(ledger, period.first, known_until + timedelta(days=1))[:16],
    )
    gathered = gathering.gathered(premises.reporting.own_resources)
    found = Findings(
        gathered=gathered,
        evidence=Evidence(
            charges=charges,
            surges=rehearsed.year.surges,
            bill=_bill(rehearsed) if over else None,
            inventory=(),
            baselines=premises.reporting.baselines,
        ),
        service=year_service(rehearsed.year, first=period.first, last=at.last_known),
        hindsight=_hindsight(rehearsed, at),
        notes=(_NOTE,),
    )
    return cost_report(at, premises, found)


def _bill(rehearsed: Rehearsed) -> ProviderBill:
    return provider_bill(rehearsed.year, rehearsed.premises.fleet, rehearsed.premises.book)


def _hindsight(rehearsed: Rehearsed, at: Standpoint) -> Alternative:
    premises = rehearsed.premises
    least = [
        record
        for record in hindsight_usage(rehearsed.year, premises.fleet)
        if at.period.first <= record.start.date() <= at.last_known
    ]
    return Alternative(
        name="hindsight",
        how="in each hour just what its peak needed, known beforehand: nobody can do it",
        cost=usage_cost(least, premises.book),
    )


def _mistakes(whole: CostReport, midst: CostReport) -> list[str]:
    """What the figures of such a year cannot be."""
    done, always = whole.comparison[0].cost, whole.comparison[1].cost
    hindsight = whole.comparison[-1].cost
    found = {
        "usage is without a price": not (whole.complete and midst.complete),
        "being always on is not dearer": not (done and always and done < always),
        "it was cheaper than hindsight": not (done and hindsight and hindsight < done),
        "no evening opened": not whole.service.evenings,
        "no surge is to be seen": max(c.servers for c in whole.running) < 250,  # noqa: PLR2004
        "the month in its midst has no forecast": not midst.forecasts,
        "a good evening is not billed six hours": min(d.most for d in whole.hours) != 6,  # noqa: PLR2004
    }
    return [wrong for wrong, is_so in found.items() if is_so]


def _tell(console: Console, report: CostReport, wrong: list[str], seconds: float) -> None:
    currency = report.currency
    table = Table("what", f"{currency} without VAT", "how", title="The school year")
    for alternative in report.comparison:
        cost = "unknown" if alternative.cost is None else f"{alternative.cost:,.2f}"
        table.add_row(alternative.name, cost, alternative.how)
    console.print(table)
    verdicts = Table("verdict", "claim", "why", title="What is claimed, and what the figures say")
    for proof in filter(for_the_first_page, report.proofs):
        verdicts.add_row(proof.verdict.value, proof.statement.sentence, proof.why)
    console.print(verdicts)
    service = report.service
    console.print(cost_summary(report), highlight=False)
    console.print(
        f"{service.evenings} evenings, {service.late_openings} of them opened late;"
        f" {service.seconds_short} s with too few servers; {seconds:.0f} s for all of this."
    )
    console.print(_READ, highlight=False)
    for each in wrong:
        console.print(f"[bold red]{each}[/bold red]")
    good = "[green]The report is what such a year must come to.[/green]"
    console.print(good if not wrong else "FAILED")


if __name__ == "__main__":
    sys.exit(main())
