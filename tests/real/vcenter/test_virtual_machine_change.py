"""Resizing a virtual machine on Prefect's own engine and a vCenter that refuses what it should."""

import asyncio
import json
from datetime import timedelta

import pytest
import yaml
from prefect import flow

from flows.virtual_machine_change import resize_virtual_machine
from springtide.model.change import ChangeOutcome
from springtide.model.core import VirtualMachineSize
from tasks.cloud import read_estate
from tasks.virtual_machine_change import VirtualMachineChange
from tests.deployments.rig import wait_until
from tests.environment import environment
from tests.real.vcenter.inventory import GIB
from tests.real.vcenter.stage import Stage, signed

pytestmark = pytest.mark.real

DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
BIGGER = {"vcpus": 12, "ram_gib": 64}
PROGRAM = """
import asyncio
from flows.virtual_machine_change import resize_virtual_machine
now = {"may_shut_down": True, "emergency": "a test has no better hour"}
asyncio.run(resize_virtual_machine("web-1", 4, 16, **now, dry_run=False))
"""
NOW = {"may_shut_down": True, "emergency": "a test has no better hour"}
SMALLER = VirtualMachineSize(vcpus=4, ram_mib=16 * 1024)


def shape(stage: Stage, name: str = "web-1") -> tuple[bool, int, int]:
    """Whether it runs, its cores, and its memory in GiB, as the simulator has them."""
    found = stage.simulator.virtual_machines()[name]
    return found["on"], found["vcpus"], found["ram_mib"] // 1024


def test_a_dry_run_shows_the_plan_and_changes_nothing(stage: Stage) -> None:
    """It is what the form does unless it is told otherwise."""
    state = stage.run(resize_virtual_machine, name="web-1", **BIGGER)
    assert state.is_completed(), state.message
    assert str(state.message).startswith("dry run: plan")
    shown = stage.artifact("proposal-resize-virtual-machine")
    assert "12 vCPU, 65536 MiB" in shown
    assert "hot: its flags" in shown
    assert (True, 8, 32) == shape(stage)


def test_an_approved_hot_resize_is_done_and_told(stage: Stage) -> None:
    """One step, its progress shown, the approver named; the second run has nothing to do."""
    stage.approve("web-1", VirtualMachineSize(vcpus=12, ram_mib=64 * 1024))
    stage.simulator.order("ReconfigVM_Task", in_task=True, slow_s=1)
    state = stage.run(resize_virtual_machine, name="web-1", **BIGGER, dry_run=False)
    assert (True, "done: 1 step") == (state.is_completed(), state.message)
    assert (True, 12, 64) == shape(stage)
    assert "anna@example.org" in stage.artifact("outcome-resize-virtual-machine")
    assert "100" == stage.artifact("vcenter-task")
    (chain,) = (stage.estate_file.parent / "audit").glob("*.jsonl")
    intent, outcome = (json.loads(line) for line in chain.read_text().splitlines())
    assert ["anna@example.org"] == intent["approved_by"]
    assert {"vcpus": [8, 12], "ram_mib": [32768, 65536]} == intent["values"]
    assert "success" == outcome["result"]
    again = stage.run(resize_virtual_machine, name="web-1", **BIGGER, dry_run=False)
    assert "nothing to do: it is as wanted already" == again.message


def test_an_approved_cold_resize_shuts_down_changes_and_starts(stage: Stage) -> None:
    """Asked for with permission to shut it down."""
    stage.approve("web-1", SMALLER)
    wanted = {"name": "web-1", "vcpus": 4, "ram_gib": 16}
    refused = stage.run(resize_virtual_machine, **wanted, dry_run=False)
    assert "would have to be shut down: fewer cores" in str(refused.message)
    state = stage.run(resize_virtual_machine, **wanted, **NOW, dry_run=False)
    assert (True, "done: 3 steps") == (state.is_completed(), state.message)
    assert (True, 4, 16) == shape(stage)
    assert [] == stage.simulator.calls("PowerOffVM_Task")


def test_nothing_is_shut_down_in_a_window(stage: Stage) -> None:
    """Nor in the hour before; a hot change may be made, and an emergency is part of the plan."""
    with_windows = yaml.safe_load(stage.estate_file.read_text("utf-8"))
    daily = {"from": "00:10", "until": "23:50", "days": list(DAYS), "skip_public_holidays": False}
    with_windows["windows"][0] |= daily
    stage.estate_file.write_text(yaml.safe_dump(with_windows), "utf-8")
    read_estate.cache_clear()
    wanted = {"name": "web-1", "vcpus": 4, "ram_gib": 16, "may_shut_down": True}
    refused = stage.run(resize_virtual_machine, **wanted)
    assert refused.is_failed()
    assert "window evening" in str(refused.message)
    assert stage.run(resize_virtual_machine, name="web-1", **BIGGER).is_completed()
    stage.run(resize_virtual_machine, **wanted, emergency="its disk is dying")
    assert "its disk is dying" in stage.artifact("proposal-resize-virtual-machine")


REFUSALS = [
    pytest.param("database-2", BIGGER, "core.virtual_machines", id="not one of the estate's"),
    pytest.param("web-1", {"vcpus": 12, "ram_gib": 400}, "esx-1 would have", id="no headroom"),
    pytest.param("database-1", BIGGER, "hot add of cores is not enabled", id="no flag"),
    pytest.param("web-1", {"vcpus": 129, "ram_gib": 64}, "more than the estate", id="too large"),
    pytest.param("web-1", {"vcpus": 0, "ram_gib": 64}, "vcpus", id="no cores"),
    pytest.param("web-9", BIGGER, "core.virtual_machines", id="unknown"),
]


@pytest.mark.parametrize(("name", "wanted", "why"), REFUSALS)
def test_what_a_guard_refuses_is_told_before_anybody_is_asked(
    stage: Stage, name: str, wanted: dict[str, int], why: str
) -> None:
    """The run fails with the reason; nothing was sent that changes anything."""
    state = stage.run(resize_virtual_machine, name=name, **wanted)
    assert state.is_failed()
    assert why in str(state.message)
    assert [] == stage.simulator.calls("ReconfigVM_Task")


def test_a_machine_whose_files_are_out_of_reach_is_refused(stage: Stage) -> None:
    """In words, whoever approved what."""
    stage.simulator.set_virtual_machine("web-1", inaccessible=True)
    state = stage.run(resize_virtual_machine, name="web-1", **BIGGER)
    assert state.is_failed()
    assert "web-1: vCenter cannot read its configuration" in str(state.message)


def test_a_change_since_the_approval_needs_another_one(stage: Stage) -> None:
    """Somebody touched it in the meantime: what was signed is not what would be done."""
    stage.approve("web-1", VirtualMachineSize(vcpus=12, ram_mib=64 * 1024))
    stage.simulator.set_virtual_machine("web-1", touched=True)
    state = stage.run(resize_virtual_machine, name="web-1", **BIGGER, dry_run=False)
    assert not state.is_completed()
    assert (True, 8, 32) == shape(stage)


def test_a_full_datastore_stops_the_start_and_says_what_to_do(stage: Stage) -> None:
    """It stays off with its new size, and the run says so; with room the next run goes on."""
    stage.approve("web-1", SMALLER)
    stage.simulator.order("PowerOnVM_Task", "NoDiskSpace", in_task=True)
    wanted = {"name": "web-1", "vcpus": 4, "ram_gib": 16, **NOW, "dry_run": False}
    state = stage.run(resize_virtual_machine, **wanted)
    assert state.is_failed()
    assert "NoDiskSpace" in str(state.message)
    assert "make room and run this again" in str(state.message)
    assert (False, 4, 16) == shape(stage)
    stage.simulator.set_datastore("ssd-1", free_bytes=1000 * GIB)
    assert "done: 1 step" == stage.run(resize_virtual_machine, **wanted).message
    assert (True, 4, 16) == shape(stage)


def test_a_refused_size_starts_again_as_it_was(stage: Stage) -> None:
    """The service is back, and the run says why it did not come to its end."""
    stage.approve("web-1", SMALLER)
    stage.simulator.order("ReconfigVM_Task", "InvalidVmConfig", in_task=True)
    wanted = {"name": "web-1", "vcpus": 4, "ram_gib": 16, **NOW, "dry_run": False}
    state = stage.run(resize_virtual_machine, **wanted)
    assert state.is_failed()
    assert "InvalidVmConfig" in str(state.message)
    assert (True, 8, 32) == shape(stage)
    assert "started again as it was" in stage.artifact("outcome-resize-virtual-machine")


def test_a_refused_size_starts_again_what_a_killed_run_has_shut_down(stage: Stage) -> None:
    """The next run has shut nothing down itself: the service is back all the same."""
    stage.approve("web-1", SMALLER)
    stage.simulator.set_virtual_machine("web-1", shutdown_s=1)
    stage.kill_when(PROGRAM, lambda: bool(stage.simulator.calls("ShutdownGuest")))
    wait_until(lambda: not shape(stage)[0], "the guest is off", 10)
    stage.simulator.order("ReconfigVM_Task", "InvalidVmConfig", in_task=True)
    wanted = {"name": "web-1", "vcpus": 4, "ram_gib": 16, **NOW, "dry_run": False}
    state = stage.run(resize_virtual_machine, **wanted)
    assert state.is_failed()
    assert "InvalidVmConfig" in str(state.message)
    assert (True, 8, 32) == shape(stage)


def approved_anew(stage: Stage) -> ChangeOutcome:
    """What becomes of what is left once people have approved it: what stands is not enough."""

    async def act() -> ChangeOutcome:
        change = VirtualMachineChange(stage.estate_file, "web-1", SMALLER, may_shut_down=True)
        proposal = (await change.propose()).proposal
        assert await change.standing_approval(proposal) is None
        return await change.act(proposal, signed(proposal))

    with environment(**stage.environment):
        return asyncio.run(flow(act, name="approved")())


def test_what_a_killed_run_has_shut_down_is_brought_back_when_it_is_found_hours_later(
    stage: Stage,
) -> None:
    """The first approval is over, and two hosts are lost: it ran there, and does again."""
    stage.approve("web-1", SMALLER, ago=timedelta(hours=2))
    stage.simulator.set_virtual_machine("web-1", on=False)
    for name in ("esx-2", "esx-3"):
        stage.simulator.set_host(name, state="notResponding")
    stage.simulator.order("ReconfigVM_Task", "InvalidVmConfig", in_task=True)
    outcome = approved_anew(stage)
    assert "InvalidVmConfig" in str(outcome.trouble)
    assert ("started again as it was",) == outcome.done
    assert (True, 8, 32) == shape(stage)


def test_a_start_that_was_refused_hours_ago_is_made_where_hosts_are_lost(stage: Stage) -> None:
    """What was approved anew shuts nothing down: that it ran is known all the same."""
    stage.approve("web-1", SMALLER, ago=timedelta(hours=2))
    stage.simulator.set_virtual_machine("web-1", on=False)
    stage.simulator.order("PowerOnVM_Task", "NoDiskSpace", in_task=True)
    assert "NoDiskSpace" in str(approved_anew(stage).trouble)
    for name in ("esx-2", "esx-3"):
        stage.simulator.set_host(name, state="notResponding")
    assert approved_anew(stage).trouble is None
    assert (True, 4, 16) == shape(stage)


def test_a_guest_that_does_not_shut_down_stops_the_run(stage: Stage) -> None:
    """It runs on; nothing is powered off, and a person is told to look."""
    stage.approve("web-1", SMALLER)
    stage.simulator.set_virtual_machine("web-1", shutdown_s=-1)
    wanted = {"name": "web-1", "vcpus": 4, "ram_gib": 16, **NOW, "dry_run": False}
    state = stage.run(resize_virtual_machine, **wanted)
    assert state.is_failed()
    assert "look at the console of web-1" in str(state.message)
    assert (True, 8, 32) == shape(stage)
    assert [] == stage.simulator.calls("PowerOffVM_Task")


KILLS = [
    pytest.param("ShutdownGuest", id="while its guest shuts down"),
    pytest.param("ReconfigVM_Task", id="while it is changed"),
    pytest.param("PowerOnVM_Task", id="while it starts"),
]


@pytest.mark.parametrize("method", KILLS)
def test_a_killed_run_is_taken_over_under_the_same_approval(stage: Stage, method: str) -> None:
    """Killed in mid-step and run again, it does the rest, and each change was made once."""
    stage.approve("web-1", SMALLER)
    stage.simulator.set_virtual_machine("web-1", shutdown_s=1)
    if method != "ShutdownGuest":
        stage.simulator.order(method, in_task=True, slow_s=1.5)
    stage.kill_when(PROGRAM, lambda: bool(stage.simulator.calls(method)))
    wanted = {"name": "web-1", "vcpus": 4, "ram_gib": 16, **NOW, "dry_run": False}
    state = stage.run(resize_virtual_machine, **wanted)
    assert state.is_completed(), state.message
    assert (True, 4, 16) == shape(stage)
    assert [] == stage.simulator.calls("PowerOffVM_Task")
