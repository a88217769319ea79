"""All that one report of cost says: figures, verdicts, and what its pictures are drawn from."""

from datetime import date
from decimal import Decimal
from enum import StrEnum

from pydantic import Field

from springtide.model.base import Model, Moment
from springtide.model.cost_report import ReportPeriod, ReportStatus
from springtide.model.price import Currency, MissingPrice
from springtide.model.proof import Proof, Reconciliation


class HourServers(Model):
    """How many servers stood in one hour of one day, by the clock of Paris; 0 is left out."""

    day: date
    hour: int = Field(ge=0, le=23)
    servers: int = Field(ge=1)


class DayCost(Model):
    """What one group of charges (a fleet's instances, object storage, …) costs on one day."""

    day: date
    group: str
    billed: Decimal
    effective: Decimal


class DayHours(Model):
    """Billed hours of the servers that stood on one day: of the one with fewest, mean, most."""

    day: date
    servers: int
    least: int
    mean: Decimal
    most: int


class BreakEven(Model):
    """From how many hours a month on the monthly plan is cheaper."""

    sku: str
    hourly: Decimal
    monthly: Decimal | None
    """None: the provider has no monthly plan for it."""
    hours: Decimal
    """Billed hours of one server in a mean month of the report."""


class UnitCost(Model):
    """What a thousand connections cost on one day."""

    day: date
    connections: int
    per_thousand: Decimal | None
    """None on a day without connections."""


class ForecastDay(Model):
    """Cost from the period's first day up to and with this one."""

    day: date
    actual: Decimal | None
    """None: not known yet."""
    expected: Decimal
    low: Decimal
    high: Decimal


class CostForecast(Model):
    """What the period will come to, and how wrong such forecasts have been."""

    name: str
    """`month` or `school year`."""
    until: date
    spent: Decimal
    expected: Decimal
    low: Decimal
    high: Decimal
    evenings_left: int
    error_percent: Decimal | None
    """Median of the absolute errors of the same forecast made on earlier days; None: too few."""
    tested: int
    """How many earlier days it was tested on."""
    days: tuple[ForecastDay, ...]
    reason: str
    """What it rests on, in a sentence."""
    incomplete: str | None = None
    """What is missing in it since the period's first day; None: nothing."""


class AlertKind(StrEnum):
    """What has reached a share of a budget."""

    ACTUAL = "actual"
    FORECAST = "forecast"


class BudgetAlert(Model):
    """A share of a budget that is reached."""

    budget: str
    """`month` or `school year`."""
    period: str
    """E.g. `2026-03`."""
    kind: AlertKind
    percent: int
    amount: Decimal
    limit: Decimal
    currency: Currency
    incomplete: str | None = None
    """What is missing in the amount; None: nothing."""

    @property
    def key(self) -> str:
        """The same for the same share of the same budget: people are told once.

        A budget that is raised is another one, whose limit stands here in cents.
        """
        share = f"{self.percent}-of-{self.limit * 100:.0f}"
        return f"{self.budget}-{self.period}-{self.kind}-{share}".replace(" ", "-")

    def __str__(self) -> str:
        """One line for people."""
        what = "spent" if self.kind is AlertKind.ACTUAL else "forecast"
        incomplete = f"; incomplete: {self.incomplete}" if self.incomplete else ""
        return (
            f"{self.percent} % of the {self.budget}'s budget {self.period} reached:"
            f" {self.amount:.2f} of {self.limit:.2f} {self.currency} {what}{incomplete}"
        )


class Alternative(Model):
    """What it would have cost otherwise."""

    name: str
    how: str
    """What is different, in a sentence."""
    cost: Decimal | None
    """None: a price is missing, or nothing is known of it."""
    actual: bool = False
    """Whether it is what was done."""


class Saving(Model):
    """What was not spent, beside a named baseline; below zero where more was spent."""

    beside: str
    amount: Decimal
    percent: Decimal


class StorageDay(Model):
    """What one kind of storage held in the mean of one day."""

    day: date
    group: str
    terabytes: Decimal
    cost: Decimal


class ServiceFigures(Model):
    """Whether pupils were served: a saving made by failing them is none. None: not measured."""

    evenings: int
    late_openings: int | None = None
    """Evenings on which the full number served later than ten minutes after `from`."""
    seconds_short: int | None = None
    """Seconds in which more sessions were open than what stood can carry."""
    connections: int | None = None
    failed_requests: int | None = None


class ReportFile(Model):
    """A file that was made with the report."""

    name: str
    what: str
    url: str | None = None


class CostReport(Model):
    """One report of cost; everything excludes VAT unless it says otherwise."""

    title: str
    period: ReportPeriod
    status: ReportStatus
    revision: int = Field(default=0, ge=0)
    """How often a final report of the period was restated."""
    inputs: str
    """Fingerprint of usage, prices and estate: the same inputs give the same figures."""
    made_at: Moment
    known_until: date
    """The last day whose usage is known."""
    currency: Currency
    vat: Decimal
    billed: Decimal
    effective: Decimal
    groups: tuple[tuple[str, Decimal, Decimal], ...] = ()
    """Name, billed and effective cost of each group, the dearest first."""
    missing: tuple[MissingPrice, ...] = ()
    unknown: tuple[str, ...] = ()
    """Usage that a region did not tell."""
    proofs: tuple[Proof, ...] = ()
    reconciliations: tuple[Reconciliation, ...] = ()
    service: ServiceFigures
    forecasts: tuple[CostForecast, ...] = ()
    alerts: tuple[BudgetAlert, ...] = ()
    alternatives: tuple[Alternative, ...] = ()
    comparison: tuple[Alternative, ...] = ()
    """Named baselines beside what was done, e.g. always on, hindsight."""
    own_cost: Decimal | None = None
    """What Springtide itself cost; None: it has no price."""
    running: tuple[HourServers, ...] = ()
    daily: tuple[DayCost, ...] = ()
    hours: tuple[DayHours, ...] = ()
    window_hours: int | None = None
    """Clock hours that the longest evening touches; None: there was no evening."""
    break_even: BreakEven | None = None
    unit_costs: tuple[UnitCost, ...] = ()
    storage: tuple[StorageDay, ...] = ()
    corrections: tuple[tuple[str, Decimal], ...] = ()
    """Of a restated report: what changed since the one before, by group."""
    notes: tuple[str, ...] = ()

    @property
    def complete(self) -> bool:
        """Whether all usage is known and has its price."""
        return not self.missing and not self.unknown

    @property
    def saving(self) -> Saving | None:
        """Against the first named baseline that has a cost; None: there is none.

        Nor where something is missing: what is not known would count as saved.
        """
        if not self.complete:
            return None
        done = next((each.cost for each in self.comparison if each.actual), None)
        beside = next((each for each in self.comparison if not each.actual and each.cost), None)
        if done is None or beside is None or beside.cost is None:
            return None
        amount = beside.cost - done
        return Saving(beside=beside.name, amount=amount, percent=100 * amount / beside.cost)

    @property
    def billed_with_vat(self) -> Decimal:
        """What the invoice comes to."""
        return self.billed * (1 + self.vat)
