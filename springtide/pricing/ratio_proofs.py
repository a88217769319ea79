"""Proofs about ratios: beside always-on, beside the monthly plan, beside what was before.

As an operator reads it: a saving is nothing without its baseline. Beside the same servers always on
by the hour an evening fleet costs a tenth; beside the monthly plan, which costs half of that, a
fifth. "Halved" beside what was before needs the bill of before: without it, it is UNPROVEN. What is
paid by the month, a bill or a plan, is held against whole months alone.
"""

from collections import defaultdict
from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal

from springtide.errors import NotFound
from springtide.model.price import Plan, PriceEntry
from springtide.model.proof import (
    Comparison,
    OccasionKind,
    Proof,
    ProofFacts,
    ProofInput,
    Statement,
)
from springtide.model.usage import UsageKind
from springtide.pricing.charges import bytes_cost
from springtide.pricing.occasions import Allotment, fleet_hours, unseen
from springtide.pricing.price_book import find_price
from springtide.pricing.verdicts import doubted, judge, unproven

_INCOMPLETE = "some usage has no price"
_NO_MONTHS = "the period is no whole months: its bill is not complete"
BLOCK_SKU = "volume.high-speed"
"""What documents stood on before they moved to object storage."""
_LEDGER = "the usage ledger"


def ratio_proofs(facts: ProofFacts, found: Allotment) -> Iterator[Proof]:
    """Ratios of costs, of servers, of connections and of storage."""
    missing = unseen(found.evenings)
    yield doubted(_always_on(facts, found), missing)
    yield doubted(_monthly_plan(facts, found), missing)
    yield _servers(facts)
    yield _connections(facts)
    yield doubted(_cost_before(facts), missing)
    yield doubted(_unit_cost(facts), missing)
    yield _storage(facts)


def _always_on(facts: ProofFacts, found: Allotment) -> Proof:
    statement = Statement(
        name="against-always-on",
        sentence="The evenings cost a tenth of the same servers always on.",
        formula="servers x hours of the period / clock hours paid, both at the hourly price",
        baseline="the windows' servers always on, by the hour",
        comparison=Comparison.AT_LEAST,
        expected=Decimal(10),
        unit="times",
        tolerance=Decimal(1),
    )
    servers = _window_servers(facts)
    always = servers * (facts.end - facts.begin).days * 24
    inputs = [
        _given("servers always on", servers, "the windows of the estate"),
        _given("their hours", always, "the period", "h"),
        _given("hours paid", found.hours, _LEDGER, "h"),
    ]
    overturned = "months with more evenings, surges, or servers that stand outside of them"
    if not found.hours:
        return unproven(statement, inputs, why="no server stood", overturned_by="one that does")
    return judge(statement, inputs, Decimal(always) / found.hours, overturned_by=overturned)


def _monthly_plan(facts: ProofFacts, found: Allotment) -> Proof:
    statement = Statement(
        name="against-monthly-plan",
        sentence="The evenings cost less than the same servers on the monthly plan.",
        formula="servers x months x monthly price / (clock hours paid x hourly price)",
        baseline="the windows' servers on the monthly plan",
        comparison=Comparison.AT_LEAST,
        expected=Decimal(1),
        unit="times",
    )
    if not facts.is_whole_months:
        return unproven(statement, (), why=_NO_MONTHS, overturned_by="the whole month's hours")
    servers, months = _window_servers(facts), _months(facts.begin, facts.end)
    try:
        month, hour = (_price(facts, facts.sku, plan) for plan in (Plan.MONTHLY, Plan.HOURLY))
    except NotFound as error:
        return unproven(statement, (), why=str(error), overturned_by="a price for it")
    planned, paid = servers * months * month.price, found.hours * hour.price
    currency = facts.book.currency
    inputs = [
        _given("servers on the plan", servers, "the windows of the estate"),
        _given("the plan's cost", planned, month.source, currency),
        _given("the evenings' cost", paid, hour.source, currency),
    ]
    if not paid:
        return unproven(statement, inputs, why="no server stood", overturned_by="one that does")
    even = month.price / hour.price
    overturned = f"more hours a month than the plan costs: some {even:.0f} for a {facts.sku}"
    return judge(statement, inputs, planned / paid, overturned_by=overturned)


def _servers(facts: ProofFacts) -> Proof:
    statement = Statement(
        name="infrastructure-tenfold",
        sentence="The infrastructure grew tenfold.",
        formula="most servers in one hour / servers of an ordinary evening",
        baseline="the servers of an ordinary evening",
        comparison=Comparison.AT_LEAST,
        expected=Decimal(10),
        unit="times",
    )
    stood: dict[datetime, int] = defaultdict(int)
    for row in fleet_hours(facts):
        stood[row.hour] += row.amount
    ordinary = facts.figure("servers-before")
    before = ordinary.value if ordinary else Decimal(_window_servers(facts))
    source = ordinary.source if ordinary else "the windows of the estate"
    most = max(stood.values(), default=0)
    inputs = [
        _given("most servers in one hour", most, _LEDGER),
        ProofInput(name="servers of an ordinary evening", value=before, source=source),
    ]
    if not before or not any(o.kind is OccasionKind.SURGE for o in facts.occasions):
        return unproven(
            statement, inputs, why="no surge in the period", overturned_by="a period with one"
        )
    return judge(
        statement, inputs, most / before, overturned_by="an ordinary evening with more servers"
    )


def _connections(facts: ProofFacts) -> Proof:
    statement = Statement(
        name="usage-fivefold",
        sentence="Usage grew fivefold.",
        formula="most connections of a day / connections of a day before",
        baseline="the connections of a day before",
        comparison=Comparison.AT_LEAST,
        expected=Decimal(5),
        unit="times",
    )
    days: dict[date, int] = defaultdict(int)
    for row in facts.hours:
        if row.kind is UsageKind.CONNECTIONS:
            days[row.hour.date()] += row.amount
    before = facts.figure("connections-before")
    most = _given("most connections of a day", max(days.values(), default=0), "the balancers")
    if before is None or not before.value or not days:
        what = "figure connections-before" if days else "connection was counted"
        return unproven(statement, (most,), why=f"no {what}", overturned_by="that figure")
    return judge(
        statement,
        (most, before),
        Decimal(max(days.values())) / before.value,
        overturned_by="a day before with more connections; a count of other balancers",
    )


def _cost_before(facts: ProofFacts) -> Proof:
    statement = Statement(
        name="price-halved",
        sentence="The initial platform's price was halved.",
        formula="billed cost / months of the period / the bill of a month before",
        baseline="the bill of a month before, as its invoice says",
        comparison=Comparison.AT_MOST,
        expected=Decimal("0.5"),
        unit="times",
    )
    before, overturned = facts.figure("cost-before"), "that invoice"
    billed = _given("billed cost", facts.billed_cost, "the charges", facts.book.currency)
    if before is None or not before.value:
        why = "list prices do not say what was paid before: no figure cost-before"
        return unproven(statement, (billed,), why=why, overturned_by=overturned)
    if not facts.complete:
        return unproven(
            statement, (billed, before), why=_INCOMPLETE, overturned_by="the missing prices"
        )
    if not facts.is_whole_months:
        return unproven(
            statement, (billed, before), why=_NO_MONTHS, overturned_by="the whole month's charges"
        )
    months = _months(facts.begin, facts.end)
    result = facts.billed_cost / months / before.value
    return judge(statement, (billed, before), result, overturned_by=overturned)


def _unit_cost(facts: ProofFacts) -> Proof:
    before = facts.figure("cost-per-1000-before")
    statement = Statement(
        name="cost-per-1000-connections",
        sentence="A thousand connections cost no more than before.",
        formula="billed cost x 1,000 / connections",
        baseline="the cost of a thousand connections before",
        comparison=Comparison.AT_MOST,
        expected=(before.value if before else None) or Decimal(0),
        unit=facts.book.currency,
    )
    opened = sum(row.amount for row in facts.hours if row.kind is UsageKind.CONNECTIONS)
    inputs = [
        _given("billed cost", facts.billed_cost, "the charges", facts.book.currency),
        _given("connections", opened, "the balancers"),
    ]
    if not opened or not facts.complete:
        why = _INCOMPLETE if opened else "no connection was counted"
        return unproven(statement, inputs, why=why, overturned_by="what is missing")
    result = facts.billed_cost * 1000 / opened
    if before is None or not before.value:
        why = f"{result:.4f} {facts.book.currency} now; no figure cost-per-1000-before"
        found = unproven(statement, inputs, why=why, overturned_by="that figure")
        return found.model_copy(update={"result": result})
    return judge(statement, (*inputs, before), result, overturned_by="another period's traffic")


def _storage(facts: ProofFacts) -> Proof:
    statement = Statement(
        name="storage-moved",
        sentence="In object storage a document costs an eighth of what it cost on fast blocks.",
        formula="block price / object price, for the same bytes and hours",
        baseline=f"{BLOCK_SKU} for the same bytes",
        comparison=Comparison.AT_LEAST,
        expected=Decimal(8),
        unit="times",
    )
    rows = [row for row in facts.hours if row.kind is UsageKind.OBJECT_STORAGE]
    byte_hours = sum(row.amount for row in rows)
    inputs = [_given("stored", Decimal(byte_hours) / 10**9, _LEDGER, "GB h")]
    if not byte_hours:
        why = "nothing is in object storage"
        return unproven(statement, inputs, why=why, overturned_by="documents that are")
    try:
        block, stored = _price(facts, BLOCK_SKU), _price(facts, rows[0].sku, region=rows[0].region)
    except NotFound as error:
        return unproven(statement, inputs, why=str(error), overturned_by="a price for it")
    on_blocks, in_objects = bytes_cost(block, byte_hours), bytes_cost(stored, byte_hours)
    inputs += [
        _given("on blocks", on_blocks, block.source, facts.book.currency),
        _given("in object storage", in_objects, stored.source, facts.book.currency),
    ]
    if not in_objects:
        why = "by the price book it costs nothing in object storage"
        return unproven(statement, inputs, why=why, overturned_by="a price above 0")
    return judge(
        statement,
        inputs,
        on_blocks / in_objects,
        overturned_by="traffic and requests, where they are billed; another class of blocks",
    )


def _price(
    facts: ProofFacts, sku: str, plan: Plan = Plan.HOURLY, *, region: str | None = None
) -> PriceEntry:
    where = region or facts.region
    return find_price(facts.book, sku, region=where, day=facts.begin, plan=plan)


def _window_servers(facts: ProofFacts) -> int:
    windows = (o.servers for o in facts.occasions if o.kind is OccasionKind.WINDOW)
    return max(windows, default=0)


def _months(begin: date, end: date) -> int:
    """Months of the calendar from the first of one until before the first of another."""
    return (end.year - begin.year) * 12 + end.month - begin.month


def _given(name: str, value: Decimal | int, source: str, unit: str = "") -> ProofInput:
    return ProofInput(name=name, value=Decimal(value), unit=unit, source=source)
