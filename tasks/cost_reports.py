"""Cost reports: priced from the ledger, written as files, published with links that expire."""

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from prefect import get_run_logger, task
from prefect.artifacts import create_markdown_artifact, create_table_artifact

from springtide.clouds.swift.links import signed_link
from springtide.costing.gathering import Gathered, Gathering
from springtide.costing.report import Premises, Standpoint
from springtide.ledger.charge_files import (
    CSV_NAME,
    PARQUET_NAME,
    Correcting,
    write_charges,
)
from springtide.model.charge import Charge
from springtide.model.cost_figures import CostReport, ReportFile
from springtide.model.cost_report import ReportStatus
from springtide.pricing.focus import ADDED, COLUMNS, CORRECTION, focus_rows
from springtide.reporting.cost_page import cost_page
from springtide.reporting.cost_summary import cost_markdown, cost_summary, verdict_rows
from tasks.cost_editions import (
    REPORT_NAME,
    CostOrder,
    EditionBefore,
    edition_folder,
    edition_place,
    open_place,
)
from tasks.vaults import may_pass

_TYPES = {
    ".html": ("text/html; charset=utf-8", "the report, to be read and printed"),
    ".json": ("application/json", "all of its figures"),
    ".csv": ("text/csv; charset=utf-8", "charges by resource, SKU and day, in FOCUS"),
    ".parquet": ("application/vnd.apache.parquet", "the same, with exact decimals"),
}


@dataclass(frozen=True)
class Priced:
    """A period's charges and what they came to."""

    gathered: Gathered
    charges: tuple[Charge, ...]


@task(task_run_name="price {at.period.name}")
def price_period(
    order: CostOrder, premises: Premises, at: Standpoint, *, before: EditionBefore | None = None
) -> Priced:
    """Price the period's usage, and write its charges beside the report; again is the same.

    With an edition before this one its rows stay, and what has changed since is corrected.
    """
    gathering = Gathering(order.ledger, premises.book, at.period, known_until=at.known_until)
    kept: list[Charge] = []
    rows = focus_rows(_kept(gathering.charges(), kept), premises.book)
    columns = {column.name: column.type.value for column in COLUMNS}
    correcting = Correcting(before.charges, ADDED, *CORRECTION) if before else None
    write_charges(rows, columns, edition_folder(order, at), correcting=correcting)
    return Priced(gathering.gathered(order.reporting.own_resources), tuple(kept))


@task(task_run_name="render {report.period.name}")
def render_report(order: CostOrder, report: CostReport, at: Standpoint) -> list[Path]:
    """Write the page and its figures beside the charges, the figures last; all of its files."""
    folder = edition_folder(order, at)
    page = f"cost-{report.period.name}.html"
    for name, text in ((page, cost_page(report)), (REPORT_NAME, report.model_dump_json(indent=1))):
        fresh = folder / f"{name}.new"
        fresh.write_text(text, encoding="utf-8")
        fresh.replace(folder / name)
    return [folder / name for name in (page, CSV_NAME, PARQUET_NAME, REPORT_NAME)]


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
    with open_place(order) as store:
        store.make_container()
        if key:
            store.set_link_key(key)
        else:
            get_run_logger().warning("links=none why=%s is not set", _key_name(order))
        names = {path: f"{edition_place(order, at)}/{_published(path, at)}" for path in files}
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


def _published(path: Path, at: Standpoint) -> str:
    """An object's name: a provisional report says another thing each day."""
    return (
        path.name
        if at.status is not ReportStatus.PROVISIONAL
        else f"{at.now:%Y%m%dt%H%M%S}-{path.name}"
    )


def _told(path: Path, url: str | None) -> ReportFile:
    return ReportFile(name=path.name, what=_TYPES[path.suffix][1], url=url)


def _key_name(order: CostOrder) -> str:
    return order.reporting.temp_url_key_env
