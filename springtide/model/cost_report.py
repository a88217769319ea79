"""How costs are reported: of which days, from which files, against which budgets, and where to."""

from datetime import date, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, model_validator

from springtide.model.base import CloudName, EnvironmentVariable, Model
from springtide.model.object_storage import StorePlace
from springtide.model.proof import ProofInput
from springtide.model.provider_api import BillSource

LONGEST_DAYS = 400
Budget = Annotated[Decimal, Field(gt=0, le=100_000_000, decimal_places=2)]
Percent = Annotated[int, Field(ge=1, le=200)]


class PeriodKind(StrEnum):
    """Which days a report speaks of."""

    DAY = "day"
    MONTH = "month"
    SCHOOL_YEAR = "school-year"
    DAYS = "days"


class ReportPeriod(Model):
    """The days of a report, both inclusive, by the clock of Paris."""

    kind: PeriodKind
    first: date
    last: date

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        days = (self.last - self.first).days + 1
        if not 1 <= days <= LONGEST_DAYS:
            raise ValueError(
                f"last {self.last} must be 0 to {LONGEST_DAYS - 1} days after first {self.first}"
            )
        return self

    @property
    def name(self) -> str:
        """As it stands in titles and names of files, e.g. `2026-03` or `2025-2026`."""
        if self.kind is PeriodKind.DAY:
            return self.first.isoformat()
        if self.kind is PeriodKind.MONTH:
            return f"{self.first:%Y-%m}"
        if self.kind is PeriodKind.SCHOOL_YEAR:
            return f"{self.first:%Y}-{self.last:%Y}"
        return f"{self.first.isoformat()}-to-{self.last.isoformat()}"

    def days(self) -> tuple[date, ...]:
        """Each of its days."""
        return tuple(
            self.first + timedelta(days=n) for n in range((self.last - self.first).days + 1)
        )


class ReportStatus(StrEnum):
    """How much a report may still change."""

    PROVISIONAL = "provisional"
    """Its period is not over, or usage may still come in late."""
    FINAL = "final"
    RESTATED = "restated"
    """Final once before, and its inputs have changed since."""


class CostReporting(Model):
    """What the reports of cost are made of, and where they go."""

    usage_folder: Annotated[str, Field(min_length=1)] = "usage"
    """Where the ledger of usage is kept, on the worker's machine."""
    price_books: Annotated[tuple[str, ...], Field(min_length=1)]
    """Files of prices, relative to the estate file."""
    bill_source: BillSource | None = None
    """Where the provider's bill of a month is read; None: from a file that a form names, or not."""
    baselines: tuple[ProofInput, ...] = ()
    """What no cloud knows and a claim is measured against, e.g. `cost-before`, with its source."""
    own_resources: tuple[str, ...] = ()
    """Names or ids of the servers that Springtide itself runs on: what it costs is told apart."""
    compare_flavours: tuple[str, ...] = ()
    """Flavours of the price books that the report compares the fleet's own with."""
    month_budget: Budget | None = None
    """Of a calendar month, excluding VAT, in the price books' currency."""
    year_budget: Budget | None = None
    """Of a school year, excluding VAT, in the price books' currency."""
    alert_percents: Annotated[tuple[Percent, ...], Field(min_length=1)] = (50, 80, 100)
    """Shares of a budget at which people are told, of what is spent and of what is forecast."""
    settled_after_days: Annotated[int, Field(ge=0, le=60)] = 3
    """A report is final so many days after its period's end: late usage has come in by then."""
    place: StorePlace | None = None
    """The container to which reports are published; None: they stay on the worker's machine."""
    cloud: CloudName | None = None
    """Entry in clouds.yaml by which they are published; None: the estate's own."""
    folder: Annotated[str, Field(min_length=1)] = "reports"
    """Where reports are written on the worker's machine."""
    temp_url_key_env: EnvironmentVariable = "SPRINGTIDE_TEMP_URL_KEY"
    """Environment variable of the worker that holds the container's key for signed links: the key
    is a secret."""
    link_days: Annotated[int, Field(ge=1, le=90)] = 14
    """How long a signed link to a report can be opened, in days."""
