"""Cost reports: priced from the ledger, written as files, published with links that expire."""

import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from prefect import get_run_logger, task
from prefect.artifacts import create_markdown_artifact, create_table_artifact

from springtide.clouds.swift.links import signed_link
from springtide.clouds.swift.store import SwiftStore
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
from tasks.retrying import may_pass

_TYPES = {
    ".html": ("text/html; charset=utf-8", "the report, to be read and printed"),
    ".json": ("application/json", "all of its figures"),
    ".csv": ("text/csv; charset=utf-8", "charges by resource, SKU and day, in FOCUS"),
    ".parquet": ("application/vnd.apache.parquet", "the same, with exact decimals"),
}
_LOOKED = frozenset({".html", ".json"})
"""What holds looks at the present, too: another run of the same inputs may say another thing."""


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

    A final report that says another thing than what is published of it stands beside that.

    Without a place they stay where they are; without a key they are published and not linked.
    """
    variable = order.reporting.temp_url_key_env
    key = os.environ.get(variable)
    until = datetime.now(UTC) + timedelta(days=order.reporting.link_days)
    if order.reporting.place is None:
        return [_told(path, None) for path in files]
    with open_place(order) as store:
        store.make_container()
        if key:
            store.set_link_key(key)
        else:
            get_run_logger().warning("links=none why=%s is not set", variable)
        names = _object_names(store, edition_place(order, at), at, files)
        for name, path in names:
            if store.size(name) is None:
                store.put(name, path.read_bytes(), content_type=_TYPES[path.suffix][0])
        return [
            _told(path, signed_link(store, name, key=key, until=until) if key else None)
            for name, path in names[: len(files)]
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


def _object_names(
    store: SwiftStore, place: str, at: Standpoint, files: Sequence[Path]
) -> list[tuple[str, Path]]:
    """The objects' names, each with its file, in the order in which they are put.

    What a provisional report says is another thing each day, so that all of it has its time before
    its name; of a final one page and figures have, where those that are there say another thing.
    The first figures stand under their own name all the same: by them the edition is whole.
    """
    moment = f"{at.now:%Y%m%dt%H%M%S}-"
    if at.status is ReportStatus.PROVISIONAL:
        return [(f"{place}/{moment}{path.name}", path) for path in files]
    prefix = _prefix(store, place, {path.suffix: path for path in files}, moment)
    names = [
        (f"{place}/{prefix if path.suffix in _LOOKED else ''}{path.name}", path) for path in files
    ]
    return [*names, *((f"{place}/{path.name}", path) for path in files if path.name == REPORT_NAME)]


def _prefix(store: SwiftStore, place: str, files: Mapping[str, Path], moment: str) -> str:
    """What stands before the names of page and figures: of the last ones, if these say the same."""
    names = [found.name.removeprefix(f"{place}/") for found in store.listing(f"{place}/")]
    page, figures = files[".html"], files[".json"]
    published = [name.removesuffix(REPORT_NAME) for name in names if name.endswith(REPORT_NAME)]
    if published:
        last = max(published)
        same = _said(store.get(f"{place}/{last}{REPORT_NAME}")) == _said(figures.read_bytes())
        return last if same else moment
    # A killed run may have left a page, and what is put stays as it is.
    left = page.name in names and store.get(f"{place}/{page.name}") != page.read_bytes()
    return moment if left else ""


def _said(figures: bytes) -> dict[str, Any]:
    """All that the figures say, but for when they were made."""
    document: dict[str, Any] = json.loads(figures)
    return document | {"made_at": None}


def _told(path: Path, url: str | None) -> ReportFile:
    return ReportFile(name=path.name, what=_TYPES[path.suffix][1], url=url)
