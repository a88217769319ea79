"""The plan of a cluster's change, as people approve it; and the record of one that is under way."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from springtide.model.approval import Approval, Proposal
from springtide.model.base import Model, Moment, Name
from springtide.model.core import VirtualMachineSize


class PlanKind(StrEnum):
    """What is done to the cluster; part of the proposal's kind."""

    RESIZE = "resize-database-cluster"
    RESTART = "restart-database-cluster"
    SWITCHOVER = "switch-over-database"
    REPAIR = "repair-database-member"


class Wish(Model):
    """What a person asks for, before anybody has looked."""

    kind: PlanKind
    cluster: Name
    size: VirtualMachineSize | None = None
    """Of a resize: what each member's machine shall have."""
    member: str | None = None
    """Of a repair: the broken replica. Of a switchover: who shall lead; None: whoever can."""
    emergency: Annotated[str, Field(max_length=500)] = ""
    """Why it cannot wait for a better hour; empty: it can."""

    @property
    def target(self) -> str:
        """What each member shall be, in the plan's words."""
        return str(self.size) if self.size is not None else _TARGETS[self.kind]


_TARGETS = {
    PlanKind.RESIZE: "",
    PlanKind.RESTART: "restarted",
    PlanKind.SWITCHOVER: "led by another member",
    PlanKind.REPAIR: "copied anew",
}


class StepKind(StrEnum):
    """What one step does."""

    MEMBER = "member"
    """Change one member that does not lead, and see it stream again."""
    IN_PLACE = "in place"
    """Restart the primary where it is: writes wait meanwhile."""
    SWITCHOVER = "switchover"
    """Hand the primary's role to a replica."""
    REINITIALISE = "reinitialise"
    """Throw a replica's data away and copy it anew from the primary."""


class Step(Model):
    """One step: never more than one member is down for it."""

    kind: StepKind
    member: str
    """Which member; of a switchover: the one that leads now."""
    candidates: tuple[str, ...] = ()
    """Of a switchover: who may lead then."""

    def __str__(self) -> str:
        """As a person reads it."""
        if self.kind is StepKind.SWITCHOVER:
            return f"switchover from {self.member} to {' or '.join(self.candidates)}"
        return f"{self.member} ({self.kind.value})"


class ClusterPlan(Model):
    """What is approved: these steps, in this order, from what is now to what shall be."""

    kind: PlanKind
    cluster: Name
    target: str
    """What each member shall be, e.g. `16 vCPU, 65536 MiB`."""
    before: dict[str, str]
    """What each member is that is still to be changed, e.g. its size, or since when it runs."""
    steps: tuple[Step, ...]
    why: str = ""
    """Why in spite of a window: the emergency, in a person's words."""


class ChangeRecord(Model):
    """A change under way, as it stands in the cluster's store: whoever takes over finds it."""

    proposal: Proposal
    approval: Approval
    run: str
    """The flow run that wrote it."""
    began_at: Moment
    step: Annotated[str, Field(max_length=300)] = ""
    """The step that was begun last."""
    member: str | None = None
    """The member that may be down for it."""

    @property
    def plan(self) -> ClusterPlan:
        """What was approved."""
        return ClusterPlan.model_validate(self.proposal.plan)
