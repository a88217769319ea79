"""The provider's bill is read exactly, or refused with the place of the mistake."""

import json
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from springtide.errors import Misconfigured
from springtide.model.cost_report import ReportPeriod
from springtide.model.price import Plan
from springtide.pricing.provider_bill import (
    period_limitation,
    read_invoice,
    read_usage_history,
)

INVOICE = (
    "resource,reference,region,quantity,unit,price\n"
    "i-1,b2-60,GRA11,6,Hour,3.06\n"
    ",support,,1,,-0.06\n"
)


def a_history(**other: object) -> dict[str, Any]:
    """An answer of usage/history, with two instances and a volume."""
    details = [
        {"instanceId": "i-1", "quantity": {"unit": "Hour", "value": 6}, "totalPrice": 3.06},
        {"instanceId": "i-2", "quantity": {"unit": "Hour", "value": 7}, "totalPrice": 3.57},
    ]
    instance = {"reference": "b2-60", "region": "GRA11", "totalPrice": 6.63, "details": details}
    volume = {
        "type": "classic",
        "region": "GRA11",
        "quantity": {"unit": "GiBh", "value": 0.1},
        "totalPrice": 0.3,
        "details": [{"volumeId": "v-1", "totalPrice": 0.3}],
    }
    return {
        "period": {"from": "2026-11-01T00:00:00+00:00", "to": "2026-12-01T00:00:00+00:00"},
        "lastUpdate": "2026-11-29T03:00:00+00:00",
        "hourlyUsage": {"instance": [instance], "volume": [volume]},
        "monthlyUsage": None,
        "resourcesUsage": [{"type": "loadbalancer", "region": "GRA11", "totalPrice": 1.1}],
    } | other


def read(document: object) -> Any:  # noqa: ANN401 - the bill, whose fields are asked for
    """The bill of that document."""
    return read_usage_history(json.dumps(document), currency="EUR", source="usage/history")


def test_lines_and_their_sum() -> None:
    """An instance has a line of its own; what has none is a line for the whole. Sums are exact."""
    bill = read(a_history())
    assert [
        ("i-1", "b2-60", Decimal(6), Decimal("3.06")),
        ("i-2", "b2-60", Decimal(7), Decimal("3.57")),
        (None, "classic", Decimal("0.1"), Decimal("0.3")),
        (None, "loadbalancer", Decimal(0), Decimal("1.1")),
    ] == [(line.resource, line.sku, line.quantity, line.cost) for line in bill.lines]
    assert Decimal("8.03") == bill.total
    assert (1, 29) == (bill.begins_at.day, bill.updated_at.day)


def test_what_is_paid_by_the_month() -> None:
    """A detail of it has no quantity; its line says by which plan it is paid."""
    detail = {"instanceId": "m-1", "activation": "2026-11-01T00:00:00+00:00", "totalPrice": 182}
    group = {"reference": "b2-60", "region": "GRA11", "totalPrice": 182, "details": [detail]}
    bill = read(a_history(monthlyUsage={"instance": [group]}))
    assert [("m-1", Decimal(0), Decimal(182))] == [
        (line.resource, line.quantity, line.cost)
        for line in bill.lines
        if line.plan is Plan.MONTHLY
    ]
    text = INVOICE.replace("6,Hour", "1,Month")
    invoice = read_invoice(text, currency="EUR", source="invoice.csv")
    assert [Plan.MONTHLY, Plan.HOURLY] == [line.plan for line in invoice.lines]


NOVEMBER = ReportPeriod(kind="month", first=date(2026, 11, 1), last=date(2026, 11, 30))
EVENING = ReportPeriod(kind="day", first=date(2026, 11, 1), last=date(2026, 11, 1))
OVER, WITHIN = date(2026, 12, 4), date(2026, 11, 20)


@pytest.mark.parametrize(
    ("begins", "ends", "period", "today", "is_its"),
    [
        pytest.param("11-01T00", "12-01T00", NOVEMBER, OVER, True, id="the month's"),
        pytest.param("10-31T23", "11-30T23", NOVEMBER, OVER, True, id="by the clock of Paris"),
        pytest.param("10-01T00", "11-01T00", NOVEMBER, OVER, False, id="October's"),
        pytest.param("10-01T00", "12-01T00", NOVEMBER, OVER, False, id="October's, too"),
        pytest.param("11-01T00", "11-15T07", NOVEMBER, OVER, False, id="half a month's"),
        pytest.param("11-01T00", "12-01T00", EVENING, OVER, False, id="a month's, for a day"),
        pytest.param("11-01T00", "12-01T00", NOVEMBER, WITHIN, True, id="the running month's"),
        pytest.param("11-01T00", "11-20T07", NOVEMBER, WITHIN, True, id="until now"),
        pytest.param("11-01T00", "11-19T00", NOVEMBER, WITHIN, False, id="until a day before"),
        pytest.param("10-01T00", "11-01T00", NOVEMBER, WITHIN, False, id="last month's"),
    ],
)
def test_of_which_period_a_bill_is(
    begins: str, ends: str, period: ReportPeriod, today: date, *, is_its: bool
) -> None:
    """It is held against its own alone, and names both where it is another's."""
    told = {"from": f"2026-{begins}:00:00+00:00", "to": f"2026-{ends}:00:00+00:00"}
    found = period_limitation(read(a_history(period=told)), period, today=today)
    assert is_its == (found is None)
    assert found is None or (period.name in found and ends[:5] in found)


def test_an_invoice_does_not_say_of_which_period_it_is() -> None:
    """Whoever gives it knows."""
    bill = read_invoice(INVOICE, currency="EUR", source="invoice.csv")
    assert period_limitation(bill, NOVEMBER, today=OVER) is None


@pytest.mark.parametrize(
    ("document", "complaint"),
    [
        pytest.param([], "has no period", id="a list"),
        pytest.param({"hourlyUsage": {}}, "has no period", id="no period"),
        pytest.param(
            a_history(resourcesUsage=[{"totalPrice": "much"}]),
            "resourcesUsage.0.totalPrice: given 'much'",
            id="no number",
        ),
        pytest.param(
            a_history(resourcesUsage=[{}]), "resourcesUsage.0.totalPrice: given None", id="no price"
        ),
        pytest.param(
            a_history(resourcesUsage=[{"totalPrice": True}]), "given True", id="true is no number"
        ),
        pytest.param(
            a_history(resourcesUsage=[{"totalPrice": float("inf")}]), "given inf", id="endless"
        ),
        pytest.param(
            a_history(resourcesUsage=[{"totalPrice": 1, "quantity": {"value": -1}}]),
            "greater than or equal to 0",
            id="fewer than no hours",
        ),
    ],
)
def test_what_is_no_bill(document: object, complaint: str) -> None:
    """The field names where it is wrong."""
    with pytest.raises(Misconfigured, match=complaint):
        read(document)


def test_what_is_no_json() -> None:
    """A page of HTML, say."""
    with pytest.raises(Misconfigured, match="usage/history is not JSON"):
        read_usage_history("<html>", currency="EUR", source="usage/history")


@pytest.mark.parametrize("start", ["", "\ufeff"], ids=["plain", "as spreadsheets write it"])
def test_an_invoice(start: str) -> None:
    """Lines with and without a resource; a credit is below nothing."""
    bill = read_invoice(start + INVOICE, currency="EUR", source="invoice.csv")
    assert Decimal("3.00") == bill.total
    assert ["i-1", None] == [line.resource for line in bill.lines]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        pytest.param("", "lacks resource, reference", id="empty"),
        pytest.param(INVOICE.replace("price", "cost"), "lacks price", id="another column"),
        pytest.param(INVOICE.replace("3.06", "3,06"), "invoice.csv:2", id="a decimal comma"),
        pytest.param(INVOICE.replace(",,-0.06", ""), "invoice.csv:3", id="a line cut off"),
        pytest.param(INVOICE.replace("3.06", ""), "invoice.csv:2.price: given ''", id="no price"),
    ],
)
def test_what_is_no_invoice(text: str, complaint: str) -> None:
    """The field names column or line."""
    with pytest.raises(Misconfigured, match=complaint):
        read_invoice(text, currency="EUR", source="invoice.csv")
