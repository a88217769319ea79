"""The provider's bill beside our charges: hours, costs and prices.

As an operator reads it: what is paid by the month has no hours and no price of one. A bill that is
still counted, or was not counted to its end, ends elsewhere than the usage that is known: sums, the
hours of what stood on the last day of either, and what no usage is known of yet, wait for the bill
of the whole month. Charges of another account than the first price book's, and purchases that have
no name on the bill, are on other bills, and said so.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import timedelta
from decimal import Decimal

from springtide.model.bill import ANY_ZONE, BillLine, ProviderBill
from springtide.model.charge import Charge
from springtide.model.price import Plan, PriceUnit
from springtide.model.proof import Difference, ProofFacts, Reconciliation
from springtide.model.usage import UsageKind, day_span
from springtide.pricing.comparisons import compared, judged, summed, unproven
from springtide.pricing.provider_bill import HALF_CENT

WAIT = "wait for the whole month's bill"


def reconcile_hours(
    charges: Sequence[Charge], bill: ProviderBill | None, *, facts: ProofFacts
) -> Reconciliation:
    """Hours of each instance by Nova's own times, against the quantity that is billed."""
    head = {
        "name": "bill-hours",
        "question": "Does the provider bill the hours that each instance stood?",
        "ours": "clock hours by Nova's times",
        "theirs": bill.source if bill else "no bill",
        "overturned_by": "an instance whose hours differ, on a bill that is counted to its end",
    }
    if bill is None:
        return unproven(head)
    waiting = not_known_yet({charge.resource for charge in charges}, bill, facts)
    waiting |= _still_counted(charges, bill, facts)
    ours = summed(
        (charge.resource, Decimal(charge.clock_hours))
        for charge in charges
        if _is_on_it(charge)
        and charge.entry.plan is not Plan.MONTHLY
        and charge.resource not in waiting
    )
    theirs = summed(
        (line.resource, line.quantity)
        for line in bill.lines
        if line.resource is not None
        and line.plan is not Plan.MONTHLY
        and line.resource not in waiting
    )
    found = compared(ours, theirs, unit="h", explain=_explain_hours)
    beside = f"{len(waiting)} that stood lately or are not known yet {WAIT}" if waiting else ""
    return judged(head, len(ours.keys() | theirs.keys()), found, beside=beside)


def reconcile_costs(
    charges: Sequence[Charge], bill: ProviderBill | None, *, facts: ProofFacts
) -> Reconciliation:
    """The sum of what we compute to be billed, against the bill's own sum, by SKU and region."""
    head = {
        "name": "bill-costs",
        "question": "Is the bill the sum of our charges?",
        "ours": "billed cost of our charges",
        "theirs": bill.source if bill else "no bill",
        "overturned_by": "a line of the bill, or an invoice that corrects it",
    }
    if bill is None:
        return unproven(head)
    if not end_together(bill, facts):
        return unproven(head, why="the bill and the usage that is known do not end together")
    ours = summed((_subject(*_billed_as(c)), c.billed_cost) for c in charges if _is_on_it(c))
    theirs = summed((_subject(line.sku, line.region), line.cost) for line in bill.lines)
    lines = summed((_subject(line.sku, line.region), Decimal(1)) for line in bill.lines)
    found = [
        each
        for each in compared(ours, theirs, unit=bill.currency, explain=_explain_costs)
        if abs(each.amount) > HALF_CENT * lines.get(each.subject, Decimal(1))
    ]
    others = sum((c.billed_cost for c in charges if not _is_on_it(c)), Decimal(0))
    beside = f"{others:.2f} {bill.currency} of ours are on other bills" if others else ""
    return judged(head, len(ours.keys() | theirs.keys()), found, beside=beside)


def reconcile_prices(charges: Iterable[Charge], bill: ProviderBill | None) -> Reconciliation:
    """Each line's quantity at our price, against its cost: is our price book theirs?"""
    head = {
        "name": "bill-prices",
        "question": "Does the bill multiply by the prices of our book?",
        "ours": "the line's quantity x the price book",
        "theirs": bill.source if bill else "no bill",
        "overturned_by": "a newer price list, or a discount that is not in the book",
    }
    if bill is None:
        return unproven(head)
    prices = _prices(charges)
    known = [
        line
        for line in bill.lines
        if line.plan is not Plan.MONTHLY and line.quantity and (line.sku, line.region) in prices
    ]
    found = [
        Difference(
            subject=f"{line.resource or 'all'} ({line.sku} in {line.region})",
            ours=at_our_price,
            theirs=line.cost,
            unit=bill.currency,
            explanation=f"billed as {line.quantity:f} {line.unit}; the price differs",
        )
        for line in known
        if abs(line.cost - (at_our_price := _at(prices, line))) > HALF_CENT
    ]
    return judged(head, len(known), found)


def end_together(bill: ProviderBill, facts: ProofFacts) -> bool:
    """Whether both are of whole months and counted to their end; an invoice is."""
    if bill.ends_at is None:
        return True
    apart = abs(bill.ends_at - day_span(facts.end)[0])
    counted = bill.updated_at is None or bill.updated_at >= bill.ends_at
    return facts.is_whole_months and apart < ANY_ZONE and counted


def not_known_yet(known: Collection[str], bill: ProviderBill, facts: ProofFacts) -> set[str]:
    """What a bill that is still counted names and the usage does not: it may be of today."""
    if end_together(bill, facts):
        return set()
    return {line.resource for line in bill.lines if line.resource} - set(known)


def _still_counted(charges: Iterable[Charge], bill: ProviderBill, facts: ProofFacts) -> set[str]:
    """What stood on the last day that is known here or there, or since, and may have more hours."""
    if end_together(bill, facts):
        return set()
    last = facts.end - timedelta(days=1)
    if bill.updated_at is not None:
        last = min(last, bill.updated_at.date())
    return {charge.resource for charge in charges if charge.day >= last}


def _is_on_it(charge: Charge) -> bool:
    """Whether that bill has it: it is the first account's, and has what purchases it names."""
    if charge.kind is UsageKind.PURCHASE:
        return charge.entry.billed_as is not None
    return charge.entry.billing_account is None


def _billed_as(charge: Charge) -> tuple[str, str]:
    """SKU and region as the bill has them: it has no region for what is bought at once."""
    region = "" if charge.kind is UsageKind.PURCHASE else charge.region
    return charge.entry.billed_as or charge.sku, region


def _subject(sku: str, region: str) -> str:
    return f"{sku} in {region}" if region else sku


def _prices(charges: Iterable[Charge]) -> dict[tuple[str, str], Decimal]:
    """The price an hour of each SKU and region that had one and no other in the period.

    What is sold by size is billed in units that are none of the book's: its sum alone is compared.
    """
    found: dict[tuple[str, str], set[Decimal]] = defaultdict(set)
    for charge in charges:
        if charge.quantity and charge.entry.unit is PriceUnit.HOUR and _is_on_it(charge):
            found[_billed_as(charge)].add(charge.entry.unit_price)
    return {key: price for key, prices in found.items() for price in prices if len(prices) == 1}


def _explain_hours(ours: Decimal | None, theirs: Decimal | None) -> str:
    if ours is None:
        return (
            "billed and unknown to us: made by others, not collected,"
            " or paid by the month in our book alone"
        )
    if theirs is None:
        return (
            "stood and not on the bill: not counted yet, billed by the month,"
            " or a bill of another project"
        )
    if theirs - ours == 1:
        return "an hour more is billed: it may be metered from the create and not from ACTIVE"
    more = "more" if theirs > ours else "fewer"
    return f"{more} hours are billed than it stood: compare its instance actions"


def _explain_costs(ours: Decimal | None, theirs: Decimal | None) -> str:
    if ours is None:
        return "billed and not among our charges"
    if theirs is None:
        return "among our charges and not billed"
    return "the hours or the price differ: see bill-hours and bill-prices"


def _at(prices: Mapping[tuple[str, str], Decimal], line: BillLine) -> Decimal:
    return prices[line.sku, line.region] * line.quantity
