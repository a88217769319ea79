"""Cost reports: priced from the ledger, written as files, published with links that expire."""

import hashlib
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

from prefect import get_run_logger, task
from prefect.artifacts import create_markdown_artifact, create_table_artifact

from springtide.clouds.rehearsal import now_source
from springtide.clouds.swift.links import signed_link
from springtide.clouds.swift.opening import open_swift_store
from springtide.clouds.swift.store import SwiftStore
from springtide.costing.gathering import Gathered, Gathering
from springtide.costing.report import Premises, Standpoint
from springtide.errors import Misconfigured
from springtide.estate import price_books, school_holidays
from springtide.ledger.charge_files import write_charges
from springtide.ledger.usage_ledger import UsageLedger, fingerprint
from springtide.model.base import Model, Name
from springtide.model.bill import ProviderBill
from springtide.model.charge import Charge
from springtide.model.cost_figures import CostReport, ReportFile
from springtide.model.cost_report import CostReporting, ReportPeriod, ReportStatus
from springtide.model.estate import Estate
from springtide.planning.cost_report import Edition, edition_of, is_settled, next_edition
from springtide.planning.school_calendar import SchoolCalendar
from springtide.pricing.cost_breakdown import CostBreakdown
from springtide.pricing.focus import COLUMNS, focus_rows
from springtide.pricing.price_book import join_books
from springtide.pricing.provider_bill import read_invoice, read_usage_history
from springtide.reporting.cost_page import cost_page
from springtide.reporting.cost_summary import cost_markdown, cost_summary, verdict_rows
from tasks.cloud import read_estate
from tasks.vaults import may_pass

_PARIS = ZoneInfo("Europe/Paris")
_DAY = timedelta(days=1)
_TYPES = {
    ".html": ("text/html; charset=utf-8", "the report, to be read and printed"),
    ".json": ("application/json", "all of its figures"),
    ".csv": ("text/csv; charset=utf-8", "charges by resource, SKU and day, in FOCUS"),
    ".parquet": ("application/vnd.apache.parquet", "the same, with exact decimals"),
}


class CostOrder(Model):
    """Which estate's fleet it is about."""

    estate_file: Path
    fleet: Name

    @property
    def estate(self) -> Estate:
        """The estate, read once in this process."""
        return read_estate(self.estate_file)

    @property
    def reporting(self) -> CostReporting:
        """How its costs are reported.

        Raises:
            Misconfigured: the estate does not say.
        """
        if self.estate.cost_report is None:
            raise Misconfigured("the estate reports no cost", field="cost_report")
        return self.estate.cost_report

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
        return now_source(self.estate)()

    def today(self) -> date:
        """The day in Paris."""
        return self.now().astimezone(_PARIS).date()


@dataclass(frozen=True)
class Priced:
    """A period's charges and what they came to."""

    gathered: Gathered
    charges: tuple[Charge, ...]


@task(
    task_run_name="choose the edition of {period.name}",
    retries=3,
    retry_delay_seconds=[5, 20, 60],
    retry_condition_fn=may_pass,
)
def choose_standpoint(order: CostOrder, period: ReportPeriod, bill: str | None) -> Standpoint:
    """From where the report looks; its edition follows from what was made before."""
    today, reporting = order.today(), order.reporting
    known_until = today - _DAY
    inputs = _inputs(order, period, bill)
    settled = is_settled(period, today, settled_after_days=reporting.settled_after_days)
    found = next_edition(_earlier(order, period), inputs, settled=settled)
    return Standpoint(
        period=period,
        now=order.now(),
        known_until=known_until,
        status=found.status,
        inputs=found.inputs,
        revision=found.revision,
    )


def read_bill(path: str | None, currency: str) -> ProviderBill | None:
    """The provider's bill in that file of the worker's: JSON of its API, or an invoice's CSV.

    Raises:
        Misconfigured: it cannot be read, or is neither.
    """
    if path is None:
        return None
    try:
        text = Path(path).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Misconfigured(f"{path} cannot be read: {error}", field="bill") from error
    read = read_usage_history if path.endswith(".json") else read_invoice
    return read(text, currency=currency, source=Path(path).name)


def earlier_groups(order: CostOrder, at: Standpoint) -> dict[str, Decimal] | None:
    """Billed cost by group of the edition that is restated; None: none is, or it is not here."""
    if at.status is not ReportStatus.RESTATED:
        return None
    here = _folder(order, at).parent
    found = [(edition, edition_of(edition.name)) for edition in here.iterdir()]
    before = [path for path, each in found if each and each.revision == at.revision - 1]
    reports = [path / "report.json" for path in sorted(before) if "provisional" not in path.name]
    if not reports or not reports[0].is_file():
        return None
    report = CostReport.model_validate_json(reports[0].read_text("utf-8"))
    return {name: billed for name, billed, _ in report.groups}


@task(task_run_name="price {at.period.name}")
def price_period(order: CostOrder, premises: Premises, at: Standpoint) -> Priced:
    """Price the period's usage, and write its charges beside the report; again is the same."""
    gathering = Gathering(order.ledger, premises.book, at.period, known_until=at.known_until)
    breakdown = CostBreakdown(order.reporting.own_resources)
    kept: list[Charge] = []
    rows = focus_rows(_kept(gathering.charges(breakdown), kept), premises.book)
    columns = {column.name: column.type.value for column in COLUMNS}
    write_charges(rows, columns, _folder(order, at))
    return Priced(gathering.gathered(breakdown), tuple(kept))


@task(task_run_name="render {report.period.name}")
def render_report(order: CostOrder, report: CostReport, at: Standpoint) -> list[Path]:
    """Write the page and its figures beside the charges; all of the report's files."""
    folder = _folder(order, at)
    texts = {
        f"cost-{report.period.name}.html": cost_page(report),
        "report.json": report.model_dump_json(indent=1),
    }
    for name, text in texts.items():
        fresh = folder / f"{name}.new"
        fresh.write_text(text, encoding="utf-8")
        fresh.replace(folder / name)
    return [folder / name for name in (*texts, "charges.csv", "charges.parquet")]


@task(
    task_run_name="publish {at.period.name}",
    retries=3,
    retry_delay_seconds=[5, 20, 60],
    retry_condition_fn=may_pass,
)
def publish_report(order: CostOrder, at: Standpoint, files: Sequence[Path]) -> list[ReportFile]:
    """Put the files into object storage, each once, with links that expire; there is success.

    Without a place they stay where they are; without a key they are published and not linked.
    """
    key = os.environ.get(order.reporting.temp_url_key_env)
    until = datetime.now(UTC) + timedelta(days=order.reporting.link_days)
    if order.reporting.place is None:
        return [_told(path, None) for path in files]
    with _store(order) as store:
        store.make_container()
        if key:
            store.set_link_key(key)
        else:
            get_run_logger().warning("links=none why=%s is not set", _key_name(order))
        names = {path: f"{_base(order, at)}/{_published(path, at)}" for path in files}
        for path, name in names.items():
            if store.size(name) is None:
                store.put(name, path.read_bytes(), content_type=_TYPES[path.suffix][0])
        return [
            _told(path, signed_link(store, name, key=key, until=until) if key else None)
            for path, name in names.items()
        ]


@task(task_run_name="show {report.period.name}")
def show_report(order: CostOrder, report: CostReport, files: Sequence[ReportFile]) -> None:
    """Show the verdicts as a table, and the report's links, money and forecast as a page."""
    create_table_artifact(
        verdict_rows(report) or [{"verdict": "none", "claim": "nothing is known yet"}],
        key=f"cost-verdicts-{order.fleet}",
        description=cost_summary(report),
    )
    create_markdown_artifact(cost_markdown(report, files), key=f"cost-report-{order.fleet}")


def _kept(charges: Iterable[Charge], kept: list[Charge]) -> Iterator[Charge]:
    for charge in charges:
        kept.append(charge)
        yield charge


def _inputs(order: CostOrder, period: ReportPeriod, bill: str | None) -> str:
    """Fingerprint of usage, prices, what is planned, and the bill."""
    premises = order.premises()
    digest = hashlib.sha256(fingerprint(order.ledger, period.first, period.last + _DAY).encode())
    for model in (premises.book, premises.fleet, *premises.windows, premises.reporting):
        digest.update(model.model_dump_json().encode())
    if bill is not None:
        digest.update(Path(bill).read_bytes())
    return digest.hexdigest()[:16]


def _earlier(order: CostOrder, period: ReportPeriod) -> list[str]:
    """Names of the period's editions, on this machine and in object storage."""
    here = Path(order.reporting.folder) / order.fleet / period.name
    names = [path.name for path in here.iterdir()] if here.is_dir() else []
    if order.reporting.place is not None:
        with _store(order) as store:
            store.make_container()
            prefix = f"{order.fleet}/{period.name}/"
            names += [found.name.split("/")[2] for found in store.listing(prefix)]
    return sorted(set(names))


def _edition(at: Standpoint) -> Edition:
    return Edition(at.status, at.revision, at.inputs)


def _base(order: CostOrder, at: Standpoint) -> str:
    return f"{order.fleet}/{at.period.name}/{_edition(at).name}"


def _folder(order: CostOrder, at: Standpoint) -> Path:
    folder = Path(order.reporting.folder) / _base(order, at)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _published(path: Path, at: Standpoint) -> str:
    """An object's name: a provisional report says another thing each day."""
    return (
        path.name
        if at.status is not ReportStatus.PROVISIONAL
        else f"{at.now:%Y%m%dt%H%M%S}-{path.name}"
    )


def _store(order: CostOrder) -> SwiftStore:
    place = order.reporting.place
    if place is None:
        raise Misconfigured("there is no place to publish to", field="cost_report.place")
    cloud = order.reporting.cloud or order.estate.cloud
    return open_swift_store(cloud, place, residency=order.estate.residency)


def _told(path: Path, url: str | None) -> ReportFile:
    return ReportFile(name=path.name, what=_TYPES[path.suffix][1], url=url)


def _key_name(order: CostOrder) -> str:
    return order.reporting.temp_url_key_env
