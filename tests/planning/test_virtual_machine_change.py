"""How a virtual machine gets another size: hot, cold or not at all."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from springtide.errors import GuardRefused, NotFound
from springtide.model.core import VirtualMachineSize
from springtide.model.inventory import Inventory, Power, VirtualMachine
from springtide.model.virtual_machine_change import (
    ApprovedResize,
    ResizeMode,
    ResizePlan,
    ResizeStep,
)
from springtide.planning.virtual_machine_change import (
    ran_with,
    resize_plan,
    resize_rows,
    rest_limitation,
)
from tests.planning.cores import GIB, core, datastore, host, inventory, machine, size

HOT, COLD, NOTHING, REFUSED = ResizeMode
WINDOWS: dict[str, Any] = {}
LINUX = {"linux": True}


def planned(
    wanted: VirtualMachineSize, *, limits: dict[str, Any] | None = None, **said: object
) -> ResizePlan:
    """The plan for a machine of 8 vCPU and 32 GiB that takes hot adds, unless it says otherwise."""
    return resize_plan(inventory(machine(**said)), "web-1", wanted, core(**(limits or {})))


MODES = [
    pytest.param(size(8, 32), {}, NOTHING, "as wanted", id="as it is"),
    pytest.param(size(9, 32), {}, HOT, "allow it", id="a core more"),
    pytest.param(size(8, 33), {}, HOT, "allow it", id="memory more"),
    pytest.param(size(7, 32), {}, COLD, "fewer cores", id="a core less"),
    pytest.param(size(8, 31), {}, COLD, "less memory", id="memory less"),
    pytest.param(size(7, 64), {}, COLD, "fewer cores", id="one more, the other less"),
    pytest.param(size(9, 32), {"cpu_hot_add": False}, COLD, "hot add of cores", id="no core flag"),
    pytest.param(size(8, 33), {"cpu_hot_add": False}, HOT, "allow it", id="the other flag"),
    pytest.param(
        size(8, 33), {"memory_hot_add": False}, COLD, "hot add of memory", id="no memory flag"
    ),
    pytest.param(size(9, 32), {"memory_hot_add": False}, HOT, "allow it", id="the other one"),
    pytest.param(size(8, 64), {"hot_add_limit_mib": 65536}, HOT, "allow it", id="at the limit"),
    pytest.param(
        size(8, 65), {"hot_add_limit_mib": 65536}, COLD, "65536 MiB", id="above the limit"
    ),
    pytest.param(
        size(8, 32.25), {"hot_add_step_mib": 256}, HOT, "allow it", id="a multiple of the step"
    ),
    pytest.param(
        size(8, 32.125), {"hot_add_step_mib": 256}, COLD, "steps of 256", id="half a step"
    ),
    pytest.param(size(8, 32), {"power": Power.OFF}, COLD, "it is off", id="off, of that size"),
    pytest.param(size(8, 64), {"power": Power.OFF}, COLD, "it is off", id="off"),
    pytest.param(size(8, 64), {"power": Power.SUSPENDED}, REFUSED, "suspended", id="suspended"),
    pytest.param(size(8, 64), {"template": True}, REFUSED, "template", id="a template"),
    pytest.param(size(8, 64), {"connected": False}, REFUSED, "does not answer", id="orphaned"),
    pytest.param(size(8, 64), {"change_version": ""}, REFUSED, "cannot read", id="out of reach"),
    pytest.param(
        size(8, 64), {"question": "moved or copied?"}, REFUSED, "moved or", id="a question"
    ),
    pytest.param(
        size(8, 64), {"snapshots": ("before update",)}, REFUSED, "before update", id="a snapshot"
    ),
    pytest.param(size(8, 64), {"tools_running": False}, HOT, "allow it", id="hot, no tools"),
    pytest.param(
        size(8, 16), {"tools_running": False}, REFUSED, "VMware Tools", id="cold, no tools"
    ),
    pytest.param(
        size(8, 16),
        {"tools_running": False, "power": Power.OFF},
        COLD,
        "it is off",
        id="off already, no tools",
    ),
    pytest.param(size(12, 32), {"cores_per_socket": 4}, HOT, "allow it", id="a socket more"),
    pytest.param(
        size(10, 32), {"cores_per_socket": 4}, REFUSED, "no multiple", id="half a socket more"
    ),
    pytest.param(size(8, 16), {"reserved_mib": 16384}, COLD, "less memory", id="what is reserved"),
    pytest.param(
        size(8, 16), {"reserved_mib": 16388}, REFUSED, "reserved", id="below what is reserved"
    ),
]


@pytest.mark.parametrize(("wanted", "said", "mode", "reason"), MODES)
def test_the_mode_and_its_reason(
    wanted: VirtualMachineSize, said: dict[str, Any], mode: ResizeMode, reason: str
) -> None:
    """Both sides of each boundary, the reason in words."""
    plan = planned(wanted, **said)
    assert mode is plan.mode
    assert reason in plan.reason


MEMORY = [
    pytest.param(3072, 3072 * 16, WINDOWS, HOT, id="Windows, 16 times"),
    pytest.param(3072, 3072 * 16 + 4, WINDOWS, COLD, id="Windows, above 16 times"),
    pytest.param(2048, 3072, LINUX, HOT, id="a small Linux up to 3 GiB"),
    pytest.param(2048, 3076, LINUX, COLD, id="a small Linux above 3 GiB"),
    pytest.param(3072, 3076, LINUX, COLD, id="a Linux of just 3 GiB"),
    pytest.param(3076, 8192, LINUX, HOT, id="a Linux of more"),
]


@pytest.mark.parametrize(("before", "after", "said", "mode"), MEMORY)
def test_the_limits_of_hot_memory(
    before: int, after: int, said: dict[str, Any], mode: ResizeMode
) -> None:
    """Where vCenter tells no limit, the rules of its documentation hold."""
    now = VirtualMachineSize(vcpus=8, ram_mib=before)
    wanted = VirtualMachineSize(vcpus=8, ram_mib=after)
    assert mode is planned(wanted, size=now, hot_add_limit_mib=None, **said).mode


def test_nothing_is_made_larger_than_the_estate_allows() -> None:
    """Whoever asks, and however much room there is."""
    limits = {"largest": {"vcpus": 16, "ram_mib": 65536}}
    assert HOT is planned(size(16, 64), limits=limits).mode
    for wanted in (size(17, 64), size(16, 65)):
        plan = planned(wanted, limits=limits)
        assert (REFUSED, True) == (plan.mode, "more than the estate allows" in plan.reason)


HEADROOM = [
    pytest.param((0.9, 345, 0), size(8, 64), None, id="N+1 is the tighter one"),
    pytest.param((0.9, 0, 0), size(8, 345), None, id="the share of a host"),
    pytest.param((0.9, 0, 0), size(8, 346), "esx-1 would have promised", id="above it"),
    pytest.param((0.9, 0, 350), size(8, 33), "esx-1 would have promised", id="what is measured"),
]


@pytest.mark.parametrize(("given_", "wanted", "refusal"), HEADROOM)
def test_a_hosts_room(
    given_: tuple[float, int, int], wanted: VirtualMachineSize, refusal: str | None
) -> None:
    """Memory is promised once; what is measured counts where it is more."""
    share, other_gib, used_gib = given_
    others = [machine("other", host="esx-2", size=size(1, other_gib))] if other_gib else []
    seen = inventory(
        machine(),
        *others,
        hosts=(host("esx-1", used_mib=used_gib * 1024), host("esx-2"), host("esx-3")),
    )
    plan = resize_plan(seen, "web-1", wanted, core(headroom={"ram_share": share}))
    assert (refusal is None) == (plan.mode is HOT), plan.reason
    assert refusal is None or refusal in plan.reason


ALL = ("esx-1", "esx-2", "esx-3")
LARGE_OFF: dict[str, Any] = {"power": Power.OFF, "size": size(8, 128)}


@pytest.mark.parametrize(
    ("hosts", "said", "wanted", "mode"),
    [
        pytest.param(ALL, {}, size(8, 91), HOT, id="to the last GiB"),
        pytest.param(ALL, {}, size(8, 92), REFUSED, id="a GiB more"),
        pytest.param(ALL, LARGE_OFF, size(8, 91), COLD, id="off, smaller, to the last GiB"),
        pytest.param(ALL, LARGE_OFF, size(8, 92), REFUSED, id="off, smaller, a GiB more"),
        pytest.param(ALL, LARGE_OFF, size(8, 128), REFUSED, id="off, of that size"),
        pytest.param(ALL, {"size": size(8, 128)}, size(8, 92), COLD, id="it runs, and shrinks"),
        pytest.param(ALL[:2], {}, size(8, 33), REFUSED, id="two hosts, one of them spare"),
        pytest.param(ALL[:1], {}, size(8, 33), REFUSED, id="the last host"),
    ],
)
def test_a_cluster_survives_the_loss_of_its_largest_host(
    hosts: tuple[str, ...], said: dict[str, Any], wanted: VirtualMachineSize, mode: ResizeMode
) -> None:
    """600 GiB stand elsewhere; two hosts of 384 at 0.9 hold 691. What is off is in no sum yet."""
    away = [host(name, in_maintenance=name not in hosts) for name in ("esx-1", "esx-2", "esx-3")]
    others = [machine(f"db-{n}", host=f"esx-{n}", size=size(4, 300)) for n in (2, 3)]
    seen = inventory(machine(**said), *others, hosts=tuple(away))
    plan = resize_plan(seen, "web-1", wanted, core())
    assert mode is plan.mode, plan.reason


def left_of(plan: ResizePlan, left: ApprovedResize | None = None) -> ApprovedResize:
    """What a run of that plan leaves when it is killed."""
    ran = ran_with(plan, left)
    return ApprovedResize(plan=plan, statement="a line", signatures=("signed",), ran_with=ran)


CROWDED = tuple(machine(f"db-{n}", host=f"esx-{n}", size=size(4, 345)) for n in (2, 3))
FULL = (datastore(free_bytes=100 * GIB),)
OFF: dict[str, Any] = {"power": Power.OFF}


@pytest.mark.parametrize(
    ("approved", "wanted", "said", "mode"),
    [
        pytest.param(size(4, 16), size(4, 16), OFF, COLD, id="it was shut down for it"),
        pytest.param(size(4, 16), size(4, 16), OFF | {"size": size(4, 16)}, COLD, id="and has it"),
        pytest.param(size(4, 16), size(4, 8), OFF, REFUSED, id="for another size"),
        pytest.param(size(4, 16), size(4, 16), OFF | {"size": size(2, 8)}, REFUSED, id="changed"),
        pytest.param(size(4, 64), size(4, 64), OFF, REFUSED, id="it is to grow"),
    ],
)
def test_what_a_killed_run_has_shut_down_has_its_room(
    approved: VirtualMachineSize, wanted: VirtualMachineSize, said: dict[str, Any], mode: ResizeMode
) -> None:
    """Hosts and datastore are full: it ran there, and is brought back."""
    first = planned(approved)
    seen = inventory(machine(**said), *CROWDED, datastores=FULL)
    assert mode is resize_plan(seen, "web-1", wanted, core(), left=left_of(first)).mode
    assert REFUSED is resize_plan(seen, "web-1", wanted, core()).mode


def test_a_machine_that_was_off_has_no_room_of_its_own() -> None:
    """Whatever run was killed: nobody has shut it down."""
    first = planned(size(4, 16), **OFF)
    seen = inventory(machine(**OFF), *CROWDED)
    plan = resize_plan(seen, "web-1", size(4, 16), core(), left=left_of(first))
    assert (REFUSED, None) == (plan.mode, ran_with(first, None))


def test_what_it_ran_with_is_known_however_often_it_is_approved() -> None:
    """The second plan shuts nothing down, and the third one has nothing left but the start."""
    first, second = planned(size(4, 16)), planned(size(4, 16), **OFF)
    third = planned(size(4, 16), **OFF, size=size(4, 16))
    left = left_of(second, left_of(first))
    assert [size(8, 32)] * 2 == [left.ran_with, ran_with(third, left)]


def test_cores_are_promised_several_times_and_none_is_wider_than_its_host() -> None:
    """32 cores carry 128 vCPU by fours; a machine of 33 runs nowhere."""
    others = [machine(f"m{n}", size=size(30, 1)) for n in range(4)]
    seen = inventory(machine(size=size(1, 1)), *others)
    assert HOT is resize_plan(seen, "web-1", size(8, 1), core()).mode
    assert "esx-1 would carry 129" in resize_plan(seen, "web-1", size(9, 1), core()).reason
    assert "33 vCPU are more" in planned(size(33, 32)).reason


def test_a_restart_may_go_to_another_host_where_the_cluster_places_it() -> None:
    """Without that, it starts where it is registered, and there must be room there."""
    seen = inventory(machine(cpu_hot_add=False), machine("big", size=size(4, 300)))
    placing = seen.model_copy(
        update={"clusters": (seen.clusters[0].model_copy(update={"places_anywhere": True}),)}
    )
    wanted = size(12, 100)
    assert REFUSED is resize_plan(seen, "web-1", wanted, core()).mode
    assert COLD is resize_plan(placing, "web-1", wanted, core()).mode
    assert REFUSED is resize_plan(placing, "web-1", size(8, 100), core()).mode


SWAP = [
    pytest.param({}, 300 + 32, size(8, 64), HOT, id="to the last byte"),
    pytest.param({}, 300 + 31.99, size(8, 64), REFUSED, id="a little more"),
    pytest.param({"reserved_mib": 65536}, 300, size(8, 64), HOT, id="all of it reserved"),
    pytest.param({"power": Power.OFF}, 300 + 64, size(8, 64), COLD, id="off: the whole file"),
    pytest.param({"power": Power.OFF}, 300 + 63, size(8, 64), REFUSED, id="off, less room"),
    pytest.param({}, 0, size(9, 32), HOT, id="cores need no room"),
    pytest.param({"home": "gone"}, 3000, size(8, 64), REFUSED, id="an unknown datastore"),
]


@pytest.mark.parametrize(("said", "free_gib", "wanted", "mode"), SWAP)
def test_the_swap_file_needs_room_below_the_red_line(
    said: dict[str, Any], free_gib: float, wanted: VirtualMachineSize, mode: ResizeMode
) -> None:
    """Of 3,000 GiB, 300 stay free."""
    stores = (datastore(free_bytes=int(free_gib * GIB)),)
    seen = inventory(machine(**said), datastores=stores)
    plan = resize_plan(seen, "web-1", wanted, core())
    assert mode is plan.mode, plan.reason


@pytest.mark.parametrize("trouble", ["accessible", "in_maintenance"])
def test_a_datastore_that_cannot_be_used_has_no_room(trouble: str) -> None:
    """However much is free on it."""
    stores = (datastore(**{trouble: trouble == "in_maintenance"}),)
    plan = resize_plan(inventory(machine(), datastores=stores), "web-1", size(8, 64), core())
    assert (REFUSED, True) == (plan.mode, "not accessible" in plan.reason)


def test_another_cluster_is_left_alone() -> None:
    """Nothing is changed outside of the estate's clusters."""
    hosts = (host("esx-1", cluster="lab"), host("esx-2", cluster="lab"))
    plan = resize_plan(inventory(machine(), hosts=hosts), "web-1", size(7, 32), core())
    assert (REFUSED, True) == (plan.mode, "lab" in plan.reason)


def test_who_is_not_there_or_there_twice() -> None:
    """No plan is made for a guess."""
    with pytest.raises(NotFound):
        resize_plan(inventory(), "web-1", size(8, 64), core())
    with pytest.raises(GuardRefused):
        resize_plan(inventory(machine(), machine(id="vm-2")), "web-1", size(8, 64), core())


def test_a_person_sees_all_of_it() -> None:
    """Steps in order, the reason, and what should be known."""
    plan = planned(size(12, 16))
    told = {str(row["measure"]): str(row["value"]) for row in reversed(resize_rows(plan))}
    assert "8 vCPU, 32768 MiB" == told["from"]
    assert ["shut down its guest", "give it its new size", "power it on"] == [
        told[f"step {n}"] for n in (1, 2, 3)
    ]
    assert "NUMA" in told["note"]


def done(seen: Inventory, step: ResizeStep, plan: ResizePlan) -> Inventory:
    """What vCenter shows after that step."""
    now = seen.virtual_machine(plan.name)
    change: dict[ResizeStep, dict[str, Any]] = {
        ResizeStep.SHUT_DOWN: {"power": Power.OFF},
        ResizeStep.RECONFIGURE: {"size": plan.after, "change_version": now.change_version + "+"},
        ResizeStep.POWER_ON: {"power": Power.ON},
    }
    after: VirtualMachine = now.model_copy(update=change[step])
    return seen.model_copy(update={"virtual_machines": (after,)})


MACHINES = st.builds(
    lambda vcpus, ram, flags, off: machine(
        size=VirtualMachineSize(vcpus=vcpus, ram_mib=ram * 4),
        cpu_hot_add=flags[0],
        memory_hot_add=flags[1],
        power=Power.OFF if off else Power.ON,
        linux=flags[2],
    ),
    st.integers(1, 32),
    st.integers(1, 40_000),
    st.tuples(st.booleans(), st.booleans(), st.booleans()),
    st.booleans(),
)
SIZES = st.builds(
    lambda vcpus, ram: VirtualMachineSize(vcpus=vcpus, ram_mib=ram * 4),
    st.integers(1, 40),
    st.integers(1, 100_000),
)


@given(now=MACHINES, wanted=SIZES, killed_after=st.integers(0, 3))
def test_interrupted_anywhere_what_is_left_is_the_end_of_what_was_approved(
    now: VirtualMachine, wanted: VirtualMachineSize, killed_after: int
) -> None:
    """A killed run's successor does the rest and no more, and then there is nothing to do."""
    seen = inventory(now)
    approved = resize_plan(seen, "web-1", wanted, core())
    assert (approved.mode in (HOT, COLD)) == bool(approved.steps)
    for step in approved.steps[:killed_after]:
        seen = done(seen, step, approved)
    left = resize_plan(seen, "web-1", wanted, core())
    if killed_after < len(approved.steps):
        assert approved.steps[killed_after:] == left.steps
        assert rest_limitation(left, approved) is None
        for step in left.steps:
            seen = done(seen, step, left)
    if approved.steps:
        assert NOTHING is resize_plan(seen, "web-1", wanted, core()).mode


OTHER = [
    pytest.param({"change_version": "2"}, "was changed since", id="changed since"),
    pytest.param({"size": size(4, 32)}, "neither its old nor its new", id="resized by another"),
    pytest.param({"id": "vm-2"}, "another machine", id="another machine of that name"),
    pytest.param({"cpu_hot_add": False}, "not the end", id="cold where hot was approved"),
]


@pytest.mark.parametrize(("said", "reason"), OTHER)
def test_what_is_not_the_rest_needs_a_new_approval(said: dict[str, Any], reason: str) -> None:
    """Approved was a hot add of four cores; meanwhile things have changed."""
    approved = planned(size(12, 32))
    why_not = rest_limitation(planned(size(12, 32), **said), approved)
    assert why_not is not None
    assert reason in why_not


def test_another_size_needs_a_new_approval() -> None:
    """Of the same machine, too."""
    assert "another size" in str(rest_limitation(planned(size(13, 32)), planned(size(12, 32))))
