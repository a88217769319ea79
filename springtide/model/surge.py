"""A surge: many servers for some hours, within what was authorised, or approved by a person."""

from decimal import Decimal
from typing import Annotated

from pydantic import Field, PositiveInt

from springtide.model.base import CloudName, Key, Model, Moment, Name, Reason

Money = Annotated[Decimal, Field(ge=0, le=10_000_000, decimal_places=6)]
LONGEST_HOURS = 24 * 31
"""Of any surge or order: what is needed for longer is asked for again, or is the new normal."""


class SurgePolicy(Model):
    """What is authorised beforehand: a surge within it runs without asking anybody."""

    max_servers: Annotated[int, Field(ge=1, le=10_000)]
    """Most servers of a surge; beyond it a person is asked, up to the fleet's `max_servers`."""
    max_hours: Annotated[float, Field(gt=0, le=LONGEST_HOURS)]
    """Longest surge, in hours; beyond it a person is asked."""
    budget: Money
    """Most that one surge may cost, excluding VAT, in the fleet's currency."""
    monthly_budget: Money
    """Most that all surges of a calendar month may cost, excluding VAT, in the fleet's currency."""
    regions: tuple[CloudName, ...] = ()
    """The order in which regions are filled, where the request names none; empty: by weight."""
    approval_minutes: Annotated[float, Field(gt=0, le=24 * 60)] = 60
    """How long a surge that goes beyond waits for its approval before it is given up."""
    step_down_servers: PositiveInt = 60
    """Most servers that are on their way out at once when the fleet becomes smaller."""


class SurgeRequest(Model):
    """So many servers, for so many hours from now on, because …, asks …."""

    key: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,79}$")]
    """Unique; the same key asked for twice is one surge."""
    fleet: Name
    servers: Annotated[int, Field(ge=1, le=10_000)]
    """The size of the whole fleet while it lasts, not an addition to it."""
    hours: Annotated[float, Field(gt=0, le=LONGEST_HOURS)]
    """From its acceptance on, in hours; it ends by itself."""
    reason: Reason
    owner: Annotated[str, Field(min_length=1, max_length=200)]
    """Who asks: a person's name as typed, or a machine's."""
    regions: tuple[CloudName, ...] = ()
    """The order in which regions are filled; empty: the policy's."""


class SurgeCost(Model):
    """What a surge may cost, excluding VAT: all of its servers, for every hour that may be paid."""

    per_hour: Decimal
    paid_hours: int
    """Of each server, at worst: clock hours that the surge and its end may touch."""
    total: Decimal
    currency: str


class SurgePlan(Model):
    """What a surge comes to, before anything is created; what a person approves is just this."""

    request: SurgeRequest
    allotments: dict[str, int]
    """Servers by region once it stands."""
    shortfall: int
    """Servers for which no region has room now."""
    shortfall_reason: str = ""
    cost: SurgeCost | None
    """None: the fleet names no price, and then a person has to approve."""
    month_before: Decimal
    """What the month's other surges have been given already, in the same currency."""
    beyond: tuple[str, ...] = ()
    """How it goes beyond what was authorised; empty: it runs without asking."""


class SurgeSpending(Model):
    """What one surge was given of a month's budget; it is kept until the month is over."""

    key: Key
    fleet: Name
    month: Annotated[str, Field(pattern=r"^\d{4}-\d{2}$")]
    """E.g. `2026-03`, by the clock of Paris."""
    amount: Money
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")]
    until: Moment
    """The month's end."""
    over_at: Moment | None = None
    """When its surge is over, if it was not lifted before; None: of an earlier version."""


class SurgeProposal(Model):
    """A plan that waits for a person or was approved, kept to be approved as it was shown.

    A run that was suspended begins anew when it is resumed, and the cloud has changed since.
    """

    key: Key
    fleet: Name
    plan: SurgePlan
    until: Moment
    """When it is given up."""
