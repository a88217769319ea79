"""Proofs about hours: how many are paid for an instance, and which of them were for nothing.

As an operator reads it: "instances are billed for 72 hours a month, not 720" is true of four weeks
with twelve evenings. A month of the calendar has twelve to fifteen, so 72 to 90 hours; each month
is held against its own evenings. An hour that was paid before the window opened or after it closed
has a line of its own. An evening without an hour in the ledger proves nothing: the greatest saving
would be a ledger that nobody kept.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from decimal import Decimal

from springtide.errors import NotFound
from springtide.model.proof import (
    Comparison,
    Proof,
    ProofFacts,
    ProofInput,
    Statement,
)
from springtide.pricing.occasions import Allotment, OccasionUse, fleet_hours, unseen
from springtide.pricing.price_book import find_price
from springtide.pricing.verdicts import doubted, judge, unproven

FOUR_WEEKS_EVENINGS = 12
_LEDGER = "the usage ledger, from Nova's own times"
_CALENDAR = "the windows of the estate"
_QUARTER = Decimal("0.25")
"""Hours: a dead server and its replacement touch the same hour, and both are paid."""


def hour_proofs(facts: ProofFacts, found: Allotment) -> Iterator[Proof]:
    """Hours per instance by evening, four weeks and month; early, late, idle and rounded hours."""
    evenings = found.evenings
    yield _per_evening(evenings)
    yield _per_four_weeks(evenings)
    yield from _per_month(evenings)
    yield doubted(_outside(facts, found), unseen(evenings))
    yield doubted(_idle(found), unseen(evenings))
    yield _rounding(facts)


def _per_instance(use: OccasionUse) -> Decimal:
    return Decimal(use.hours) / use.occasion.servers


def _given(name: str, value: Decimal | int, source: str, unit: str = "h") -> ProofInput:
    return ProofInput(name=name, value=Decimal(value), unit=unit, source=source)


def _per_evening(evenings: Sequence[OccasionUse]) -> Proof:
    planned = max((use.own_hours for use in evenings), default=6)
    statement = Statement(
        name="hours-per-evening",
        sentence=f"An instance is billed for {planned} hours an evening.",
        formula="clock hours touched by the evening's servers / servers wanted, mean of evenings",
        baseline="the window's own clock hours",
        comparison=Comparison.AT_MOST,
        expected=Decimal(planned),
        tolerance=_QUARTER,
        unit="h",
    )
    overturned = "an evening whose servers were up before it opened or after it closed"
    if not evenings:
        return unproven(
            statement, (), why="there was no evening in the period", overturned_by="an evening"
        )
    each = [_per_instance(use) for use in evenings]
    inputs = [
        _given("evenings", len(evenings), _CALENDAR, ""),
        _given("hours of the longest", max(each), _LEDGER),
        _given("hours of all", sum(use.hours for use in evenings), _LEDGER),
    ]
    mean = sum(each, Decimal(0)) / len(each)
    return doubted(judge(statement, inputs, mean, overturned_by=overturned), unseen(evenings))


def _per_four_weeks(evenings: Sequence[OccasionUse]) -> Proof:
    statement = Statement(
        name="hours-per-four-weeks",
        sentence="Instances are only billed for 72 hours per month, instead of 720.",
        formula="sum of hours per instance over the last 12 evenings",
        baseline="twelve evenings of six hours",
        comparison=Comparison.AT_MOST,
        expected=Decimal(72),
        tolerance=FOUR_WEEKS_EVENINGS * _QUARTER,
        unit="h",
    )
    last = evenings[-FOUR_WEEKS_EVENINGS:]
    inputs = [_given("evenings", len(last), _CALENDAR, "")]
    if len(last) < FOUR_WEEKS_EVENINGS:
        why = f"evenings in the period: {len(last)}; four weeks have {FOUR_WEEKS_EVENINGS}"
        return unproven(statement, inputs, why=why, overturned_by="a period of twelve evenings")
    result = sum((_per_instance(use) for use in last), Decimal(0))
    overturned = "an hour more a server in four of the evenings"
    return doubted(judge(statement, inputs, result, overturned_by=overturned), unseen(last))


def _per_month(evenings: Sequence[OccasionUse]) -> Iterator[Proof]:
    months: dict[str, list[OccasionUse]] = defaultdict(list)
    for use in evenings:
        months[f"{use.occasion.begins_at:%Y-%m}"].append(use)
    for month, uses in sorted(months.items()):
        planned = sum(use.own_hours for use in uses)
        statement = Statement(
            name=f"hours-in-{month}",
            sentence=f"In {month} an instance is billed for {planned} hours.",
            formula="sum of hours per instance over the month's evenings",
            baseline=f"the month's evenings by the calendar: {len(uses)}",
            comparison=Comparison.AT_MOST,
            expected=Decimal(planned),
            tolerance=len(uses) * _QUARTER,
            unit="h",
        )
        inputs = [_given("evenings", len(uses), _CALENDAR, "")]
        result = sum((_per_instance(use) for use in uses), Decimal(0))
        overturned = "the provider's bill for that month"
        yield doubted(judge(statement, inputs, result, overturned_by=overturned), unseen(uses))


def _outside(facts: ProofFacts, found: Allotment) -> Proof:
    early, late = (sum(getattr(use, part) for use in found.uses) for part in ("early", "late"))
    statement = Statement(
        name="early-and-late",
        sentence="Nothing is paid for opening early or draining after the close.",
        formula="(early hours + late hours) x price of an hour",
        baseline="servers that become ACTIVE at the window's begin and are gone at its end",
        comparison=Comparison.EQUAL,
        expected=Decimal(0),
        unit=facts.book.currency,
    )
    inputs = [_given("early hours", early, _LEDGER), _given("late hours", late, _LEDGER)]
    overturned = "a server that is ACTIVE a second before the window's hour, or gone one after it"
    try:
        price = find_price(facts.book, facts.sku, region=facts.region, day=facts.begin)
    except NotFound as error:
        return unproven(statement, inputs, why=str(error), overturned_by="a price for it")
    inputs.append(_given("price of an hour", price.price, price.source, facts.book.currency))
    return judge(statement, inputs, (early + late) * price.price, overturned_by=overturned)


def _idle(found: Allotment) -> Proof:
    statement = Statement(
        name="idle-hours",
        sentence="No server stands where nobody asked for one.",
        formula="clock hours of the fleet that belong to no evening and no surge",
        baseline="the evenings and surges of the period",
        expected=Decimal(0),
        unit="h",
    )
    inputs = [
        _given(f"servers at {hour:%Y-%m-%d %H}:00 UTC", servers, _LEDGER, "")
        for hour, servers in found.idle[:10]
    ]
    overturned = "a claim that is not among the occasions, or a server that outlives its evening"
    return judge(statement, inputs, Decimal(found.idle_hours), overturned_by=overturned)


def _rounding(facts: ProofFacts) -> Proof:
    rows = fleet_hours(facts)
    paid_s = 3600 * sum(row.amount for row in rows)
    unused_s = paid_s - sum(row.stood_s for row in rows)
    statement = Statement(
        name="rounding-waste",
        sentence="At most 5 % of the paid time is lost to the rounding to hours.",
        formula="(paid seconds - seconds stood) / paid seconds",
        baseline="billing by the second",
        comparison=Comparison.AT_MOST,
        expected=Decimal(5),
        unit="%",
    )
    if not paid_s:
        return unproven(statement, (), why="no server stood", overturned_by="a server that stands")
    inputs = [_given("paid minutes without a server", Decimal(unused_s) / 60, _LEDGER, "min")]
    overturned = "servers that live for minutes: each of them pays its whole hour"
    return judge(statement, inputs, Decimal(100 * unused_s) / paid_s, overturned_by=overturned)
