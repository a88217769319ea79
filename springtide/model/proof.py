"""What the figures say of a sentence: proved, disproved, or not to be known from what there is."""

from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Self

from pydantic import Field, PositiveInt, model_validator

from springtide.model.base import Model, Name
from springtide.model.price import PriceBook
from springtide.model.usage import RunningHour, UtcMoment


class ProofVerdict(StrEnum):
    """What became of a statement."""

    PASS = "PASS"  # noqa: S105 - no password
    FAIL = "FAIL"
    UNPROVEN = "UNPROVEN"
    """An input is missing, or no baseline makes the sentence mean anything."""


class Comparison(StrEnum):
    """How a result has to stand to what is expected."""

    EQUAL = "equal to"
    AT_LEAST = "at least"
    AT_MOST = "at most"


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
    comparison: Comparison = Comparison.EQUAL
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


class OccasionKind(StrEnum):
    """Why servers were to stand."""

    WINDOW = "window"
    SURGE = "surge"


class Occasion(Model):
    """One evening or one surge: when servers were to stand, and how many."""

    name: str
    kind: OccasionKind
    begins_at: UtcMoment
    ends_at: UtcMoment
    servers: PositiveInt

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.ends_at <= self.begins_at:
            raise ValueError(f"{self.name}: ends_at must be after begins_at {self.begins_at}")
        return self


class ProofFacts(Model):
    """All that proofs are made of: what was used in a period, at which prices, and for what."""

    begin: date
    end: date
    """The first day that does not belong to the period; days are UTC's."""
    fleet: Name
    sku: str
    """The fleet's flavour: its prices are the baselines'."""
    region: str
    book: PriceBook
    hours: tuple[RunningHour, ...]
    """What stood in each hour of the period."""
    instances: frozenset[str] = frozenset()
    """Ids of those that stood in the period, priced or not."""
    own: frozenset[str] = frozenset()
    """Names or ids of what Springtide itself runs on."""
    billed_cost: Decimal
    """The sum of all charges of the period, excluding VAT."""
    complete: bool = True
    """Whether all usage has its price."""
    occasions: tuple[Occasion, ...] = ()
    figures: tuple[ProofInput, ...] = ()
    """Baselines that no cloud knows, by their names, e.g. `cost-before`."""

    @property
    def is_whole_months(self) -> bool:
        """Whether it begins and ends where a month of the calendar does."""
        return self.begin.day == self.end.day == 1

    def figure(self, name: str) -> ProofInput | None:
        """The figure of that name; None where nobody gave it."""
        return next((each for each in self.figures if each.name == name), None)


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
