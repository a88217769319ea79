"""Without a trace nothing is changed: the command line, where the estate keeps an audit log."""

from collections.abc import Iterator

import pytest
import yaml
from typer.testing import CliRunner, Result

from springtide.cli import app
from tests.convergence.stage import OPENS_AT, Stage, a_window
from tests.environment import environment


@pytest.fixture
def untraced(stage: Stage) -> Iterator[Stage]:
    """An evening of three servers is due; the estate keeps an audit log, and no folder is named."""
    stage.write(window=a_window(servers=3))
    estate = yaml.safe_load(stage.estate_file.read_text("utf-8"))
    estate["audit"] = {
        "site": {"region": "GRA11", "container": "audit"},
        "key_file": "/etc/springtide/audit-key",
        "allowed_signers_file": "workers",
    }
    stage.estate_file.with_name("workers").touch()
    stage.estate_file.write_text(yaml.safe_dump(estate), "utf-8")
    stage.sandbox.set_clock(OPENS_AT)
    with environment(SPRINGTIDE_AUDIT_LOG=""):
        yield stage


def fleet(stage: Stage, *words: str) -> Result:
    """What `springtide fleet` says of that estate."""
    return CliRunner().invoke(app, ["fleet", *words, "--estate", str(stage.estate_file)])


def test_nothing_is_changed_without_a_trace(untraced: Stage) -> None:
    """The command ends at once and names the variable, and the estate file that it went by."""
    ended = fleet(untraced, "converge", "api")
    assert 2 == ended.exit_code, ended.output
    assert f"estate {untraced.estate_file}\n" in ended.stdout
    assert "SPRINGTIDE_AUDIT_LOG: it is not set" in ended.stderr
    assert 0 == untraced.calls("POST", "/servers")
    untraced.assert_stands(0)


def test_what_is_only_looked_at_needs_no_trace(untraced: Stage) -> None:
    """A dry run tells its plan, and the status is shown."""
    for words in (("converge", "api", "--dry-run"), ("status", "api")):
        ended = fleet(untraced, *words)
        assert 0 == ended.exit_code, ended.output
    assert 0 == untraced.calls("POST", "/servers")


def test_with_a_folder_it_is_done_and_traced(untraced: Stage) -> None:
    """The same evening opens once the environment names a folder."""
    folder = untraced.estate_file.with_name("audit")
    with environment(SPRINGTIDE_AUDIT_LOG=str(folder)):
        ended = fleet(untraced, "converge", "api")
    assert 0 == ended.exit_code, ended.output
    untraced.assert_stands(3)
    (chain,) = folder.glob("cli-*.jsonl")
    assert "/servers" in chain.read_text("utf-8")
