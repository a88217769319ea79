"""Charges as rows of FOCUS: what the specification asks of columns and values."""

import re
from datetime import date
from decimal import Decimal

import pytest

from springtide.model.charge import Charge
from springtide.model.price import PriceBook
from springtide.model.usage import UsageKind
from springtide.pricing.charges import charge_of, price_totals, purchase_charges
from springtide.pricing.focus import COLUMNS, ColumnType, focus_rows
from tests.pricing.using import a_book, a_charge_of_each_kind, a_record, an_entry, totals_of

MANDATORY = [
    "BilledCost",
    "BillingAccountId",
    "BillingAccountName",
    "BillingCurrency",
    "BillingPeriodEnd",
    "BillingPeriodStart",
    "ChargeCategory",
    "ChargeClass",
    "ChargeDescription",
    "ChargePeriodEnd",
    "ChargePeriodStart",
    "ContractedCost",
    "EffectiveCost",
    "InvoiceIssuerName",
    "ListCost",
    "PricingQuantity",
    "PricingUnit",
    "ProviderName",
    "PublisherName",
    "ServiceCategory",
    "ServiceName",
]


def as_dicts(charges: list[Charge], book: PriceBook) -> list[dict[str, str | None]]:
    """The rows by their columns' names."""
    names = [column.name for column in COLUMNS]
    return [dict(zip(names, row, strict=True)) for row in focus_rows(charges, book)]


def test_every_mandatory_column_is_there_once() -> None:
    """In pascal case, ours with their prefix."""
    names = [column.name for column in COLUMNS]
    assert set() == set(MANDATORY) - set(names)
    assert len(names) == len(set(names))
    assert [] == [name for name in names if not re.fullmatch(r"(x_)?([A-Z][a-z]+)+", name)]


def test_one_evening() -> None:
    """A row as others read it."""
    book = a_book(billing_account_name="the project")
    record = a_record("23 15:45", "23 22:00", name="api-1")
    (row,) = as_dicts(list(price_totals(totals_of(record), book).charges), book)
    expected = {
        "BilledCost": "3.57",
        "ListCost": "3.57",
        "ListUnitPrice": "0.51",
        "PricingQuantity": "7.0",
        "PricingUnit": "Hours",
        "ChargePeriodStart": "2026-11-23T00:00:00Z",
        "ChargePeriodEnd": "2026-11-24T00:00:00Z",
        "BillingPeriodStart": "2026-11-01T00:00:00Z",
        "BillingPeriodEnd": "2026-12-01T00:00:00Z",
        "ChargeCategory": "Usage",
        "ChargeClass": None,
        "BillingCurrency": "EUR",
        "ResourceId": "i-1",
        "ResourceName": "api-1",
        "RegionId": "GRA11",
        "ServiceCategory": "Compute",
        "Tags": '{"springtide:fleet": "api"}',
        "x_StoodSeconds": "22500",
    }
    assert expected == {name: row[name] for name in expected}


@pytest.mark.parametrize("kind", UsageKind)
def test_price_times_quantity_is_cost(kind: UsageKind) -> None:
    """In each row, of whatever kind, to the last digit; and within what Parquet's columns hold."""
    book, charges = a_charge_of_each_kind()
    rows = [row for row in as_dicts(charges, book) if row["ResourceType"] == kind.capitalize()]
    for row in rows:
        price, quantity = Decimal(row["ListUnitPrice"] or 0), Decimal(row["PricingQuantity"] or 0)
        assert Decimal(row["ListCost"] or "nothing") == price * quantity
        assert (True, True) == (_fits(price, 18, 10), _fits(quantity, 20, 9))


def _fits(value: Decimal, digits: int, scale: int) -> bool:
    return value == value.quantize(Decimal(1).scaleb(-scale)) and value < 10 ** (digits - scale)


def test_a_purchase_has_its_effect_later() -> None:
    """Billed as a purchase without effect, then a share each day that is not billed."""
    book, _ = a_charge_of_each_kind()
    found = list(purchase_charges(book, date(2026, 11, 1), date(2026, 12, 1)))
    first, second = as_dicts(found[:2], book)
    assert ("Purchase", "1000.0", "0.0", None) == tuple(
        first[name] for name in ("ChargeCategory", "BilledCost", "EffectiveCost", "ConsumedUnit")
    )
    assert ("Usage", "0.0") == (second["ChargeCategory"], second["BilledCost"])


def test_what_a_savings_plan_covers() -> None:
    """Is committed, names the plan, and costs nothing beside it."""
    (total,) = totals_of(a_record("23 16:00", "23 18:00"))
    covered = charge_of(total.model_copy(update={"covered": True}), an_entry())
    (row,) = as_dicts([covered], a_book())
    assert ("Committed", "Used", "savings plan b2-60 GRA11", "0.0") == tuple(
        row[name]
        for name in (
            "PricingCategory",
            "CommitmentDiscountStatus",
            "CommitmentDiscountId",
            "BilledCost",
        )
    )


def test_decimals_look_like_decimals() -> None:
    """A reader of the CSV that guesses must not take a column of whole numbers for integers."""
    book, charges = a_charge_of_each_kind()
    money = {ColumnType.MONEY, ColumnType.PRICE, ColumnType.QUANTITY}
    names = [column.name for column in COLUMNS if column.type in money]
    values = [row[name] for row in as_dicts(charges, book) for name in names]
    assert [] == [value for value in values if value and not re.fullmatch(r"\d+\.\d+", value)]
