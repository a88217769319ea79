"""What is paid for: price entries with their source and dates, in a book of one currency."""

from datetime import date
from decimal import Decimal
from enum import StrEnum
from itertools import pairwise
from typing import Annotated, Self

from pydantic import Field, field_serializer, model_validator

from springtide.model.base import Model
from springtide.model.usage import Text

Currency = Annotated[str, Field(pattern=r"^[A-Z]{3}$")]
Price = Annotated[Decimal, Field(ge=0, max_digits=20, decimal_places=10)]
"""Excluding VAT; never less than nothing."""
Share = Annotated[Decimal, Field(ge=0, le=1)]


class RoundingRule(StrEnum):
    """How a provider rounds the time that a resource stood."""

    CLOCK_HOUR = "clock_hour"
    """Each hour of the clock that is touched (OVHcloud)."""
    STARTED_HOUR = "started_hour"
    """Each hour that is begun, counted from the resource's own start."""
    SECOND = "second"
    """Each second that is begun."""


class PriceUnit(StrEnum):
    """What one price buys."""

    HOUR = "hour"
    SECOND = "second"
    MONTH = "month"
    """A month of the calendar, in full as soon as it is begun."""
    GB_HOUR = "GB-hour"
    """1,000,000,000 bytes for an hour."""
    GIB_HOUR = "GiB-hour"
    """1,073,741,824 bytes for an hour."""
    GB_MONTH = "GB-month"
    """As GB-hour, priced for 720 hours: an hour is a 720th of it, to ten digits."""
    GIB_MONTH = "GiB-month"
    """As GiB-hour, priced for 720 hours."""
    ONCE = "once"
    """The whole of a purchase."""


ABSURD_ABOVE = {
    PriceUnit.HOUR: Decimal(1_000),
    PriceUnit.SECOND: Decimal(1),
    PriceUnit.MONTH: Decimal(100_000),
    PriceUnit.GB_HOUR: Decimal(1),
    PriceUnit.GIB_HOUR: Decimal(1),
    PriceUnit.GB_MONTH: Decimal(100),
    PriceUnit.GIB_MONTH: Decimal(100),
    PriceUnit.ONCE: Decimal(10_000_000),
}
"""A higher price is a slip of the comma or of the unit."""


_MONTH_H = Decimal(720)
"""Source: OVHcloud, "Analyze and control your Public Cloud billing": storage by the month is billed
by the hour, at a 720th of it."""
_TEN_DIGITS = Decimal("1e-10")


class Plan(StrEnum):
    """By which plan a price is paid."""

    HOURLY = "hourly"
    MONTHLY = "monthly"
    """Each begun month in full; cannot be undone."""
    SAVINGS = "savings"
    """A number of instances for some months, whether they stand or not."""


class PriceEntry(Model):
    """The price of one SKU, from a day until before another."""

    sku: Text
    region: Text | None = None
    """None: all regions that have no entry of their own."""
    plan: Plan = Plan.HOURLY
    unit: PriceUnit = PriceUnit.HOUR
    price: Price
    rounding: RoundingRule = RoundingRule.CLOCK_HOUR
    valid_from: date
    valid_until: date | None = None
    """The first day on which it holds no more."""
    source: Annotated[str, Field(min_length=3, max_length=500)]
    """Where it was read, so that anybody can look it up."""
    billed_as: Text | None = None
    """What the provider's bill calls it; None: by its SKU."""
    billing_account: Text | None = None
    """Who is billed for it, where that is another than the book's."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.valid_until is not None and self.valid_until <= self.valid_from:
            raise ValueError(f"{self.sku}: valid_until must be after valid_from {self.valid_from}")
        if (self.unit is PriceUnit.SECOND) != (self.rounding is RoundingRule.SECOND):
            raise ValueError(f"{self.sku}: unit second and rounding second go together")
        if (self.plan is Plan.HOURLY) == (self.unit in {PriceUnit.MONTH, PriceUnit.ONCE}):
            raise ValueError(f"{self.sku}: the {self.plan} plan has no price a {self.unit}")
        return self

    @model_validator(mode="after")
    def _not_absurd(self) -> Self:
        most = ABSURD_ABOVE[self.unit]
        if self.price > most:
            raise ValueError(f"{self.sku}: {self.price} a {self.unit} is absurd (at most {most})")
        return self

    @property
    def unit_price(self) -> Decimal:
        """The price of one unit of quantity: of an hour, where it is given for 720 of them."""
        if self.unit in {PriceUnit.GB_MONTH, PriceUnit.GIB_MONTH}:
            return (self.price / _MONTH_H).quantize(_TEN_DIGITS)
        return self.price

    def holds_on(self, day: date) -> bool:
        """Whether it is the price of that day."""
        return self.valid_from <= day and (self.valid_until is None or day < self.valid_until)


class Commitment(Model):
    """Instances that a savings plan covers: each hour so many of a SKU."""

    sku: Text
    region: Text
    instances: Annotated[int, Field(ge=1, le=10_000)]


class Purchase(Model):
    """What is paid at once and serves for longer: a savings plan's month, a datastore's set-up."""

    name: Text
    sku: Text
    region: Text
    cost: Price
    bought_on: date
    serves_until: date
    """The first day that it does not serve."""
    source: Annotated[str, Field(min_length=3, max_length=500)]
    covers: Commitment | None = None
    """The instances whose hours it pays for, while it serves."""
    billed_as: Text | None = None
    """What the provider's bill of usage calls it; None: it is not on that."""

    @model_validator(mode="after")
    def _serves_a_day(self) -> Self:
        if self.serves_until <= self.bought_on:
            raise ValueError(f"{self.name}: serves_until must be after bought_on {self.bought_on}")
        return self


class PriceBook(Model):
    """Prices of one provider in one currency, and who sends the bill."""

    name: Text
    provider: Text
    currency: Currency
    source: Annotated[str, Field(min_length=3, max_length=500)]
    dated: date
    """When the prices were read at their source."""
    vat: Share = Decimal("0.20")
    billing_account: Text
    """The provider's number for the customer or the project."""
    billing_account_name: str = ""
    entries: Annotated[tuple[PriceEntry, ...], Field(min_length=1)]
    monthly_resources: frozenset[str] = frozenset()
    """Ids of instances that are on the monthly plan."""
    purchases: tuple[Purchase, ...] = ()

    @field_serializer("monthly_resources")
    def _in_order(self, value: frozenset[str]) -> list[str]:
        # A set of strings has another order in each process: the same book would not read the same.
        return sorted(value)

    @model_validator(mode="after")
    def _one_price_a_day(self) -> Self:
        by_key: dict[tuple[str, str | None, Plan], list[PriceEntry]] = {}
        for entry in self.entries:
            by_key.setdefault((entry.sku, entry.region, entry.plan), []).append(entry)
        for alike in by_key.values():
            alike.sort(key=lambda entry: entry.valid_from)
            for old, new in pairwise(alike):
                if old.valid_until is None or old.valid_until > new.valid_from:
                    raise ValueError(
                        f"{new.sku} in {new.region or 'all regions'}: two {new.plan} prices on"
                        f" {new.valid_from}"
                    )
        return self


class MissingPrice(Model):
    """Usage that no entry prices: the report goes on without it and says so."""

    sku: str
    region: str
    day: date
    """The first day without one."""
    last_day: date
    hours: int
    """Hours of the clock, times the amount, that are not priced."""

    def __str__(self) -> str:
        """One line that names SKU, region and date."""
        until = f" to {self.last_day}" if self.last_day > self.day else ""
        return f"no price for {self.sku} in {self.region} on {self.day}{until}"
