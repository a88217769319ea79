"""A price book read from OVHcloud's public catalogue.

As an operator reads it: the catalogue gives each price as an integer of 1e-8 of the currency, under
a plan code that ends in `.consumption` (by the hour) or `.monthly.postpaid` (the monthly plan). The
rest of the code is the flavour's name, `win-…` with a Windows licence. Codes are compared whole:
`b2-60.consumption.LZ` is another product and prices nothing here.

Example: `{"planCode": "b2-60.consumption", "pricings": [{"price": 51000000, "intervalUnit":
"hour"}]}` is 0.51 an hour.

Source: OVHcloud API, `/order/catalog/public/cloud`.
"""

from collections.abc import Collection, Iterator, Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from springtide.errors import Misconfigured
from springtide.model.price import Plan, PriceBook, PriceEntry, PriceUnit

PROJECT_PLAN = "project.2018"
SUFFIXES = {".consumption": Plan.HOURLY, ".monthly.postpaid": Plan.MONTHLY}
_INTERVALS = {Plan.HOURLY: "hour", Plan.MONTHLY: "month"}
_SCALE = Decimal("1e-8")
_BY_SIZE = {
    "volume.": PriceUnit.GIB_HOUR,
    "storage": PriceUnit.GB_HOUR,
    "snapshot": PriceUnit.GB_HOUR,
}
"""What is sold by its size, by how its SKU begins."""

Json = Mapping[str, Any]


def read_catalogue(
    catalogue: Json, skus: Collection[str], *, dated: date, billing_account: str, source: str
) -> PriceBook:
    """The prices of those SKUs, for all regions, from the day the catalogue was read.

    Raises:
        Misconfigured: the catalogue is not of that format, lacks a SKU, or a price is absurd; the
            field names where.
    """
    currency = _read(catalogue, "locale.currencyCode", str)
    found = {entry_key: price for entry_key, price in _prices(catalogue) if entry_key[0] in skus}
    missing = sorted(set(skus) - {sku for sku, _ in found})
    if missing:
        raise Misconfigured(f"the catalogue prices no {', '.join(missing)}", field="skus")
    try:
        entries = tuple(
            PriceEntry(
                sku=sku,
                plan=plan,
                unit=_unit(sku, plan),
                price=price,
                valid_from=dated,
                source=source,
            )
            for (sku, plan), price in sorted(found.items())
        )
        return PriceBook(
            name=f"OVHcloud catalogue {dated}",
            provider="OVHcloud",
            currency=currency,
            source=source,
            dated=dated,
            billing_account=billing_account,
            entries=entries,
        )
    except ValueError as error:
        raise Misconfigured(f"the catalogue makes no price book: {error}") from error


def _prices(catalogue: Json) -> Iterator[tuple[tuple[str, Plan], Decimal]]:
    """SKU and plan with their price, in the catalogue's order."""
    for addon in _addons(catalogue):
        code = str(addon.get("planCode", ""))
        for suffix, plan in SUFFIXES.items():
            if code.endswith(suffix):
                for pricing in addon.get("pricings", ()):
                    if pricing.get("intervalUnit") == _INTERVALS[plan]:
                        yield (code.removesuffix(suffix), plan), _amount(pricing.get("price"), code)


def _addons(catalogue: Json) -> Iterator[Json]:
    """The project's addons; families name them whole or by their plan code."""
    by_code = {str(a.get("planCode")): a for a in catalogue.get("addons", ())}
    plans = [p for p in _read(catalogue, "plans", list) if p.get("planCode") == PROJECT_PLAN]
    if not plans:
        raise Misconfigured("the catalogue has no such plan", field="plans", allowed=PROJECT_PLAN)
    for family in plans[0].get("addonFamilies", ()):
        for addon in family.get("addons", ()):
            if isinstance(addon, Mapping):
                yield addon
            elif addon in by_code:
                yield by_code[addon]


def _amount(price: object, code: str) -> Decimal:
    # JSON's true is an int to Python, and a float is no integer of 1e-8.
    if isinstance(price, bool) or not isinstance(price, int) or price < 0:
        raise Misconfigured(
            f"price {price!r}", field=code, allowed="an integer of 1e-8, not below 0"
        )
    return Decimal(price) * _SCALE


def _unit(sku: str, plan: Plan) -> PriceUnit:
    if plan is Plan.MONTHLY:
        return PriceUnit.MONTH
    return next((unit for begin, unit in _BY_SIZE.items() if sku.startswith(begin)), PriceUnit.HOUR)


def _read(catalogue: Json, path: str, kind: type[Any]) -> Any:  # noqa: ANN401 - of that kind
    value: Any = catalogue
    for part in path.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    if not isinstance(value, kind):
        raise Misconfigured("the catalogue lacks it", field=path, allowed=f"a {kind.__name__}")
    return value
