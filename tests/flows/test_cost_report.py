"""A month's report as a flow: from the ledger to a page that a signed link opens."""

import asyncio
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from prefect import get_client
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterKey
from prefect.client.schemas.sorting import ArtifactSort
from prefect.events.clients import PrefectEventsClient
from prefect.events.filters import EventFilter, EventResourceFilter
from prefect.variables import Variable

from flows.cost_report import collect_usage
from flows.evening_window import open_evening_window
from springtide.clouds.audit import AuditLog
from springtide.errors import Misconfigured
from springtide.estate import read_price_book
from springtide.ledger.sums import running_hours
from springtide.ledger.usage_ledger import UsageLedger
from springtide.model.cost_figures import AlertKind, BudgetAlert, CostReport
from springtide.model.cost_report import ReportPeriod
from springtide.model.traffic import TrafficNote
from springtide.model.usage import UsageKind
from springtide.planning.cost_report import month_of, school_year
from springtide.sandbox.faults import FaultRule
from tasks import budgets
from tasks.bills import find_bill
from tasks.budgets import announce_alert
from tasks.cloud import read_estate
from tasks.cost_editions import CostOrder, choose_standpoint
from tests.clouds.ovhcloud.fake_api import ENDPOINT, ENVIRONMENT, fake_provider
from tests.clouds.ovhcloud.usage import PROJECT, USAGE, listed, usage
from tests.clouds.stage import wait_until
from tests.environment import environment
from tests.flows.desk import BOOK, EVENINGS, FIRST, Desk
from tests.flows.evening import MONDAY_16H, Evening
from tests.pricing.using import a_record


async def artifact(key: str) -> str:
    """The newest artifact of that key, as the UI gets it."""
    async with get_client() as client:
        found = await client.read_artifacts(
            artifact_filter=ArtifactFilter(key=ArtifactFilterKey(any_=[key])),
            sort=ArtifactSort.CREATED_DESC,
            limit=1,
        )
    return str(found[0].data)


def linked() -> str:
    """The link to the page of the newest report."""
    page = asyncio.run(artifact("cost-report-api"))
    (link,) = [
        part for part in page.replace("(", " ").replace(")", " ").split() if ".html?" in part
    ]
    return link


def test_a_month_is_priced_proved_and_published(drawing_desk: Desk) -> None:
    """Evenings of thirty servers for six hours; the link shows the very page, and no other does."""
    state = drawing_desk.run()
    report = state.result()
    assert state.is_completed(), state.message
    assert EVENINGS * 30 * 6 * read_price_book(BOOK).entries[0].price == report.billed
    assert {"final"} == {report.status.value}
    assert str(state.message).startswith("2024-11, final: 1\u202f009.80 EUR without VAT")
    link = linked()
    answer = httpx.get(link)
    shown = answer.status_code, answer.headers["content-type"].lower()
    assert (200, "text/html; charset=utf-8") == shown
    (made,) = drawing_desk.editions()
    stored = drawing_desk.folder / "reports/api/2024-11" / made
    assert (stored / "cost-2024-11.html").read_bytes() == answer.content
    assert 401 == httpx.get(link.replace("temp_url_sig=", "temp_url_sig=0")).status_code
    assert {"charges.csv", "charges.parquet", "cost-2024-11.html", "report.json"} <= {
        path.name for path in stored.iterdir()
    }
    verdicts = json.loads(asyncio.run(artifact("cost-verdicts-api")))
    assert {"PASS", "UNPROVEN"} <= {row["verdict"] for row in verdicts}
    assert b"<svg" in answer.content
    (inventory,) = [each for each in report.reconciliations if each.name == "inventory"]
    assert ("PASS", "the cloud now; no bill") == (inventory.verdict.value, inventory.theirs)
    assert ["Volumes are in no figure"] == [note.split(":")[0] for note in report.notes]


@pytest.mark.parametrize(
    ("left_out", "verdict"), [(0, "PASS"), (1, "FAIL")], ids=["all of them", "but for one"]
)
def test_servers_are_held_against_our_own_deletions(
    desk: Desk, tmp_path: Path, left_out: int, verdict: str
) -> None:
    """Each has a line in this machine's log; one that has none was somebody else's deed."""
    servers = {each.resource for each in desk.planned() if each.kind is UsageKind.INSTANCE}
    audit = AuditLog(tmp_path / "audit", run="close", who="close-evening-window")
    for server in sorted(servers)[left_out:]:
        said = {"region": "GRA11", "service": "compute", "why": "the window is over"}
        with audit.change("DELETE", f"/servers/{server}", **said) as act:
            act.result = "done"
    with environment(SPRINGTIDE_AUDIT_LOG=str(tmp_path / "audit")):
        report = desk.report(publish=False)
    (found,) = [each for each in report.reconciliations if each.name == "audit-deletions"]
    assert (verdict, left_out) == (found.verdict.value, len(found.differences))


def test_an_audit_log_that_cannot_be_read_stops_no_report(desk: Desk, tmp_path: Path) -> None:
    """It is UNPROVEN then, and the page says why."""
    (tmp_path / "audit").mkdir()
    (tmp_path / "audit" / "close.jsonl").write_text("no line\n", "utf-8")
    with environment(SPRINGTIDE_AUDIT_LOG=str(tmp_path / "audit")):
        report = desk.report(publish=False)
    (found,) = [each for each in report.reconciliations if each.name == "audit-deletions"]
    assert "UNPROVEN" == found.verdict.value
    assert any("close.jsonl: line 1 is no audit line" in note for note in report.notes)


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


def test_a_holiday_that_is_corrected_restates_the_report(desk: Desk) -> None:
    """Other evenings were planned than the final report says."""
    estate = yaml.safe_load(desk.estate_file.read_text("utf-8"))
    changed = estate | {"school_holidays_file": "holidays.yaml"}
    desk.estate_file.write_text(yaml.safe_dump(changed), "utf-8")
    holidays = desk.estate_file.with_name("holidays.yaml")
    holidays.write_text("holidays: []\n", "utf-8")
    read_estate.cache_clear()
    final = desk.report(publish=False)
    entry = {"zones": ["A", "B", "C"], "name": "snow"}
    for key in ("first_day", "last_day"):
        entry[key] = "2024-11-25"
    holidays.write_text(yaml.safe_dump({"holidays": [entry]}), "utf-8")
    restated = desk.report(publish=False)
    assert [("final", EVENINGS), ("restated", EVENINGS - 1)] == [
        (found.status.value, found.service.evenings) for found in (final, restated)
    ]


def test_a_final_report_that_says_another_thing_is_published_beside_it(
    desk: Desk, tmp_path: Path
) -> None:
    """The same edition, with what is looked at anew; whoever has the first link has the first."""
    (tmp_path / "audit").mkdir()
    (tmp_path / "audit" / "close.jsonl").write_text("no line\n", "utf-8")
    note = "The audit log could not be read"
    with environment(SPRINGTIDE_AUDIT_LOG=str(tmp_path / "audit")):
        desk.run()
    first = linked()
    links = [first]
    for _ in range(2):
        desk.run()
        links.append(linked())
    assert 1 == len(desk.editions())
    assert [True, False, False] == [note in httpx.get(link).text for link in links]
    pages = [link.partition("?")[0].rpartition("/")[2] for link in links]
    assert ("cost-2024-11.html", pages[1]) == (pages[0], pages[2])
    assert pages[1].endswith("-cost-2024-11.html")


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


def test_a_month_is_held_against_the_providers_own_bill(desk: Desk) -> None:
    """It is fetched where the estate says so, and one that cannot be had stops no report."""
    told: dict[str, Any] = {"bill_source": {"endpoint": ENDPOINT, "project": PROJECT}}
    order = desk.changed(**told)
    os.environ |= ENVIRONMENT
    with fake_provider() as provider:
        provider.documents = {
            f"{USAGE}/history": [listed("nov", 11)],
            f"{USAGE}/history/nov": usage(11),
        }
        bill, notes = find_bill(order, month_of(FIRST), path=None, currency="EUR")
        nothing = find_bill(order, school_year(FIRST), path=None, currency="EUR")
        provider.documents = {f"{USAGE}/history": "no list"}
        lost, why = find_bill(order, month_of(FIRST), path=None, currency="EUR")
    assert bill
    assert (Decimal("3.06"), f"{USAGE}/history/nov", ()) == (bill.total, bill.source, notes)
    assert (None, ()) == nothing
    assert (None, ["The provider's bill could not be fetched"]) == (
        lost,
        [note.split(":")[0] for note in why],
    )


def test_the_bill_of_another_month_is_refused(desk: Desk, tmp_path: Path) -> None:
    """October's, given for November, would differ in everything."""
    path = tmp_path / "october.json"
    path.write_text(json.dumps(usage(10)), "utf-8")
    with pytest.raises(Misconfigured, match="2024-10-01 to 2024-11-01, and not of 2024-11") as no:
        desk.run(bill=str(path)).result()
    assert "bill" == no.value.field
    assert not (desk.folder / "reports").exists()


def test_without_a_key_it_is_published_and_not_linked(desk: Desk) -> None:
    """The files are there for whoever may read the container."""
    os.environ.pop("SPRINGTIDE_TEMP_URL_KEY")
    desk.run()
    assert "http" not in asyncio.run(artifact("cost-report-api"))


HALF_OF_MARCH = BudgetAlert(
    budget="month",
    period="2026-03",
    kind=AlertKind.ACTUAL,
    percent=50,
    amount=Decimal(600),
    limit=Decimal(1000),
    currency="EUR",
)


async def announced(alert: BudgetAlert) -> list[str]:
    """What the server's events say of that alert."""
    about = EventResourceFilter(id=[f"springtide.budget.{alert.key}"])
    async with get_client() as client:
        found = await client.read_events(EventFilter(resource=about), limit=2)
    return [event.payload["body"] for event in found.events]


def test_a_share_of_a_budget_is_announced_once(prefect_server: None) -> None:  # noqa: ARG001 - must run
    """The same share of the same period is not told again; another one is, and one of more."""
    alert = HALF_OF_MARCH
    other = alert.model_copy(update={"percent": 80})
    raised = alert.model_copy(update={"limit": Decimal(5000), "amount": Decimal(2500)})
    told = [announce_alert(each) for each in (alert, alert, other, raised, raised)]
    assert [True, False, True, True, False] == told
    wait_until(lambda: [str(alert)] == asyncio.run(announced(alert)))


def test_an_alert_that_cannot_be_sent_is_told_later(
    prefect_server: None,  # noqa: ARG001 - must run
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It is not remembered as told, and the run fails."""
    alert = HALF_OF_MARCH.model_copy(update={"period": "2026-04"})

    def nobody(**_: int) -> PrefectEventsClient:
        return PrefectEventsClient("http://127.0.0.1:1/api", reconnection_attempts=0)

    monkeypatch.setattr("tasks.budgets.get_events_client", nobody)
    with pytest.raises(OSError, match=r"refused|failed"):
        announce_alert.fn(alert)
    monkeypatch.undo()
    assert announce_alert(alert)
    wait_until(lambda: [str(alert)] == asyncio.run(announced(alert)))


def test_an_alert_that_cannot_be_sent_keeps_no_other(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All are tried and the run fails; of a last day they are told until the report is final."""

    async def without_the_first(alert: BudgetAlert) -> None:
        if alert.percent == 50:
            raise OSError("the server takes no event")
        await send(alert)

    def told(report: CostReport) -> list[bool]:
        names = [f"budget_told_{alert.key}" for alert in report.alerts]
        return [Variable.get(name) is not None for name in names]

    send = budgets._send  # noqa: SLF001 - what the server does not take
    for day, fails in ((1, True), (3, False)):
        at = datetime(2024, 12, day, 6, 45, tzinfo=UTC)
        monkeypatch.setattr("tasks.cost_editions.present", lambda _estate, at=at: at)
        monkeypatch.setattr(budgets, "_send", without_the_first if fails else send)
        state = desk.run(period="last-month", day=None, publish=False)
        assert (fails, fails) == (state.is_failed(), "takes no event" in (state.message or ""))
        assert [not fails, True, True] == told(state.result(raise_on_failure=False))


def test_a_period_that_is_over_raises_no_alert(desk: Desk) -> None:
    """November's 1,000 are spent, and nobody can change that now."""
    assert () == desk.report(publish=False).alerts


def watched() -> dict[str, Any]:
    """What the watch remembers: at 17:00 more sessions than six servers and the others carry.

    That is 300 for each of the six, and of the others 6,000 by 0.65.
    """
    at = MONDAY_16H + timedelta(hours=1)
    points = [(int(at.timestamp()) + second, n) for second, n in ((0, 11_031), (120, 11_030))]
    note = TrafficNote(
        key="api", fleet="api", series={"balancers": tuple(points)}, until=at + timedelta(hours=9)
    )
    return note.model_dump(mode="json")


@contextmanager
def counting(evening: Evening, folder: Path) -> Iterator[CostOrder]:
    """The evening's estate keeps its usage in that folder."""
    estate = yaml.safe_load(evening.estate_file.read_text("utf-8"))
    estate["cost_report"] |= {"usage_folder": str(folder / "usage"), "place": None}
    estate["cost_report"] |= {"folder": str(folder / "reports")}
    path = evening.estate_file.with_name("costs.yaml")
    path.write_text(yaml.safe_dump(estate), "utf-8")
    read_estate.cache_clear()
    with environment(SPRINGTIDE_ESTATE=str(path)):
        yield CostOrder(estate_file=path, fleet="api")
    read_estate.cache_clear()


def test_usage_is_collected_from_every_source(evening: Evening, tmp_path: Path) -> None:
    """The six servers of the evening are in the ledger, and collecting again is harmless."""
    with counting(evening, tmp_path):
        evening.run(open_evening_window)
        Variable.set("springtide_traffic_api", watched(), overwrite=True)
        evening.sandbox.set_clock(MONDAY_16H + timedelta(hours=1, minutes=30))
        state = collect_usage(hours=3, return_state=True)
        again = collect_usage(hours=3, return_state=True)
    assert state.is_completed(), state.message
    day = MONDAY_16H.date()
    hours = running_hours(UsageLedger(tmp_path / "usage"), day, day + timedelta(days=1))
    servers = {h.hour: 0 for h in hours}
    for each in hours:
        if each.kind is UsageKind.INSTANCE and each.fleet == "api":
            servers[each.hour] += each.resources
    assert 6 == max(servers.values())
    short = [each.amount for each in hours if each.kind is UsageKind.SHORTAGE]
    assert [120] == short
    assert again.is_completed()


def test_a_day_that_a_region_did_not_tell_is_not_known(evening: Evening, tmp_path: Path) -> None:
    """SBG5 is away from Monday's afternoon on; once it answers, Monday is known whole."""
    monday, tuesday = MONDAY_16H.date(), MONDAY_16H + timedelta(hours=15)
    away = FaultRule(service="compute", region="SBG5", status=503)
    with counting(evening, tmp_path) as order:
        assert collect_usage(hours=72, return_state=True).is_completed()
        evening.sandbox.set_clock(tuesday)
        evening.sandbox.add_fault(away)
        assert collect_usage(hours=24, return_state=True).is_failed()
        without = choose_standpoint.fn(order, month_of(monday), None)
        today = ReportPeriod(kind="day", first=tuesday.date(), last=tuesday.date())
        later = choose_standpoint.fn(order, today, None)
        evening.sandbox.clear_faults()
        assert collect_usage(hours=24, return_state=True).is_completed()
        whole = choose_standpoint.fn(order, month_of(monday), None)
    since = "Whether GRA11, RBX1, SBG5 told all usage is noted since 2026-11-21, and not before."
    assert (monday - timedelta(days=1), (), since) == (
        without.known_until,
        without.unknown,
        without.notes[-1],
    )
    assert "SBG5 has not told all usage of 2026-11-23 yet." == without.notes[0]
    assert ((), [monday]) == (later.unknown, later.untold["SBG5"])
    assert (monday, (), (since,)) == (whole.known_until, whole.unknown, whole.notes)
