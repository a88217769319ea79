"""An evening on a whole stack, started over HTTP as any program would, and what it shows."""

import json
import re
from dataclasses import dataclass
from typing import Any

import pytest

from tests.deployments.rig import CLOSE, OPEN, RUN_S, End, Rig, wait_until

ARTIFACTS = ("plan-api", "progress-api", "outcome-api")
SETTLED = End("COMPLETED", "Completed", "settled")
READABLE = re.compile(
    r"launch (gra11|sbg5|rbx1) (canary|wave [1-9]) \(\d+ servers?\)"
    r"|delete (gra11|sbg5|rbx1) \(\d+ servers?\)"
    r"|(join|drain|leave) (gra11|sbg5|rbx1) \(\d+ members?\)"
    r"|show plan of api|show outcome-api|(remember|clear) (proven|startup|calls)-api-[\w-]+"
    r"|sweep \w+|show api at a glance|list what is ours in (GRA11|SBG5|RBX1)"
)


@dataclass(frozen=True)
class Half:
    """What an opening or a closing left to be seen."""

    run_name: str
    end: End
    fleet: tuple[int, int, int]
    tasks: list[str]
    artifacts: dict[str, dict[str, Any]]

    def rows(self, key: str) -> list[dict[str, Any]]:
        """The rows of a table artifact."""
        return list(json.loads(self.artifacts[key]["data"]))

    def measured(self, measure: str) -> object:
        """A measure of the outcome."""
        return {row["measure"]: row["value"] for row in self.rows("outcome-api")}[measure]


@pytest.fixture(scope="module")
def evening(running: Rig) -> tuple[Half, Half]:
    """An evening of thirty servers, opened and closed."""
    running.begin()
    opening = half(running, OPEN)
    running.stage.set_clock(running.evening.claim_ends_at)
    return opening, half(running, CLOSE)


def half(rig: Rig, deployment: str) -> Half:
    """Start that deployment, and look at what it did."""
    run_id = rig.start(deployment)
    end = rig.end(run_id)
    artifacts = {key: rig.artifact(key, run_id) for key in ARTIFACTS}

    def recorded() -> list[str] | None:
        # Prefect's server records a task's run some time after it.
        names = rig.tasks(run_id)
        return names if "show outcome-api" in names else None

    tasks = wait_until(recorded, "its tasks are recorded", RUN_S)
    return Half(rig.name(run_id), end, rig.fleet(), tasks, artifacts)


def test_all_serve_and_all_go(evening: tuple[Half, Half]) -> None:
    """Thirty members, servers and ports at once; none of anything afterwards."""
    opening, closing = evening
    assert (SETTLED, (30, 30, 30)) == (opening.end, opening.fleet)
    assert (SETTLED, (0, 0, 0)) == (closing.end, closing.fleet)


def test_the_runs_have_names_for_people(evening: tuple[Half, Half]) -> None:
    """The list of runs says what each one is."""
    names = [half.run_name for half in evening]
    assert ["open the window of api", "close the window of api"] == names


def test_the_tasks_have_names_for_people(evening: tuple[Half, Half]) -> None:
    """The graph tells rounds and waves; no task bears its function's name."""
    opening, closing = evening
    assert [] == [n for half in evening for n in half.tasks if not READABLE.fullmatch(n)]
    assert "launch gra11 wave 1 (15 servers)" in opening.tasks
    assert {"canary", "wave"} == {n.split()[2] for n in opening.tasks if n.startswith("launch")}
    assert "leave sbg5 (7 members)" in closing.tasks


def test_the_plan_says_why_before_anything_is_done(evening: tuple[Half, Half]) -> None:
    """What is desired, on whose behalf, and where each server is to stand."""
    opening, closing = evening
    assert "30 desired: window evening asks for 30" in opening.artifacts["plan-api"]["description"]
    planned = [row for row in opening.rows("plan-api") if row["what"] in ("launch", "wait")]
    assert {"GRA11", "SBG5", "RBX1"} == {row["where"] for row in planned}
    assert 30 == sum(row["servers"] for row in planned)
    assert all(row["why"] for row in planned)
    assert "no claim holds now" in closing.artifacts["plan-api"]["description"]


def test_the_progress_reaches_its_end(evening: tuple[Half, Half]) -> None:
    """The bar is full once it is done."""
    assert [100.0, 100.0] == [half.artifacts["progress-api"]["data"] for half in evening]


def test_the_outcome_tells_what_happened(evening: tuple[Half, Half]) -> None:
    """How many serve, were launched and deleted, and what was paid for."""
    opening, closing = evening
    assert ["as desired"] * 2 == [half.artifacts["outcome-api"]["description"] for half in evening]
    measures = ("ended", "desired", "serving", "launched", "deleted", "standing, not serving")
    assert ["settled", 30, 30, 30, 0, 0] == [opening.measured(m) for m in measures]
    assert ["settled", 0, 0, 0, 30, 0] == [closing.measured(m) for m in measures]
    assert 30 == opening.measured("paid server hours seen")
    assert 6 * 30 == closing.measured("paid server hours seen")
