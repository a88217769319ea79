"""What is owed for one resource, SKU and day; its columns in FOCUS are made of this."""

from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Annotated

from pydantic import Field

from springtide.model.base import Model
from springtide.model.price import Currency, MissingPrice, PriceEntry
from springtide.model.usage import Used


class ChargeCategory(StrEnum):
    """What sort of charge it is, in FOCUS' words."""

    USAGE = "Usage"
    PURCHASE = "Purchase"


class Charge(Used):
    """One line of the bill as we compute it, excluding VAT.

    `list_cost` is always `entry.unit_price * quantity`, exactly.
    """

    day: date
    """In UTC; a month's price stands on the first day of the month on which it was used."""
    category: ChargeCategory = ChargeCategory.USAGE
    quantity: Annotated[Decimal, Field(ge=0)]
    """In the entry's unit."""
    entry: PriceEntry
    list_cost: Decimal
    billed_cost: Decimal
    """What is invoiced: 0 where it is covered."""
    covered: bool = False
    """Whether a savings plan, billed by itself, pays for it."""
    effective_cost: Decimal
    """With what was paid at once spread over the days that it serves."""
    stood_s: int
    """Seconds that the resource stood, times its amount."""
    clock_hours: int
    """Hours of the clock that it touched, times its amount."""
    resources: int = 1
    """Of so many that are alike: the numbers are those of all of them."""


class Charges(Model):
    """The charges of some days, and what could not be priced."""

    currency: Currency
    charges: tuple[Charge, ...]
    missing: tuple[MissingPrice, ...] = ()

    @property
    def complete(self) -> bool:
        """Whether all usage has its price."""
        return not self.missing

    @property
    def billed_cost(self) -> Decimal:
        """The sum of what is invoiced, excluding VAT."""
        return sum((charge.billed_cost for charge in self.charges), Decimal(0))
