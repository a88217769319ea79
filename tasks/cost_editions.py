"""The editions of a report: which one is made, where it lies, and the one that it restates.

An edition is there as soon as its `report.json` is: that is written last, on this machine and in
object storage. What a killed run left behind counts for nothing, and the same run again completes
it.
"""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from prefect import task

from springtide.clouds.clock import present
from springtide.clouds.swift.opening import open_swift_store
from springtide.clouds.swift.store import SwiftStore
from springtide.costing.report import Premises, Standpoint
from springtide.errors import Misconfigured
from springtide.estate import price_books, school_holidays
from springtide.ledger.charge_files import CSV_NAME
from springtide.ledger.looks import looked_days
from springtide.ledger.usage_ledger import UsageLedger, fingerprint
from springtide.model.base import Name
from springtide.model.bill import ProviderBill
from springtide.model.calendar import PARIS
from springtide.model.cost_figures import CostReport
from springtide.model.cost_report import CostReporting, ReportPeriod, ReportStatus
from springtide.planning.cost_report import (
    Edition,
    edition_of,
    evenings_between,
    is_settled,
    next_edition,
    school_year,
)
from springtide.planning.known_usage import known_usage, untold_days
from springtide.planning.school_calendar import SchoolCalendar
from springtide.pricing.price_book import join_books
from tasks.cloud import EstateOrder
from tasks.retrying import may_pass

REPORT_NAME = "report.json"
"""All figures of an edition; where it is, the edition is whole."""
_DAY = timedelta(days=1)


class CostOrder(EstateOrder):
    """Which estate's fleet it is about."""

    fleet: Name

    @property
    def reporting(self) -> CostReporting:
        """How its costs are reported.

        Raises:
            Misconfigured: the estate does not say.
        """
        return self.estate.cost_reporting()

    @property
    def regions(self) -> frozenset[str]:
        """Those in which a fleet of the estate may stand."""
        return frozenset(each.name for fleet in self.estate.fleets for each in fleet.regions)

    @property
    def ledger(self) -> UsageLedger:
        """Where its usage is kept."""
        return UsageLedger(Path(self.reporting.usage_folder))

    def premises(self) -> Premises:
        """Fleet, windows, calendar and prices.

        Raises:
            Misconfigured: a file is wrong, or the books contradict each other.
        """
        fleet = self.estate.fleet(self.fleet)
        return Premises(
            fleet=fleet,
            windows=self.estate.windows_of(fleet.name),
            calendar=SchoolCalendar(school_holidays(self.estate, self.estate_file)),
            book=join_books(price_books(self.estate, self.estate_file)),
            reporting=self.reporting,
        )

    def now(self) -> datetime:
        """The present; in a rehearsal the sandbox's."""
        return present(self.estate)

    def today(self) -> date:
        """The day in Paris."""
        return self.now().astimezone(PARIS).date()


@task(
    task_run_name="choose the edition of {period.name}",
    retries=3,
    retry_delay_seconds=[5, 20, 60],
    retry_condition_fn=may_pass,
)
def choose_standpoint(
    order: CostOrder, period: ReportPeriod, bill: ProviderBill | None
) -> Standpoint:
    """From where the report looks; its edition follows from what was made before."""
    today, reporting = order.today(), order.reporting
    inputs = _inputs(order, period, bill)
    settled = is_settled(period, today, settled_after_days=reporting.settled_after_days)
    found = next_edition(_earlier(order, period), inputs, settled=settled)
    looked, regions = looked_days(order.ledger), order.regions
    known = known_usage(period, looked, regions, yesterday=today - _DAY, settled=settled)
    # The forecast and the year's budget reach further back than the period.
    so_far = min(known.until, period.last)
    year = [day for day in school_year(so_far).days() if day <= so_far]
    return Standpoint(
        period=period,
        now=order.now(),
        known_until=known.until,
        status=found.status,
        inputs=found.inputs,
        revision=found.revision,
        unknown=known.unknown,
        untold=untold_days(looked, regions, year),
        notes=known.notes,
    )


@dataclass(frozen=True)
class EditionBefore:
    """The edition that is restated."""

    charges: Path
    """Its rows, as CSV."""
    groups: Mapping[str, Decimal]
    """What each group was billed."""


@task(
    task_run_name="find the edition before {at.period.name}",
    retries=3,
    retry_delay_seconds=[5, 20, 60],
    retry_condition_fn=may_pass,
)
def find_edition_before(order: CostOrder, at: Standpoint) -> EditionBefore | None:
    """The edition that is restated, fetched where another machine made it; None: none is."""
    if at.status is not ReportStatus.RESTATED:
        return None
    for name in _earlier(order, at.period):
        found = edition_of(name)
        if found and found.revision == at.revision - 1 and _is_closed(found):
            folder = _period_folder(order, at.period) / name
            _fetch(order, at.period, folder)
            report = CostReport.model_validate_json((folder / REPORT_NAME).read_text("utf-8"))
            groups = {name: billed for name, billed, _ in report.groups}
            return EditionBefore(folder / CSV_NAME, groups)
    return None


def edition_place(order: CostOrder, at: Standpoint) -> str:
    """The edition's folder within the container."""
    return f"{order.fleet}/{at.period.name}/{Edition(at.status, at.revision, at.inputs).name}"


def edition_folder(order: CostOrder, at: Standpoint) -> Path:
    """The edition's folder on this machine."""
    folder = Path(order.reporting.folder) / edition_place(order, at)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def open_place(order: CostOrder) -> SwiftStore:
    """Where reports are published.

    Raises:
        Misconfigured: nowhere.
    """
    place = order.reporting.place
    if place is None:
        raise Misconfigured("there is no place to publish to", field="cost_report.place")
    cloud = order.reporting.cloud or order.estate.cloud
    return open_swift_store(cloud, place, residency=order.estate.residency)


def _inputs(order: CostOrder, period: ReportPeriod, bill: ProviderBill | None) -> str:
    """Fingerprint of usage, prices, what is planned, and the bill.

    Raises:
        Misconfigured: school holidays are not known on one of the period's days.
    """
    premises = order.premises()
    # What holidays leave of the windows: a calendar that is corrected plans other evenings.
    planned = evenings_between(
        premises.windows, premises.calendar, first=period.first, last=period.last
    )
    digest = hashlib.sha256(fingerprint(order.ledger, period.first, period.last + _DAY).encode())
    for model in (premises.book, premises.fleet, *premises.windows, *planned, premises.reporting):
        digest.update(model.model_dump_json().encode())
    if bill is not None:
        digest.update(bill.model_dump_json().encode())
    return digest.hexdigest()[:16]


def _earlier(order: CostOrder, period: ReportPeriod) -> list[str]:
    """Names of the period's editions, on this machine and in object storage."""
    here = {path.parent.name for path in _period_folder(order, period).glob(f"*/{REPORT_NAME}")}
    return sorted(here | set(_published(order, period)))


def _published(order: CostOrder, period: ReportPeriod) -> Iterator[str]:
    if order.reporting.place is None:
        return
    with open_place(order) as store:
        store.make_container()
        for found in store.listing(f"{order.fleet}/{period.name}/"):
            edition, _, name = found.name.removeprefix(f"{order.fleet}/{period.name}/").partition(
                "/"
            )
            if name == REPORT_NAME:
                yield edition


def _is_closed(edition: Edition) -> bool:
    return edition.status is not ReportStatus.PROVISIONAL


def _period_folder(order: CostOrder, period: ReportPeriod) -> Path:
    return Path(order.reporting.folder) / order.fleet / period.name


def _fetch(order: CostOrder, period: ReportPeriod, folder: Path) -> None:
    """Have the edition's charges and report in that folder, its report last."""
    if (folder / REPORT_NAME).is_file():
        return
    folder.mkdir(parents=True, exist_ok=True)
    with open_place(order) as store:
        for name in (CSV_NAME, REPORT_NAME):
            fresh = folder / f"{name}.new"
            fresh.write_bytes(store.get(f"{order.fleet}/{period.name}/{folder.name}/{name}"))
            fresh.replace(folder / name)
