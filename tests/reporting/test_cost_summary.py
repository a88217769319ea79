"""A report in few words."""

from datetime import date
from decimal import Decimal

import pytest

from springtide.model.cost_figures import CostReport, ReportFile
from springtide.model.price import MissingPrice
from springtide.reporting.cost_summary import cost_markdown, cost_summary, verdict_rows
from tests.costing.reports import a_ledger, a_report, gathered_from

MIDST = date(2026, 11, 15)


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> CostReport:
    """November in its midst."""
    ledger = a_ledger(tmp_path_factory.mktemp("usage"), until=MIDST)
    return a_report(gathered_from(ledger, known_until=MIDST), known_until=MIDST)


def test_each_verdict_is_a_row(report: CostReport) -> None:
    """Claims first, then reconciliations; each says why."""
    rows = verdict_rows(report)
    assert len(report.proofs) + len(report.reconciliations) == len(rows)
    assert all(row["why"] and row["beside"] for row in rows)


def test_the_summary_counts_verdicts_and_names_what_is_missing(report: CostReport) -> None:
    """One line that stands in the run's state."""
    assert cost_summary(report).startswith("2026-11, provisional: ")
    assert "; saved 91.7 % of 30 always on, by the hour; " in cost_summary(report)
    assert "UNPROVEN" in cost_summary(report)
    missing = MissingPrice(sku="b9", region="SBG5", day=MIDST, last_day=MIDST, hours=2)
    told = cost_summary(report.model_copy(update={"missing": (missing,)}))
    assert told.endswith("; incomplete: no price for b9 in SBG5 on 2026-11-15")


def test_markdown_links_what_has_a_link(report: CostReport) -> None:
    """A file without one is named all the same; alerts and baselines are there."""
    files = [
        ReportFile(name="a.html", what="the page", url="http://127.0.0.1/a?sig=1"),
        ReportFile(name="b.csv", what="the charges"),
    ]
    text = cost_markdown(report, files)
    assert "- [a.html](http://127.0.0.1/a?sig=1): the page" in text
    assert "- `b.csv`: the charges" in text
    assert "| 30 always on, by the hour |" in text
    assert [] == [alert for alert in report.alerts if str(alert) not in text]
    assert Decimal(0) < report.billed
