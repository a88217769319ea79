"""What others say of the same: the provider's bill, the cloud's listing, our audit log."""

from datetime import timedelta
from decimal import Decimal
from typing import Annotated

from pydantic import Field

from springtide.model.base import Model
from springtide.model.price import Currency, Plan
from springtide.model.usage import UsageKind, UtcMoment

ANY_ZONE = timedelta(days=1)
"""Bills begin and end by some zone's midnight, which is less than that away from UTC's."""


class BillLine(Model):
    """One line of the provider's bill."""

    resource: str | None
    """Its id in the cloud; None where the bill sums over several."""
    sku: str
    region: str
    quantity: Annotated[Decimal, Field(ge=0)]
    unit: str
    cost: Decimal
    """Excluding VAT; below 0 for a credit."""
    plan: Plan = Plan.HOURLY
    """By which it is paid: what is paid by the month has no hours."""


class ProviderBill(Model):
    """A bill, or what is to become one, of a period."""

    source: str
    """Where it was read: a path of the provider's API or the name of an invoice."""
    begins_at: UtcMoment | None = None
    ends_at: UtcMoment | None = None
    updated_at: UtcMoment | None = None
    """How far it had been counted; None for an invoice, which is final."""
    currency: Currency
    lines: tuple[BillLine, ...]

    @property
    def total(self) -> Decimal:
        """The sum of its lines, excluding VAT."""
        return sum((line.cost for line in self.lines), Decimal(0))


class Deletion(Model):
    """A server that was deleted by us, as the audit log has it."""

    resource: str
    at: UtcMoment
    run: str
    confirmed: bool = True
    """Whether Nova took it on; else its answer was lost or a refusal, or the run was killed."""


class InventoryItem(Model):
    """What stands in the cloud now, whoever made it."""

    resource: str
    name: str
    kind: UsageKind
    region: str
    fleet: str | None
    """The fleet whose tag it carries; None: it carries none of ours."""
    since: UtcMoment | None = None
    """When it was made; None: the cloud does not tell."""


class Listing(Model):
    """All that stands in the regions of the fleets, and what of it nobody can list."""

    items: tuple[InventoryItem, ...]
    unknown: tuple[str, ...] = ()
    """What the cloud does not tell, and why, in a sentence each."""
