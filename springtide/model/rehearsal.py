"""A surge's rehearsal: what is rehearsed, on what a cloud, and how it went."""

from typing import Annotated, Self

from pydantic import Field, NonNegativeFloat, model_validator

from springtide.model.base import CloudName, Model
from springtide.model.fleet import Seconds
from springtide.model.outcome import Ending
from springtide.model.plan import Shortfall
from springtide.model.snapshot import Headroom
from springtide.model.surge import SurgeCost, SurgeRequest


class BootRange(Model):
    """How long servers take from the accepted create to ACTIVE: from … to …, all alike likely."""

    least_s: Seconds = 60
    most_s: Seconds = 180

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.least_s > self.most_s:
            raise ValueError(f"boot_least_s {self.least_s:g} is above boot_most_s {self.most_s:g}")
        return self


class Measures(Model):
    """What the real cloud says of itself; nothing of it was changed."""

    rooms: dict[str, Headroom] = Field(default_factory=dict)
    """By region: how many servers the whole fleet could have there, by each limit."""
    lacking: dict[str, str] = Field(default_factory=dict)
    """By region: why nothing could be launched there."""
    boot: BootRange | None = None
    """How long the servers that stand took; None where too few stand to tell."""


class RehearsalWish(Model):
    """What a person says of the cloud to rehearse on."""

    boot_least_s: Seconds | None = None
    """Quickest boot; None: as measured, else 60 s."""
    boot_most_s: Seconds | None = None
    """Slowest boot; None: as measured, else 180 s."""
    answer_s: Seconds = 2
    """From ACTIVE to the first answer of the health page."""
    quota: dict[CloudName, Annotated[int, Field(ge=0, le=100_000)]] = Field(default_factory=dict)
    """Most servers by region, instead of what is measured there."""
    proven: bool = True
    """Whether the image has served before: then no canary goes ahead."""
    speed: Annotated[float, Field(ge=1, le=100)] = 10
    """Boots take so many times less while it is rehearsed; their real time is added up again."""
    seed: Annotated[int, Field(ge=0, le=2**31)] = 1
    """The same seed draws the same boots."""


class RehearsalSettings(Model):
    """All that a rehearsal is made of."""

    request: SurgeRequest
    boot: BootRange
    boot_measured: bool = False
    """Whether the real servers' boots were measured."""
    answer_s: Seconds
    rooms: dict[str, Headroom] = Field(default_factory=dict)
    """By region: how many servers of the fleet it has room for, by each limit. A region that is
    not named has no limit."""
    lacking: dict[str, str] = Field(default_factory=dict)
    """By region: why nothing can stand there; such a region is no part of the rehearsal."""
    proven: bool
    speed: float
    seed: int


class RehearsedServer(Model):
    """One server that served at the end, as it was on the sandbox."""

    region: str
    boot_s: NonNegativeFloat
    """From the accepted create to ACTIVE, as quick as the sandbox was."""
    served_after_s: NonNegativeFloat
    """From the start to its membership with a weight, as quick as the sandbox was."""
    canary: bool = False
    """Whether the rest of its region waited for it."""


class Sightings(Model):
    """What a rehearsal's sandbox shows at its end."""

    servers: tuple[RehearsedServer, ...]
    """Those that serve."""
    calls: dict[str, int]
    """Requests that came in, by service."""
    seconds: NonNegativeFloat
    """How long it took, as quick as the sandbox was."""


class RegionRehearsal(Model):
    """How one region did."""

    region: str
    serving: int
    first_s: float | None
    """Until its first server served, in seconds of a real surge; None: none did."""
    all_s: float | None
    """Until the last of those that serve did."""
    room: int | None
    """Servers for which it has room; None: no limit is known."""
    limit: str
    """What binds its room."""


class RehearsalReport(Model):
    """How a surge would go; times are in seconds of a real surge, from its run's first look."""

    settings: RehearsalSettings
    ending: Ending
    serving: int
    first_s: float | None
    half_s: float | None
    """Until half of those asked for served; None: so many never did."""
    most_s: float | None
    """Until 95 % of those asked for served."""
    all_s: float | None
    """Until all of those asked for served."""
    last_s: float | None
    """Until the last one of those that serve did."""
    regions: tuple[RegionRehearsal, ...]
    shortfall: Shortfall | None
    calls: dict[str, int]
    cost: SurgeCost | None
    beyond: tuple[str, ...]
    """How the surge goes beyond what is authorised beforehand: a person would be asked first."""
    seconds: float
    """How long the rehearsal took."""

    @property
    def servers(self) -> int:
        """How many were asked for."""
        return self.settings.request.servers
