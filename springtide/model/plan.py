"""What a round decides: actions with their reasons, waits, and the shortfall."""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from springtide.model.base import Model, Moment, Name
from springtide.model.claim import Death, Desired, ExhaustedMark, Halt, ProvenImage
from springtide.model.server import Phase


class PoolMember(Model):
    """A server as a member of its region's pool: one to be, or one that is."""

    server_id: str
    name: str
    address: str
    member_id: str | None = None
    port: int | None = None
    """Port of the member that it is already; None: it gets the health check's."""


class Launch(Model):
    """One multi-create call."""

    kind: Literal["launch"] = "launch"
    region: str
    wave: str
    """Unique tag of this call: a lost reply is looked up by it, never posted again."""
    servers: Annotated[int, Field(ge=1)]
    image_id: str
    zone: str | None = None
    canary: bool = False
    group_members: int | None = None
    """Most servers of the server group that it joins; None: it joins none."""
    reason: str


class Join(Model):
    """Members to add with weight 1, or to give it back: one additive call."""

    kind: Literal["join"] = "join"
    region: str
    members: Annotated[tuple[PoolMember, ...], Field(min_length=1)]
    reason: str


class Drain(Model):
    """Members to set to weight 0: one additive call."""

    kind: Literal["drain"] = "drain"
    region: str
    members: Annotated[tuple[PoolMember, ...], Field(min_length=1)]
    reason: str


class Leave(Model):
    """Members to take out of the pool."""

    kind: Literal["leave"] = "leave"
    region: str
    members: Annotated[tuple[PoolMember, ...], Field(min_length=1)]
    reason: str
    only_drained: bool = False
    """Leave in the pool whoever was given a weight again in the meantime: it is wanted back."""


class Delete(Model):
    """Servers to delete; none of them is a member any more."""

    kind: Literal["delete"] = "delete"
    region: str
    server_ids: Annotated[tuple[str, ...], Field(min_length=1)]
    reason: str


class Mark(Model):
    """Servers on which it is written how many of their checks have failed in a row."""

    kind: Literal["mark"] = "mark"
    region: str
    server_ids: Annotated[tuple[str, ...], Field(min_length=1)]
    failed: Annotated[int, Field(ge=0)]
    """0: they are well again."""
    reason: str


class Reboot(Model):
    """Servers to reboot, once in their lives."""

    kind: Literal["reboot"] = "reboot"
    region: str
    server_ids: Annotated[tuple[str, ...], Field(min_length=1)]
    reason: str


Action = Annotated[
    Launch | Join | Drain | Leave | Delete | Mark | Reboot, Field(discriminator="kind")
]

OnServers = Launch | Delete | Mark | Reboot
"""The actions on servers; the others are on members of a pool."""


class Wait(Model):
    """Something that time alone will settle, or that a person must."""

    region: str | None = None
    servers: int = 0
    reason: str
    blind: bool = False
    """Whether it is for want of knowing: which claims hold, or what stands in any region."""


class Shortfall(Model):
    """Servers that are desired and have nowhere to stand."""

    servers: Annotated[int, Field(ge=1)]
    reason: str


class Allotment(Model):
    """How many servers one region should hold by this plan, and why not more."""

    region: str
    servers: int
    reason: str


class RoundPlan(Model):
    """One round's decision for one fleet."""

    fleet: Name
    at: Moment
    desired: Desired
    phases: dict[str, dict[Phase, int]]
    """Observed servers by region and phase."""
    allotments: tuple[Allotment, ...] = ()
    actions: tuple[Action, ...] = ()
    waits: tuple[Wait, ...] = ()
    alarms: tuple[str, ...] = ()
    """What a person should hear of at once."""
    told: tuple[str, ...] = ()
    """What a person may want to know: no failure, and nothing to wait for."""
    shortfall: Shortfall | None = None
    marks: tuple[ExhaustedMark, ...] = ()
    """Regions to be left alone for a while, to be remembered."""
    proven: tuple[ProvenImage, ...] = ()
    """Images that have newly served in a region, to be remembered."""
    deaths: tuple[Death, ...] = ()
    """Servers that were newly found dead, to be remembered."""
    halts: tuple[Halt, ...] = ()
    """Rollouts that were newly halted, to be remembered."""
    outdated: int = 0
    """Servers of another image than the one that is rolled out."""
    rollout: str | None = None
    """How far the rollout is that holds, or why it waits or is halted; it is told, too."""
    frozen: str | None = None
    """Why nothing may change; the actions are then told and not done."""

    @property
    def learnt(self) -> tuple[ExhaustedMark | ProvenImage | Death | Halt, ...]:
        """All that is to be remembered for the runs to come."""
        return (*self.marks, *self.proven, *self.deaths, *self.halts)

    @property
    def settled(self) -> bool:
        """Whether what is observed is what is desired (or all of it that can be had)."""
        return not self.actions and not self.waits

    def count(self, *phases: Phase) -> int:
        """Observed servers in any of these phases, over all regions."""
        return sum(by.get(phase, 0) for by in self.phases.values() for phase in phases)


class Verdict(StrEnum):
    """What became of one action."""

    DONE = "done"
    LATER = "later"
    """Refused for now (busy, rate, quota): the next round plans it again."""
    FAILED = "failed"


class ActionResult(Model):
    """One action and what became of it."""

    action: Action
    verdict: Verdict
    detail: str = ""
    servers: int = 0
    """How many servers or members it changed."""
    exhausted: Literal["quota", "hosts"] | None = None
    """Which room was lacking, where that is why."""
