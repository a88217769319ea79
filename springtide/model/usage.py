"""What was used: facts of the clouds as integers, by resource, SKU and time in UTC.

A record says that a resource stood as one SKU in [start, end). Cut into hours of the clock it
becomes hour rows, and these are what the ledger keeps, sums and never prices.
"""

from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import Annotated, Self

from pydantic import AfterValidator, Field, PositiveInt, model_validator

from springtide.model.base import Model, Moment

Count = Annotated[int, Field(ge=0, le=2_000_000_000_000_000)]
"""Servers, bytes or connections: at most 2 PB, so that its product with an hour's seconds fits
into 64 bits."""
Text = Annotated[str, Field(min_length=1, max_length=255)]

UtcMoment = Annotated[Moment, AfterValidator(lambda moment: moment.astimezone(UTC))]
"""An instant, in UTC whatever zone it was given in."""

_HOUR_S = 3600


class UsageKind(StrEnum):
    """What sort of thing was used."""

    INSTANCE = "instance"
    LOAD_BALANCER = "load balancer"
    VOLUME = "volume"
    """Its amount is its size in bytes."""
    OBJECT_STORAGE = "object storage"
    """Its amount is the most bytes of the hour."""
    DATASTORE = "datastore"
    HOST = "host"
    PURCHASE = "purchase"
    """Paid at once, such as a savings plan's month."""
    CONNECTIONS = "connections"
    """How many were opened; a measure of use that nobody bills."""
    REQUEST_ERRORS = "request errors"
    """How many requests the balancers could not pass on; nobody bills them either."""
    SHORTAGE = "shortage"
    """Seconds in which more sessions were open than what stood can carry; 0 was measured, too."""
    COUNTER = "counter"
    """How far a counter had come, so that the next look knows what is new."""
    LOOK = "look"
    """That a region told its usage: what it used while nobody looked is not known."""


UNBILLED = frozenset(
    {
        UsageKind.CONNECTIONS,
        UsageKind.REQUEST_ERRORS,
        UsageKind.SHORTAGE,
        UsageKind.COUNTER,
        UsageKind.LOOK,
    }
)
"""What is counted and has no price."""


class UsageSource(StrEnum):
    """Who says so."""

    NOVA = "nova"
    OCTAVIA = "octavia"
    CINDER = "cinder"
    SWIFT = "swift"
    VCENTER = "vcenter"
    ESTATE = "estate"
    AUDIT_LOG = "audit log"
    OUTCOME = "outcome"
    """A run's own looks at the cloud."""


class Used(Model):
    """What was used, without when and how much."""

    resource: Text
    """Its id in the cloud; unique over all kinds."""
    name: str = ""
    kind: UsageKind
    sku: Text
    """The flavour's name, or the name of what is sold: as the price book has it."""
    region: Text
    fleet: str | None = None
    """The fleet whose tag it carries; None: it carries none of ours."""
    source: UsageSource


class UsageRecord(Used):
    """A resource stood as one SKU from `start` until before `end`."""

    start: UtcMoment
    """From when it is billed: a server's becoming ACTIVE."""
    end: UtcMoment
    """When it was gone; while it stands, the moment of the look."""
    amount: Count = 1

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.end < self.start:
            raise ValueError(f"end {self.end} must not be before start {self.start}")
        return self


class UsageHour(Used):
    """What of a record falls in one hour of the clock.

    Of two of one resource, SKU and hour the greater numbers hold, so that late, repeated and
    disordered looks come to the same.
    """

    hour: UtcMoment
    """The hour's begin."""
    amount: Count = 1
    """The most of the hour."""
    stood_s: Annotated[int, Field(ge=0, le=_HOUR_S)]
    """Seconds that it stood in that hour, begun ones whole."""
    clock_hours: Annotated[int, Field(ge=0, le=1)] = 1
    """1: it touched this hour of the clock."""
    started_hours: Annotated[int, Field(ge=0, le=1)]
    """1: an hour counted from its own start began in this hour of the clock."""

    @model_validator(mode="after")
    def _full_hour(self) -> Self:
        if self.hour != hour_of(self.hour):
            raise ValueError(f"hour {self.hour} must be a full hour")
        return self


class UsageTotal(Used):
    """Hour rows of one day, summed: each hour's number times its amount, as integers.

    Of a server these are its own hours; of storage byte hours; of connections their number.
    """

    day: date
    """In UTC."""
    stood_s: Annotated[int, Field(ge=0)]
    clock_hours: Annotated[int, Field(ge=0)]
    started_hours: Annotated[int, Field(ge=0)]
    covered: bool = False
    """Whether a savings plan covers these hours."""
    resources: PositiveInt = 1
    """Of so many that had as many hours each: the numbers are those of all of them."""


class CounterReading(Model):
    """How far a counter that only rises had come at one moment."""

    resource: Text
    kind: UsageKind
    """What it counts."""
    region: Text
    fleet: str | None
    at: UtcMoment
    total: Count


class UsageSum(Model):
    """Hour rows of one day, summed over resources that are alike, as integers."""

    day: date
    """In UTC."""
    kind: UsageKind
    sku: Text
    region: Text
    fleet: str | None
    stood_s: int
    clock_hours: int
    started_hours: int


class ServerHours(Model):
    """Clock hours of the servers of a fleet on one day, each server once."""

    day: date
    """In UTC."""
    fleet: str
    servers: int
    least: int
    """Of the one with fewest."""
    total: int
    most: int


class RunningHour(Model):
    """What stood in one hour of the clock, of what is alike."""

    hour: UtcMoment
    kind: UsageKind
    sku: Text
    region: Text
    fleet: str | None
    resources: int
    """How many touched the hour."""
    stood_s: int
    """Their seconds in it, times their amount."""
    amount: int
    """The sum of their amounts."""


def hour_of(at: datetime) -> datetime:
    """The full hour in which that moment lies."""
    return at.replace(minute=0, second=0, microsecond=0)


def day_span(day: date) -> tuple[datetime, datetime]:
    """Begin and end of that day in UTC."""
    begins_at = datetime(day.year, day.month, day.day, tzinfo=UTC)
    return begins_at, begins_at + timedelta(days=1)
