"""Whether all members of a cluster can be given a new size, one after another."""

from typing import Any

import pytest

from springtide.model.core import VirtualMachineSize
from springtide.model.inventory import Power
from springtide.planning.database_machines import members_room_limitation
from tests.planning.clusters import a_cluster
from tests.planning.cores import core, inventory, machine, size

OFF: dict[str, Any] = {"power": Power.OFF, "tools_running": False}
HOT = {"cpu_hot_add": True, "memory_hot_add": True}
COLD = {"cpu_hot_add": False, "memory_hot_add": False}


def limitation(
    wanted: VirtualMachineSize, said: dict[str, Any], *, looked_at: bool = True
) -> str | None:
    """Why not, where `said` is true of the third member."""
    names = (member.virtual_machine for member in a_cluster().members)
    one, two, three = (
        machine(str(name), host=f"esx-{n}", **(said if n == 3 else {}))
        for n, name in enumerate(names, 1)
    )
    seen = inventory(one, two, three)
    return members_room_limitation(a_cluster(), seen, wanted, core(), looked_at=looked_at)


@pytest.mark.parametrize(
    ("wanted", "said", "why"),
    [
        pytest.param(size(16, 230), {}, None, id="691 GiB hold three"),
        pytest.param(size(16, 231), {}, "would be promised", id="a GiB more for each"),
        pytest.param(size(16, 64), COLD, None, id="no flags"),
        pytest.param(size(16, 64), HOT | {"tools_running": False}, "VMware Tools", id="no tools"),
        pytest.param(size(8, 32), {"tools_running": False}, None, id="of that size already"),
        pytest.param(size(16, 64), OFF, None, id="off, in its step"),
        pytest.param(size(16, 231), OFF, None, id="off: it was looked at before"),
        pytest.param(size(16, 64), OFF | {"connected": False}, "does not answer", id="off, away"),
        pytest.param(size(16, 64), {"power": Power.SUSPENDED}, "suspended", id="suspended"),
    ],
)
def test_every_member_has_to_find_its_room(
    wanted: VirtualMachineSize, said: dict[str, Any], why: str | None
) -> None:
    """With the others grown before it; each can be shut down for it, whatever its flags."""
    told = limitation(wanted, said)
    assert told is None if why is None else why in str(told)


@pytest.mark.parametrize(
    ("wanted", "why"),
    [
        pytest.param(size(16, 230), None, id="691 GiB hold three"),
        pytest.param(size(16, 231), "would be promised", id="a GiB more for each"),
    ],
)
def test_another_size_than_that_of_the_step_is_looked_at(
    wanted: VirtualMachineSize, why: str | None
) -> None:
    """The member is off for a smaller one: it would not start with what has no room."""
    told = limitation(wanted, OFF, looked_at=False)
    assert told is None if why is None else why in str(told)
