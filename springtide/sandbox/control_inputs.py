"""What the sandbox's controls take and give: the bodies of the admin API."""

from ipaddress import IPv4Address
from typing import Annotated, Self

from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveFloat, model_validator

from springtide.model.base import Model, Moment
from springtide.sandbox.config import SandboxQuota


class ClockChange(Model):
    """Where to move the sandbox's clock: to a moment, or by so many seconds."""

    at: Moment | None = None
    advance_s: float | None = None

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.at is None) == (self.advance_s is None):
            raise ValueError("exactly one of at and advance_s is required")
        return self


class RegionChange(Model):
    """What becomes of a region at run time; a field left out stays as it is."""

    capacity_servers: NonNegativeInt | None = None
    """Servers that really fit; null: as many as the quota allows."""
    quota: SandboxQuota = SandboxQuota()


class TrafficRules(Model):
    """Limits on requests from now on; a field left out stays as it is."""

    requests_per_s: PositiveFloat | None = None
    """For each service in each region; null: no limit."""
    latency_s: NonNegativeFloat = 0.0


class ForeignServer(Model):
    """A server that nobody of ours has made; it is ACTIVE at once."""

    region: str
    name: Annotated[str, Field(min_length=1, max_length=255)]
    flavor: str = "b2-7"
    image: str | None = None
    """Name of its image; None: none."""
    tags: tuple[str, ...] = ()
    metadata: dict[str, str] = Field(default_factory=dict)


class HeldRequest(Model):
    """A request whose reply is being kept back."""

    id: str
    service: str
    region: str | None
    method: str
    path: str
    """Below the service's root."""
    when: str
    """Whether the request's effect is still to come (before) or done (after)."""


class ForeignMember(Model):
    """A balancer member that somebody else has added; it is there at once."""

    address: IPv4Address
    port: Annotated[int, Field(ge=1, le=65535)]
    name: str = ""


class OpenConnections(Model):
    """How many connections a load balancer tells to be open; null: those that are."""

    active: int | None
    """Also a negative number, which no load balancer should tell."""


class StuckBalancer(Model):
    """How long a load balancer is to be PENDING_UPDATE, from now on."""

    seconds: NonNegativeFloat
