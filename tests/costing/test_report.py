"""From the ledger to the report: what it says is what the usage comes to."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from springtide.costing.comparison import comparison, running_cells
from springtide.costing.gathering import Gathering
from springtide.costing.proving import Evidence, unproven_without
from springtide.ledger.usage_ledger import UsageLedger
from springtide.model.bill import InventoryItem
from springtide.model.cost_figures import AlertKind, CostReport, Saving
from springtide.model.cost_report import ReportStatus
from springtide.model.price import Commitment, Purchase
from springtide.model.proof import ProofVerdict
from springtide.model.usage import RunningHour, UsageKind
from springtide.pricing.usage_hours import cut_into_hours
from springtide.reporting.cost_page import cost_page
from springtide.reporting.cost_summary import cost_markdown, cost_summary
from tests.costing.reports import (
    BOOK,
    FLEET,
    NOVEMBER,
    PREMISES,
    a_ledger,
    a_report,
    gathered_from,
    midnight,
)
from tests.pricing.using import a_book, a_record, an_entry

MIDST = date(2026, 11, 15)
EVENINGS = 12
"""Mondays to Wednesdays of November 2026, but for Armistice."""


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> UsageLedger:
    """Usage from September to November."""
    return a_ledger(tmp_path_factory.mktemp("usage"), until=NOVEMBER.last)


@pytest.fixture(scope="module")
def final(ledger: UsageLedger) -> CostReport:
    """November, once it is over."""
    return a_report(gathered_from(ledger, known_until=NOVEMBER.last), known_until=NOVEMBER.last)


@pytest.fixture(scope="module")
def midst(ledger: UsageLedger) -> CostReport:
    """November on its 16th."""
    return a_report(gathered_from(ledger, known_until=MIDST), known_until=MIDST)


def test_a_month_is_billed_as_its_evenings_and_its_storage(final: CostReport) -> None:
    """Evenings of 30 servers for 6 hours at 0.51, and a terabyte for 720 hours at 0.01 the GB."""
    groups = {name: billed for name, billed, _ in final.groups}
    assert EVENINGS * 30 * 6 * Decimal("0.51") == groups["servers of api"]
    assert Decimal("10.00") == groups["object storage"].quantize(Decimal("0.01"))
    assert sum(groups.values()) == final.billed
    assert final.billed * Decimal("1.2") == final.billed_with_vat
    assert final.complete


def test_a_saving_has_its_baselines(final: CostReport) -> None:
    """Thirty always on are ten times 72 hours: 30 days of 24 hours beside 12 evenings of 6."""
    costs = {each.name: each.cost for each in final.comparison}
    assert EVENINGS * 30 * 6 * Decimal("0.51") == costs["as it was"]
    assert 30 * 24 * 30 * Decimal("0.51") == costs["30 always on, by the hour"]
    assert Decimal(30 * 182) == costs["30 always on, monthly plan"]
    assert Decimal(600) == costs["hindsight"]
    assert ["as it was"] == [each.name for each in final.comparison if each.actual]
    assert len(costs) == len(final.comparison)


def test_a_saving_is_what_was_not_spent(final: CostReport) -> None:
    """Nine tenths; below zero where more was spent, and none without a price."""
    expected = Saving(
        beside="30 always on, by the hour",
        amount=(30 * 24 * 30 - EVENINGS * 30 * 6) * Decimal("0.51"),
        percent=Decimal(90),
    )
    assert expected == final.saving
    done, beside, *_ = final.comparison
    dearer = done.model_copy(update={"cost": 3 * (beside.cost or 0)})
    assert [-200, None, None] == [
        found.saving and found.saving.percent
        for found in (
            final.model_copy(update={"comparison": comparison})
            for comparison in (
                (dearer, beside),
                (done, beside.model_copy(update={"cost": None})),
                (beside,),
            )
        )
    ]


def test_a_ledger_without_a_server_saves_nothing(tmp_path: Path) -> None:
    """What was done is not known then: it did not cost nothing."""
    gathered = gathered_from(UsageLedger(tmp_path), known_until=NOVEMBER.last)
    report = a_report(gathered, known_until=NOVEMBER.last)
    assert (None, None) == (report.saving, report.comparison[0].cost)


def a_plan(region: str, sku: str = "b2-60") -> Purchase:
    """November's savings plan for sixteen servers: 500."""
    return Purchase(
        name=f"plan for {sku} in {region}",
        sku="savings-plan",
        region=region,
        cost=Decimal(500),
        bought_on=NOVEMBER.first,
        serves_until=date(2026, 12, 1),
        source="a test's own plan",
        covers=Commitment(sku=sku, region=region, instances=16),
    )


@pytest.mark.parametrize(
    ("plans", "done"),
    [
        pytest.param(
            [a_plan("GRA11")], 500 + EVENINGS * 14 * 6 * Decimal("0.51"), id="sixteen of thirty"
        ),
        pytest.param([a_plan(r) for r in ("GRA11", "RBX1", "SBG5")], Decimal(1500), id="all"),
        pytest.param(
            [a_plan("GRA11", "b3-64"), a_plan("WAW1")],
            EVENINGS * 30 * 6 * Decimal("0.51"),
            id="of another flavour, and another region",
        ),
    ],
)
def test_a_fleet_costs_what_its_savings_plan_does(
    ledger: UsageLedger, plans: list[Purchase], done: Decimal
) -> None:
    """What it covers is billed nothing, and was not saved."""
    book = BOOK.model_copy(update={"purchases": tuple(plans)})
    found = Gathering(ledger, book, NOVEMBER, known_until=NOVEMBER.last).gathered()
    actual, *_ = comparison(FLEET, book, days=found.days, window=30, found=found)
    assert done == actual.cost


def test_fleets_share_a_savings_plan_by_their_hours(tmp_path: Path) -> None:
    """Each costs as much of it as the plan covers of its hours: what is paid once counts once."""
    exam = FLEET.model_copy(update={"name": "exam"})
    records = [
        a_record("02 16:00", "02 19:00", resource="i-1"),
        a_record("03 16:00", "03 17:00", resource="i-2", fleet="exam"),
    ]
    ledger = UsageLedger(tmp_path)
    ledger.merge(cut_into_hours(records, midnight(NOVEMBER.first), midnight(date(2026, 12, 1))))
    book = BOOK.model_copy(update={"purchases": (a_plan("GRA11"),)})
    found = Gathering(ledger, book, NOVEMBER, known_until=NOVEMBER.last).gathered()
    costs = [
        comparison(fleet, book, days=found.days, window=1, found=found)[0].cost
        for fleet in (FLEET, exam)
    ]
    assert [Decimal(375), Decimal(125)] == costs


def test_what_if_names_a_flavour_without_a_price(final: CostReport) -> None:
    """It is told as unknown, and the others all the same."""
    costs = {each.name: each.cost for each in final.alternatives}
    assert costs["flavour b9"] is None
    assert EVENINGS * 30 * 6 * Decimal("0.41") == costs["flavour b3-64"]
    assert EVENINGS * 30 * 7 * Decimal("0.51") == costs["ready at the full hour"]


def test_a_month_that_is_over_forecasts_its_school_year_no_more(final: CostReport) -> None:
    """The month has nothing left; the year goes on."""
    assert ["school year"] == [each.name for each in final.forecasts]


def test_in_its_midst_a_month_is_forecast_exactly(midst: CostReport, final: CostReport) -> None:
    """All evenings cost what was planned: the forecast is the bill to the cent."""
    month = midst.forecasts[0]
    assert final.billed.quantize(Decimal("0.01")) == month.expected
    assert (Decimal(0), MIDST) == (month.error_percent, midst.known_until)
    assert month.spent == midst.billed.quantize(Decimal("0.01"))


def test_alerts_are_of_the_month_and_the_year(midst: CostReport) -> None:
    """1,000 for the month: 464 are spent on its 15th, and 1,112 are expected."""
    month = [(a.kind.value, a.percent) for a in midst.alerts if a.budget == "month"]
    assert [("forecast", 50), ("forecast", 80), ("forecast", 100)] == month
    assert {"2026-11"} == {a.period for a in midst.alerts if a.budget == "month"}


@pytest.mark.parametrize(
    ("known_until", "status", "told"),
    [
        pytest.param(NOVEMBER.last, ReportStatus.PROVISIONAL, [50, 80, 100], id="its last day"),
        pytest.param(date(2026, 12, 2), ReportStatus.PROVISIONAL, [50, 80, 100], id="days later"),
        pytest.param(date(2026, 12, 4), ReportStatus.FINAL, [], id="it is final"),
    ],
)
def test_what_a_months_last_evening_spends_is_told(
    ledger: UsageLedger, known_until: date, status: ReportStatus, told: list[int]
) -> None:
    """Until the report is final: there is no forecast any more that could tell it."""
    gathered = gathered_from(ledger, known_until=known_until)
    report = a_report(gathered, known_until=known_until, at={"status": status})
    assert "month" not in {each.name for each in report.forecasts}
    month = [alert for alert in report.alerts if alert.budget == "month"]
    assert told == [alert.percent for alert in month if alert.kind is AlertKind.ACTUAL]
    assert len(told) == len(month)


OCTOBERS = "no price for b2-60 in GRA11 on 2026-10-05"


@pytest.mark.parametrize(
    ("days", "untold", "lacking"),
    [
        pytest.param({}, {}, None, id="nothing"),
        pytest.param({"valid_from": NOVEMBER.first}, {}, OCTOBERS, id="a price of October's"),
        pytest.param(
            {"valid_until": date(2027, 1, 1)},
            {},
            "no price for b2-60 in GRA11 on 2027-01-04 to",
            id="a price of evenings to come",
        ),
        pytest.param(
            {},
            {"SBG5": [date(2026, 10, 6)]},
            "SBG5 did not tell all usage of 2026-10-06",
            id="usage of October's",
        ),
    ],
)
def test_a_forecast_says_what_it_lacks(
    tmp_path: Path, days: dict[str, date], untold: dict[str, list[date]], lacking: str | None
) -> None:
    """November lacks nothing; its school year does, and so do the alerts that rest on it."""
    ledger = UsageLedger(tmp_path)
    records = [a_record(f"{day} 16:00", f"{day} 22:00") for day in ("2026-10-05", "2026-11-02")]
    ledger.merge(cut_into_hours(records, midnight(date(2026, 10, 1)), midnight(MIDST)))
    book = a_book(an_entry(**days))
    reporting = PREMISES.reporting.model_copy(update={"year_budget": Decimal(3)})
    report = a_report(
        Gathering(ledger, book, NOVEMBER, known_until=MIDST).gathered(),
        known_until=MIDST,
        at={"untold": untold},
        premises=replace(PREMISES, book=book, reporting=reporting),
    )
    month, year = report.forecasts
    assert (True, None) == (report.complete, month.incomplete)
    found = [
        year.incomplete or "",
        cost_page(report),
        cost_markdown(report, ()),
        *(
            str(alert)
            for alert in report.alerts
            if (alert.budget, alert.kind) == ("school year", AlertKind.FORECAST)
        ),
    ]
    assert 3 + 3 == len(found)
    assert [bool(lacking)] * len(found) == [bool(lacking and lacking in text) for text in found]
    assert bool(lacking) == bool(year.incomplete)


def test_the_heat_map_has_six_hours_of_an_evening(final: CostReport) -> None:
    """Thirty from 16:00 on; in the last hour, which they leave at 21:57, 29 in the mean."""
    cells = [cell for cell in final.running if cell.day == date(2026, 11, 2)]
    standing = {16: 30, 17: 30, 18: 30, 19: 30, 20: 30, 21: 29}
    assert standing == {cell.hour: cell.servers for cell in cells}
    assert EVENINGS == len({cell.day for cell in final.running}) == len(final.hours)


def test_the_windows_hours_are_those_of_its_evenings(final: CostReport, tmp_path: Path) -> None:
    """From 16:00 to 22:00 are six; a period without an evening has none."""
    assert 6 == final.window_hours
    before = NOVEMBER.first - timedelta(days=1)
    gathered = gathered_from(UsageLedger(tmp_path), known_until=before)
    assert a_report(gathered, known_until=before).window_hours is None


def test_unit_costs_are_of_each_day(final: CostReport) -> None:
    """91.80 and a day's storage over half a million connections."""
    monday = next(each for each in final.unit_costs if each.day == date(2026, 11, 2))
    assert (500_000, Decimal("0.1843")) == (monday.connections, monday.per_thousand)


def test_a_period_that_has_not_begun_is_empty(ledger: UsageLedger) -> None:
    """On the first morning nothing of the month is known, and the report says so."""
    before = NOVEMBER.first - timedelta(days=1)
    report = a_report(gathered_from(ledger, known_until=before), known_until=before)
    assert (Decimal(0), (), ()) == (report.billed, report.daily, report.comparison)
    assert report.forecasts


def test_usage_without_a_price_leaves_the_report_incomplete(tmp_path: Path) -> None:
    """It names SKU, region and day, and prices the rest."""
    ledger = UsageLedger(tmp_path)
    records = [a_record("23 16:00", "23 22:00"), a_record("23 16:00", "23 18:00", sku="b9")]
    ledger.merge(cut_into_hours(records, midnight(NOVEMBER.first), midnight(date(2026, 12, 1))))
    gathered = gathered_from(ledger, known_until=NOVEMBER.last)
    report = a_report(gathered, known_until=NOVEMBER.last)
    assert ["no price for b9 in GRA11 on 2026-11-23"] == [str(each) for each in report.missing]
    assert (False, Decimal("3.06"), None) == (report.complete, report.billed, report.saving)
    assert "no saving is told" in cost_page(report)


def test_what_a_region_did_not_tell_proves_nothing(ledger: UsageLedger, final: CostReport) -> None:
    """What passed is unproven and says why; what failed failed with less than there was."""
    why = "SBG5 did not tell all usage of 2026-11-03"
    gathered = gathered_from(ledger, known_until=NOVEMBER.last)
    report = a_report(gathered, known_until=NOVEMBER.last, at={"unknown": (why,)})
    before = [proof.verdict for proof in final.proofs]
    failed = final.proofs[0].model_copy(update={"verdict": ProofVerdict.FAIL})
    assert (failed, True) == (unproven_without(why, failed), ProofVerdict.PASS in before)
    assert [
        ProofVerdict.UNPROVEN if verdict is ProofVerdict.PASS else verdict for verdict in before
    ] == [proof.verdict for proof in report.proofs]
    assert {why} == {
        after.why
        for after, verdict in zip(report.proofs, before, strict=True)
        if verdict is ProofVerdict.PASS
    }
    assert (False, None) == (report.complete, report.saving)
    assert "saved" not in cost_summary(report)
    assert f"incomplete: {why}" in cost_summary(report)
    assert why in cost_page(report)
    assert final.billed == report.billed


@pytest.mark.parametrize(
    ("own", "verdict"),
    [
        pytest.param({"worker"}, ProofVerdict.PASS, id="the estate names it"),
        pytest.param(set(), ProofVerdict.FAIL, id="nobody does"),
    ],
)
def test_the_worker_that_has_no_price_is_nobodys_orphan(
    tmp_path: Path, own: set[str], verdict: ProofVerdict
) -> None:
    """It stands, is in the ledger, and carries no tag of ours."""
    ledger = UsageLedger(tmp_path)
    worker = a_record("23 16:00", "23 22:00", resource="w-1", fleet=None, sku="b9")
    ledger.merge(cut_into_hours([worker], midnight(NOVEMBER.first), midnight(date(2026, 12, 1))))
    item = InventoryItem(
        resource="w-1", name="worker", kind=UsageKind.INSTANCE, region="GRA11", fleet=None
    )
    evidence = Evidence(charges=(), inventory=[item], own=frozenset(own))
    gathered = gathered_from(ledger, known_until=NOVEMBER.last)
    report = a_report(gathered, known_until=NOVEMBER.last, evidence=evidence)
    (found,) = [each for each in report.reconciliations if each.name == "inventory"]
    assert (verdict, 1) == (found.verdict, found.compared)


def test_only_the_periods_charges_are_given_on(ledger: UsageLedger) -> None:
    """Those since September are counted for the forecast, and written nowhere."""
    gathering = Gathering(ledger, BOOK, NOVEMBER, known_until=MIDST)
    breakdown = gathering.gathered().breakdown
    given = {charge.day for charge in gathering.charges()}
    assert (NOVEMBER.first, MIDST) == (min(given), max(given))
    assert date(2026, 9, 1) == min(breakdown.by_day())


def test_the_hour_that_comes_twice_is_one_cell() -> None:
    """On the autumn change two hours of UTC are one of Paris: the larger number counts."""
    hours = [
        RunningHour(
            hour=midnight(date(2026, 10, 25)) + timedelta(hours=h),
            kind=UsageKind.INSTANCE,
            sku="b2-60",
            region="GRA11",
            fleet="api",
            resources=n,
            stood_s=n * 3600 - 1,
            amount=n,
        )
        for h, n in ((0, 3), (1, 5), (2, 2))
    ]
    cells = [(cell.hour, cell.servers) for cell in running_cells(hours, "api")]
    assert [(2, 5), (3, 2)] == cells
    assert () == running_cells(hours, "web")
