"""Stored entries in a file, for the evening on which Prefect is down: heard, or refused."""

import re
import textwrap
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner, Result

from springtide.cli import app
from springtide.model.claim import Claim
from springtide.planning.claim_book import entry_name
from tests.convergence.stage import ENDS_AT, OPENS_AT, Stage, a_window
from tests.convergence.test_claims import a_surge

RUNBOOK = Path(__file__).parents[2] / "docs" / "runbooks" / "prefect-is-down.md"
SURGE = a_surge(6)


def converge(stage: Stage, claims: str, *words: str) -> Result:
    """What `springtide fleet converge` does with such a file."""
    path = stage.estate_file.with_name("claims.yaml")
    path.write_text(claims, "utf-8")
    command = ["fleet", "converge", "api", "--claims", str(path), *words]
    return CliRunner().invoke(app, command, env={"SPRINGTIDE_ESTATE": str(stage.estate_file)})


def written(name: object, surge: Claim = SURGE, **changes: object) -> str:
    """The surge as a person writes it, under that name."""
    return yaml.safe_dump({name: {**surge.model_dump(mode="json"), **changes}})


def test_a_surge_in_the_file_outlasts_the_evening(stage: Stage) -> None:
    """What is not claimed by it goes, as all that is stored is known."""
    stage.write(window=a_window(servers=9))
    stage.open()
    stage.sandbox.set_clock(ENDS_AT)
    result = converge(stage, written(entry_name(SURGE)))
    assert 0 == result.exit_code, result.output
    stage.assert_stands(6)


@pytest.mark.parametrize(
    ("claims", "why"),
    [
        pytest.param(written("surge-1"), "surge-1: is no stored name", id="no prefix"),
        pytest.param(written("springtide-claim_surge-1"), "is no stored name", id="prefix"),
        pytest.param(written(entry_name(SURGE), fleet="web"), "no fleet 'web'", id="fleet"),
        pytest.param(written(entry_name(SURGE), until="now"), "until: is not a field", id="field"),
        pytest.param(2 * written(entry_name(SURGE)), "stands twice", id="twice"),
        pytest.param("[]", "given a list", id="no entries"),
    ],
)
def test_an_entry_that_would_not_be_heard_is_refused(stage: Stage, claims: str, why: str) -> None:
    """Else the fleet would be taken down under a surge that somebody wrote down."""
    stage.write(window=a_window(servers=6))
    stage.open()
    stage.sandbox.set_clock(ENDS_AT)
    result = converge(stage, claims)
    assert 2 == result.exit_code, result.output
    assert why in result.output
    stage.assert_stands(6)


def test_the_runbooks_example_is_heard(stage: Stage) -> None:
    """A reader who copies it has a surge, and a ceiling over it."""
    page = RUNBOOK.read_text("utf-8")
    (block,) = re.findall(r"^ *```yaml\n(.*?)^ *```", page, re.MULTILINE | re.DOTALL)
    stage.write(max_servers=300)
    stage.sandbox.set_clock(OPENS_AT)
    result = converge(stage, textwrap.dedent(block), "--dry-run")
    assert 0 == result.exit_code, result.output
    assert "240 desired (asked for 300)" in result.output
