"""The provider's bill, read from its API or from an invoice's CSV.

As an operator reads it: OVHcloud's `/cloud/project/{id}/usage/history/{id}` gives sums of a period
for each instance, without hours of the clock: what the ledger says is compared with it. All of its
sections are read, known or not: what they do not come to of the document's own sum is a line of its
own, `not itemised`. An invoice
is a CSV with the columns `resource`, `reference`, `region`, `quantity`, `unit`, `price`; `resource`
may be empty, and a line whose `unit` is `month` is of the monthly plan. Numbers stay exact: the
JSON's are read as decimals, never as floating numbers. A bill is held against its own period alone.

Example: 700 lines of a group may differ from its sum by half a cent each, as each was rounded. The
document's sum may differ from those of its groups by half a cent for each group, and by no more.

Source: OVHcloud's control panel, ovh/manager on GitHub, pci-billing, api/data/consumption.ts, 2026.
"""

import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any, NamedTuple

from springtide.errors import Misconfigured
from springtide.model.bill import ANY_ZONE, BillLine, ProviderBill
from springtide.model.cost_report import ReportPeriod
from springtide.model.price import Plan, PriceUnit
from springtide.model.usage import day_span

COLUMNS = ("resource", "reference", "region", "quantity", "unit", "price")
_OF_INSTANCES = "instanceId"
_PLANS = {"hourlyUsage": Plan.HOURLY, "monthlyUsage": Plan.MONTHLY}
_LOCAL_DISK = ".local-disk"
REST = "not itemised"
"""What a bill or a part of it costs beside its lines."""
HALF_CENT = Decimal("0.005")
"""A bill's line is rounded to cents, ours are exact."""

Json = Mapping[str, Any]


class _Group(NamedTuple):
    """Lines of a bill that belong together."""

    lines: tuple[BillLine, ...]
    sums: tuple[Decimal, ...]
    """What of it was rounded by itself: its own sum or, where it tells none, its lines."""


def read_usage_history(text: str, *, currency: str, source: str) -> ProviderBill:
    """The bill of `usage/current`, `usage/history/{id}`, as the API answers it.

    Raises:
        Misconfigured: it is not that, or a number in it is none; the field names where.
    """
    try:
        document = json.loads(text, parse_float=Decimal)
    except ValueError as error:
        raise Misconfigured(f"{source} is not JSON: {error}") from error
    period = document.get("period") if isinstance(document, dict) else None
    # Without its end it would be held against any period, as an invoice is.
    if not isinstance(period, dict) or not (period.get("from") and period.get("to")):
        raise Misconfigured("it has no period", field=source, allowed="an answer of usage/history")
    try:
        return ProviderBill(
            source=source,
            begins_at=period["from"],
            ends_at=period["to"],
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
    about: dict[str, Any] = {
        "resource": row["resource"] or None,
        "sku": row["reference"],
        "region": row["region"],
        "quantity": _number(row["quantity"], f"{field}.quantity"),
        "unit": row["unit"],
        "cost": _number(row["price"], f"{field}.price"),
        "plan": Plan.MONTHLY if row["unit"].strip().lower() == PriceUnit.MONTH else Plan.HOURLY,
    }
    try:
        return BillLine(**about)
    except ValueError as error:
        raise Misconfigured(f"is no line of a bill: {error}", field=field) from error


def _lines(document: Json) -> Iterator[BillLine]:
    groups = tuple(_groups(document))
    for group in groups:
        yield from group.lines
    sums = [cost for group in groups for cost in group.sums]
    yield from _rest(document, sums, sku=REST, field="totalPrice")


def _groups(document: Json) -> Iterator[_Group]:
    for usage, plan in _PLANS.items():
        for section, group, field in _sections(document.get(usage), usage):
            about = {"region": _text(group.get("region")), "plan": plan}
            yield _group(section, group, about, field=field)
    for group, field in _objects(document.get("resourcesUsage"), "resourcesUsage"):
        yield _resources(group, field=field)


def _sections(usage: object, field: str) -> Iterator[tuple[str, Json, str]]:
    """Every group of every list in it, with its section's name and where it stands."""
    for section, found in _object(usage or {}, field).items():
        where = f"{field}.{section}"
        if isinstance(found, Mapping):
            yield from _sections(found, where)
        elif isinstance(found, list):
            yield from ((section, group, at) for group, at in _objects(found, where))


def _group(section: str, group: Json, about: Json, *, field: str) -> _Group:
    """A line for each instance; of all else one for the whole, or for its parts where it has none.

    Options and disks of an instance name it, too: their quantities are no hours of its.
    """
    named = (group.get(key) for key in ("reference", "type", "flavor"))
    sku = next(map(str, filter(None, named)), section).removesuffix(".consumption")
    is_server = section == "instance" and _LOCAL_DISK not in sku
    if section == "volume" and "type" in group:
        sku = f"volume.{sku}"
    details = list(_objects(group.get("details"), f"{field}.details"))
    whole = group.get("totalPrice") is not None and not is_server
    parts = details if details and not whole else [(group, field)]
    lines = (
        _line(
            part,
            {**about, "sku": sku, "resource": part.get(_OF_INSTANCES) if is_server else None},
            field=at,
        )
        for part, at in parts
    )
    return _itemised(lines, group, sku=sku, field=field)


def _resources(group: Json, *, field: str) -> _Group:
    """A line for each component of each resource, or for the whole group where it names none."""
    sku = _text(group.get("type")) or "unknown"
    parts = [
        (component, _text(resource.get("region")), at)
        for resource, where in _objects(group.get("resources"), f"{field}.resources")
        for component, at in _objects(resource.get("components"), f"{where}.components")
    ]
    lines = (
        _line(part, {"sku": sku, "region": region, "resource": None}, field=at)
        for part, region, at in parts or [(group, _text(group.get("region")), field)]
    )
    return _itemised(lines, group, sku=sku, field=field)


def _line(part: Json, about: Json, *, field: str) -> BillLine:
    quantity = _object(part.get("quantity") or {}, f"{field}.quantity")
    return BillLine(
        **about,
        quantity=_number(quantity.get("value", 0), f"{field}.quantity.value"),
        unit=_text(quantity.get("unit")),
        cost=_price(part.get("totalPrice"), f"{field}.totalPrice"),
    )


def _itemised(lines: Iterable[BillLine], group: Json, *, sku: str, field: str) -> _Group:
    """The group's lines, with one for what it costs beside them."""
    found, where = tuple(lines), f"{field}.totalPrice"
    costs = tuple(line.cost for line in found)
    rest = tuple(_rest(group, costs, sku=f"{sku}, {REST}", field=where))
    told = group.get("totalPrice")
    return _Group((*found, *rest), costs if told is None else (_price(told, where),))


def _rest(whole: Json, parts: Sequence[Decimal], *, sku: str, field: str) -> Iterator[BillLine]:
    """A line of that SKU for what the whole costs beside its parts, where it tells a price."""
    if whole.get("totalPrice") is None:
        return
    rest = _price(whole["totalPrice"], field) - sum(parts, Decimal(0))
    if abs(rest) > HALF_CENT * max(len(parts), 1):
        nothing: dict[str, Any] = {"resource": None, "region": "", "unit": ""}
        yield BillLine(sku=sku, quantity=Decimal(0), cost=rest, **nothing)


def _object(given: object, field: str) -> Json:
    if not isinstance(given, Mapping):
        raise Misconfigured(f"given {given!r}", field=field, allowed="an object")
    return given


def _objects(given: object, field: str) -> Iterator[tuple[Json, str]]:
    """Each object of a list, with where it stands."""
    if given is None:
        return
    if not isinstance(given, list):
        raise Misconfigured(f"given {given!r}", field=field, allowed="a list")
    for number, each in enumerate(given):
        where = f"{field}.{number}"
        yield _object(each, where), where


def _text(given: object) -> str:
    return "" if given is None else str(given)


def _price(given: object, field: str) -> Decimal:
    """An amount: a number, or an object that tells it as its value."""
    return _number(given.get("value") if isinstance(given, Mapping) else given, field)


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
