"""Charges in the columns of FOCUS, the FinOps Open Cost and Usage Specification, version 1.2.

As an operator reads it: one row for each resource, SKU and day; UTC, ends exclusive, decimals in
full. `ListUnitPrice` times `PricingQuantity` is `ListCost` in each row, to the last digit. Columns
of our own begin with `x_`; the names that 1.3 gives to `ProviderName` stand beside it.

Source: focus.finops.org, specification 1.2 of May 2025.
"""

import json
from collections.abc import Callable, Iterable, Iterator
from datetime import date, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple

from springtide.model.calendar import next_month
from springtide.model.charge import Charge, ChargeCategory
from springtide.model.price import Plan, PriceBook, PriceEntry, PriceUnit
from springtide.model.usage import UsageKind


class ColumnType(StrEnum):
    """What a column holds, by its type in Parquet."""

    TEXT = "VARCHAR"
    PRICE = "DECIMAL(18, 10)"
    QUANTITY = "DECIMAL(20, 9)"
    MONEY = "DECIMAL(38, 19)"
    """A price times a quantity, exactly; whoever multiplies them anew gets this type."""
    COUNT = "DECIMAL(38, 0)"
    MOMENT = "TIMESTAMP"


class Column(NamedTuple):
    """One column: its name, type, and value in text; None is null."""

    name: str
    type: ColumnType
    value: Callable[[Charge, PriceBook], str | None]
    own: bool = False
    """Whether it differs between charges that are alike: of one day, SKU, price and so on."""


class _Service(NamedTuple):
    category: str
    subcategory: str
    name: str


_SERVICES = {
    UsageKind.INSTANCE: _Service("Compute", "Virtual Machines", "Public Cloud Instances"),
    UsageKind.LOAD_BALANCER: _Service(
        "Networking", "Network Infrastructure", "Public Cloud Load Balancer"
    ),
    UsageKind.VOLUME: _Service("Storage", "Block Storage", "Public Cloud Block Storage"),
    UsageKind.OBJECT_STORAGE: _Service("Storage", "Object Storage", "Public Cloud Object Storage"),
    UsageKind.DATASTORE: _Service("Storage", "Block Storage", "Hosted Private Cloud Datastore"),
    UsageKind.HOST: _Service("Compute", "Other (Compute)", "Hosted Private Cloud Host"),
}
_OTHER = _Service("Other", "Other (Other)", "Other")
_UNITS = {
    PriceUnit.HOUR: "Hours",
    PriceUnit.SECOND: "Seconds",
    PriceUnit.MONTH: "Months",
    PriceUnit.GB_HOUR: "GB-Hours",
    PriceUnit.GB_MONTH: "GB-Hours",
    PriceUnit.GIB_HOUR: "GiB-Hours",
    PriceUnit.GIB_MONTH: "GiB-Hours",
    PriceUnit.ONCE: "Units",
}
_FREQUENCIES = {Plan.HOURLY: "Usage-Based", Plan.MONTHLY: "Recurring", Plan.SAVINGS: "One-Time"}


def focus_rows(charges: Iterable[Charge], book: PriceBook) -> Iterator[tuple[str | None, ...]]:
    """The charges as rows of `COLUMNS`, in their order."""
    own = [(at, column.value) for at, column in enumerate(COLUMNS) if column.own]
    alike: dict[object, tuple[PriceEntry, list[str | None]]] = {}
    for charge in charges:
        # Most columns are the same for hundreds of servers of a day: they are worded once.
        key = _kind_of(charge)
        if key not in alike:
            # With the entry, whose identity is in the key and must not become another one's.
            alike[key] = charge.entry, [column.value(charge, book) for column in COLUMNS]
        row = alike[key][1].copy()
        for at, value in own:
            row[at] = value(charge, book)
        yield tuple(row)


def _kind_of(charge: Charge) -> object:
    """All that the columns are made of which are not a charge's own."""
    return (
        charge.day,
        id(charge.entry),
        charge.kind,
        charge.sku,
        charge.region,
        charge.fleet,
        charge.source,
        charge.category,
        charge.covered,
    )


def _text(
    value: Callable[[Charge, PriceBook], str | None], name: str, *, own: bool = False
) -> Column:
    return Column(name, ColumnType.TEXT, value, own)


def _number(
    value: Callable[[Charge], Decimal | None], name: str, kind: ColumnType = ColumnType.MONEY
) -> Column:
    def written(charge: Charge, _book: PriceBook) -> str | None:
        found = value(charge)
        if found is None:
            return None
        text = f"{found:f}"
        # Readers that guess types from a CSV would take a column of whole numbers for integers.
        return text if kind is ColumnType.COUNT or "." in text else f"{text}.0"

    return Column(name, kind, written, own=kind is not ColumnType.PRICE)


def _moment(value: Callable[[date], date], name: str) -> Column:
    def written(day: date) -> str:
        return f"{value(day):%Y-%m-%d}T00:00:00Z"

    return Column(name, ColumnType.MOMENT, lambda charge, _book: written(charge.day))


def _service(charge: Charge) -> _Service:
    return _SERVICES.get(charge.kind, _OTHER)


def _description(charge: Charge) -> str:
    entry = charge.entry
    return (
        f"{charge.sku} in {charge.region} on the {entry.plan} plan"
        f" at {entry.unit_price:f} for a unit ({_UNITS[entry.unit]})"
    )


def _savings_plan(charge: Charge) -> str | None:
    return f"savings plan {charge.sku} {charge.region}" if charge.covered else None


def _tags(charge: Charge) -> str:
    return json.dumps({} if charge.fleet is None else {"springtide:fleet": charge.fleet})


def _consumed(charge: Charge) -> Decimal | None:
    return charge.quantity if charge.category is ChargeCategory.USAGE else None


COLUMNS: tuple[Column, ...] = (
    _number(lambda c: c.billed_cost, "BilledCost"),
    _text(lambda _, b: b.billing_account, "BillingAccountId"),
    _text(lambda _, b: b.billing_account_name or None, "BillingAccountName"),
    _text(lambda _, b: b.currency, "BillingCurrency"),
    _moment(next_month, "BillingPeriodEnd"),
    _moment(lambda day: day.replace(day=1), "BillingPeriodStart"),
    _text(lambda c, _: c.category.value, "ChargeCategory"),
    _text(lambda _c, _b: None, "ChargeClass"),
    _text(lambda c, _: _description(c), "ChargeDescription"),
    _text(lambda c, _: _FREQUENCIES[c.entry.plan], "ChargeFrequency"),
    _moment(lambda day: day + timedelta(days=1), "ChargePeriodEnd"),
    _moment(lambda day: day, "ChargePeriodStart"),
    _text(lambda c, _: "Usage" if c.covered else None, "CommitmentDiscountCategory"),
    _text(lambda c, _: _savings_plan(c), "CommitmentDiscountId"),
    _text(lambda c, _: _savings_plan(c), "CommitmentDiscountName"),
    _number(
        lambda c: c.quantity if c.covered else None,
        "CommitmentDiscountQuantity",
        ColumnType.QUANTITY,
    ),
    _text(lambda c, _: "Used" if c.covered else None, "CommitmentDiscountStatus"),
    _text(lambda c, _: "Savings Plan" if c.covered else None, "CommitmentDiscountType"),
    _text(lambda c, _: _UNITS[c.entry.unit] if c.covered else None, "CommitmentDiscountUnit"),
    _number(_consumed, "ConsumedQuantity", ColumnType.QUANTITY),
    _text(lambda c, _: None if _consumed(c) is None else _UNITS[c.entry.unit], "ConsumedUnit"),
    _number(lambda c: c.list_cost, "ContractedCost"),
    _number(lambda c: c.entry.unit_price, "ContractedUnitPrice", ColumnType.PRICE),
    _number(lambda c: c.effective_cost, "EffectiveCost"),
    _text(lambda _c, _b: None, "InvoiceId"),
    _text(lambda _, b: b.provider, "InvoiceIssuerName"),
    _number(lambda c: c.list_cost, "ListCost"),
    _number(lambda c: c.entry.unit_price, "ListUnitPrice", ColumnType.PRICE),
    _text(
        lambda c, _: "Standard" if c.entry.plan is Plan.HOURLY and not c.covered else "Committed",
        "PricingCategory",
    ),
    _text(lambda _, b: b.currency, "PricingCurrency"),
    _number(lambda c: c.entry.unit_price, "PricingCurrencyContractedUnitPrice", ColumnType.PRICE),
    _number(lambda c: c.effective_cost, "PricingCurrencyEffectiveCost"),
    _number(lambda c: c.entry.unit_price, "PricingCurrencyListUnitPrice", ColumnType.PRICE),
    _number(lambda c: c.quantity, "PricingQuantity", ColumnType.QUANTITY),
    _text(lambda c, _: _UNITS[c.entry.unit], "PricingUnit"),
    _text(lambda _, b: b.provider, "ProviderName"),
    _text(lambda _, b: b.provider, "PublisherName"),
    _text(lambda c, _: c.region, "RegionId"),
    _text(lambda c, _: c.region, "RegionName"),
    _text(lambda c, _: c.resource, "ResourceId", own=True),
    _text(lambda c, _: c.name or c.resource, "ResourceName", own=True),
    _text(lambda c, _: c.kind.value.capitalize(), "ResourceType"),
    _text(lambda c, _: _service(c).category, "ServiceCategory"),
    _text(lambda c, _: _service(c).name, "ServiceName"),
    _text(lambda _, b: b.provider, "ServiceProviderName"),
    _text(lambda c, _: _service(c).subcategory, "ServiceSubcategory"),
    _text(lambda c, _: c.sku, "SkuId"),
    _text(lambda c, _: f"{c.kind.value.capitalize()} usage", "SkuMeter"),
    _text(lambda _c, _b: None, "SkuPriceDetails"),
    _text(
        lambda c, _: f"{c.sku}/{c.entry.region or 'all'}/{c.entry.plan}/{c.entry.valid_from}",
        "SkuPriceId",
    ),
    _text(lambda c, _: _tags(c), "Tags"),
    _number(lambda c: Decimal(c.stood_s), "x_StoodSeconds", ColumnType.COUNT),
    _text(lambda c, _: c.source.value, "x_UsageSource"),
    _text(lambda c, _: c.entry.source, "x_PriceSource"),
)

ADDED = tuple(
    column.name
    for column in COLUMNS
    if column.type in {ColumnType.MONEY, ColumnType.QUANTITY, ColumnType.COUNT}
)
"""The columns whose values add up."""
CORRECTION = ("ChargeClass", "Correction")
"""How a row says that it corrects a period that was closed already."""
