"""What says how many servers stand: claims, ceilings, freezes, and the small notes beside them."""

import re
from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, model_validator

from springtide.model.api_calls import CallsNote
from springtide.model.base import Key, Model, Moment, Name, Reason
from springtide.model.leftover import SightedNote
from springtide.model.startup import StartupNote
from springtide.model.surge import SurgeProposal, SurgeSpending
from springtide.model.traffic import TrafficNote

Owner = Annotated[str, Field(min_length=1, max_length=200)]


def key_part(name: str) -> str:
    """A name of the cloud's (a region, a zone) as it may stand in a key."""
    return re.sub(r"[^a-z0-9-]", "-", name.lower())[:40]


def surge_key(key: str) -> str:
    """The key of a surge's claim, of what it takes of the budget and of its proposal."""
    return f"surge-{key}"


def longer_key(key: str, ident: str) -> str:
    """The key of the claim that takes over from the one of that key, by the wish of that ident."""
    return f"{key[:80]}-x{ident[:8]}"


EVERY_FLEET = "*"
"""Stands for all fleets in a freeze."""


class ClaimKind(StrEnum):
    """Where a claim comes from."""

    WINDOW = "window"
    ORDER = "order"
    SURGE = "surge"


class _Interval(Model):
    starts_at: Moment
    """Inclusive."""
    ends_at: Moment
    """Exclusive: it ends by itself."""
    owner: Owner
    """Who says so."""
    reason: Reason

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.starts_at >= self.ends_at:
            raise ValueError(f"ends_at {self.ends_at} must be after starts_at {self.starts_at}")
        return self

    def active_at(self, now: Moment) -> bool:
        """Whether it holds at `now`: start inclusive, end exclusive."""
        return self.starts_at <= now < self.ends_at


class Claim(_Interval):
    """This fleet needs so many servers from … until …, because …, says …."""

    key: Key
    """Unique; the name under which it is stored."""
    fleet: Name
    kind: ClaimKind
    servers: Annotated[int, Field(ge=1, le=10_000)]
    regions: tuple[str, ...] = ()
    """The order in which regions are filled while this claim decides; empty: by their weights."""


class Ceiling(_Interval):
    """A person's "fewer" or "not tonight": this fleet has at most so many servers."""

    key: Key
    fleet: Name
    servers: Annotated[int, Field(ge=0, le=10_000)]


class Freeze(_Interval):
    """While it holds, everything observes, plans and tells, and nothing changes."""

    key: Key
    fleet: Name | Annotated[str, Field(pattern=r"^\*$")]
    """A fleet, or `*` for all."""

    def covers(self, fleet: str) -> bool:
        """Whether it speaks of that fleet."""
        return self.fleet in (fleet, EVERY_FLEET)


class Rollout(_Interval):
    """This fleet runs that image: new servers get it, and those of another image are replaced."""

    key: Key
    fleet: Name
    image: Annotated[str, Field(min_length=1, max_length=255)]
    """The image's name, the same in each region."""
    max_surge: Annotated[int, Field(ge=0, le=10_000)]
    """Most servers above the desired size."""
    max_unavailable: Annotated[int, Field(ge=0, le=10_000)] = 0
    """Most servers below the desired size."""

    @model_validator(mode="after")
    def _moves(self) -> Self:
        if self.max_surge == self.max_unavailable == 0:
            raise ValueError("max_surge and max_unavailable are both 0: nothing could be replaced")
        return self


class Halt(Model):
    """An image whose rollout was stopped, as its servers fail: new servers get another one."""

    key: Key
    fleet: Name
    image: str
    reason: str
    until: Moment


class ExhaustedMark(Model):
    """A region that lately could not give servers; it is left alone until `until`."""

    key: Key
    fleet: Name
    region: str
    flavour: str | None = None
    """The flavour that found no host; None: whichever."""
    zone: str | None = None
    """The zone without hosts; None: the whole region."""
    image_id: str | None = None
    """Set where it is this image that did not answer; None where hosts are lacking."""
    until: Moment
    reason: str
    alarm: bool = False
    """Whether a person should hear of it."""
    passing: bool = False
    """Whether it is waited for where no other region has room: it may be over soon."""


class ProvenImage(Model):
    """An image that has served in a region: no canary needed there until `until`."""

    key: Key
    fleet: Name
    region: str
    image_id: str
    until: Moment


class Death(Model):
    """A server that was found dead and is replaced: remembered by its region and image."""

    key: Key
    fleet: Name
    region: str
    image_id: str
    born_at: Moment
    """When its launch was decided."""
    at: Moment
    """When it was found dead."""
    until: Moment
    why: str


class ClaimBook(Model):
    """All that is stored, read at one moment.

    `trouble` says why the store could not be read (wholly or an entry); then nothing is removed
    from any fleet on its account.
    """

    claims: tuple[Claim, ...] = ()
    ceilings: tuple[Ceiling, ...] = ()
    freezes: tuple[Freeze, ...] = ()
    exhausted: tuple[ExhaustedMark, ...] = ()
    proven: tuple[ProvenImage, ...] = ()
    deaths: tuple[Death, ...] = ()
    rollouts: tuple[Rollout, ...] = ()
    halts: tuple[Halt, ...] = ()
    spendings: tuple[SurgeSpending, ...] = ()
    proposals: tuple[SurgeProposal, ...] = ()
    traffic: tuple[TrafficNote, ...] = ()
    sighted: tuple[SightedNote, ...] = ()
    startups: tuple[StartupNote, ...] = ()
    calls: tuple[CallsNote, ...] = ()
    trouble: str | None = None

    def frozen_by(self, fleet: str, now: Moment) -> Freeze | None:
        """The freeze that holds for the fleet at `now`, the longest first; None without one."""
        holding = [f for f in self.freezes if f.covers(fleet) and f.active_at(now)]
        return max(holding, key=lambda f: (f.ends_at, f.key), default=None)


class Desired(Model):
    """How many servers a fleet should have at a moment, and why."""

    fleet: Name
    at: Moment
    servers: int
    asked: int
    """What the claims asked for, before ceilings and bounds."""
    reasons: tuple[str, ...]
    """Each claim, ceiling and bound that spoke, the deciding ones first."""
    may_remove: bool = True
    """False while the store is unreadable: then nothing is scaled in."""
    regions: tuple[str, ...] = ()
    """The order in which the deciding claim wants regions filled; empty: by their weights."""
    until: Moment | None = None
    """When the present answer changes next; None: not by what is known."""
