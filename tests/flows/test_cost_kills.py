"""A report or a collection is killed at each of its steps; run again, it is as if it never was."""

import hashlib
import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import openstack
import pytest
import yaml

from springtide.ledger.usage_ledger import UsageLedger, fingerprint
from springtide.planning.cost_report import month_of
from tasks.cost_editions import CostOrder, choose_standpoint
from tests.flows.desk import FIRST, Desk
from tests.flows.killed_costs import BEGIN, END, Deed, collect

KILLED = -9
STEPS = (
    ("rename", 1, "charges as CSV"),
    ("rename", 2, "charges as Parquet"),
    ("rename", 3, "the page"),
    ("rename", 4, "the figures"),
    ("put", 1, "the page is published"),
    ("put", 2, "charges as CSV are"),
    ("put", 3, "charges as Parquet are"),
    ("put", 4, "the figures are"),
)
"""Each is killed before it."""
FILES = {"charges.csv", "charges.parquet", "cost-2024-11.html", "report.json"}


@dataclass(frozen=True)
class Left:
    """What a deed left behind."""

    ends: tuple[int, int]
    editions: list[str]
    files: set[str]
    published: list[str]
    charges: str


def ended(deeds: list[Deed], folder: Path) -> list[tuple[int, int]]:
    """How the children of the deeds ended."""
    (folder / "deeds.json").write_text(json.dumps(deeds), "utf-8")
    command = [sys.executable, "-m", "tests.flows.killed_costs", str(folder / "deeds.json")]
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=250)
    return [(killed, again) for killed, again in json.loads(done.stdout.splitlines()[-1])]


@pytest.fixture
def reports(desk: Desk) -> dict[str, Left]:
    """What each of the steps left, once it was killed before it and run again."""
    estate = yaml.safe_load(desk.estate_file.read_text("utf-8"))
    deeds, places = [], []
    for number, (event, kill, _) in enumerate(STEPS):
        folder, container = desk.folder / f"reports-{number}", f"kills-{number}"
        place = {"region": "GRA11", "container": f"{container}-{desk.folder.name}"}
        changed = estate["cost_report"] | {"folder": str(folder), "place": place}
        path = desk.folder / f"estate-{number}.yaml"
        path.write_text(yaml.safe_dump(estate | {"cost_report": changed}), "utf-8")
        deeds.append({"what": "report", "estate": str(path), "event": event, "kill": kill})
        places.append((folder / "api/2024-11", place["container"]))
    ends = ended(deeds, desk.folder)
    told = zip(STEPS, ends, places, strict=True)
    return {step[2]: left(end, *place) for step, end, place in told}


def left(ends: tuple[int, int], folder: Path, container: str) -> Left:
    """What is there now."""
    cloud = openstack.connect(cloud="sandbox", region_name="GRA11")
    objects = [each.name for each in cloud.object_store.objects(container)]
    (made,) = folder.iterdir()
    return Left(
        ends=ends,
        editions=[made.name.rpartition("-")[0]],
        files={path.name for path in made.iterdir() if path.is_file()},
        published=sorted(name.rpartition("/")[2] for name in objects),
        charges=hashlib.sha256((made / "charges.parquet").read_bytes()).hexdigest(),
    )


def test_a_report_that_was_killed_is_made_again(reports: dict[str, Left]) -> None:
    """The same edition, whole, no file but its own, each object once; the same charges."""
    same = {found.charges for found in reports.values()}
    expected = {
        step: Left((KILLED, 0), ["final-0"], FILES, sorted(FILES), min(same))
        for _, _, step in STEPS
    }
    assert expected == reports


def test_what_a_killed_run_left_restates_nothing(desk: Desk) -> None:
    """It was never an edition: late usage in between makes the first one, and not a second."""
    unfinished = desk.folder / "reports/api/2024-11/final-0-0123456789abcdef"
    unfinished.mkdir(parents=True)
    (unfinished / "charges.csv").write_text("half", "utf-8")
    order = CostOrder(estate_file=desk.estate_file, fleet="api")
    at = choose_standpoint.fn(order, month_of(FIRST), None)
    assert ("final", 0) == (at.status.value, at.revision)


def test_a_collection_that_was_killed_is_made_again(tmp_path: Path) -> None:
    """Before its first month's file and before its second: both are there, none is torn."""
    undisturbed = {"what": "collect", "estate": "none", "folder": str(tmp_path / "whole")}
    collect(undisturbed)
    deeds = [
        undisturbed | {"folder": str(tmp_path / str(kill)), "event": "rename", "kill": kill}
        for kill in (1, 2)
    ]
    assert [(KILLED, 0)] * 2 == ended(deeds, tmp_path)
    whole, *others = (
        fingerprint(UsageLedger(tmp_path / name), BEGIN.date(), END.date().replace(day=2))
        for name in ("whole", "1", "2")
    )
    assert [whole] * 2 == others
    assert not list(tmp_path.glob("*/month=*/*.new"))
