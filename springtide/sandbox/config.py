"""What the sandbox cloud consists of: regions, quotas, capacity, boot times, rate limits."""

from collections.abc import Iterator
from ipaddress import IPv4Network
from itertools import combinations
from pathlib import Path
from typing import Annotated, Self

from pydantic import (
    Field,
    NonNegativeFloat,
    PositiveFloat,
    PositiveInt,
    SecretStr,
    model_validator,
)

from springtide.model.base import Model, Moment
from springtide.model.mistakes import refuse

_LONGEST_PREFIX = 30
"""The network's own two addresses, the balancers' and a server's."""


class BootTime(Model):
    """How long a server takes from the accepted create to ACTIVE: uniform between two bounds."""

    least_s: NonNegativeFloat = 1.0
    """Shortest time from the accepted create to ACTIVE, in seconds."""
    most_s: NonNegativeFloat = 3.0
    """Longest time from the accepted create to ACTIVE, in seconds."""
    answer_s: NonNegativeFloat = 0.5
    """From ACTIVE to the first answer of the server's health page, in seconds."""

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.least_s > self.most_s:
            raise ValueError("boot.least_s must not be above boot.most_s")
        return self


class SandboxQuota(Model):
    """What a project may have in one region."""

    instances: PositiveInt = 200
    cores: PositiveInt = 3200
    ram_mib: PositiveInt = 3200 * 4096
    ports: PositiveInt = 500
    members: PositiveInt | None = None
    """Members of all balancer pools together; None: without limit."""


class SandboxRegion(Model):
    """One region: its quota, its real capacity, its network and its balancer pools."""

    name: str = "GRA11"
    quota: SandboxQuota = SandboxQuota()
    capacity_servers: PositiveInt | None = None
    """Servers that really fit; one more ends in ERROR with NoValidHost. None: as many as quota."""
    zones: tuple[str, ...] = ("nova",)
    cidr: IPv4Network = IPv4Network("127.11.0.0/20")
    """Addresses of the servers on the private network; inside 127.0.0.0/8, no other region's."""
    subnet: str = "vrack"
    """Name of the private network's subnet."""
    pools: tuple[str, ...] = ("api",)
    """Balancer pools that exist at start, each behind a listener of its own load balancer."""
    images: tuple[str, ...] = ("api-iis-2026-11-01", "api-iis-2026-11-16")
    """Names of the images, oldest first; each has the same checksum in every region."""

    @model_validator(mode="after")
    def _room_on_loopback(self) -> Self:
        if not self.cidr.is_loopback:
            raise ValueError(f"cidr {self.cidr} must lie inside 127.0.0.0/8")
        if self.cidr.prefixlen > _LONGEST_PREFIX:
            raise ValueError(
                f"cidr {self.cidr} has no room for balancers and servers"
                f" (allowed: /{_LONGEST_PREFIX} or larger)"
            )
        return self


FRENCH_REGIONS = (
    SandboxRegion(name="GRA11", cidr=IPv4Network("127.11.0.0/20")),
    SandboxRegion(name="SBG5", cidr=IPv4Network("127.12.0.0/20")),
    SandboxRegion(name="RBX1", cidr=IPv4Network("127.13.0.0/20")),
)


class SandboxIdentity(Model):
    """Who may use the sandbox: a user with a password, and an application credential."""

    username: str = "springtide"
    password: SecretStr = SecretStr("rehearsal")
    credential_name: str = "springtide-worker"
    credential_secret: SecretStr = SecretStr("rehearsal")
    credential_expires_at: Moment | None = None
    """From then on (by the sandbox's clock) the application credential is refused; None: never."""


class SandboxConfig(Model):
    """The whole sandbox. Everything listens on loopback; port 0 means one that is free."""

    port: Annotated[int, Field(ge=0, le=65535)] = 0
    regions: tuple[SandboxRegion, ...] = FRENCH_REGIONS
    identity: SandboxIdentity = SandboxIdentity()
    boot: BootTime = BootTime()
    speed: PositiveFloat = 1.0
    """Boot and answer times are divided by it."""
    requests_per_s: PositiveFloat | None = None
    """Rate limit of each service in each region; beyond it: 429 with Retry-After. None: none."""
    latency_s: NonNegativeFloat = 0.0
    """Added to every answer of the OpenStack services, in seconds."""
    seed: int = 1
    starts_at: Moment | None = None
    """What the sandbox's clock shows at its start; None: the real time."""
    balancer_update_s: NonNegativeFloat = 0.2
    """How long a load balancer stays PENDING_UPDATE after a change, in seconds."""
    server_port: Annotated[int, Field(ge=1, le=65535)] = 8080
    """Where each ACTIVE server answers HTTP on its own address."""
    data_plane: bool = True
    """Whether ACTIVE servers really listen, and HAProxy (when on PATH) follows the pools."""
    haproxy: bool = True
    """Whether HAProxy is started where there is one; without it servers listen all the same."""
    front_port: Annotated[int, Field(ge=0, le=65535)] = 0
    """The customer's entry: a front HAProxy over the regional pools; 0: one that is free."""
    page_size: PositiveInt = 1000
    """Most servers in one page of a listing."""
    object_store: bool = False
    """Whether a real Swift stands beside it, in the catalogue of every region; needs the extra
    `sandbox`, and Linux."""
    object_store_folder: Path | None = None
    """Where that keeps its objects, for good; None: in a folder that goes with the sandbox."""

    @model_validator(mode="after")
    def _regions_apart(self) -> Self:
        refuse(self, self._mistakes())
        return self

    def _mistakes(self) -> Iterator[str]:
        names = [region.name for region in self.regions]
        if len(set(names)) < len(names):
            yield f"regions: each name stands once; given {', '.join(names)}"
        for one, other in combinations(self.regions, 2):
            if one.cidr.overlaps(other.cidr):
                yield (
                    f"regions: {one.name} and {other.name} share addresses:"
                    f" cidr {one.cidr} and {other.cidr}"
                )
