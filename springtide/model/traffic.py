"""What is known of a fleet's traffic: how it is counted, what is expected, and what follows."""

from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, HttpUrl, NonNegativeInt, PositiveInt, model_validator

from springtide.model.base import EnvironmentVariable, Key, Model, Moment, Name

MOST_SESSIONS = 100_000_000
"""A count above it is no count of sessions."""
MOST_SAMPLES = 80
"""Of each source that are remembered: a stored note has room for 5,000 characters."""
BALANCERS = "balancers"
"""The source that every fleet has."""
PROMETHEUS = "prometheus"

Sessions = Annotated[int, Field(ge=0, le=MOST_SESSIONS)]
Source = Annotated[str, Field(pattern=r"^(balancers|prometheus)$")]
Point = tuple[int, Sessions]
"""A sample as it is remembered: seconds since 1970, sessions; many of them are kept in one note."""


class PrometheusQuery(Model):
    """A second count of the open sessions, beside that of the balancers."""

    url: HttpUrl
    """Where Prometheus is, e.g. `http://127.0.0.1:9090`; without a password: it is no secret."""
    query: Annotated[str, Field(min_length=1, max_length=2000)]
    """PromQL that gives one value, e.g. `sum(haproxy_frontend_current_sessions)`."""
    timeout_s: Annotated[float, Field(gt=0, le=60)] = 5.0
    """How long one query may take, in seconds."""
    token_env: EnvironmentVariable | None = None
    """Environment variable of the worker that holds a bearer token: the token is a secret."""

    @model_validator(mode="after")
    def _open(self) -> Self:
        if self.url.username or self.url.password:
            raise ValueError("prometheus.url must hold no name and password: use token_env")
        return self


class TrafficPolicy(Model):
    """When a fleet asks for a surge by itself: what a server carries, and how far to look ahead."""

    sessions_per_server: Annotated[int, Field(ge=1, le=1_000_000)]
    """Open sessions that one server carries when full, in the unit of the sources."""
    utilisation: Annotated[float, Field(gt=0, le=1)] = 0.65
    """Share of it up to which a server is planned to be used."""
    sessions_elsewhere: NonNegativeInt = 0
    """Open sessions that others behind the same balancers carry well: used up to `utilisation`, as
    the fleet's own servers are planned to be."""
    horizon_minutes: Annotated[float, Field(ge=1, le=240)] = 15
    """How far it looks ahead, in minutes: the time that new servers take to serve."""
    history_minutes: Annotated[float, Field(ge=30, le=150)] = 60
    """How far it looks back, in minutes."""
    max_age_s: Annotated[float, Field(ge=30, le=3600)] = 420
    """Longest pause between two samples, in seconds; after a longer one it begins anew."""
    cool_down_minutes: Annotated[float, Field(ge=15, le=240)] = 15
    """Least time from one ask to the next, in minutes."""
    tolerance: Annotated[float, Field(ge=0, le=1)] = 0.1
    """Share by which what is expected must exceed what is claimed before more is asked for."""
    surge_hours: Annotated[float, Field(gt=0, le=24)] = 3
    """Length of a surge that it asks for, in hours; near its end it asks again if need be."""
    prometheus: PrometheusQuery | None = None
    """A second count; None: the balancers' alone."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.surge_hours * 60 <= self.horizon_minutes:
            raise ValueError(
                f"surge_hours {self.surge_hours:g} must be longer than horizon_minutes"
                f" {self.horizon_minutes:g}: a surge would end before it stands"
            )
        return self

    @property
    def sessions_planned(self) -> float:
        """Open sessions that one server is planned to carry."""
        return self.sessions_per_server * self.utilisation

    def planned_for(self, servers: int) -> float:
        """Open sessions that so many servers, and what stands elsewhere, are planned to carry."""
        return self.sessions_elsewhere + servers * self.sessions_planned

    def full_for(self, servers: int) -> float:
        """Open sessions that so many servers, and what stands elsewhere, carry when full."""
        elsewhere = self.sessions_elsewhere / self.utilisation
        return elsewhere + servers * self.sessions_per_server

    @property
    def sources(self) -> tuple[str, ...]:
        """What counts the fleet's sessions."""
        return (BALANCERS,) if self.prometheus is None else (BALANCERS, PROMETHEUS)


class BalancerStatistics(Model):
    """What one load balancer tells of itself; all but `active_connections` since it began."""

    active_connections: Sessions
    total_connections: NonNegativeInt
    request_errors: NonNegativeInt
    bytes_in: NonNegativeInt
    bytes_out: NonNegativeInt


class TrafficSample(Model):
    """So many sessions were open at that moment."""

    source: Source
    at: Moment
    sessions: Sessions
    by_region: dict[str, int] = Field(default_factory=dict)
    """Where the source tells them apart."""


class TrafficSilence(Model):
    """A source that gave no count: its total is unknown, and not guessed."""

    source: Source
    why: str


class TrafficNote(Model):
    """The last samples of a fleet, by source, and when a surge was asked for: losing it costs time.

    Nothing is forecast until new samples have come, and an ask may be made twice, which is one
    surge all the same.
    """

    key: Key
    """The fleet's name."""
    fleet: Name
    series: dict[Source, Annotated[tuple[Point, ...], Field(max_length=MOST_SAMPLES)]]
    """The oldest first."""
    asked_at: Moment | None = None
    """When a surge was last asked for."""
    alarmed_at: Moment | None = None
    """When a person was last told."""
    until: Moment
    """From then on nothing of it counts."""


class TrafficForecast(Model):
    """How many sessions a source lets expect, by its trend and its scatter."""

    source: Source
    due: Moment
    """When new servers would serve."""
    sessions: Sessions
    """By the newest sample."""
    expected: Sessions
    """At `due`: the trend, and the upper end of the scatter about it."""
    later: Sessions
    """The most until servers of a next ask would serve: a cool-down after `due`."""
    per_minute: float
    """The trend, in sessions a minute."""
    samples: PositiveInt
    """On which it rests."""


class TrafficAnswer(StrEnum):
    """What follows from the traffic."""

    CALM = "calm"
    """What is claimed carries what is expected, and serves."""
    CLAIMED = "claimed"
    """It will, once all of it serves."""
    ASK = "ask"
    """More is needed than is claimed: a surge is asked for."""
    COOLING = "cooling"
    """So it is, but one was asked for just now."""
    LIMITED = "limited"
    """So it is, and no more may be asked for: a person has to act."""
    UNKNOWN = "unknown"
    """Nothing is known well enough to ask for anything."""


class TrafficVerdict(Model):
    """What was seen, what is expected, what it needs, and what follows."""

    fleet: Name
    at: Moment
    answer: TrafficAnswer
    reason: str
    """With the figures."""
    forecasts: tuple[TrafficForecast, ...] = ()
    troubles: tuple[str, ...] = ()
    """Sources that gave nothing to go by, and why."""
    serving: NonNegativeInt
    """Servers of the fleet that serve now."""
    claimed: NonNegativeInt
    """Servers that the claims ask for when new ones would serve."""
    capacity: Sessions
    """Open sessions that the serving servers, and what stands elsewhere, are planned to carry."""
    needed: NonNegativeInt = 0
    """Servers that carry what is expected, before any limit."""
    servers: NonNegativeInt = 0
    """What is asked for; 0: nothing."""
    key: str = ""
    """Of the ask: the same in one quarter of an hour."""
    alarm: bool = False
    """Whether a person should hear of it now."""

    @property
    def amber(self) -> bool:
        """Whether somebody should look at it when they can."""
        limited = (TrafficAnswer.LIMITED, TrafficAnswer.UNKNOWN)
        return bool(self.troubles) or self.answer in limited
