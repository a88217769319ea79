"""The provider's bill: from a file of the worker's, or fetched where the estate says so."""

from pathlib import Path

from prefect import State, task

from springtide.clouds.ovhcloud.bills import FIELD, ProviderBills
from springtide.errors import Misconfigured
from springtide.model.bill import ProviderBill
from springtide.model.cost_report import PeriodKind, ReportPeriod
from springtide.pricing.provider_bill import (
    period_limitation,
    read_invoice,
    read_usage_history,
)
from tasks.cost_editions import CostOrder
from tasks.retrying import may_pass


def read_bill(path: str, currency: str) -> ProviderBill:
    """The bill in that file: JSON of the provider's API, or an invoice's CSV.

    Raises:
        Misconfigured: it cannot be read, or is neither.
    """
    try:
        text = Path(path).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Misconfigured(f"{path} cannot be read: {error}", field="bill") from error
    read = read_usage_history if path.endswith(".json") else read_invoice
    return read(text, currency=currency, source=Path(path).name)


@task(
    task_run_name="fetch the bill of {period.name}",
    retries=3,
    retry_delay_seconds=[5, 20, 60],
    retry_condition_fn=may_pass,
)
def fetch_bill(order: CostOrder, period: ReportPeriod, currency: str) -> ProviderBill | None:
    """The provider's bill of that month, so far where it is running; None: there is none yet.

    Raises:
        Misconfigured: a credential is not there or refused, or what it says is no bill of it.
    """
    source = order.reporting.bill_source
    if source is None:
        raise Misconfigured("the estate does not say where bills are read", field=FIELD)
    bills = ProviderBills.open(source)
    running = period.last >= order.today()
    found = bills.running() if running else bills.of_month(period.first)
    if found is None:
        return None
    text, path = found
    bill = read_usage_history(text, currency=currency, source=path)
    return _of_period(bill, period, order, field=FIELD)


def find_bill(
    order: CostOrder, period: ReportPeriod, *, path: str | None, currency: str
) -> tuple[ProviderBill | None, tuple[str, ...]]:
    """The bill of that file, or of the provider, which has them by calendar months; notes beside.

    One that cannot be fetched stops no report: what would be held against it is UNPROVEN then.

    Raises:
        Misconfigured: the file cannot be read, is no bill, or is one of another period.
    """
    if path is not None:
        return _of_period(read_bill(path, currency), period, order, field="bill"), ()
    if order.reporting.bill_source is None or period.kind is not PeriodKind.MONTH:
        return None, ()
    state: State[ProviderBill | None] = fetch_bill(order, period, currency, return_state=True)
    if state.is_completed():
        return state.result(), ()
    return None, (f"The provider's bill could not be fetched: {state.message}",)


def _of_period(
    bill: ProviderBill, period: ReportPeriod, order: CostOrder, *, field: str
) -> ProviderBill:
    """The bill, if it is of that period."""
    if why_not := period_limitation(bill, period, today=order.today()):
        allowed = f"a bill of {period.first} to {period.last}"
        raise Misconfigured(why_not, field=field, allowed=allowed)
    return bill
