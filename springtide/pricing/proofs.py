"""All proofs of a period, in the order in which a report shows them.

As an operator reads it: each sentence that somebody says about the costs is a statement with a
formula, inputs with their sources, a named baseline and a verdict. PASS and FAIL are computed;
UNPROVEN says what is missing. Each says what would overturn it.
"""

from springtide.model.proof import Proof, ProofFacts
from springtide.pricing.hour_proofs import hour_proofs
from springtide.pricing.occasions import allot
from springtide.pricing.ratio_proofs import ratio_proofs


def prove_all(facts: ProofFacts) -> tuple[Proof, ...]:
    """Every statement about the period with its verdict; nothing is raised for what is missing."""
    found = allot(facts)
    return (*hour_proofs(facts, found), *ratio_proofs(facts, found))
