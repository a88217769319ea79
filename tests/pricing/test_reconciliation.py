"""Two accounts of the same: what differs is listed and explained, and nothing is left out."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from springtide.model.bill import BillLine, InventoryItem, ProviderBill
from springtide.model.proof import ProofVerdict, Reconciliation
from springtide.model.usage import UsageKind, UsageRecord
from springtide.pricing.charges import price_totals
from springtide.pricing.reconciliation import reconcile_all
from tests.pricing.proving import BOOK, an_evening, facts
from tests.pricing.using import a_record, totals_of

PASS, FAIL, UNPROVEN = ProofVerdict.PASS, ProofVerdict.FAIL, ProofVerdict.UNPROVEN
DAY = "2026-11-23"
ENDS_AT = datetime(2026, 12, 1, tzinfo=UTC)
RECORDS = tuple(
    a_record(f"{DAY} 16:00", f"{DAY} 22:00", resource=f"i-{number}", name=f"api-{number}")
    for number in (1, 2)
)


def a_bill(*lines: BillLine) -> ProviderBill:
    """A bill of those lines."""
    return ProviderBill(source="usage/history/1", currency="EUR", lines=lines)


def a_line(resource: str | None = "i-1", hours: str = "6", cost: str = "3.06") -> BillLine:
    """A line for a b2-60."""
    return BillLine(
        resource=resource,
        sku="b2-60",
        region="GRA11",
        quantity=Decimal(hours),
        unit="Hour",
        cost=Decimal(cost),
    )


def an_item(
    resource: str,
    fleet: str | None = "api",
    since: datetime | None = None,
    kind: UsageKind = UsageKind.INSTANCE,
) -> InventoryItem:
    """A server that stands now, or something else."""
    return InventoryItem(
        resource=resource,
        name=f"name of {resource}",
        kind=kind,
        region="GRA11",
        fleet=fleet,
        since=since,
    )


def reconciled(
    name: str,
    *items: InventoryItem,
    looked: bool = True,
    bill: ProviderBill | None,
    records: tuple[UsageRecord, ...] = RECORDS,
) -> Reconciliation:
    """The reconciliation of that name, of one evening with two servers."""
    given = facts(*records, occasions=(an_evening(DAY, 2),))
    charges = price_totals(totals_of(*records), BOOK).charges
    found = reconcile_all(given, charges, bill=bill, inventory=items if looked else None)
    return next(each for each in found if each.name == name)


def told(found: Reconciliation) -> list[tuple[str, Decimal, str]]:
    """Its differences: what, theirs less ours, and the explanation's begin."""
    return [(d.subject, d.amount, d.explanation.split(":")[0]) for d in found.differences]


@pytest.mark.parametrize(
    ("lines", "verdict", "differences"),
    [
        pytest.param([a_line(), a_line("i-2")], PASS, [], id="the same"),
        pytest.param(
            [a_line(), a_line("i-2", "7", "3.57")],
            FAIL,
            [("i-2", 1, "an hour more is billed")],
            id="an hour more",
        ),
        pytest.param(
            [a_line(), a_line("i-2", "3")],
            FAIL,
            [("i-2", -3, "fewer hours are billed than it stood")],
            id="fewer",
        ),
        pytest.param(
            [a_line(), a_line("i-2"), a_line("i-9")],
            FAIL,
            [("i-9", 6, "billed and unknown to us")],
            id="one that we do not know",
        ),
        pytest.param(
            [a_line()], FAIL, [("i-2", -6, "stood and not on the bill")], id="one too few"
        ),
        pytest.param(
            [a_line(hours="4"), a_line(hours="2"), a_line("i-2")], PASS, [], id="in two lines"
        ),
    ],
)
def test_hours_of_each_instance(
    lines: list[BillLine], verdict: ProofVerdict, differences: list[tuple[str, int, str]]
) -> None:
    """By Nova's own times against the provider's quantity."""
    found = reconciled("bill-hours", bill=a_bill(*lines))
    assert (verdict, differences) == (found.verdict, told(found))


@pytest.mark.parametrize(
    ("costs", "verdict"),
    [
        pytest.param(["3.06", "3.06"], PASS, id="the same"),
        pytest.param(["3.07", "3.06"], PASS, id="a cent, of two rounded lines"),
        pytest.param(["3.08", "3.06"], FAIL, id="two cents"),
    ],
)
def test_the_sum_of_the_bill(costs: list[str], verdict: ProofVerdict) -> None:
    """Lines are rounded to cents; beyond half a cent a line it is a difference."""
    lines = [a_line(f"i-{number}", cost=cost) for number, cost in enumerate(costs, 1)]
    assert verdict == reconciled("bill-costs", bill=a_bill(*lines)).verdict


@pytest.mark.parametrize(
    ("cost", "verdict"),
    [pytest.param("3.065", PASS, id="half a cent"), pytest.param("3.066", FAIL, id="more")],
)
def test_each_line_at_our_price(cost: str, verdict: ProofVerdict) -> None:
    """Quantity times price is the line's cost, or the price book is not theirs."""
    assert verdict == reconciled("bill-prices", bill=a_bill(a_line(cost=cost))).verdict


@pytest.mark.parametrize(
    ("start", "end", "differences"),
    [
        pytest.param("16:00", "22:00", [], id="as planned"),
        pytest.param("15:45", "22:00", [(2, "2 h before it opened")], id="early"),
        pytest.param("16:00", "22:05", [(2, "2 h after it closed")], id="late"),
        pytest.param("17:00", "22:00", [(-2, "2 h fewer within it")], id="opened an hour too late"),
    ],
)
def test_planned_against_paid_hours(
    start: str, end: str, differences: list[tuple[int, str]]
) -> None:
    """By evening, with where the hours went."""
    record = a_record(f"{DAY} {start}", f"{DAY} {end}", amount=2)
    found = reconciled("plan-hours", bill=None, records=(record,))
    assert differences == [(amount, why) for _, amount, why in told(found)]
    assert (FAIL if differences else PASS) == found.verdict


def test_the_inventory() -> None:
    """An orphan on the bill, one that is not collected, one without a tag, one after the close."""
    late = a_record(f"{DAY} 23:59:59", "2026-11-24 01:30", resource="i-1")
    found = reconciled(
        "inventory",
        an_item("i-1"),
        an_item("i-7", fleet=None),
        bill=a_bill(a_line(), a_line("i-9")),
        records=(*RECORDS, late),
    )
    assert [
        "i-9",
        "i-7 (name of i-7)",
        "i-7 (name of i-7)",
        "2026-11-23 23:00 UTC",
        "2026-11-24 00:00 UTC",
    ] == [each.subject for each in found.differences if "22:00" not in each.subject]
    assert FAIL == found.verdict


def test_an_inventory_in_order() -> None:
    """What stands is known, tagged and asked for."""
    found = reconciled("inventory", an_item("i-1"), bill=a_bill(a_line(), a_line("i-2")))
    assert (PASS, (), 2) == (found.verdict, found.differences, found.compared)


def test_what_stands_where_no_server_does() -> None:
    """In July there is no evening; a volume and a balancer that somebody forgot are billed."""
    found = reconciled(
        "inventory",
        an_item("v-1", fleet=None, kind=UsageKind.VOLUME),
        an_item("lb-1", fleet=None, kind=UsageKind.LOAD_BALANCER),
        an_item("lb-2", kind=UsageKind.LOAD_BALANCER),
        bill=None,
        records=(),
    )
    assert ["lb-1 (name of lb-1)", "v-1 (name of v-1)"] == [d.subject for d in found.differences]
    assert (FAIL, 3) == (found.verdict, found.compared)


def test_servers_without_a_price_stood_all_the_same() -> None:
    """There is no charge to compare, and what was found is told."""
    record = a_record(f"{DAY} 10:00", f"{DAY} 12:00", sku="b9")
    found = reconciled("inventory", bill=None, records=(record,))
    assert (FAIL, 2) == (found.verdict, len(found.differences))


@pytest.mark.parametrize(
    ("since", "verdict"),
    [
        pytest.param(None, FAIL, id="nobody knows since when"),
        pytest.param(ENDS_AT - timedelta.resolution, FAIL, id="made in the period's last moment"),
        pytest.param(ENDS_AT, PASS, id="made after it"),
    ],
)
def test_what_was_made_after_the_period_is_none_of_it(
    since: datetime | None, verdict: ProofVerdict
) -> None:
    """A report of last month is made while this one's servers stand."""
    found = reconciled("inventory", an_item("i-7", since=since), bill=None)
    assert verdict == found.verdict


@pytest.mark.parametrize(
    ("end", "verdict"),
    [
        pytest.param("22:00", UNPROVEN, id="nothing to be seen"),
        pytest.param("2026-11-24 01:30", FAIL, id="alive after the close all the same"),
    ],
)
def test_nobody_has_looked(end: str, verdict: ProofVerdict) -> None:
    """An empty cloud and no listing are two things."""
    record = a_record(f"{DAY} 16:00", end if "-" in end else f"{DAY} {end}")
    found = reconciled("inventory", looked=False, bill=None, records=(record,))
    assert verdict == found.verdict


def test_without_a_bill_nothing_is_claimed() -> None:
    """UNPROVEN, and what would prove it."""
    for name in ("bill-hours", "bill-costs", "bill-prices"):
        found = reconciled(name, bill=None)
        assert (UNPROVEN, 0) == (found.verdict, found.compared)
        assert found.overturned_by


def test_an_empty_bill_of_nothing_is_no_agreement() -> None:
    """Nothing compared is nothing proved."""
    assert UNPROVEN == reconciled("bill-hours", bill=a_bill(), records=()).verdict
