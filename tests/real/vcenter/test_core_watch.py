"""Watching the private cloud on Prefect's own engine and the simulated vCenter."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from prefect.variables import Variable

from flows.core_watch import watch_core
from tasks.core_watch import read_fills
from tests.real.vcenter.inventory import GIB
from tests.real.vcenter.stage import Stage

pytestmark = pytest.mark.real

PROGRAM = "import asyncio; from flows.core_watch import watch_core; asyncio.run(watch_core())"


async def _forget() -> None:
    for day in await read_fills():
        await Variable.aunset(f"datastore_fills_{day:%Y_%m_%d}")
    await Variable.aunset("core_watch_told")


@pytest.fixture(autouse=True)
def _nothing_noted(stage: Stage) -> None:  # noqa: ARG001 - Prefect must run
    asyncio.run(_forget())


async def _note(day: datetime, used_gib: float) -> None:
    used = int(used_gib * 1024)
    await Variable.aset(f"datastore_fills_{day:%Y_%m_%d}", {"ssd-1": [3000 * 1024, used]})


def test_a_sound_core_is_told_and_noted_once_a_day(stage: Stage) -> None:
    """The table shows all; the second look notes nothing more."""
    for _ in range(2):
        state = stage.run(watch_core)
        assert state.is_completed(), state.message
        assert "green" in str(state.message)
    assert "web-1" not in stage.artifact("core")
    (noted,) = asyncio.run(read_fills()).values()
    assert {"ssd-1": 1500 * 1024, "ssd-2": 2300 * 1024} == {s.datastore: s.used_mib for s in noted}


def test_what_becomes_red_is_told_once(stage: Stage) -> None:
    """The run fails, the next one does not, and a further trouble is told again."""
    stage.simulator.set_host("esx-2", state="notResponding")
    first = stage.run(watch_core)
    assert first.is_failed()
    assert "esx-2: it does not answer vCenter" in str(first.message)
    assert stage.run(watch_core).is_completed()
    assert stage.run(watch_core, dry_run=True).is_failed()
    stage.simulator.set_virtual_machine("web-2", on=False)
    assert "web-2: it is off" in str(stage.run(watch_core).message)
    stage.simulator.set_host("esx-2", state="connected")
    assert stage.run(watch_core).is_completed()
    stage.simulator.set_host("esx-2", state="notResponding")
    assert stage.run(watch_core).is_failed()


def test_a_machine_whose_files_are_out_of_reach_is_red(stage: Stage) -> None:
    """Whether the estate names it or not."""
    for name in ("web-1", "database-3"):
        stage.simulator.set_virtual_machine(name, inaccessible=True)
    told = str(stage.run(watch_core).message)
    for name in ("web-1", "database-3"):
        assert f"{name}: vCenter cannot read its configuration" in told


def test_a_fill_is_foretold_from_the_days_before(stage: Stage) -> None:
    """20 GiB a day, and 2,500 of 3,000 used: 90 % in ten days."""
    now = datetime.now(UTC)
    for ago in range(1, 15):
        asyncio.run(_note(now - timedelta(days=ago), 2500 - 20 * ago))
    stage.simulator.set_datastore("ssd-1", free_bytes=500 * GIB)
    stage.run(watch_core)
    assert "20.0 GiB a day: 90% in 10 days" in stage.artifact("core")


def test_a_vcenter_that_lets_nobody_in_is_red(stage: Stage) -> None:
    """The run fails with the reason, and does not crash."""
    stage.simulator.password = "a wrong guess"  # noqa: S105 - as it says
    state = stage.run(watch_core)
    assert state.is_failed()
    assert "vCenter: vCenter: inventory: InvalidLogin" in str(state.message)


def test_a_look_that_is_killed_is_made_anew(stage: Stage) -> None:
    """Killed while vCenter answers: the next one sees all of it, and notes the day once."""
    stage.simulator.set_delay(0.5)
    stage.kill_when(PROGRAM, lambda: bool(stage.simulator.calls("RetrievePropertiesEx")))
    stage.simulator.set_delay(0)
    assert {} == asyncio.run(read_fills())
    state = stage.run(watch_core)
    assert state.is_completed(), state.message
    assert 1 == len(asyncio.run(read_fills()))


def test_it_changes_nothing(stage: Stage) -> None:
    """It looks, by calls that only look."""
    stage.run(watch_core)
    looking = {"RetrieveServiceContent", "Login", "Logout", "RetrievePropertiesEx"}
    views = {"CreateContainerView", "DestroyView"}
    assert looking | views == {call["method"] for call in stage.simulator.calls()}
