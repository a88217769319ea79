"""The fleet at a glance, on the terminal and as an artifact, by the same Prefect and cloud."""

import asyncio

from prefect.settings import PREFECT_API_URL
from prefect.variables import Variable
from typer.testing import CliRunner

from flows.evening_window import keep_fleet
from springtide.cli import app
from springtide.model.claim import Ceiling
from springtide.planning.claim_book import entry_name
from tests.flows.evening import MONDAY_16H, TAIL, Evening

FOUR = Ceiling(
    key="ceiling-1",
    fleet="api",
    servers=4,
    starts_at=MONDAY_16H,
    ends_at=TAIL,
    owner="operations",
    reason="a test says so",
)


def status(prefect: str) -> str:
    """What `springtide fleet status` prints, with that address of Prefect's."""
    env = {"PREFECT_API_URL": prefect, "COLUMNS": "200"}
    result = CliRunner().invoke(app, ["fleet", "status"], env=env, catch_exceptions=False)
    assert 0 == result.exit_code, result.output
    return result.output


def test_terminal_and_artifact_show_the_same_fleet(evening: Evening) -> None:
    """Servers, the ceiling and why, the next evenings; without Prefect the cloud is told still."""
    asyncio.run(Variable.aset(entry_name(FOUR), FOUR.model_dump(mode="json")))
    assert evening.run(keep_fleet).is_completed()
    screen, artifact = status(str(PREFECT_API_URL.value())), evening.artifact("fleet-api")
    for said in (
        "4 desired (asked for 6)",
        "ceiling of operations allows 4: a test says so",
        "Tue 2026-11-24",
    ):
        assert said in screen
        assert said in artifact
    assert "| GRA11 | 2 | 2 |" in artifact
    alone = status("http://127.0.0.1:1/api")
    assert "Prefect does not answer" in alone
    assert "not all claims are known" in alone
    assert "GRA11" in alone


def test_an_unknown_fleet_is_refused(evening: Evening) -> None:
    """By the name that was given and those that there are."""
    result = CliRunner().invoke(app, ["fleet", "status", "web"])
    assert 0 != result.exit_code
    assert 0 == evening.changes()
