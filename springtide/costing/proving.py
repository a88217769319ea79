"""What is claimed of a period and what it is held against: evenings, surges, bill and inventory."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from springtide.costing.gathering import Gathered
from springtide.model.bill import Deletion, InventoryItem, ProviderBill
from springtide.model.charge import Charge
from springtide.model.claim import Claim
from springtide.model.fleet import Fleet
from springtide.model.price import PriceBook
from springtide.model.proof import (
    Occasion,
    OccasionKind,
    Proof,
    ProofFacts,
    ProofInput,
    ProofVerdict,
    Reconciliation,
)
from springtide.model.window import Evening
from springtide.planning.claim_history import ClaimRun, with_orders
from springtide.pricing.proofs import prove_all
from springtide.pricing.reconciliation import reconcile_all

_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Evidence:
    """What a period's claims are proved with, beside its usage."""

    charges: Sequence[Charge]
    """Of the period."""
    surges: Sequence[Claim] = ()
    orders: Sequence[ClaimRun] = ()
    """The openings that ordered a number of servers of their own."""
    bill: ProviderBill | None = None
    inventory: Sequence[InventoryItem] | None = None
    """What stands now; None: nobody has looked."""
    own: frozenset[str] = frozenset()
    """Names or ids of what Springtide itself runs on."""
    deletions: Sequence[Deletion] | None = None
    """What we deleted since the period began; None: nobody keeps a log of it."""
    baselines: Sequence[ProofInput] = ()


def prove(
    fleet: Fleet,
    book: PriceBook,
    gathered: Gathered,
    evidence: Evidence,
    *,
    evenings: Iterable[Evening],
) -> tuple[tuple[Proof, ...], tuple[Reconciliation, ...]]:
    """The verdicts on the days that are known; none where none is."""
    if not gathered.days:
        return (), ()
    facts = ProofFacts(
        begin=gathered.days[0],
        end=gathered.days[-1] + _DAY,
        fleet=fleet.name,
        sku=fleet.flavour,
        region=fleet.regions[0].name,
        book=book,
        hours=gathered.running,
        instances=gathered.instances,
        own=evidence.own,
        billed_cost=sum((charge.billed_cost for charge in evidence.charges), Decimal(0)),
        complete=not gathered.missing,
        occasions=(*_evenings(with_orders(evenings, evidence.orders)), *_surges(evidence.surges)),
        figures=tuple(evidence.baselines),
    )
    reconciled = reconcile_all(
        facts,
        evidence.charges,
        bill=evidence.bill,
        inventory=evidence.inventory,
        deletions=evidence.deletions,
    )
    return prove_all(facts), reconciled


def unproven_without(missing: str, proof: Proof) -> Proof:
    """The proof, unproven where it passed without usage that is missing; a FAIL stays one."""
    if proof.verdict is not ProofVerdict.PASS:
        return proof
    changes = {"verdict": ProofVerdict.UNPROVEN, "why": missing, "overturned_by": "that usage"}
    return proof.model_copy(update=changes)


def _evenings(evenings: Iterable[Evening]) -> Iterable[Occasion]:
    for evening in evenings:
        yield Occasion(
            name=f"{evening.window} {evening.date}",
            kind=OccasionKind.WINDOW,
            begins_at=evening.opens_at,
            ends_at=evening.closes_at,
            servers=evening.servers,
        )


def _surges(surges: Iterable[Claim]) -> Iterable[Occasion]:
    for surge in surges:
        yield Occasion(
            name=surge.key,
            kind=OccasionKind.SURGE,
            begins_at=surge.starts_at,
            ends_at=surge.ends_at,
            servers=surge.servers,
        )
