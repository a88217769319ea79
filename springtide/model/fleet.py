"""What a fleet is: alike, stateless servers behind balancer pools, in one or more regions."""

from collections.abc import Iterator
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import Field, PositiveFloat, PositiveInt, model_validator

from springtide.model.base import CloudName, Model, Name
from springtide.model.healing import Healing
from springtide.model.mistakes import refuse
from springtide.model.surge import SurgePolicy
from springtide.model.traffic import TrafficPolicy

Seconds = Annotated[float, Field(ge=0, le=86_400)]
Port = Annotated[int, Field(ge=1, le=65_535)]
TagText = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.:=-]{1,60}$")]


class Prober(StrEnum):
    """Who decides that a server answers before it counts as serving."""

    SPRINGTIDE = "springtide"
    BALANCER = "balancer"


class HealthCheck(Model):
    """How to tell that a server answers."""

    path: Annotated[str, Field(pattern=r"^/")] = "/health"
    """Path of the health page."""
    port: Port = 80
    """Port of the health page, and of the balancer's members: each keeps the one it joined with,
    and is asked there."""
    expected_status: Annotated[int, Field(ge=100, le=599)] = 200
    """HTTP status of a healthy server."""
    timeout_s: Annotated[float, Field(gt=0, le=60)] = 2.0
    """How long one probe may take, in seconds."""
    prober: Prober = Prober.SPRINGTIDE
    """`springtide`: probed by us before it joins its pool. `balancer`: it joins when ACTIVE and
    serves when the balancer's monitor says ONLINE."""
    in_flight_path: Annotated[str, Field(pattern=r"^/")] | None = None
    """A page that returns the number of requests in progress as a plain integer; with it a drain
    ends as soon as the number is 0, without it after the whole drain time-out."""


class Timeouts(Model):
    """How long each phase of a server may last before it counts as failed, in seconds."""

    boot_s: Seconds = 900
    """From the accepted create to ACTIVE."""
    answer_s: Seconds = 900
    """From ACTIVE to the first healthy answer."""
    drain_s: Seconds = 120
    """From weight 0 to leaving the pool, where requests do not end by themselves before."""
    delete_s: Seconds = 300
    """From the delete to the server's absence from the listing."""

    @property
    def leaving_s(self) -> float:
        """From weight 0 to the server's absence, at most."""
        return self.drain_s + self.delete_s

    @property
    def turn_s(self) -> float:
        """From the create of a server to the absence of the one that it replaces, at most."""
        return self.boot_s + self.answer_s + self.leaving_s


class CanaryPolicy(StrEnum):
    """Whether one server must serve before the rest of its region is launched."""

    UNPROVEN = "unproven"
    NEVER = "never"


class Canary(Model):
    """An image that has not yet served in a region sends a scout ahead."""

    policy: CanaryPolicy = CanaryPolicy.UNPROVEN
    servers: PositiveInt = 1
    """How many servers scout in each region."""
    proven_for_days: Annotated[int, Field(ge=1, le=365)] = 30
    """How long an image that has served in a region stays proven there."""


class PoolKind(StrEnum):
    """Whether a balancer pool is the fleet's alone."""

    EXCLUSIVE = "exclusive"
    SHARED = "shared"


class FleetRegion(Model):
    """One region of a fleet: where its servers stand, and behind which pool."""

    name: CloudName
    """The region's name in the cloud's catalogue."""
    network: CloudName
    """Name or id of the private network that the servers join."""
    pool: CloudName
    """Name or id of the region's balancer pool."""
    pool_kind: PoolKind = PoolKind.EXCLUSIVE
    """`exclusive`: ours alone, members leave by one full PUT. `shared`: others have members in
    it, ours leave by a DELETE each."""
    subnet: CloudName | None = None
    """Name or id of the members' subnet, where the balancer needs one."""
    weight: Annotated[float, Field(gt=0, le=1000)] = 1.0
    """Share of the servers, relative to the other regions' weights."""
    cap: PositiveInt | None = None
    """Most servers of this fleet in this region; None: the quota alone decides."""
    zones: tuple[CloudName, ...] = ()
    """Availability zones over which the servers are spread; empty: the cloud chooses."""


class Fleet(Model):
    """Alike, stateless servers that are created and deleted, never repaired by hand."""

    name: Name
    kind: Literal["stateless"] = "stateless"
    """Only stateless fleets are elastic: what has state is never killed and created."""
    image: CloudName
    """Name pattern (`*` and `?`) of the image; the newest active image that matches is used."""
    flavour: CloudName
    """Name of the flavour, e.g. `win-b2-60`."""
    key_pair: CloudName | None = None
    user_data_file: str | None = None
    """Path of the cloud-init file, relative to the estate file."""
    config_drive: bool = False
    security_groups: tuple[CloudName, ...] = ()
    tags: Annotated[tuple[TagText, ...], Field(max_length=20)] = ()
    """Tags beside our own (Nova allows 50 of 60 characters, without `/` and `,`)."""
    min_servers: Annotated[int, Field(ge=0, le=10_000)] = 0
    """The fleet is never planned below it, claims or none."""
    max_servers: Annotated[int, Field(ge=1, le=10_000)]
    """The fleet is never planned above it."""
    health: HealthCheck = HealthCheck()
    timeouts: Timeouts = Timeouts()
    wave_servers: Annotated[int, Field(ge=1, le=100)] = 16
    """Most servers of one multi-create call."""
    canary: Canary = Canary()
    rollout_stop_share: Annotated[float, Field(ge=0, le=1)] = 0.1
    """Above this share of an image's servers that fail, its rollout is halted."""
    spread_hosts: bool = False
    """Whether the servers of a wave are to stand on different hosts as far as there are some, by
    server groups; the provider's quota of members of a group then bounds the waves."""
    healing: Healing = Healing()
    join_interval_s: Annotated[float, Field(ge=0, le=600)] = 20
    """Least time between two joins to one pool while others are on their way, in seconds: one
    call for many members."""
    exhausted_for_s: Annotated[float, Field(ge=1, le=86_400)] = 300
    """How long a region without hosts, or with an image that does not answer, is left alone."""
    regions: Annotated[tuple[FleetRegion, ...], Field(min_length=1)]
    surge: SurgePolicy | None = None
    """What surges are authorised beforehand; None: the fleet has none."""
    traffic: TrafficPolicy | None = None
    """When the fleet asks for a surge by itself; None: never."""
    price_per_hour: Annotated[Decimal, Field(ge=0, le=1000, decimal_places=10)] | None = None
    """Price of one server for one hour, excluding VAT, in `currency`."""
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")] = "EUR"

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        refuse(self, self._mistakes())
        return self

    def _mistakes(self) -> Iterator[str]:
        if self.min_servers > self.max_servers:
            yield f"min_servers {self.min_servers} must not be above max_servers {self.max_servers}"
        names = [region.name for region in self.regions]
        if len(set(names)) < len(names):
            yield f"regions: each region stands once; given {', '.join(names)}"
        if self.surge is not None:
            yield from self._surge_mistakes(self.surge, names)
        if self.traffic is not None:
            yield from self._traffic_mistakes(self.traffic)

    def _surge_mistakes(self, surge: SurgePolicy, names: list[str]) -> Iterator[str]:
        if surge.max_servers > self.max_servers:
            yield (
                f"surge.max_servers {surge.max_servers} must not be above max_servers"
                f" {self.max_servers}"
            )
        for name in surge.regions:
            if name not in names:
                yield f"surge.regions: no region {name} (allowed: {', '.join(names)})"

    def _traffic_mistakes(self, traffic: TrafficPolicy) -> Iterator[str]:
        if self.surge is None:
            yield "traffic: what it asks for are surges; surge is missing"
        elif traffic.surge_hours > self.surge.max_hours:
            yield (
                f"traffic.surge_hours {traffic.surge_hours:g} must not be above"
                f" surge.max_hours {self.surge.max_hours:g}: each would wait for a person"
            )

    def region(self, name: str) -> FleetRegion:
        """The region of that name.

        Raises:
            KeyError: the fleet has no such region.
        """
        for region in self.regions:
            if region.name == name:
                return region
        raise KeyError(name)


class RateLimit(Model):
    """How fast we call each service of each region, below the provider's own limit."""

    requests_per_s: PositiveFloat = 16
    """Sustained requests each second; OVHcloud refuses beyond 20."""
    burst: PositiveInt = 8
    """Requests that may go out at once after a pause."""
