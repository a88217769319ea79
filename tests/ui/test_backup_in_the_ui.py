"""Documents backed up, verified and drilled from the Prefect UI, by what a person sees there."""

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import expect

from deployments.deploy import ROOT
from deployments.stack import Stack, environment
from tests.deployments.rig import Rig
from tests.ui.conftest import STORAGE
from tests.ui.prefect_pages import PrefectPages

pytestmark = pytest.mark.chromium

FILES = 400
SCAN_BYTES = 40 * 1024 * 1024


@dataclass(frozen=True)
class Night:
    """What was seen of a backup, of a verification and of a drill."""

    states: list[str]
    runs: list[str]
    """The names of the runs."""
    progress: str
    rows: list[dict[str, str]]
    """The first row of each run's table."""


@pytest.fixture(scope="module")
def documents(stack: Stack) -> Path:
    """Their folder; the vault is made."""
    program = str(Path(sys.executable).with_name("springtide"))
    create = [program, "vault", "create", "documents"]
    subprocess.run(create, check=True, env=environment(stack), cwd=ROOT, timeout=300)
    return stack.folder / STORAGE / "srv" / "documents"


@pytest.fixture(scope="module")
def night(rig: Rig, documents: Path, ui: PrefectPages) -> Night:
    """All three, one after the other, each started by a person."""
    rig.begin()
    write_documents(documents)
    ui.run_as_asked("back-up-to-object-storage", "documents")
    states, runs = [ui.ended()], [name_of_run(ui)]
    ui.open_artifact("backup-documents-1")
    expect(ui.main).to_contain_text("MB/s")  # its description is drawn last, as Markdown
    progress = ui.main.inner_text()
    ui.page.go_back()
    ui.page.go_back()
    ui.open_artifact("backup-documents(?!-)")
    rows = [dict(zip(*ui.rows()[:2], strict=True))]
    ui.photograph("backup-outcome")
    for flow, key in (("verify-backups", "verification"), ("drill-restore", "drill")):
        ui.run_as_asked(flow, "documents")
        states.append(ui.ended())
        runs.append(name_of_run(ui))
        ui.open_artifact(f"{key}-documents")
        rows.append(dict(zip(*ui.rows()[:2], strict=True)))
        ui.photograph(f"{key}-outcome")
    return Night(states, runs, progress, rows)


def write_documents(folder: Path) -> None:
    """Some letters, and a scan that takes its time; others in a second try."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(FILES - 1):
        (folder / f"letter-{number}.txt").write_bytes(f"letter {number}\n".encode() * 200)
    (folder / "scan.tif").write_bytes(os.urandom(SCAN_BYTES))


def name_of_run(ui: PrefectPages) -> str:
    """As the page's navigation tells it."""
    return ui.page.get_by_role("navigation", name="breadcrumb").inner_text()


def test_the_runs_complete_and_say_what_they_do(night: Night) -> None:
    """Their names tell source and vault, and the bar of the backup is full in the end."""
    assert ["Completed"] * 3 == night.states
    names = ("back up documents", "verify documents", "drill the restore of documents")
    assert [True] * 3 == [name in run for name, run in zip(names, night.runs, strict=True)]
    assert "Progress: 100%" in night.progress
    assert re.search(f"{FILES} files, .* MB/s", night.progress)


def test_the_tables_tell_what_is_proven(night: Night) -> None:
    """Confirmed and read back; backed up in time; restored without a difference."""
    backup, verification, drill = night.rows
    assert f"{FILES} (0 unchanged)" == backup["files"]
    assert "confirmed" == backup["what"]
    assert not backup["read back"].startswith("0 ")
    assert "documents, part 1" == verification["what"]
    assert re.fullmatch("last backed up: .* UTC", verification["is"])
    assert ("springtide", "0", str(FILES)) == (drill["by"], drill["differences"], drill["files"])


def test_no_page_tells_a_files_name(night: Night) -> None:
    """Neither a name nor a path is in what people see."""
    seen = " ".join([night.progress, *(cell for row in night.rows for cell in row.values())])
    assert [] == [name for name in ("letter-", "scan.tif", "/srv/") if name in seen]
