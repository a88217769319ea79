"""A fleet at a glance: what one screen shows of it."""

from pydantic import Field

from springtide.model.base import Model, Moment
from springtide.model.plan import RoundPlan
from springtide.model.snapshot import Observation
from springtide.model.window import Evening, SkippedEvening


class FlowRun(Model):
    """One run of a flow, as Prefect tells it."""

    flow: str
    name: str
    state: str
    """Its state's name, e.g. `Completed` or `Failed`."""
    message: str = ""
    began_at: Moment | None = None
    seconds: float = 0.0


class ShownTable(Model):
    """A table that a run has shown before."""

    at: Moment
    summary: str
    rows: tuple[dict[str, str | int], ...] = ()


class FleetGlance(Model):
    """All that is known of a fleet at one moment."""

    plan: RoundPlan
    """What a round would do, and why so many servers are desired."""
    observation: Observation
    evenings: tuple[Evening | SkippedEvening, ...] = ()
    """The next dates that the fleet's windows speak of."""
    runs: tuple[FlowRun, ...] = ()
    """The last runs for the fleet, the newest first."""
    leftovers: ShownTable | None = None
    """What the last sweep of the estate has shown; None: there was none, or it is not known."""
    troubles: tuple[str, ...] = Field(default=())
    """What could not be read, and why."""


class Section(Model):
    """One part of a screen: a title, a sentence, a table; either may be missing."""

    title: str
    text: str = ""
    rows: tuple[dict[str, str | int], ...] = ()

    @property
    def heads(self) -> tuple[str, ...]:
        """The columns in which a row says something."""
        names = dict.fromkeys(name for row in self.rows for name in row)
        return tuple(n for n in names if any(row.get(n, "") != "" for row in self.rows))
