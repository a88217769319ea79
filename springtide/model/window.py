"""What a window is: the hours of the week in which a fleet stands."""

from datetime import date, time
from enum import StrEnum
from typing import Annotated, Self
from zoneinfo import ZoneInfo, available_timezones

from pydantic import ConfigDict, Field, field_validator, model_validator

from springtide.model.base import Model, Moment, Name


class Weekday(StrEnum):
    """A day of the week, in the order of `date.weekday()`."""

    MONDAY = "monday"
    TUESDAY = "tuesday"
    WEDNESDAY = "wednesday"
    THURSDAY = "thursday"
    FRIDAY = "friday"
    SATURDAY = "saturday"
    SUNDAY = "sunday"


class SchoolZone(StrEnum):
    """A French school holiday zone."""

    A = "A"
    B = "B"
    C = "C"


class MeasuredLead(Model):
    """A lead that follows from how long servers have taken to serve."""

    floor_minutes: Annotated[int, Field(ge=0, le=240)] = 5
    """It is never shorter, in minutes."""
    cap_minutes: Annotated[int, Field(ge=1, le=240)] = 30
    """It is never longer, in minutes; while nothing is measured it is this."""

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.floor_minutes > self.cap_minutes:
            raise ValueError(
                f"floor_minutes {self.floor_minutes} must not be above cap_minutes"
                f" {self.cap_minutes}"
            )
        return self


class Window(Model):
    """A fleet's regular hours: which days, from when until when, how many servers."""

    # `from` is a word of Python's own: the file says `from`, the code says `opens`.
    model_config = ConfigDict(validate_by_name=True, validate_by_alias=True)

    name: Name
    fleet: Name
    days: Annotated[tuple[Weekday, ...], Field(min_length=1)]
    opens: Annotated[time, Field(alias="from")]
    """Local time at which the servers are wanted; inclusive. Written `from` in the file."""
    closes: Annotated[time, Field(alias="until")]
    """Local time at which they are gone; exclusive. Not after midnight: 24:00 is not a time.
    Written `until` in the file."""
    timezone: str = "Europe/Paris"
    """Name in the IANA database. Where clocks jump over a time it means the first instant after
    the jump; where a time comes twice it means the first."""
    servers: Annotated[int, Field(ge=1, le=10_000)]
    school_zones: tuple[SchoolZone, ...] = ()
    """The window is skipped on days on which *all* of these zones have school holidays."""
    skip_public_holidays: bool = True
    """Whether the window is skipped on French public holidays."""
    add_dates: tuple[date, ...] = ()
    """Dates on which it opens whatever the rules say."""
    remove_dates: tuple[date, ...] = ()
    """Dates on which it does not open whatever the rules say."""
    lead_minutes: Annotated[int, Field(ge=0, le=240)] = 0
    """Starts that much before `from`, to be ready at `from`: costs one more paid hour where `from`
    stands at the full hour."""
    measured_lead: MeasuredLead | None = None
    """In place of `lead_minutes`: as long as 95 % of the slowest region's servers have taken to
    serve; None: `lead_minutes` counts."""
    tail_minutes: Annotated[int, Field(ge=0, le=240)] = 10
    """Ends that much before `until`: room to drain, leave and delete before the paid hour turns."""

    @field_validator("days")
    @classmethod
    def _each_once(cls, value: tuple[Weekday, ...]) -> tuple[Weekday, ...]:
        if len(set(value)) < len(value):
            raise ValueError(f"each day stands once; given {', '.join(value)}")
        return value

    @field_validator("opens", "closes", mode="before")
    @classmethod
    def _written_as_a_clock_time(cls, value: object) -> object:
        # Many YAML readers take 16:00 for the number 960; pydantic would make 00:16 of it.
        if isinstance(value, int | float):
            raise ValueError(f'{value} is a number; write the time in quotes, e.g. "16:00"')  # noqa: TRY004 - pydantic collects ValueErrors only
        return value

    @field_validator("opens", "closes")
    @classmethod
    def _whole_local_minutes(cls, value: time) -> time:
        if value.tzinfo:
            raise ValueError("a local time without an offset is wanted, e.g. 16:00")
        if value.second or value.microsecond:
            raise ValueError("whole minutes are wanted, e.g. 16:00")
        return value

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        if value not in available_timezones():
            raise ValueError(f"{value!r} is no time zone of the IANA database, e.g. Europe/Paris")
        return value

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        length_minutes = _minutes(self.closes) - _minutes(self.opens)
        if length_minutes <= 0:
            raise ValueError(f"until {self.closes:%H:%M} must be after from {self.opens:%H:%M}")
        if self.tail_minutes >= length_minutes:
            raise ValueError(
                f"tail_minutes {self.tail_minutes} must be below the window's {length_minutes}"
            )
        if self.measured_lead is not None and self.lead_minutes:
            raise ValueError(
                f"lead_minutes {self.lead_minutes} and measured_lead stand side by side: one counts"
            )
        both = sorted(set(self.add_dates) & set(self.remove_dates))
        if both:
            raise ValueError(f"{both[0]} stands in both add_dates and remove_dates")
        return self

    @property
    def longest_lead_minutes(self) -> int:
        """How much before `from` its claim may start; of a measured lead the cap."""
        return self.measured_lead.cap_minutes if self.measured_lead else self.lead_minutes

    @property
    def zone(self) -> ZoneInfo:
        """The window's time zone."""
        return ZoneInfo(self.timezone)


class Evening(Model):
    """One opening of a window on one date, in absolute time."""

    window: Name
    fleet: Name
    date: date
    servers: int
    claim_starts_at: Moment
    """`from` less the lead; inclusive."""
    opens_at: Moment
    """`from`."""
    claim_ends_at: Moment
    """`until` less the tail; exclusive."""
    closes_at: Moment
    """`until`: by then all is gone."""
    reason: str
    """Why it opens on that date."""


class SkippedEvening(Model):
    """A date on which a window's weekday is right and it still does not open."""

    window: Name
    fleet: Name
    date: date
    reason: str


def _minutes(moment: time) -> int:
    return moment.hour * 60 + moment.minute
