"""Convergences killed with SIGKILL at chosen points: the next run takes over without a trace."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from springtide.model.base import Model
from springtide.model.outcome import Ending
from springtide.model.plan import Launch
from tests.convergence.stage import ENDS_AT, OPENS_AT, Stage, a_window

ROOT = Path(__file__).parents[2]
COMMAND = ("-m", "springtide.cli", "fleet", "converge", "api", "--no-stored-claims")
SERVERS = 9
LAUNCH = {"method": "POST", "path_regex": "^/servers$", "region": "GRA11"}
DELETE = {"method": "DELETE", "path_regex": "^/servers/"}
MEMBERS = {"method": "PUT", "path_regex": "/members$"}


class Kill(Model):
    """Where a run is killed: at which of the requests that a rule holds."""

    rule: dict[str, str]
    at: int = 1
    """1: at the first such request."""
    when: str = "before"
    """Before the request's effect, which then comes after the death; or after it."""
    closing: bool = False


KILLS = {
    "after-the-first-launch": Kill(rule=LAUNCH, when="after"),
    "after-the-second-launch": Kill(rule=LAUNCH, when="after", at=2),
    "after-the-third-launch": Kill(rule=LAUNCH, when="after", at=3),
    "with-a-launch-under-way": Kill(rule=LAUNCH, at=2),
    "before-the-first-join": Kill(rule=MEMBERS),
    "after-the-first-join": Kill(rule=MEMBERS, when="after"),
    "after-the-first-drain": Kill(rule=MEMBERS, when="after", closing=True),
    "between-leaving-and-deleting": Kill(rule=DELETE, closing=True),
    "in-the-middle-of-the-deletes": Kill(rule=DELETE, at=5, when="after", closing=True),
}


@pytest.mark.parametrize("kill", KILLS.values(), ids=KILLS.keys())
def test_a_killed_run_is_taken_over(stage: Stage, kill: Kill) -> None:
    """A run is killed at that point; the next one ends with just what is desired."""
    stage.write(window=a_window(servers=SERVERS), wave_servers=1)
    if kill.closing:
        stage.open()
    stage.sandbox.forget_calls()
    stage.sandbox.set_clock(ENDS_AT if kill.closing else OPENS_AT)
    stage.hold(kill.rule["method"], kill.rule["path_regex"], **held_fields(kill))
    with command(stage) as process:
        for _ in range(kill.at - 1):
            stage.sandbox.release(stage.sandbox.wait_for_hold().id)
        stage.sandbox.wait_for_hold()
        process.kill()
        process.wait(10)
    posted = stage.calls("POST", "/servers")
    stage.sandbox.clear_faults()
    outcome = stage.converge()
    assert Ending.SETTLED is outcome.ending
    stage.assert_stands(0 if kill.closing else SERVERS)
    launched = [a for each in outcome.rounds for a in each.plan.actions if isinstance(a, Launch)]
    assert len(launched) + posted == stage.calls("POST", "/servers")
    assert all(count == 1 for count in stage.waves().values())
    stage.assert_leaves_nothing()


def held_fields(kill: Kill) -> dict[str, str]:
    """What the rule that holds the requests says beside their method and path."""
    return {"when": kill.when, **{k: v for k, v in kill.rule.items() if k == "region"}}


@contextmanager
def command(stage: Stage) -> Iterator[subprocess.Popen[bytes]]:
    """The command line's convergence in a process of its own; it is dead afterwards."""
    environment = {**os.environ, "SPRINGTIDE_ESTATE": str(stage.estate_file)}
    process = subprocess.Popen(
        [sys.executable, *COMMAND],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait(10)
