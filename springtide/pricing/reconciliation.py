"""Two accounts of the same thing, compared item by item; no difference is left out.

As an operator reads it: the provider's bill is held against our charges, instance by instance and
as a whole; planned hours against paid ones, evening by evening; what stands against what is billed;
what ended against our audit log.
PASS: no item differs. FAIL: some do, and each is listed with what may explain it. UNPROVEN: there
is no other account to compare with.
"""

from collections.abc import Iterator, Sequence
from decimal import Decimal

from springtide.model.bill import Deletion, InventoryItem, ProviderBill
from springtide.model.charge import Charge
from springtide.model.proof import Difference, ProofFacts, Reconciliation
from springtide.model.usage import UsageKind, day_span
from springtide.pricing.audit_reconciliation import reconcile_deletions
from springtide.pricing.bill_reconciliation import (
    WAIT,
    not_known_yet,
    reconcile_costs,
    reconcile_hours,
    reconcile_prices,
)
from springtide.pricing.comparisons import judged, unproven
from springtide.pricing.occasions import allot


def reconcile_all(
    facts: ProofFacts,
    charges: Sequence[Charge],
    *,
    bill: ProviderBill | None,
    inventory: Sequence[InventoryItem] | None,
    deletions: Sequence[Deletion] | None = None,
) -> tuple[Reconciliation, ...]:
    """Every comparison that a report shows, in its order.

    `charges` are the period's, `deletions` are since it began, `inventory` is what stands now; what
    was made after the period is none of it. None: nobody has looked.
    """
    ends_at = day_span(facts.end)[0]
    standing = None
    if inventory is not None:
        standing = [item for item in inventory if not item.since or item.since < ends_at]
    instances = [charge for charge in charges if charge.kind is UsageKind.INSTANCE]
    return (
        reconcile_hours(instances, bill, facts=facts),
        reconcile_costs(charges, bill, facts=facts),
        reconcile_prices(charges, bill),
        reconcile_plan(facts),
        reconcile_inventory(facts, bill=bill, inventory=standing),
        reconcile_deletions(instances, deletions, standing),
    )


def reconcile_plan(facts: ProofFacts) -> Reconciliation:
    """Hours that each evening and surge was planned with, against those that were paid."""
    head = {
        "name": "plan-hours",
        "question": "Were the hours paid that were planned?",
        "ours": "servers x clock hours of each evening and surge",
        "theirs": "clock hours in the usage ledger",
        "overturned_by": "a claim that is not among the occasions",
    }
    evenings = allot(facts).evenings
    found = [
        Difference(
            subject=use.occasion.name,
            ours=Decimal(use.planned),
            theirs=Decimal(use.hours),
            unit="h",
            explanation=_explain_plan(use.early, use.late, use.planned - use.inside),
        )
        for use in evenings
        if use.planned != use.hours
    ]
    return judged(head, len(evenings), found)


def reconcile_inventory(
    facts: ProofFacts,
    *,
    bill: ProviderBill | None,
    inventory: Sequence[InventoryItem] | None,
) -> Reconciliation:
    """What stands, what is billed and what was asked for: orphans, untagged, alive too long.

    Without a listing, servers that nobody had asked for are found all the same, by their hours.
    """
    known = facts.instances
    billed = {line.resource for line in bill.lines if line.resource} if bill else set()
    waiting = not_known_yet(known, bill, facts) if bill else set()
    listed = inventory or ()
    standing = {item.resource: item for item in listed if item.kind is UsageKind.INSTANCE}
    found = [
        *(
            _thing(resource, "is billed, stands nowhere and is not in the ledger: ask the provider")
            for resource in sorted(billed - waiting - known - standing.keys())
        ),
        *(
            _thing(f"{resource} ({item.name})", "stands and is not in the ledger yet: collect it")
            for resource, item in sorted(standing.items())
            if resource not in known
        ),
        *(
            _thing(f"{item.resource} ({item.name})", f"a {item.kind} without a tag of ours: whose?")
            for item in sorted(listed, key=lambda item: item.resource)
            if item.fleet is None and not facts.own & {item.resource, item.name}
        ),
        *_unasked(facts),
    ]
    head = {
        "name": "inventory",
        "question": "Is everything that stands or is billed known, tagged and asked for?",
        "ours": "the usage ledger, evenings and surges",
        "theirs": f"{'the cloud now' if inventory is not None else 'no listing'}; "
        f"{bill.source if bill else 'no bill'}",
        "overturned_by": "a listing of another region or project",
    }
    if inventory is None and not found:
        return unproven(head, why="nobody has looked at what stands now")
    compared = (billed - waiting) | known | {item.resource for item in listed}
    beside = f"{len(waiting)} that are billed and not known yet {WAIT}" if waiting else ""
    return judged(head, len(compared), found, beside=beside)


def _unasked(facts: ProofFacts) -> Iterator[Difference]:
    """Each hour in which servers stood for nothing."""
    for hour, servers in allot(facts).idle:
        yield Difference(
            subject=f"{hour:%Y-%m-%d %H}:00 UTC",
            ours=Decimal(0),
            theirs=Decimal(servers),
            unit="servers",
            explanation="stood and no evening and no surge had asked for them",
        )


def _explain_plan(early: int, late: int, missing: int) -> str:
    parts = [
        (early, f"{early} h before it opened"),
        (late, f"{late} h after it closed"),
        (max(missing, 0), f"{missing} h fewer within it: late openings, or dead servers"),
        (max(-missing, 0), f"{-missing} h more within it: replacements touch an hour twice"),
    ]
    return "; ".join(text for amount, text in parts if amount)


def _thing(subject: str, explanation: str) -> Difference:
    return Difference(
        subject=subject, ours=None, theirs=Decimal(1), unit="resource", explanation=explanation
    )
