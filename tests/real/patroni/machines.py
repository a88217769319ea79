"""Members bound to simulated machines: what vCenter shuts down ends, what it starts begins."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from tests.real.patroni.bed import MEMBERS, PatroniBed
from tests.real.vcenter.inventory import DatastoreSpec, HostSpec, Inventory, MachineSpec
from tests.real.vcenter.simulator import Simulator

MACHINES = {name: f"database-{number}" for number, name in enumerate(MEMBERS, 1)}
_POLL_S = 0.3
_NEVER_S = -1.0


def database_core() -> Inventory:
    """Three hosts with one member's machine on each; guests take as long as their PostgreSQL."""
    hosts = tuple(HostSpec(f"esx-{number}") for number in (1, 2, 3))
    machines = tuple(
        MachineSpec(name, f"esx-{number}") for number, name in enumerate(MACHINES.values(), 1)
    )
    return Inventory(hosts, (DatastoreSpec("ssd-1"),), machines)


@contextmanager
def bound(simulator: Simulator, bed: PatroniBed) -> Iterator[None]:
    """Have each machine's guest be a member of the cluster, for this while."""
    for machine in MACHINES.values():
        simulator.set_virtual_machine(machine, shutdown_s=_NEVER_S)
    ending = threading.Event()
    threads = [
        threading.Thread(target=_follow, args=(simulator, bed, name, ending), daemon=True)
        for name in MEMBERS
    ]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        ending.set()
        for thread in threads:
            thread.join(timeout=60)


def _follow(simulator: Simulator, bed: PatroniBed, name: str, ending: threading.Event) -> None:
    machine, runs = MACHINES[name], True
    while not ending.wait(_POLL_S):
        seen = simulator.virtual_machines()[machine]
        if runs and seen["on"] and seen["shutdown_asked"]:
            bed.members[name].stop()
            simulator.set_virtual_machine(machine, on=False)
            runs = False
        elif not runs and seen["on"]:
            bed.start_member(name)
            runs = True
