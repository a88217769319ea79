"""An estate that reports its cost, in a folder of its own."""

import csv
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import yaml
from prefect import State

from flows.cost_report import report_cost
from springtide.estate import load_estate
from springtide.ledger.usage_ledger import UsageLedger
from springtide.model.cost_figures import CostReport
from springtide.model.usage import UsageKind, UsageRecord, UsageSource
from springtide.planning.cost_report import evenings_between
from springtide.planning.planned_usage import planned_usage
from springtide.planning.school_calendar import SchoolCalendar
from springtide.pricing.usage_hours import cut_into_hours
from tasks.cost_editions import CostOrder
from tests.costing.reports import midnight
from tests.flows.evening import ESTATE

FIRST, LAST = date(2024, 11, 1), date(2024, 11, 30)
BEGIN, END = midnight(FIRST - timedelta(days=1)), midnight(LAST + timedelta(days=1))
"""Regions are held to their looks from the day after the first one."""
EVENINGS = 11
"""Mondays to Wednesdays of November 2024, but for Armistice."""
BOOK = ESTATE.parent / "prices" / "ovhcloud-2025-01.yaml"


@dataclass(frozen=True)
class Desk:
    """An estate that reports its cost, with evenings in its ledger."""

    estate_file: Path
    folder: Path

    def use(self, *records: UsageRecord) -> None:
        """Have these records in the ledger, too."""
        UsageLedger(self.folder / "usage").merge(cut_into_hours(records, BEGIN, END))

    def looks(self) -> tuple[UsageRecord, ...]:
        """That every region told its usage."""
        order = CostOrder(estate_file=self.estate_file, fleet="api")
        return tuple(
            UsageRecord(
                resource=f"look at {region}",
                kind=UsageKind.LOOK,
                sku="look",
                region=region,
                source=UsageSource.NOVA,
                start=BEGIN,
                end=END,
            )
            for region in sorted(order.regions)
        )

    def planned(self) -> tuple[UsageRecord, ...]:
        """What the estate's servers are used for in November, when all goes well."""
        estate = load_estate(self.estate_file)
        opened = evenings_between(estate.windows, SchoolCalendar(), first=FIRST, last=LAST)
        return tuple(planned_usage(estate.fleets[0], opened))

    def run(self, **parameters: Any) -> State[CostReport]:  # noqa: ANN401 - a form's
        """November's report."""
        given = {"period": "month", "day": FIRST, **parameters}
        return report_cost(**given, return_state=True)

    def report(self, **parameters: Any) -> CostReport:  # noqa: ANN401 - a form's
        """What it says."""
        found: CostReport = self.run(**parameters).result()
        return found

    def editions(self) -> list[str]:
        """What was made of November on this machine."""
        return sorted(path.name for path in (self.folder / "reports/api/2024-11").iterdir())

    def changed(self, **reporting: object) -> CostOrder:
        """The order of an estate whose reporting says something else."""
        estate = yaml.safe_load(self.estate_file.read_text("utf-8"))
        path = self.folder / "changed.yaml"
        changed = estate | {"cost_report": estate["cost_report"] | reporting}
        path.write_text(yaml.safe_dump(changed), "utf-8")
        return CostOrder(estate_file=path, fleet="api")

    def billed(self, edition: str) -> tuple[Decimal, Decimal]:
        """The sum of an edition's charges, and of the corrections among them."""
        path = self.folder / "reports/api/2024-11" / edition / "charges.csv"
        with path.open(encoding="utf-8", newline="") as file:
            rows = [
                (Decimal(row["BilledCost"]), row["ChargeClass"]) for row in csv.DictReader(file)
            ]
        corrected = sum((cost for cost, kind in rows if kind == "Correction"), Decimal(0))
        return sum((cost for cost, _ in rows), Decimal(0)), corrected


def write_desk(folder: Path) -> Desk:
    """November 2024 as planned, in a ledger; budgets; a container of its own."""
    estate = yaml.safe_load(ESTATE.read_text("utf-8"))
    estate = {k: estate[k] for k in ("residency", "fleets", "windows")} | {"cloud": "sandbox"}
    estate["fleets"][0].pop("user_data_file")
    for region in estate["fleets"][0]["regions"]:
        region |= {"network": "vrack", "subnet": None, "pool": "api"}
    estate["cost_report"] = {
        "usage_folder": str(folder / "usage"),
        "folder": str(folder / "reports"),
        "price_books": ["prices.yaml"],
        "compare_flavours": ["b3-64"],
        "month_budget": 1000,
        "place": {"region": "GRA11", "container": f"costs-{folder.name}"},
    }
    (folder / "estate.yaml").write_text(yaml.safe_dump(estate), "utf-8")
    prices = BOOK.read_text("utf-8").replace("2025-01-01", "2024-01-01")
    (folder / "prices.yaml").write_text(prices, "utf-8")
    desk = Desk(folder / "estate.yaml", folder)
    desk.use(*desk.planned(), *desk.looks())
    return desk
