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
        (None, "volume.classic", Decimal("0.1"), Decimal("0.3")),
        (None, "loadbalancer", Decimal(0), Decimal("1.1")),
    ] == [(line.resource, line.sku, line.quantity, line.cost) for line in bill.lines]
    assert Decimal("8.03") == bill.total
    assert (1, 29) == (bill.begins_at.day, bill.updated_at.day)


def told(value: float) -> dict[str, Any]:
    """A price as some sections tell it."""
    return {"currencyCode": "EUR", "value": value, "text": f"{value} EUR"}


def hours(value: int, price: object = None) -> dict[str, Any]:
    """So many hours, at that price in all."""
    return {"quantity": {"unit": "Hour", "value": value}, "totalPrice": price}


def every_section(total: object) -> dict[str, Any]:
    """An answer with something in all sections: 254.93 in all, and `total` as it tells it."""
    region = {"region": "GRA11"}
    disk = {"instanceId": "i-1", "quantity": {"unit": "GiBh", "value": 900}, "totalPrice": 1.2}
    hourly = a_history()["hourlyUsage"]
    hourly["instance"].append(
        {"reference": "b3-16.local-disk-gb", **region, "totalPrice": 1.2, "details": [disk]}
    )
    hourly |= {
        "instanceOption": [
            {"reference": "licence", **region, **hours(6, 7), "details": [disk | hours(6, 7)]}
        ],
        "instanceBandwidth": [{**region, "outgoingBandwidth": hours(0, 0.5), "totalPrice": 0.5}],
        "snapshot": [{**region, "instance": None, "volume": None, "totalPrice": 0.2}],
        "storage": [
            {"type": "storage-standard", **region, "stored": hours(0, 7.2), "totalPrice": 7.2}
        ],
        "managedKubernetesService": [
            {"reference": "mks.standard.consumption", **region, "details": [hours(20, told(2))]}
        ],
        "rancher": None,
        "quantum": {"notebook": [{"reference": "q", **region, "details": [hours(1, told(1))]}]},
        "lastUpdate": "2026-11-29T03:00:00+00:00",
    }
    plan = {"flavor": "b3-64", "details": [{"id": "p-1", "totalPrice": told(30)}]}
    paid = {"reference": "b2-60", **region, "details": [{"instanceId": "m-1", "totalPrice": 182}]}
    monthly = {
        "instance": [paid | {"totalPrice": 182}],
        "certification": [],
        "savingsPlan": [plan | {"totalPrice": told(30)}],
    }
    balancers = [
        {"region": "GRA11", "components": [hours(720, 10), hours(720, 5)]},
        {"region": "SBG5", "components": [hours(72, 1.1)]},
    ]
    resources = [
        {"type": "octavia-loadbalancer", "totalPrice": 16.1, "resources": balancers},
        {"type": "floatingip", "totalPrice": 0.8, "resources": []},
    ]
    return a_history(
        hourlyUsage=hourly, monthlyUsage=monthly, resourcesUsage=resources, totalPrice=total
    )


@pytest.mark.parametrize(
    ("total", "rest"),
    [
        pytest.param(None, [], id="it tells no sum"),
        pytest.param(told(254.93), [], id="its lines"),
        pytest.param(254.93, [], id="as a number"),
        pytest.param(told(254.98), [], id="some cents, of rounded lines"),
        pytest.param(told(258.93), [("not itemised", Decimal(4))], id="more than its lines"),
        pytest.param(told(250.93), [("not itemised", Decimal(-4))], id="less: a credit"),
    ],
)
def test_every_section_is_on_the_bill(total: object, rest: list[tuple[str, Decimal]]) -> None:
    """None is dropped without a word, and what no line says has one of its own."""
    bill = read(every_section(total))
    lines = [(line.sku, line.region, str(line.cost)) for line in bill.lines]
    expected = [
        ("b2-60", "GRA11", "3.06"),
        ("b2-60", "GRA11", "3.57"),
        ("b3-16.local-disk-gb", "GRA11", "1.2"),
        ("volume.classic", "GRA11", "0.3"),
        ("licence", "GRA11", "7"),
        ("instanceBandwidth", "GRA11", "0.5"),
        ("snapshot", "GRA11", "0.2"),
        ("storage-standard", "GRA11", "7.2"),
        ("mks.standard", "GRA11", "2"),
        ("q", "GRA11", "1"),
        ("b2-60", "GRA11", "182"),
        ("b3-64", "", "30"),
        ("octavia-loadbalancer", "GRA11", "10"),
        ("octavia-loadbalancer", "GRA11", "5"),
        ("octavia-loadbalancer", "SBG5", "1.1"),
        ("floatingip", "", "0.8"),
    ]
    assert expected == lines[: len(expected)]
    assert rest == [(line.sku, line.cost) for line in bill.lines[len(expected) :]]
    assert Decimal("254.93") + sum(cost for _, cost in rest) == bill.total


def test_the_sum_is_held_against_groups_and_not_against_each_instance() -> None:
    """Seven hundred rounded lines may hide euros within their group, and none beside it."""
    details = [hours(6, 3.06) | {"instanceId": f"i-{number}"} for number in range(700)]
    group = {"reference": "b2-60", "region": "GRA11", "totalPrice": 2142, "details": details}
    only = {"hourlyUsage": {"instance": [group]}, "resourcesUsage": None}
    bill = read(a_history(**only, totalPrice=2145.4))
    assert [("not itemised", Decimal("3.4"))] == [(e.sku, e.cost) for e in bill.lines[700:]]
    group["totalPrice"] = 2145.4
    assert 700 == len(read(a_history(**only, totalPrice=2145.4)).lines)


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param({"resourcesUsage": [{"type": "x", "totalPrice": 9}]}, id="no resources"),
        pytest.param(
            {
                "resourcesUsage": [
                    {
                        "type": "x",
                        "totalPrice": 9,
                        "resources": [
                            {"region": "SBG5"},
                            {"region": "GRA11", "components": [hours(1, 2)]},
                        ],
                    }
                ]
            },
            id="a resource without components",
        ),
        pytest.param(
            {
                "hourlyUsage": {
                    "instance": [{"reference": "x", "totalPrice": 9, "details": [hours(1, 2)]}]
                }
            },
            id="an instance that is no detail",
        ),
    ],
)
def test_a_group_costs_what_it_says(changed: dict[str, Any]) -> None:
    """What its parts do not come to has a line of its own, though the document tells no sum."""
    empty = {"hourlyUsage": None, "resourcesUsage": None}
    lines = read(a_history(**empty | changed)).lines
    assert 9 == sum(line.cost for line in lines)
    assert [("x, not itemised", 7)] * (len(lines) - 1) == [(e.sku, e.cost) for e in lines[1:]]


def test_hours_are_those_of_the_instance_alone() -> None:
    """Its options and its disks name it, too, and have quantities of their own."""
    named = [(line.resource, line.quantity) for line in read(every_section(None)).lines]
    assert [("i-1", 6), ("i-2", 7), ("m-1", 0)] == [each for each in named if each[0]]


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
        pytest.param(a_history(period={}), "has no period", id="of any period"),
        pytest.param(
            a_history(period={"from": "2026-11-01T00:00:00+00:00"}), "has no period", id="no end"
        ),
        pytest.param(
            a_history(hourlyUsage=[5]), "hourlyUsage: given \\[5\\]", id="a list of sections"
        ),
        pytest.param(
            a_history(hourlyUsage={"instance": [5]}),
            "hourlyUsage.instance.0: given 5",
            id="a number in a group's place",
        ),
        pytest.param(
            a_history(resourcesUsage=[{"totalPrice": 1, "quantity": 5}]),
            "resourcesUsage.0.quantity: given 5",
            id="a quantity without its unit",
        ),
        pytest.param(
            a_history(resourcesUsage=[{"totalPrice": 1, "resources": {}}]),
            "resourcesUsage.0.resources: given {}",
            id="no list of resources",
        ),
        pytest.param(
            a_history(resourcesUsage=[{"totalPrice": told("much")}]),
            "resourcesUsage.0.totalPrice: given 'much'",
            id="no number in a price",
        ),
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
        pytest.param(INVOICE.replace(",,1,", ",,-1,"), "invoice.csv:3", id="fewer than no hours"),
    ],
)
def test_what_is_no_invoice(text: str, complaint: str) -> None:
    """The field names column or line."""
    with pytest.raises(Misconfigured, match=complaint):
        read_invoice(text, currency="EUR", source="invoice.csv")
