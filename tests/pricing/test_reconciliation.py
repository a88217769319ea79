"""Two accounts of the same: what differs is listed and explained, and nothing is left out."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from springtide.model.bill import BillLine, InventoryItem, ProviderBill
from springtide.model.price import Plan, PriceBook, PriceUnit, Purchase
from springtide.model.proof import ProofVerdict, Reconciliation
from springtide.model.usage import UsageKind, UsageRecord
from springtide.pricing.charges import price_totals, purchase_charges
from springtide.pricing.price_book import join_books
from springtide.pricing.reconciliation import reconcile_all
from tests.pricing.proving import BOOK, an_evening, facts
from tests.pricing.using import a_book, a_record, an_entry, totals_of

PASS, FAIL, UNPROVEN = ProofVerdict.PASS, ProofVerdict.FAIL, ProofVerdict.UNPROVEN
DAY = "2026-11-23"
ENDS_AT = datetime(2026, 12, 1, tzinfo=UTC)
RECORDS = tuple(
    a_record(f"{DAY} 16:00", f"{DAY} 22:00", resource=f"i-{number}", name=f"api-{number}")
    for number in (1, 2)
)


def a_bill(*lines: BillLine, **period: datetime) -> ProviderBill:
    """A bill of those lines."""
    return ProviderBill(source="usage/history/1", currency="EUR", lines=lines, **period)


def a_line(
    resource: str | None = "i-1", hours: str = "6", cost: str = "3.06", plan: Plan = Plan.HOURLY
) -> BillLine:
    """A line for a b2-60."""
    return BillLine(
        resource=resource,
        sku="b2-60",
        region="GRA11",
        quantity=Decimal(hours),
        unit="Hour",
        cost=Decimal(cost),
        plan=plan,
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
    **period: object,
) -> Reconciliation:
    """The reconciliation of that name, of one evening with two servers."""
    given = facts(*records, occasions=(an_evening(DAY, 2),), **period)
    charges = price_totals(totals_of(*records), given.book).charges
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


def bought(name: str, cost: int, **other: object) -> Purchase:
    """Something that is paid at once in November."""
    given: dict[str, Any] = {"region": "GRA11", "source": "a test's own order"}
    days = {"bought_on": date(2026, 11, 2), "serves_until": date(2027, 1, 1)}
    return Purchase(name=name, sku=name, cost=Decimal(cost), **days, **given | other)


PROJECT = a_book(
    an_entry(),
    an_entry("load-balancer", "0.02", billed_as="octavia-loadbalancer"),
    an_entry("object-storage", "0.01", unit=PriceUnit.GB_MONTH, billed_as="storage-standard"),
    purchases=(bought("a plan", 30, billed_as="b3-64"),),
)
CORE = a_book(
    an_entry("host", "700", plan=Plan.MONTHLY, unit=PriceUnit.MONTH),
    name="core",
    billing_account="pcc-1",
    purchases=(bought("datastores", 1000),),
)
DAY_LONG = f"{DAY} 01:00", "2026-11-24 01:00"


def billed_of(sku: str, cost: str, region: str = "GRA11", quantity: int = 0) -> BillLine:
    """A line that names no resource."""
    given: dict[str, Any] = {"resource": None, "unit": "", "quantity": quantity}
    return BillLine(sku=sku, region=region, cost=Decimal(cost), **given)


@pytest.mark.parametrize(
    ("core", "changed", "differences"),
    [
        pytest.param(CORE, {}, [], id="a month of all sorts"),
        pytest.param(
            CORE,
            {"octavia-loadbalancer": "0.50"},
            [("octavia-loadbalancer in GRA11", Decimal("0.02"))],
            id="two cents for the balancer",
        ),
        pytest.param(CORE, {"b3-64": "31"}, [("b3-64", Decimal(1))], id="a dearer plan"),
        pytest.param(
            CORE.model_copy(update={"billing_account": PROJECT.billing_account}),
            {},
            [("host in GRA11", Decimal(-700))],
            id="a host on the project's bill",
        ),
    ],
)
def test_a_bill_has_its_own_names_and_not_the_others_costs(
    core: PriceBook, changed: dict[str, str], differences: list[tuple[str, Decimal]]
) -> None:
    """A balancer, a bucket and a savings plan by the provider's names; the core is on another."""
    book = join_books([PROJECT, core])
    lasting: dict[str, Any] = {"fleet": None, "name": "lasting"}
    records = (
        *RECORDS,
        a_record(*DAY_LONG, resource="lb", sku="load-balancer", kind="load balancer", **lasting),
        a_record(
            *DAY_LONG,
            resource="bucket",
            sku="object-storage",
            kind=UsageKind.OBJECT_STORAGE,
            amount=10**12,
            **lasting,
        ),
        a_record(*DAY_LONG, resource="esx-1", sku="host", kind=UsageKind.HOST, **lasting),
    )
    costs = {"octavia-loadbalancer": "0.48", "storage-standard": "0.33", "b3-64": "30"} | changed
    bill = a_bill(
        a_line(),
        a_line("i-2"),
        billed_of("octavia-loadbalancer", costs["octavia-loadbalancer"], quantity=24),
        billed_of("storage-standard", costs["storage-standard"]),
        billed_of("b3-64", costs["b3-64"], region=""),
    )
    given = facts(*records, occasions=(an_evening(DAY, 2),), book=book)
    charges = [
        *price_totals(totals_of(*records), book).charges,
        *purchase_charges(book, given.begin, given.end),
    ]
    hours, sums, prices, *_ = reconcile_all(given, charges, bill=bill, inventory=None)
    assert differences == [(each.subject, each.amount) for each in sums.differences]
    elsewhere = 1000 if core is not CORE else 1700
    assert f"{elsewhere}.00 EUR of ours are on other bills" in sums.why
    assert (PASS, 2) == (hours.verdict, hours.compared)
    assert (FAIL if "octavia-loadbalancer" in changed else PASS, 3) == (
        prices.verdict,
        prices.compared,
    )


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


@pytest.mark.parametrize(
    ("own", "verdict"),
    [
        pytest.param("i-9", PASS, id="by its id"),
        pytest.param("name of i-9", PASS, id="by its name"),
        pytest.param("i-8", FAIL, id="another one"),
    ],
)
def test_what_springtide_runs_on_carries_no_tag(own: str, verdict: ProofVerdict) -> None:
    """The estate names it: nobody has to ask whose it is."""
    worker = a_record("01 01:00", "30 01:00", resource="i-9", fleet=None)
    item = an_item("i-9", fleet=None)
    found = reconciled(
        "inventory", item, bill=None, records=(*RECORDS, worker), own=frozenset({own})
    )
    assert verdict == found.verdict


def test_what_has_no_price_is_collected_all_the_same() -> None:
    """It stands and is in the ledger."""
    record = a_record(f"{DAY} 16:00", f"{DAY} 22:00", sku="b9")
    found = reconciled("inventory", an_item("i-1"), bill=None, records=(record,))
    assert (PASS, 1) == (found.verdict, found.compared)


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


MONTHLY = a_record("2026-11-01 01:00", "2026-12-01 01:00", resource="m-1")
WITH_MONTHLY = BOOK.model_copy(update={"monthly_resources": frozenset({"m-1"})})


@pytest.mark.parametrize("name", ["bill-hours", "bill-costs", "bill-prices"])
def test_what_is_paid_by_the_month_has_no_hours(name: str) -> None:
    """It stood for 720 of them, the bill has none, and 182 is what it costs."""
    bill = a_bill(a_line(), a_line("i-2"), a_line("m-1", "0", "182", Plan.MONTHLY))
    found = reconciled(name, bill=bill, records=(*RECORDS, MONTHLY), book=WITH_MONTHLY)
    assert (PASS, ()) == (found.verdict, found.differences)


@pytest.mark.parametrize(
    ("book", "line", "told_as"),
    [
        pytest.param(
            BOOK, a_line("m-1", "0", "182", Plan.MONTHLY), "stood and not on the bill", id="theirs"
        ),
        pytest.param(
            WITH_MONTHLY, a_line("m-1", "720", "367.20"), "billed and unknown to us", id="ours"
        ),
    ],
)
def test_a_plan_that_one_side_alone_knows(book: PriceBook, line: BillLine, told_as: str) -> None:
    """It is a difference, and its explanation names the plan."""
    bill = a_bill(a_line(), a_line("i-2"), line)
    found = reconciled("bill-hours", bill=bill, records=(*RECORDS, MONTHLY), book=book)
    assert ["m-1"] == [each.subject for each in found.differences]
    assert told_as == told(found)[0][2]
    assert "by the month" in found.differences[0].explanation


def test_a_price_that_changed_within_the_period() -> None:
    """Which of both a line was billed by is not known; it is compared with none."""
    until = date(2026, 11, 15)
    book = a_book(
        an_entry(price="0.51", valid_until=until), an_entry(price="0.60", valid_from=until)
    )
    before = a_record("2026-11-09 16:00", "2026-11-09 22:00", resource="i-0")
    bill = a_bill(a_line("i-0"), a_line(cost="3.60"), a_line("i-2", cost="3.60"))
    found = reconciled("bill-prices", bill=bill, records=(before, *RECORDS), book=book)
    assert (UNPROVEN, 0) == (found.verdict, found.compared)


STANDING = a_record("2026-11-01 01:00", "2026-11-25 01:00", resource="s-1")
FIRST, SO_FAR = datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 11, 25, tzinfo=UTC)
MORNING = SO_FAR + timedelta(hours=7)


@pytest.mark.parametrize(
    "period",
    [
        pytest.param({"ends_at": ENDS_AT, "updated_at": MORNING}, id="of a month"),
        pytest.param({"ends_at": MORNING, "updated_at": MORNING}, id="until now"),
    ],
)
@pytest.mark.parametrize(
    ("name", "verdict", "compared"),
    [
        pytest.param("bill-hours", PASS, 2, id="hours of those that are gone"),
        pytest.param("bill-costs", UNPROVEN, 0, id="no sums"),
        pytest.param("bill-prices", PASS, 3, id="each line's price"),
    ],
)
def test_a_bill_that_is_still_counted(
    name: str, verdict: ProofVerdict, compared: int, period: dict[str, datetime]
) -> None:
    """Seven hours are billed of the day that usage is not known of yet: it is no difference."""
    bill = a_bill(
        a_line(), a_line("i-2"), a_line("s-1", "583", "297.33"), begins_at=FIRST, **period
    )
    found = reconciled(name, bill=bill, records=(*RECORDS, STANDING), end=SO_FAR.date())
    assert (verdict, compared, ()) == (found.verdict, found.compared, found.differences)
    assert (name == "bill-hours") == ("1 that stood lately" in found.why)


def test_gone_instances_are_compared_while_the_bill_is_counted() -> None:
    """Their hours change no more."""
    bill = a_bill(a_line(), a_line("i-2", "7", "3.57"), begins_at=FIRST, ends_at=ENDS_AT)
    found = reconciled("bill-hours", bill=bill, records=RECORDS, end=SO_FAR.date())
    assert [("i-2", 1, "an hour more is billed")] == told(found)


@pytest.mark.parametrize(
    ("updated_at", "verdict"),
    [
        pytest.param(ENDS_AT, PASS, id="to its end"),
        pytest.param(None, PASS, id="it does not say"),
        pytest.param(ENDS_AT - timedelta(hours=1), UNPROVEN, id="an hour is missing"),
    ],
)
def test_a_months_bill_is_counted_to_its_end(
    updated_at: datetime | None, verdict: ProofVerdict
) -> None:
    """It ends by some zone's midnight, an hour before ours."""
    ends_at = ENDS_AT - timedelta(hours=1)
    updated_at = updated_at and updated_at - timedelta(hours=1)
    bill = a_bill(a_line(), a_line("i-2"), begins_at=FIRST, ends_at=ends_at, updated_at=updated_at)
    assert verdict == reconciled("bill-costs", bill=bill).verdict


def test_a_bill_that_was_counted_days_ago() -> None:
    """What stood on the day of its last count, or since, may have more hours than it says."""
    bill = a_bill(
        a_line(hours="1"),
        begins_at=FIRST,
        ends_at=ENDS_AT,
        updated_at=datetime(2026, 11, 23, 20, tzinfo=UTC),
    )
    found = reconciled("bill-hours", bill=bill, end=SO_FAR.date())
    assert (UNPROVEN, ()) == (found.verdict, found.differences)


@pytest.mark.parametrize("name", ["bill-hours", "inventory"])
@pytest.mark.parametrize(
    "standing",
    [
        pytest.param([an_item("i-7", since=SO_FAR)], id="it stands"),
        pytest.param([], id="it is gone again"),
    ],
)
def test_a_line_of_what_was_made_after_the_period_is_none_of_it(
    name: str, standing: list[InventoryItem]
) -> None:
    """The running month's bill knows this evening's server already."""
    bill = a_bill(a_line(), a_line("i-2"), a_line("i-7", "1"), begins_at=FIRST, ends_at=ENDS_AT)
    found = reconciled(name, *standing, bill=bill, end=SO_FAR.date())
    assert (PASS, (), 2) == (found.verdict, found.differences, found.compared)
    assert "1 that" in found.why
    assert "not known yet wait for the whole month's bill" in found.why


def test_without_a_bill_nothing_is_claimed() -> None:
    """UNPROVEN, and what would prove it."""
    for name in ("bill-hours", "bill-costs", "bill-prices"):
        found = reconciled(name, bill=None)
        assert (UNPROVEN, 0) == (found.verdict, found.compared)
        assert found.overturned_by


def test_an_empty_bill_of_nothing_is_no_agreement() -> None:
    """Nothing compared is nothing proved."""
    assert UNPROVEN == reconciled("bill-hours", bill=a_bill(), records=()).verdict
