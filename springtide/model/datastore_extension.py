"""More datastores: what the provider tells, what was ordered, and what would be."""

from decimal import Decimal

from springtide.model.base import Model, Moment


class Filer(Model):
    """A datastore as the provider has it."""

    id: int
    name: str
    """As vCenter shows it."""
    state: str


class ProviderTask(Model):
    """Something that the provider does."""

    id: int
    name: str
    state: str
    filer_id: int | None = None
    """The datastore that it is about, where it tells."""


class OrderRecord(Model):
    """An order as it is remembered: before it is sent, and with its task once it was answered."""

    digest: str
    """Of the plan that was approved."""
    number: int
    """From 1, within the plan."""
    at: Moment
    month: str
    """Calendar month, as `2026-11`."""
    amount: Decimal
    """A month, without VAT, in euros."""
    task: int | None = None
    """The provider's task; None: it was never answered, so it may have been ordered or not."""


class ProviderView(Model):
    """What the provider shows before an order."""

    filers: tuple[Filer, ...]
    under_way: tuple[ProviderTask, ...]
    profiles: tuple[str, ...]
    """Names of what can be ordered now."""


class DatastorePlan(Model):
    """How many datastores would be ordered, and why so many."""

    service: str
    profile: str
    count: int
    wanted: int
    """What was asked for, or follows from the forecast, before limits."""
    reason: str
    capacity_gib: int
    price_per_month: Decimal
    """Of all of them, in euros without VAT."""
    filers: tuple[int, ...]
    """Those that the provider has now: a further one is what was delivered."""
    datastores: tuple[str, ...]
    """Those that vCenter shows now: with others it is another plan."""
    month: str
