"""Items of two accounts side by side, and what a comparison comes to."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from decimal import Decimal

from springtide.model.proof import Difference, ProofVerdict, Reconciliation


def summed(pairs: Iterable[tuple[str, Decimal]]) -> dict[str, Decimal]:
    """The sum of each key's values."""
    sums: dict[str, Decimal] = defaultdict(Decimal)
    for key, value in pairs:
        sums[key] += value
    return dict(sums)


def compared(
    ours: Mapping[str, Decimal],
    theirs: Mapping[str, Decimal],
    *,
    unit: str,
    explain: Callable[[Decimal | None, Decimal | None], str],
) -> Iterator[Difference]:
    """A difference for each subject that is not the same on both sides, by its name."""
    for subject in sorted(ours.keys() | theirs.keys()):
        our, their = ours.get(subject), theirs.get(subject)
        if our != their:
            yield Difference(
                subject=subject, ours=our, theirs=their, unit=unit, explanation=explain(our, their)
            )


def judged(
    head: Mapping[str, str],
    compared: int,
    differences: Iterable[Difference],
    *,
    beside: str = "",
) -> Reconciliation:
    """PASS without a difference, FAIL with one; UNPROVEN where nothing was compared or found.

    `beside` is what else a reader has to know, e.g. what was left out.
    """
    found = tuple(differences)
    more = f"; {beside}" if beside else ""
    if not (compared or found):
        return unproven(head, why=f"there was nothing to compare{more}")
    verdict = ProofVerdict.FAIL if found else ProofVerdict.PASS
    why = f"{len(found)} differences" if found else "no difference"
    return Reconciliation.model_validate(
        {
            **head,
            "compared": compared,
            "differences": found,
            "verdict": verdict,
            "why": f"{why} in {compared} compared{more}",
        }
    )


def unproven(head: Mapping[str, str], *, why: str = "no bill to compare with") -> Reconciliation:
    """A comparison that could not be made, with the reason."""
    return Reconciliation.model_validate(
        {**head, "compared": 0, "verdict": ProofVerdict.UNPROVEN, "why": why}
    )
