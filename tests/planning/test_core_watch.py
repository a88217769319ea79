"""How it stands with the private cloud, and when people are told."""

from datetime import timedelta
from typing import Any

import pytest

from springtide.model.core_watch import CoreCheck, CoreFinding, Telling
from springtide.model.inventory import Inventory, Power
from springtide.model.readiness import Readiness
from springtide.planning.core_watch import (
    AGAIN,
    core_alarm,
    core_rows,
    core_summary,
    judge_core,
    look_at_core,
    reds,
    telling_after,
    unanswered,
)
from tests.planning.cores import GIB, NOW, core, datastore, host, inventory, machine, size

GREEN, AMBER, RED = Readiness
CLUSTER, HOST, STORE, MACHINE = (
    CoreCheck.CLUSTER,
    CoreCheck.HOST,
    CoreCheck.DATASTORE,
    CoreCheck.VIRTUAL_MACHINE,
)


def found(seen: Inventory, **limits: object) -> dict[tuple[CoreCheck, str], CoreFinding]:
    """What is not green, by check and subject."""
    judged = judge_core(seen, (), core(**limits))
    return {(f.check, f.subject): f for f in judged if f.verdict is not GREEN}


def test_a_sound_core_is_green_throughout() -> None:
    """Every check is made, and each says what it saw."""
    judged = judge_core(inventory(machine()), (), core())
    assert {GREEN} == {f.verdict for f in judged}
    assert set(CoreCheck) - {CoreCheck.ANSWER, CoreCheck.DATABASE} == {f.check for f in judged}
    assert core_alarm(judged, None, NOW) is None


UNREAD: dict[str, Any] = {"change_version": ""}
MACHINES = [
    pytest.param({"power": Power.OFF}, RED, "off", id="off"),
    pytest.param({"power": Power.SUSPENDED}, RED, "suspended", id="suspended"),
    pytest.param({"connected": False}, RED, "does not answer", id="orphaned"),
    pytest.param(UNREAD | {"connected": False}, RED, "cannot read", id="out of reach"),
    pytest.param({"question": "moved or copied?"}, RED, "copied", id="a question"),
    pytest.param({"snapshots": ("old",)}, AMBER, "old", id="a snapshot"),
    pytest.param({"tools_running": False}, AMBER, "VMware Tools", id="no tools"),
]


@pytest.mark.parametrize(("said", "verdict", "detail"), MACHINES)
def test_a_machine_of_the_estate(said: dict[str, Any], verdict: Readiness, detail: str) -> None:
    """What the estate names is missed when it does not run."""
    one = found(inventory(machine(**said)))[MACHINE, "web-1"]
    assert verdict is one.verdict
    assert detail in one.detail


@pytest.mark.parametrize(("said", "verdict", "detail"), MACHINES)
def test_a_machine_that_the_estate_does_not_name(
    said: dict[str, Any], verdict: Readiness, detail: str
) -> None:
    """It may be off, and without tools; the rest is told of it, too."""
    others = found(inventory(machine(), machine("other", **said)))
    expected = None if "power" in said or "tools_running" in said else verdict
    one = others.get((MACHINE, "other"))
    assert expected == (one.verdict if one else None)
    assert one is None or detail in one.detail


def test_a_machine_that_is_being_made() -> None:
    """VCenter has no configuration of it yet: nobody is woken, but where the estate names it."""
    seen = found(inventory(machine(**UNREAD), machine("other", **UNREAD)))
    assert [RED, AMBER] == [seen[MACHINE, name].verdict for name in ("web-1", "other")]


def test_a_machine_that_is_gone() -> None:
    """The estate names it and vCenter does not know it."""
    assert RED is found(inventory())[MACHINE, "web-1"].verdict


HOSTS = [
    pytest.param({"connected": False}, RED, id="away"),
    pytest.param({"in_maintenance": True}, AMBER, id="in maintenance"),
    pytest.param({"status": "red"}, RED, id="red in vCenter"),
    pytest.param({"status": "yellow"}, AMBER, id="yellow in vCenter"),
    pytest.param({"status": "gray"}, None, id="vCenter does not know"),
]


@pytest.mark.parametrize(("said", "verdict"), HOSTS)
def test_a_host(said: dict[str, Any], verdict: Readiness | None) -> None:
    """Whether it carries machines, and what vCenter says of it."""
    hosts = (host("esx-1"), host("esx-2", **said), host("esx-3"))
    one = found(inventory(machine(), hosts=hosts)).get((HOST, "esx-2"))
    assert verdict is (one.verdict if one else None)


def test_other_clusters_are_not_looked_at() -> None:
    """A laboratory beside it may be as it is."""
    lab = host("lab-1", cluster="lab", connected=False)
    seen = inventory(machine(), hosts=(*inventory().hosts, lab))
    assert {} == found(seen)
    assert RED is found(seen, clusters=("core", "away"))[CLUSTER, "away"].verdict


@pytest.mark.parametrize(
    ("gib", "verdict"), [(691 - 32, None), (692 - 32, RED)], ids=["it holds", "a GiB more"]
)
def test_a_cluster_that_cannot_lose_a_host_any_more(gib: int, verdict: Readiness | None) -> None:
    """Two hosts of 384 GiB at 0.9 hold 691."""
    others = [machine("a", host="esx-2", size=size(1, 300))]
    seen = inventory(machine(), *others, machine("b", host="esx-3", size=size(1, gib - 300)))
    one = found(seen).get((CLUSTER, "core"))
    assert verdict is (one.verdict if one else None)


STORES = [
    pytest.param({"free_bytes": 601 * GIB}, None, id="just below amber"),
    pytest.param({"free_bytes": 600 * GIB}, AMBER, id="amber"),
    pytest.param({"free_bytes": 301 * GIB}, AMBER, id="just below red"),
    pytest.param({"free_bytes": 300 * GIB}, RED, id="red"),
    pytest.param({"accessible": False}, RED, id="not accessible"),
    pytest.param({"in_maintenance": True}, AMBER, id="in maintenance"),
    pytest.param({"hosts": ("esx-1", "esx-3")}, AMBER, id="a host has not mounted it"),
    pytest.param({"hosts": ("elsewhere",)}, None, id="another cluster's"),
]


@pytest.mark.parametrize(("said", "verdict"), STORES)
def test_a_datastore(said: dict[str, Any], verdict: Readiness | None) -> None:
    """Its shares by the estate's limits, both inclusive."""
    seen = inventory(machine(), datastores=(datastore(), datastore("ssd-2", **said)))
    one = found(seen).get((STORE, "ssd-2"))
    assert verdict is (one.verdict if one else None)


def test_people_are_told_when_something_becomes_red_and_again_after_hours() -> None:
    """Not every few minutes, and not when one of several is mended."""
    one = judge_core(inventory(machine(power=Power.OFF)), (), core())
    hosts = (host("esx-1", status="red"), host("esx-2"), host("esx-3"))
    two = judge_core(inventory(machine(power=Power.OFF), hosts=hosts), (), core())
    alarm = core_alarm(one, None, NOW)
    assert "web-1: it is off" in str(alarm)
    told = telling_after(one, None, alarm=alarm, now=NOW)
    later = NOW + timedelta(minutes=5)
    assert core_alarm(one, told, later) is None
    assert told == telling_after(one, told, alarm=None, now=later)
    assert "esx-1" in str(core_alarm(two, told, later))
    both = Telling(reds=reds(two), at=NOW)
    assert core_alarm(one, both, later) is None
    left = telling_after(one, both, alarm=None, now=later)
    assert "esx-1" in str(core_alarm(two, left, later + timedelta(minutes=5)))
    assert core_alarm(one, told, NOW + AGAIN - timedelta(seconds=1)) is None
    assert core_alarm(one, told, NOW + AGAIN) is not None
    sound = judge_core(inventory(machine()), (), core())
    assert telling_after(sound, told, alarm=None, now=later) is None


def test_a_vcenter_that_does_not_answer_is_red() -> None:
    """It is the one finding, and nothing is noted of that day."""
    look = unanswered("no answer in time")
    assert ("1 red", (), ()) == (core_summary(look.findings), look.samples, look.outdated)
    assert "no answer in time" in str(core_alarm(look.findings, None, NOW))


def test_red_comes_first_and_long_alarms_are_cut() -> None:
    """Ten in full; the table has them all."""
    machines = [machine(f"web-{n:02}", power=Power.OFF) for n in range(13)]
    names = tuple(m.name for m in machines)
    judged = judge_core(inventory(*machines), (), core(virtual_machines=names))
    rows = core_rows(judged)
    assert ["🔴 red"] * 13 == [row["verdict"] for row in rows[:13]]
    assert str(core_alarm(judged, None, NOW)).endswith("web-09: it is off; and 3 more")


def test_a_look_says_what_is_to_be_noted() -> None:
    """The day's fills, and the days that are kept no longer."""
    today = NOW.date()
    old, kept = today - timedelta(days=181), today - timedelta(days=180)
    look = look_at_core(inventory(machine()), {old: (), kept: ()}, core())
    assert (old,) == look.outdated
    assert [("ssd-1", 1500 * 1024, today)] == [
        (s.datastore, s.used_mib, s.day) for s in look.samples
    ]
