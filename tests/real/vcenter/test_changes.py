"""Changes of virtual machines on a vCenter that refuses what a real one refuses."""

import json
import re
import time
from pathlib import Path

import pytest

from springtide.clouds.vcenter.access import VCenter
from springtide.errors import (
    CapacityExhausted,
    ChangedMeanwhile,
    DeadlinePassed,
    GuardRefused,
    NotFound,
    ReplyLost,
    Retryable,
    SpringtideError,
)
from springtide.model.core import VirtualMachineSize
from springtide.model.inventory import Power
from springtide.planning.virtual_machine_change import machine_limitation
from tests.real.vcenter.inventory import GIB
from tests.real.vcenter.simulator import Simulator

pytestmark = pytest.mark.real
WHY = "a test"


def size(vcpus: int, ram_gib: int) -> VirtualMachineSize:
    """A size with its memory in GiB."""
    return VirtualMachineSize(vcpus=vcpus, ram_mib=ram_gib * 1024)


def resize(vcenter: VCenter, name: str, wanted: VirtualMachineSize) -> VirtualMachineSize:
    """Resize what is there now; the size that it has then."""
    version = vcenter.virtual_machine(name).change_version
    return vcenter.resize(name, wanted, change_version=version, why=WHY).size


def test_one_look_costs_as_many_calls_as_there_are_kinds(
    vcenter: VCenter, simulator: Simulator
) -> None:
    """Nothing is read attribute by attribute."""
    vcenter.read()
    simulator.forget_calls()
    found = vcenter.read()
    assert (1, 3, 2, 5) == (
        len(found.clusters),
        len(found.hosts),
        len(found.datastores),
        len(found.virtual_machines),
    )
    assert 4 == len(simulator.calls("RetrievePropertiesEx"))
    assert 12 == len(simulator.calls())


def test_a_machine_whose_files_are_out_of_reach_is_shown(
    vcenter: VCenter, simulator: Simulator
) -> None:
    """VCenter has no configuration of it: it is not gone, and none to be changed."""
    simulator.set_virtual_machine("web-1", inaccessible=True)
    for shown in (vcenter.read().virtual_machine("web-1"), vcenter.virtual_machine("web-1")):
        assert (Power.ON, "esx-1", "") == (shown.power, shown.host, shown.change_version)
        assert "web-1: vCenter cannot read its configuration" == machine_limitation(shown)


def test_a_hot_add_sends_the_change_version_and_what_changes(
    vcenter: VCenter, simulator: Simulator
) -> None:
    """Cores per socket, flags or the other size, sent along, stop a hot add."""
    assert size(8, 64) == resize(vcenter, "web-1", size(8, 64))
    (call,) = simulator.calls("ReconfigVM_Task")
    (spec,) = re.findall("<spec[^>]*>(.*)</spec>", call["body"])
    assert ["changeVersion", "memoryMB"] == re.findall("<([a-zA-Z]+)>", spec)


def test_what_is_so_already_is_not_sent(vcenter: VCenter, simulator: Simulator) -> None:
    """Each change can be repeated: the second time it is only looked at."""
    before = vcenter.virtual_machine("web-1")
    assert before == vcenter.resize("web-1", before.size, change_version="an old one", why=WHY)
    assert before == vcenter.power_on("web-1", why=WHY)
    vcenter.shut_down_guest("web-1", why=WHY)
    vcenter.shut_down_guest("web-1", why=WHY)
    assert [] == simulator.calls("ReconfigVM_Task") + simulator.calls("PowerOnVM_Task")
    assert 1 == len(simulator.calls("ShutdownGuest"))


def test_a_cold_resize_shuts_down_changes_and_starts(
    vcenter: VCenter, simulator: Simulator
) -> None:
    """The guest is asked and waited for; nothing is ever powered off the hard way."""
    simulator.set_virtual_machine("database-1", shutdown_s=1)
    assert Power.OFF is vcenter.shut_down_guest("database-1", why=WHY).power
    assert size(16, 128) == resize(vcenter, "database-1", size(16, 128))
    assert Power.ON is vcenter.power_on("database-1", why=WHY).power
    assert [] == simulator.calls("PowerOffVM_Task")


REFUSED_WHILE_ON = [
    pytest.param("database-1", size(16, 64), "CpuHotPlug", id="cores without the flag"),
    pytest.param("database-1", size(8, 128), "MemoryHotPlug", id="memory without the flag"),
    pytest.param("web-1", size(4, 32), "CpuHotPlug", id="fewer cores"),
    pytest.param("web-1", size(8, 16), "MemoryHotPlug", id="less memory"),
    pytest.param("web-2", size(2, 4), "MemorySize", id="a Linux of 2 GiB above 3 GiB"),
    pytest.param("web-1", size(8, 513), "MemorySize", id="above 16 times its memory at start"),
]


@pytest.mark.parametrize(("name", "wanted", "fault"), REFUSED_WHILE_ON)
def test_what_cannot_change_while_it_runs_is_refused(
    vcenter: VCenter, name: str, wanted: VirtualMachineSize, fault: str
) -> None:
    """VCenter's refusal is a guard's, and nothing has changed."""
    before = vcenter.virtual_machine(name)
    with pytest.raises(GuardRefused, match=fault):
        resize(vcenter, name, wanted)
    assert before == vcenter.virtual_machine(name)


def test_somebody_elses_change_stops_ours(vcenter: VCenter, simulator: Simulator) -> None:
    """A decision on an older change version is not carried out; seen before the call."""
    decided_on = vcenter.virtual_machine("web-1")
    simulator.set_virtual_machine("web-1", touched=True)
    with pytest.raises(ChangedMeanwhile):
        vcenter.resize("web-1", size(12, 32), change_version=decided_on.change_version, why=WHY)
    assert [] == simulator.calls("ReconfigVM_Task")


def test_a_change_between_look_and_call_is_seen_by_vcenter(
    vcenter: VCenter, simulator: Simulator
) -> None:
    """The last word is vCenter's: it compares the change version that is sent."""
    simulator.order("ReconfigVM_Task", "ConcurrentAccess", in_task=True)
    with pytest.raises(ChangedMeanwhile):
        resize(vcenter, "web-1", size(12, 32))


FAULTS = [
    pytest.param("TaskInProgress", False, Retryable, id="another task is under way"),
    pytest.param("TaskInProgress", True, Retryable, id="so says the task"),
    pytest.param("NoDiskSpace", True, CapacityExhausted, id="the datastore is full"),
    pytest.param("InsufficientMemoryResourcesFault", True, CapacityExhausted, id="no memory"),
    pytest.param("InvalidState", True, GuardRefused, id="it has another state"),
    pytest.param("HostNotConnected", True, Retryable, id="its host is away"),
    pytest.param("ManagedObjectNotFound", False, NotFound, id="it is gone"),
]


@pytest.mark.parametrize(("fault", "in_task", "expected"), FAULTS)
def test_faults_are_told_by_what_the_caller_does(
    vcenter: VCenter,
    simulator: Simulator,
    fault: str,
    *,
    in_task: bool,
    expected: type[SpringtideError],
) -> None:
    """Each fault is one of our errors, its class named, whether the call or its task ends in it."""
    simulator.order("ReconfigVM_Task", fault, in_task=in_task)
    with pytest.raises(expected, match=fault) as told:
        resize(vcenter, "web-1", size(12, 32))
    assert expected is type(told.value)
    assert size(8, 32) == vcenter.virtual_machine("web-1").size


@pytest.mark.parametrize("trouble", ["hangup", "garbage"])
def test_an_answer_that_never_came_leaves_it_open_whether_it_was_done(
    vcenter: VCenter, simulator: Simulator, trouble: str
) -> None:
    """A lost reply is not a failure: asked again, the change is made once, or was made already."""
    simulator.order("ReconfigVM_Task", trouble)
    with pytest.raises(ReplyLost):
        resize(vcenter, "web-1", size(8, 64))
    assert size(8, 64) == resize(vcenter, "web-1", size(8, 64))
    assert (1 if trouble == "hangup" else 2) == len(simulator.calls("ReconfigVM_Task"))


@pytest.mark.parametrize("trouble", ["hangup", "garbage"])
def test_a_look_that_gets_no_answer_can_be_repeated(
    vcenter: VCenter, simulator: Simulator, trouble: str
) -> None:
    """Nothing was to be changed: it is a passing trouble."""
    simulator.order("RetrievePropertiesEx", trouble)
    with pytest.raises(Retryable) as told:
        vcenter.read()
    assert Retryable is type(told.value)
    assert 5 == len(vcenter.read().virtual_machines)


def test_no_room_for_the_swap_file_is_a_lack_of_room(
    vcenter: VCenter, simulator: Simulator
) -> None:
    """A machine that does not start for want of disk space stays off, and says why."""
    vcenter.shut_down_guest("database-1", why=WHY)
    simulator.set_datastore("ssd-1", free_bytes=63 * GIB)
    with pytest.raises(CapacityExhausted) as told:
        vcenter.power_on("database-1", why=WHY)
    assert "datastores" == told.value.kind
    simulator.set_datastore("ssd-1", free_bytes=64 * GIB)
    assert Power.ON is vcenter.power_on("database-1", why=WHY).power


def test_a_task_reports_its_progress(vcenter: VCenter, simulator: Simulator) -> None:
    """Whoever waits sees it move."""
    simulator.order("PowerOnVM_Task", in_task=True, slow_s=1.5)
    vcenter.shut_down_guest("web-1", why=WHY)
    seen: list[int] = []
    vcenter.power_on("web-1", why=WHY, progress=seen.append)
    assert len(seen) > 2
    assert sorted(seen) == seen


def test_a_task_past_its_deadline_is_left_and_told(vcenter: VCenter, simulator: Simulator) -> None:
    """The wait ends; the task may be done later, which a second look shows."""
    simulator.order("ReconfigVM_Task", in_task=True, slow_s=5)
    began = time.monotonic()
    with pytest.raises(DeadlinePassed):
        resize(vcenter, "web-1", size(12, 32))
    assert time.monotonic() - began > 2.9
    assert size(8, 32) == vcenter.virtual_machine("web-1").size


def test_a_guest_that_does_not_shut_down_is_left_running(
    vcenter: VCenter, simulator: Simulator
) -> None:
    """The deadline passes, and no hard power-off follows."""
    simulator.set_virtual_machine("database-1", shutdown_s=-1)
    with pytest.raises(DeadlinePassed, match="database-1"):
        vcenter.shut_down_guest("database-1", why=WHY, deadline_s=1)
    assert Power.ON is vcenter.virtual_machine("database-1").power
    assert [] == simulator.calls("PowerOffVM_Task")


def test_a_guest_without_tools_is_not_asked(vcenter: VCenter, simulator: Simulator) -> None:
    """Nobody can ask it: it is refused before anything is sent."""
    simulator.set_virtual_machine("database-1", tools=False)
    with pytest.raises(GuardRefused, match="VMware Tools"):
        vcenter.shut_down_guest("database-1", why=WHY)
    assert [] == simulator.calls("ShutdownGuest")


def test_an_ended_session_is_begun_again(vcenter: VCenter, simulator: Simulator) -> None:
    """Before a look and before a change, once each."""
    vcenter.read()
    simulator.end_sessions()
    version = vcenter.virtual_machine("web-1").change_version
    simulator.order("ReconfigVM_Task", "NotAuthenticated")
    done = vcenter.resize("web-1", size(8, 64), change_version=version, why=WHY)
    assert size(8, 64) == done.size
    assert 3 == len(simulator.calls("Login"))


def test_a_session_that_ends_in_mid_change_does_not_lose_the_task(
    vcenter: VCenter, simulator: Simulator
) -> None:
    """The wait goes on in a new session: the change is made once, and its end is seen."""
    simulator.order("WaitForUpdatesEx", "NotAuthenticated")
    simulator.order("ReconfigVM_Task", in_task=True, slow_s=1)
    assert size(8, 64) == resize(vcenter, "web-1", size(8, 64))
    assert 1 == len(simulator.calls("ReconfigVM_Task"))


def test_a_session_that_is_refused_again_ends_the_call(
    vcenter: VCenter, simulator: Simulator
) -> None:
    """One login more, and no loop."""
    simulator.order("RetrievePropertiesEx", "NotAuthenticated", times=-1)
    with pytest.raises(Retryable, match="NotAuthenticated"):
        vcenter.read()
    assert 2 == len(simulator.calls("Login"))


def test_each_change_leaves_its_intent_and_its_outcome(
    vcenter: VCenter, simulator: Simulator, tmp_path: Path
) -> None:
    """A refused one, too; with what it was and what it was to be."""
    resize(vcenter, "web-1", size(8, 64))
    simulator.order("ReconfigVM_Task", "TaskInProgress", in_task=True)
    with pytest.raises(Retryable):
        resize(vcenter, "web-1", size(8, 96))
    lines = [json.loads(line) for line in (tmp_path / "audit/run.jsonl").read_text().splitlines()]
    assert ["intent", "outcome"] * 2 == [line["step"] for line in lines]
    assert {"ram_mib": [32768, 65536]} == lines[0]["values"]
    assert "success" == lines[1]["result"]
    assert lines[3]["result"].startswith("Retryable")
