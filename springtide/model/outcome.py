"""What became of a convergence: how it ended, what was done, what is left."""

from enum import StrEnum

from springtide.model.base import Model, Moment, Name
from springtide.model.plan import ActionResult, RoundPlan, Verdict


class Ending(StrEnum):
    """Why the rounds ended."""

    SETTLED = "settled"
    """What is observed is what is desired, or all of it that can be had."""
    DEADLINE = "deadline"
    """Time was up before it was."""
    FROZEN = "frozen"
    """A freeze holds: the plan was told and not carried out."""
    DRY_RUN = "dry run"
    """Only the plan was asked for, whatever it says: of a settled fleet as well."""


UNTOUCHED = frozenset({Ending.FROZEN, Ending.DRY_RUN})
"""Endings by which nothing was to be changed."""


class Round(Model):
    """One round that acted: what was planned and what became of it."""

    number: int
    plan: RoundPlan
    results: tuple[ActionResult, ...]


class Outcome(Model):
    """The end of a convergence."""

    fleet: Name
    ending: Ending
    began_at: Moment
    ended_at: Moment
    seconds: float
    """By a clock that nobody sets."""
    first: RoundPlan
    """The plan before anything was done."""
    last: RoundPlan
    """The plan at the end: empty where it settled."""
    rounds: tuple[Round, ...] = ()
    """Only rounds that acted."""

    @property
    def failures(self) -> tuple[str, ...]:
        """What went wrong on the way, each said once, in order."""
        said = (
            result.detail
            for each in self.rounds
            for result in each.results
            if result.verdict is Verdict.FAILED
        )
        return tuple(dict.fromkeys(said))

    @property
    def put_off(self) -> tuple[str, ...]:
        """What the last round that acted had refused for the time being."""
        results = self.rounds[-1].results if self.rounds else ()
        return tuple(dict.fromkeys(r.detail for r in results if r.verdict is Verdict.LATER))

    @property
    def under_way(self) -> bool:
        """Whether time was up for what time alone settles, such as servers that boot.

        Deletions that are refused to the end, as of a locked server, are billed on.
        """
        blind = any(wait.blind for wait in self.last.waits)
        results = self.rounds[-1].results if self.rounds else ()
        undeleted = any(
            r.action.kind == "delete" and r.verdict is not Verdict.DONE for r in results
        )
        lasting = self.failures or self.last.shortfall or blind or undeleted
        return self.ending is Ending.DEADLINE and not lasting

    @property
    def alarms(self) -> tuple[str, ...]:
        """What a person should hear of at once, each said once, in order."""
        plans = (*(each.plan for each in self.rounds), self.last)
        return tuple(dict.fromkeys(alarm for plan in plans for alarm in plan.alarms))

    def changed(self, kind: str) -> int:
        """How many servers or members all actions of that kind changed, e.g. `launch`."""
        return sum(
            result.servers
            for each in self.rounds
            for result in each.results
            if result.action.kind == kind
        )
