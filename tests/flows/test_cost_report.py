"""A month's report as a flow: from the ledger to a page that a signed link opens."""

import asyncio
import csv
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from prefect import State, get_client
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterKey
from prefect.client.schemas.sorting import ArtifactSort

from flows.cost_report import collect_usage, report_cost
from flows.evening_window import open_evening_window
from springtide.errors import Misconfigured
from springtide.estate import load_estate, read_price_book
from springtide.ledger.sums import running_hours
from springtide.ledger.usage_ledger import UsageLedger
from springtide.model.cost_figures import AlertKind, BudgetAlert, CostReport
from springtide.model.usage import UsageKind, UsageRecord
from springtide.planning.cost_report import evenings_between, planned_usage
from springtide.planning.school_calendar import SchoolCalendar
from springtide.pricing.usage_hours import cut_into_hours
from tasks.budgets import announce_alert
from tasks.cloud import read_estate
from tests.costing.reports import midnight
from tests.flows.evening import ESTATE, MONDAY_16H, Evening
from tests.pricing.using import a_record

FIRST, LAST = date(2024, 11, 1), date(2024, 11, 30)
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
        UsageLedger(self.folder / "usage").merge(
            cut_into_hours(records, midnight(FIRST), midnight(LAST + timedelta(days=1)))
        )

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

    def billed(self, edition: str) -> tuple[Decimal, Decimal]:
        """The sum of an edition's charges, and of the corrections among them."""
        path = self.folder / "reports/api/2024-11" / edition / "charges.csv"
        with path.open(encoding="utf-8", newline="") as file:
            rows = [
                (Decimal(row["BilledCost"]), row["ChargeClass"]) for row in csv.DictReader(file)
            ]
        corrected = sum((cost for cost, kind in rows if kind == "Correction"), Decimal(0))
        return sum((cost for cost, _ in rows), Decimal(0)), corrected


@pytest.fixture
def desk(prefect_server: None, swift: Path, tmp_path: Path) -> Iterator[Desk]:  # noqa: ARG001 - must run
    """November 2024 as planned, in a ledger; budgets; a container of its own in a real Swift."""
    estate = yaml.safe_load(ESTATE.read_text("utf-8"))
    estate = {k: estate[k] for k in ("residency", "fleets", "windows")} | {"cloud": "sandbox"}
    estate["fleets"][0].pop("user_data_file")
    estate["cost_report"] = {
        "usage_folder": str(tmp_path / "usage"),
        "folder": str(tmp_path / "reports"),
        "price_books": ["prices.yaml"],
        "compare_flavours": ["b3-64"],
        "month_budget": 1000,
        "place": {"region": "GRA11", "container": f"costs-{tmp_path.name}"},
    }
    (tmp_path / "estate.yaml").write_text(yaml.safe_dump(estate), "utf-8")
    prices = BOOK.read_text("utf-8").replace("2025-01-01", "2024-01-01")
    (tmp_path / "prices.yaml").write_text(prices, "utf-8")
    desk = Desk(tmp_path / "estate.yaml", tmp_path)
    loaded = load_estate(desk.estate_file)
    opened = evenings_between(loaded.windows, SchoolCalendar(), first=FIRST, last=LAST)
    desk.use(*planned_usage(loaded.fleets[0], opened))
    before = dict(os.environ)
    os.environ |= {
        "OS_CLIENT_CONFIG_FILE": str(swift / "clouds.yaml"),
        "SPRINGTIDE_ESTATE": str(desk.estate_file),
        "SPRINGTIDE_TEMP_URL_KEY": "a key of the tests",
    }
    read_estate.cache_clear()
    yield desk
    os.environ.clear()
    os.environ.update(before)
    read_estate.cache_clear()


async def artifact(key: str) -> str:
    """The newest artifact of that key, as the UI gets it."""
    async with get_client() as client:
        found = await client.read_artifacts(
            artifact_filter=ArtifactFilter(key=ArtifactFilterKey(any_=[key])),
            sort=ArtifactSort.CREATED_DESC,
            limit=1,
        )
    return str(found[0].data)


def test_a_month_is_priced_proved_and_published(desk: Desk) -> None:
    """Evenings of thirty servers for six hours; the link shows the very page, and no other does."""
    state = desk.run()
    report = state.result()
    assert state.is_completed(), state.message
    assert EVENINGS * 30 * 6 * read_price_book(BOOK).entries[0].price == report.billed
    assert {"final"} == {report.status.value}
    assert str(state.message).startswith("2024-11, final: 1\u202f009.80 EUR without VAT")
    page = asyncio.run(artifact("cost-report-api"))
    (link,) = [
        part for part in page.replace("(", " ").replace(")", " ").split() if ".html?" in part
    ]
    answer = httpx.get(link)
    shown = answer.status_code, answer.headers["content-type"].lower()
    assert (200, "text/html; charset=utf-8") == shown
    (made,) = desk.editions()
    stored = desk.folder / "reports/api/2024-11" / made
    assert (stored / "cost-2024-11.html").read_bytes() == answer.content
    assert 401 == httpx.get(link.replace("temp_url_sig=", "temp_url_sig=0")).status_code
    assert {"charges.csv", "charges.parquet", "cost-2024-11.html", "report.json"} <= {
        path.name for path in stored.iterdir()
    }
    verdicts = json.loads(asyncio.run(artifact("cost-verdicts-api")))
    assert {"PASS", "UNPROVEN"} <= {row["verdict"] for row in verdicts}


def test_the_same_inputs_make_the_same_edition(desk: Desk) -> None:
    """A second run adds nothing; late usage restates the report, once."""
    desk.run(publish=False)
    desk.run(publish=False)
    (final,) = desk.editions()
    assert final.startswith("final-0-")
    desk.use(a_record("2024-11-05 16:00", "2024-11-05 22:00", resource="late", sku="win-b2-60"))
    restated = desk.report(publish=False)
    assert ("restated", 1) == (restated.status.value, restated.revision)
    assert (("servers of api", Decimal("3.06")),) == restated.corrections
    assert ["final", "restated"] == [name.split("-")[0] for name in desk.editions()]
    assert (restated.billed, Decimal("3.06")) == desk.billed(desk.editions()[1])
    assert 1 == desk.report(publish=False).revision


def test_usage_without_a_price_leaves_it_incomplete(desk: Desk) -> None:
    """The run completes all the same, and its message names flavour, region and day."""
    desk.use(a_record("2024-11-05 16:00", "2024-11-05 22:00", resource="odd", sku="b9-1"))
    state = desk.run(publish=False)
    assert "incomplete: no price for b9-1 in GRA11 on 2024-11-05" in str(state.message)
    assert not state.result().complete


@pytest.mark.parametrize(
    ("parameters", "field"),
    [
        pytest.param({"fleet": "web"}, "fleet", id="no such fleet"),
        pytest.param({"period": "days"}, "last_day", id="days without an end"),
        pytest.param({"day": datetime.now().date() + timedelta(days=2)}, "day", id="ahead"),  # noqa: DTZ005 - a day ahead anywhere
        pytest.param({"bill": "/nowhere.json"}, "bill", id="no such bill"),
    ],
)
def test_a_wrong_form_is_refused_before_anything_is_made(
    desk: Desk, parameters: dict[str, Any], field: str
) -> None:
    """The field is named, and no report is there."""
    with pytest.raises(Misconfigured) as refused:
        desk.run(**parameters).result()
    assert field == refused.value.field
    assert not (desk.folder / "reports").exists()


def test_without_a_key_it_is_published_and_not_linked(desk: Desk) -> None:
    """The files are there for whoever may read the container."""
    os.environ.pop("SPRINGTIDE_TEMP_URL_KEY")
    desk.run()
    assert "http" not in asyncio.run(artifact("cost-report-api"))


def test_a_share_of_a_budget_is_announced_once(prefect_server: None) -> None:  # noqa: ARG001 - must run
    """The same share of the same period is not told again; another one is."""
    alert = BudgetAlert(
        budget="month",
        period="2026-03",
        kind=AlertKind.ACTUAL,
        percent=50,
        amount=Decimal(600),
        limit=Decimal(1000),
        currency="EUR",
    )
    other = alert.model_copy(update={"percent": 80})
    told = [announce_alert(each) for each in (alert, alert, other)]
    assert [True, False, True] == told


def test_a_period_that_is_over_raises_no_alert(desk: Desk) -> None:
    """November's 1,000 are spent, and nobody can change that now."""
    assert () == desk.report(publish=False).alerts


def test_usage_is_collected_from_every_source(evening: Evening, tmp_path: Path) -> None:
    """The six servers of the evening are in the ledger, and collecting again is harmless."""
    estate = yaml.safe_load(evening.estate_file.read_text("utf-8"))
    estate["cost_report"] |= {"usage_folder": str(tmp_path / "usage")}
    path = evening.estate_file.with_name("costs.yaml")
    path.write_text(yaml.safe_dump(estate), "utf-8")
    before = os.environ["SPRINGTIDE_ESTATE"]
    os.environ["SPRINGTIDE_ESTATE"] = str(path)
    try:
        evening.run(open_evening_window)
        evening.sandbox.set_clock(MONDAY_16H + timedelta(hours=1, minutes=30))
        state = collect_usage(hours=3, return_state=True)
        again = collect_usage(hours=3, return_state=True)
    finally:
        os.environ["SPRINGTIDE_ESTATE"] = before
    assert state.is_completed(), state.message
    day = MONDAY_16H.date()
    hours = running_hours(UsageLedger(tmp_path / "usage"), day, day + timedelta(days=1))
    servers = {h.hour: 0 for h in hours}
    for each in hours:
        if each.kind is UsageKind.INSTANCE and each.fleet == "api":
            servers[each.hour] += each.resources
    assert 6 == max(servers.values())
    assert again.is_completed()
