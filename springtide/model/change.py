"""A guarded change: what is proposed to people, and what became of it."""

from springtide.model.approval import Proposal
from springtide.model.base import Model


class Proposed(Model):
    """What a change would do, as its guards let it."""

    proposal: Proposal
    rows: tuple[dict[str, str | int], ...]
    """The plan for a person: `measure` and `value`."""
    settled: str | None = None
    """Why nothing is to be done; None where something is."""


class ChangeOutcome(Model):
    """The end of a guarded change."""

    done: tuple[str, ...]
    """The steps that were done and verified, in order."""
    trouble: str | None = None
    """Why it stopped before its end; None: it is done."""
    what_next: str = ""
    """What a person does now, where it stopped."""
    facts: tuple[tuple[str, str | int], ...] = ()
    """What else is worth telling: the leader before and after, seconds without writes."""
