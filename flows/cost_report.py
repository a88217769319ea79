"""The cost report: what was used, priced, proved, reconciled, forecast, and told as a page.

Usage is collected each hour into a ledger, where repeating is harmless; a report is made of the
ledger alone, so it can be made again for any period, and says the same from the same inputs.
"""

from collections.abc import Iterable
from datetime import date
from typing import Literal

from prefect import State, flow
from prefect.states import Completed, Failed

from springtide.costing.proving import Evidence
from springtide.costing.report import Findings, cost_report
from springtide.estate import estate_path
from springtide.model.bill import ProviderBill
from springtide.model.cost_figures import BudgetAlert, CostReport
from springtide.model.cost_report import ReportPeriod
from springtide.planning.cost_report import report_period
from springtide.reporting.cost_summary import cost_summary
from tasks.bills import find_bill
from tasks.budgets import announce_alert
from tasks.cost_editions import CostOrder, choose_standpoint, find_edition_before
from tasks.cost_reports import (
    Priced,
    price_period,
    publish_report,
    render_report,
    show_report,
)
from tasks.inventory import list_standing, listed
from tasks.outage import best_effort
from tasks.usage import (
    collect_containers,
    collect_core,
    collect_region,
    keep_usage,
    measure_shortage,
    read_counters,
)
from tasks.usage_orders import collected, elastic_regions, usage_folder, usage_order
from tasks.witnesses import known, read_deletions, read_orders, read_surges, witness_service

Asked = Literal["month", "last-month", "day", "school-year", "days"]


@flow(name="collect-usage", flow_run_name="collect usage")
def collect_usage(hours: int = 3) -> State[int]:
    """Collect what was used into the ledger; Failed where a source did not answer.

    What the others say is kept all the same, and the next run makes good what is missing.

    Args:
        hours: How far to look back, in whole hours. Servers that are gone are found for as long as
            the cloud remembers them.
    """
    order = usage_order(estate_path(), hours)
    regions = elastic_regions(order)
    stood = [collect_region(order, region, return_state=True) for region in regions]
    servers, absent = collected(stood)
    others = [collect_containers(order, return_state=True), collect_core(order, return_state=True)]
    # Without all servers there would seem to be too few of them.
    others += [] if absent else [measure_shortage(order, servers, return_state=True)]
    counted = [read_counters(order, region, return_state=True) for region in regions]
    more, missing = collected(others)
    readings, silent = collected(counted)
    records = [*servers, *more]
    changed = keep_usage(order, usage_folder(order), records, readings)
    told = f"records: {len(records)}; files of months that changed: {changed}"
    if troubles := [*absent, *missing, *silent]:
        return Failed(message="; ".join((told, *troubles)), data=changed)
    return Completed(message=told, data=changed)


@flow(name="report-cost", flow_run_name="cost of {fleet}: {period}")
def report_cost(  # noqa: PLR0913 - the fields of its form
    fleet: str = "api",
    period: Asked = "month",
    *,
    day: date | None = None,
    last_day: date | None = None,
    bill: str | None = None,
    publish: bool = True,
) -> State[CostReport]:
    """Report what a period cost, and what the figures say; Failed where an alert was not sent.

    Args:
        fleet: Name of the fleet in the estate file.
        period: The month, day or school year that `day` is in; the month before this one; or the
            days from `day` to `last_day`.
        day: A day of the period. Empty: yesterday.
        last_day: The last of the days, with period `days` only.
        bill: File of the provider's bill on the worker's machine: its API's JSON, or a CSV. Empty:
            a month's is fetched, where the estate says from which project.
        publish: Put the report into object storage and link to it.
    """
    order = CostOrder(estate_file=estate_path(), fleet=fleet)
    asked = report_period(period, order.today(), day=day, last=last_day)
    premises = order.premises()
    invoice, notes = find_bill(order, asked, path=bill, currency=premises.book.currency)
    at = choose_standpoint(order, asked, invoice)
    before = find_edition_before(order, at)
    priced = price_period(order, premises, at, before=before)
    evidence, unknown = _evidence(order, asked, priced, invoice)
    service = witness_service(premises, at, priced.gathered)
    groups = before.groups if before else None
    found = Findings(priced.gathered, evidence, service, before=groups, notes=(*notes, *unknown))
    report = cost_report(at, premises, found)
    files = render_report(order, report, at)
    published = publish_report(order, at, files) if publish else []
    with best_effort("report"):
        show_report(order, report, published)
    told = cost_summary(report)
    if unsent := _announced(report.alerts):
        return Failed(message="; ".join((told, *unsent)), data=report)
    return Completed(message=told, data=report)


def _announced(alerts: Iterable[BudgetAlert]) -> list[str]:
    """Each is sent, whatever becomes of the others; why some could not be."""
    sent = [(alert.key, announce_alert(alert, return_state=True)) for alert in alerts]
    return [
        f"{key} was not sent: {state.message}" for key, state in sent if not state.is_completed()
    ]


def _evidence(
    order: CostOrder, asked: ReportPeriod, priced: Priced, bill: ProviderBill | None
) -> tuple[Evidence, tuple[str, ...]]:
    """What the period's claims are held against, and what of it could not be had."""
    listing, unknown = listed(list_standing(order, return_state=True))
    deletions, unread = known(read_deletions(order, asked, return_state=True))
    evidence = Evidence(
        charges=priced.charges,
        surges=read_surges(order.fleet, asked),
        orders=read_orders(order.fleet, asked),
        bill=bill,
        inventory=listing.items if listing else None,
        own=frozenset(order.reporting.own_resources),
        deletions=deletions,
        baselines=order.reporting.baselines,
    )
    return evidence, (*unknown, *unread)
