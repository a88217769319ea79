"""What may be left behind in a cloud: things with our mark, and what a sweep makes of them."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from springtide.model.base import Key, Model, Moment, Name


class LeftoverKind(StrEnum):
    """What can be left behind, in the order in which it is removed.

    No volumes: servers boot from their flavour's own disk, so Springtide makes none.
    """

    MEMBER = "member"
    SERVER = "server"
    PORT = "port"
    GROUP = "server group"


class SweepPolicy(Model):
    """When something that nobody knows may be removed, and how much of it at once."""

    min_age_minutes: Annotated[int, Field(ge=5, le=10_080)] = 60
    """Nothing younger is removed, in minutes since it was made."""
    second_sighting_minutes: Annotated[int, Field(ge=1, le=1440)] = 15
    """Least time between the sweep that sees it first and the one that removes it, in minutes."""
    most_removals: Annotated[int, Field(ge=1, le=1000)] = 20
    """Most things that one sweep removes; the next one goes on."""
    spare_fleets: tuple[Name, ...] = ()
    """Fleets of other estates in the same project: theirs are no leftovers."""


class MarkedThing(Model):
    """Something in the cloud that carries our mark."""

    kind: LeftoverKind
    id: str
    name: str = ""
    region: str
    fleet: str | None = None
    """The fleet that its mark names."""
    created_at: Moment | None = None
    in_change: str | None = None
    """What is being done to it (`BUILD`, `deleting`, `PENDING_UPDATE`); None: nothing."""
    held_until: Moment | None = None
    """Until when a person holds it."""
    owner_id: str | None = None
    """Of ports and members: their server."""
    owner_stands: bool | None = None
    """Whether that server is there; None: it is not known."""
    in_use: bool = False
    """Of server groups: whether servers are in it."""
    weight: int = 0
    """Of members: their weight in the pool."""
    pool_id: str | None = None
    """Of members: their pool."""
    tags: tuple[str, ...] = ()
    sighted_at: Moment | None = None
    """When a sweep saw it first; the latest such mark counts."""
    expires_at: Moment | None = None
    """When it says itself that it has to go."""

    @property
    def where(self) -> str:
        """In words that a person finds it by."""
        return f"{self.kind} {self.name or self.id} in {self.region}"


class RegionInventory(Model):
    """All that carries our mark in one region, at one look."""

    region: str
    things: tuple[MarkedThing, ...] = ()
    unmarked_ports: tuple[MarkedThing, ...] = ()
    """Ports of our standing servers that carry no mark yet."""
    trouble: str | None = None
    """Why it could not be read (wholly); then nothing is decided there."""


class SightedNote(Model):
    """That a sweep has seen something that can carry no tag; losing it costs a sweep."""

    key: Key
    fleet: Name
    """The fleet that the thing names."""
    region: str
    thing_id: str
    sighted_at: Moment
    until: Moment


class SweepVerdict(StrEnum):
    """What a sweep does about a thing."""

    REMOVE = "remove"
    MARK = "first sighting"
    """Seen for the first time: told, and remembered on the thing."""
    KEEP = "keep"
    """Nobody knows it, and still it stays; the reason says why."""


class SweepFinding(Model):
    """One thing that no plan knows, and what is done about it."""

    thing: MarkedThing
    verdict: SweepVerdict
    reason: str


class SweepPlan(Model):
    """What one sweep found and decided."""

    at: Moment
    findings: tuple[SweepFinding, ...] = ()
    """Only what no plan knows; removals first."""
    ports: tuple[MarkedThing, ...] = ()
    """Ports of standing servers, to be marked with their fleet."""
    unread: dict[str, str] = Field(default_factory=dict)
    """Why a region could not be looked at, by region."""

    def of(self, verdict: SweepVerdict) -> tuple[SweepFinding, ...]:
        """The findings of that verdict, in order."""
        return tuple(f for f in self.findings if f.verdict is verdict)


class SweepResult(Model):
    """What became of one removal or one mark."""

    thing: MarkedThing
    refused: str | None = None
    """Why it was not done; None: it was."""
