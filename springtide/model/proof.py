"""What the figures say of a sentence: proved, disproved, or not to be known from what there is."""

from decimal import Decimal
from enum import StrEnum

from pydantic import Field

from springtide.model.base import Model, Name


class ProofVerdict(StrEnum):
    """What became of a statement."""

    PASS = "PASS"  # noqa: S105 - no password
    FAIL = "FAIL"
    UNPROVEN = "UNPROVEN"
    """An input is missing, or no baseline makes the sentence mean anything."""


class ProofInput(Model):
    """One figure that went into a proof, and where it is from."""

    name: str
    value: Decimal | None
    """None: it is not known."""
    unit: str = ""
    source: str
    """A book, a query or a person: enough to look it up."""


class Statement(Model):
    """A sentence that figures can prove or disprove."""

    name: Name
    sentence: str
    """As a person says it: `instances are billed for 72 hours a month`."""
    formula: str
    """How the result comes of the inputs, in words and signs."""
    baseline: str
    """Beside what: without it a saving means nothing."""
    expected: Decimal
    tolerance: Decimal = Field(default=Decimal(0), ge=0)
    """How far the result may be from what is expected."""
    unit: str = ""


class Proof(Model):
    """A statement with its inputs, result and verdict."""

    statement: Statement
    inputs: tuple[ProofInput, ...]
    result: Decimal | None
    """None where it could not be computed."""
    verdict: ProofVerdict
    why: str
    """The verdict's reason in one sentence."""
    overturned_by: str
    """What would have to be seen for the verdict to change."""


class Difference(Model):
    """Where two accounts of the same thing disagree."""

    subject: str
    """Which resource, SKU or evening."""
    ours: Decimal | None
    """None: we do not know it."""
    theirs: Decimal | None
    """None: they do not know it."""
    unit: str
    explanation: str

    @property
    def amount(self) -> Decimal:
        """Theirs less ours."""
        return (self.theirs or Decimal(0)) - (self.ours or Decimal(0))


class Reconciliation(Model):
    """Two accounts of the same thing, compared item by item; no difference is left out."""

    name: Name
    question: str
    ours: str
    """Whose account is called ours, and where it is from."""
    theirs: str
    compared: int
    """How many items were compared."""
    differences: tuple[Difference, ...] = ()
    verdict: ProofVerdict
    why: str
    overturned_by: str
