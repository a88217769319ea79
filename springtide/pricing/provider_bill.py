"""The provider's bill, read from its API or from an invoice's CSV.

As an operator reads it: OVHcloud's `/cloud/project/{id}/usage/history/{id}` gives sums of a period
for each instance, without hours of the clock: what the ledger says is compared with it. An invoice
is a CSV with the columns `resource`, `reference`, `region`, `quantity`, `unit`, `price`; `resource`
may be empty, and a line whose `unit` is `month` is of the monthly plan. Numbers stay exact: the
JSON's are read as decimals, never as floating numbers. A bill is held against its own period alone.
"""

import csv
import io
import json
from collections.abc import Iterator, Mapping
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any

from springtide.errors import Misconfigured
from springtide.model.bill import ANY_ZONE, BillLine, ProviderBill
from springtide.model.cost_report import ReportPeriod
from springtide.model.price import Plan, PriceUnit
from springtide.model.usage import day_span

COLUMNS = ("resource", "reference", "region", "quantity", "unit", "price")
_OF_INSTANCES = "instanceId"
_PLANS = {"hourlyUsage": Plan.HOURLY, "monthlyUsage": Plan.MONTHLY}
_SECTIONS = ("instance", "volume", "snapshot", "storage", "instanceBandwidth")


def read_usage_history(text: str, *, currency: str, source: str) -> ProviderBill:
    """The bill of `usage/current`, `usage/history/{id}`, as the API answers it.

    Raises:
        Misconfigured: it is not that, or a number in it is none; the field names where.
    """
    try:
        document = json.loads(text, parse_float=Decimal)
    except ValueError as error:
        raise Misconfigured(f"{source} is not JSON: {error}") from error
    if not isinstance(document, dict) or not isinstance(document.get("period"), dict):
        raise Misconfigured("it has no period", field=source, allowed="an answer of usage/history")
    try:
        return ProviderBill(
            source=source,
            begins_at=document["period"].get("from"),
            ends_at=document["period"].get("to"),
            updated_at=document.get("lastUpdate"),
            currency=currency,
            lines=tuple(_lines(document)),
        )
    except ValueError as error:
        raise Misconfigured(f"{source} makes no bill: {error}") from error


def read_invoice(text: str, *, currency: str, source: str) -> ProviderBill:
    """The bill of an invoice's CSV.

    Raises:
        Misconfigured: a column is missing or a number is none; the field names column and line.
    """
    reader = csv.DictReader(io.StringIO(text.lstrip("\ufeff")))
    missing = [name for name in COLUMNS if name not in (reader.fieldnames or ())]
    if missing:
        columns = ", ".join(COLUMNS)
        raise Misconfigured(f"lacks {', '.join(missing)}", field=source, allowed=columns)
    lines = (_invoiced(row, field=f"{source}:{number}") for number, row in enumerate(reader, 2))
    return ProviderBill(source=source, currency=currency, lines=tuple(lines))


def period_limitation(bill: ProviderBill, period: ReportPeriod, *, today: date) -> str | None:
    """Why the bill is not of that period; None: it is, or it does not say of which it is.

    The bill of a period that goes on reaches until today at the least, and may go on as well.
    """
    if bill.begins_at is None or bill.ends_at is None:
        return None
    over = period.last < today
    begins_at = day_span(period.first)[0]
    ends_at = day_span(period.last)[1] if over else day_span(today)[0]
    short, long = ends_at - bill.ends_at, bill.ends_at - ends_at
    begun = abs(bill.begins_at - begins_at) < ANY_ZONE
    if begun and short < ANY_ZONE and (long < ANY_ZONE or not over):
        return None
    days = f"{bill.begins_at:%Y-%m-%d} to {bill.ends_at:%Y-%m-%d}"
    return f"{bill.source} is of {days}, and not of {period.name}"


def _invoiced(row: dict[str | None, Any], *, field: str) -> BillLine:
    # An amount with a decimal comma and no quotes is two columns, and the first would be believed.
    if None in row or None in row.values():
        columns = "as many columns as the first line, numbers with a decimal point"
        raise Misconfigured(
            "the line has too many or too few columns", field=field, allowed=columns
        )
    return BillLine(
        resource=row["resource"] or None,
        sku=row["reference"],
        region=row["region"],
        quantity=_number(row["quantity"], f"{field}.quantity"),
        unit=row["unit"],
        cost=_number(row["price"], f"{field}.price"),
        plan=Plan.MONTHLY if row["unit"].strip().lower() == PriceUnit.MONTH else Plan.HOURLY,
    )


def _lines(document: Mapping[str, Any]) -> Iterator[BillLine]:
    for usage, plan in _PLANS.items():
        for section in _SECTIONS:
            for number, group in enumerate((document.get(usage) or {}).get(section) or ()):
                yield from _group(group, plan, field=f"{usage}.{section}.{number}")
    for number, group in enumerate(document.get("resourcesUsage") or ()):
        yield from _group(group, Plan.HOURLY, field=f"resourcesUsage.{number}")


def _group(group: Mapping[str, Any], plan: Plan, *, field: str) -> Iterator[BillLine]:
    """A line for each detail that names its instance, else one for the whole."""
    sku = str(group.get("reference") or group.get("type") or "unknown")
    region = str(group.get("region") or "")
    details = [each for each in group.get("details") or () if each.get(_OF_INSTANCES)]
    for each in details or [group]:
        quantity = each.get("quantity") or {}
        yield BillLine(
            resource=each.get(_OF_INSTANCES),
            sku=sku.removesuffix(".consumption"),
            region=region,
            quantity=_number(quantity.get("value", 0), f"{field}.quantity.value"),
            unit=str(quantity.get("unit") or ""),
            cost=_number(each.get("totalPrice"), f"{field}.totalPrice"),
            plan=plan,
        )


def _number(given: object, field: str) -> Decimal:
    try:
        if isinstance(given, bool) or given is None:
            raise InvalidOperation  # noqa: TRY301 - as what cannot be read
        found = Decimal(str(given))
    except InvalidOperation as error:
        raise Misconfigured(f"given {given!r}", field=field, allowed="a number") from error
    if not found.is_finite():
        raise Misconfigured(f"given {given!r}", field=field, allowed="a number")
    return found
