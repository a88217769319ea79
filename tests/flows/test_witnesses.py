"""What Prefect's runs tell of surges, orders and openings."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TypeVar
from uuid import uuid4

import pytest
from prefect import State
from prefect.client.schemas.objects import FlowRun
from prefect.states import Completed, Failed, Running

from flows.emergency_surge import emergency_surge
from flows.evening_window import open_evening_window
from flows.fleet_orders import extend_claim, lift_entry
from springtide.model.cost_report import PeriodKind, ReportPeriod
from tasks.flow_names import EXTENSION, LIFTING, OPENING, SURGE
from tasks.witnesses import read_orders, read_surges, served
from tests.flows.evening import THURSDAY, Evening

Found = TypeVar("Found")
RECORDED_S = 120
"""Prefect records a task's end some seconds after it."""
CLAIM = "springtide_claim_surge-"


def today() -> ReportPeriod:
    """The day of the runs, and the next: Prefect knows no rehearsed time."""
    day = datetime.now(UTC).date()
    return ReportPeriod(kind=PeriodKind.DAYS, first=day, last=day + timedelta(days=1))


def recorded(read: Callable[[], Found], expected: Found) -> Found:
    """What is read, once it is what is expected, or nobody would wait any longer."""
    until = time.monotonic() + RECORDED_S
    while (found := read()) != expected and time.monotonic() < until:
        time.sleep(0.5)
    return found


def surge(evening: Evening, key: str, **changes: object) -> State[object]:
    """A surge of ten servers for two hours."""
    asked = {"servers": 10, "hours": 2, "owner": "operations", "reason": "schools are closed"}
    return evening.run(emergency_surge, **{"fleet": "api", "key": key, **asked, **changes})


def test_only_a_surge_that_was_accepted_counts(evening: Evening) -> None:
    """Not a dry run, nor a refused one, nor the same again; for as long as it lasted in the end."""
    evening.sandbox.set_clock(THURSDAY)
    began, key = datetime.now(UTC), f"lockdown-{uuid4()}"
    assert surge(evening, key, hours=12, dry_run=True).is_completed()
    assert surge(evening, key, servers=13).is_failed()
    assert surge(evening, key).is_completed()
    assert surge(evening, key).is_completed()
    said = {"owner": "operations", "reason": "not over yet"}
    longer = evening.run(extend_claim, name=f"{CLAIM}{key}", hours=3, **said)
    assert longer.is_completed()

    def read() -> list[tuple[int, int]]:
        """Servers and hours of each."""
        return [
            (claim.servers, round((claim.ends_at - claim.starts_at) / timedelta(hours=1)))
            for claim in read_surges.fn("api", today())
            if claim.starts_at >= began
        ]

    assert [(10, 5)] == recorded(read, [(10, 5)])
    assert () == read_surges.fn("web", today())
    for name in (f"{CLAIM}{key}", longer.result()):
        assert evening.run(lift_entry, name=name, **said).is_completed()
    assert [(10, 0)] == recorded(read, [(10, 0)])


def test_an_opening_with_a_number_of_its_own_is_an_order(evening: Evening) -> None:
    """One that only showed its plan ordered nothing."""
    began = datetime.now(UTC)
    assert evening.run(open_evening_window, servers=9, dry_run=True).is_completed()
    assert evening.run(open_evening_window, servers=8).is_completed()
    assert evening.run(open_evening_window).is_completed()

    def read() -> list[int]:
        return [r.given["servers"] for r in read_orders.fn("api", today()) if r.at >= began]

    assert [8] == recorded(read, [8])


def test_the_flows_are_called_as_they_are_asked_for() -> None:
    """A flow by another name would have no runs, and nobody would be told."""
    flows = (open_evening_window, emergency_surge, extend_claim, lift_entry)
    assert (OPENING, SURGE, EXTENSION, LIFTING) == tuple(flow.name for flow in flows)


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        pytest.param(Completed(message="settled"), True, id="all serve"),
        pytest.param(Completed(message="settled; an alarm"), True, id="all serve, and more"),
        pytest.param(Completed(message="dry run"), False, id="it showed its plan"),
        pytest.param(Completed(message="frozen"), False, id="a freeze held"),
        pytest.param(Completed(message="window evening is skipped"), False, id="a holiday"),
        pytest.param(Completed(), False, id="nobody knows"),
        pytest.param(Failed(message="settled"), False, id="fewer serve"),
        pytest.param(Running(), False, id="under way"),
        pytest.param(None, False, id="no state"),
    ],
)
def test_which_openings_had_all_servers_serve(
    state: State[object] | None, *, expected: bool
) -> None:
    """To end well is not enough: a run that was to change nothing does so within seconds."""
    assert expected == served(FlowRun(flow_id=uuid4(), state=state))
