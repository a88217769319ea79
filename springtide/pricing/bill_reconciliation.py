"""The provider's bill beside our charges: hours, costs and prices."""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal

from springtide.model.bill import BillLine, ProviderBill
from springtide.model.charge import Charge
from springtide.model.proof import Difference, Reconciliation
from springtide.pricing.comparisons import compared, judged, summed, unproven

_HALF_CENT = Decimal("0.005")
"""A bill's line is rounded to cents, ours are exact."""


def reconcile_hours(charges: Iterable[Charge], bill: ProviderBill | None) -> Reconciliation:
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
    ours = summed((charge.resource, Decimal(charge.clock_hours)) for charge in charges)
    theirs = summed(
        (line.resource, line.quantity) for line in bill.lines if line.resource is not None
    )
    found = compared(ours, theirs, unit="h", explain=_explain_hours)
    return judged(head, len(ours.keys() | theirs.keys()), found)


def reconcile_costs(charges: Sequence[Charge], bill: ProviderBill | None) -> Reconciliation:
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
    ours = summed((f"{c.sku} in {c.region}", c.billed_cost) for c in charges)
    theirs = summed((f"{line.sku} in {line.region}", line.cost) for line in bill.lines)
    lines = summed((f"{line.sku} in {line.region}", Decimal(1)) for line in bill.lines)
    found = [
        each
        for each in compared(ours, theirs, unit=bill.currency, explain=_explain_costs)
        if abs(each.amount) > _HALF_CENT * lines.get(each.subject, Decimal(1))
    ]
    return judged(head, len(ours.keys() | theirs.keys()), found)


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
    prices = {(c.sku, c.region): c.entry.unit_price for c in charges if c.quantity}
    known = [line for line in bill.lines if (line.sku, line.region) in prices]
    found = [
        Difference(
            subject=f"{line.resource or 'all'} ({line.sku} in {line.region})",
            ours=at_our_price,
            theirs=line.cost,
            unit=bill.currency,
            explanation=f"billed as {line.quantity:f} {line.unit}; the price differs",
        )
        for line in known
        if abs(line.cost - (at_our_price := _at(prices, line))) > _HALF_CENT
    ]
    return judged(head, len(known), found)


def _explain_hours(ours: Decimal | None, theirs: Decimal | None) -> str:
    if ours is None:
        return "billed and unknown to us: made by others, or not collected"
    if theirs is None:
        return "stood and not on the bill: not counted yet, or a bill of another project"
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
