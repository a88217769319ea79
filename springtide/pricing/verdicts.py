"""A statement, its inputs and its result become a proof with a verdict and its reason."""

from collections.abc import Sequence
from decimal import Decimal

from springtide.model.proof import Comparison, Proof, ProofInput, ProofVerdict, Statement

_FOUR_DIGITS = Decimal("1e-4")


def judge(
    statement: Statement, inputs: Sequence[ProofInput], result: Decimal, *, overturned_by: str
) -> Proof:
    """PASS where the result is as expected within the tolerance, else FAIL."""
    holds = _holds(statement, result)
    shown = f"{result.quantize(_FOUR_DIGITS).normalize():f} {statement.unit}".strip()
    tolerance = f", give or take {statement.tolerance:f}" if statement.tolerance else ""
    return Proof(
        statement=statement,
        inputs=tuple(inputs),
        result=result,
        verdict=ProofVerdict.PASS if holds else ProofVerdict.FAIL,
        why=f"{shown} is {'' if holds else 'not '}{statement.comparison}"
        f" {statement.expected:f}{tolerance}, beside {statement.baseline}",
        overturned_by=overturned_by,
    )


def unproven(
    statement: Statement, inputs: Sequence[ProofInput], *, why: str, overturned_by: str
) -> Proof:
    """The verdict where something is missing, with what it is."""
    return Proof(
        statement=statement,
        inputs=tuple(inputs),
        result=None,
        verdict=ProofVerdict.UNPROVEN,
        why=why,
        overturned_by=overturned_by,
    )


def doubted(proof: Proof, unseen: Sequence[str]) -> Proof:
    """UNPROVEN in place of a PASS where evenings have no hour in the ledger.

    Their hours could only add to those that are paid: a FAIL stands without them.
    """
    if not unseen or proof.verdict is not ProofVerdict.PASS:
        return proof
    others = f" and of {len(unseen) - 1} other evenings" if unseen[1:] else ""
    return unproven(
        proof.statement,
        proof.inputs,
        why=f"the ledger has no hour of {unseen[0]}{others}: no server stood, or nobody has looked",
        overturned_by="the hours of those evenings",
    )


def _holds(statement: Statement, result: Decimal) -> bool:
    least, most = (
        statement.expected - statement.tolerance,
        statement.expected + statement.tolerance,
    )
    match statement.comparison:
        case Comparison.EQUAL:
            return least <= result <= most
        case Comparison.AT_LEAST:
            return result >= least
        case Comparison.AT_MOST:
            return result <= most
