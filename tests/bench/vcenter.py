"""How long one look at a large private cloud takes: 1,000 virtual machines on the simulator."""

import statistics
import tempfile
import time
from pathlib import Path

from springtide.clouds.audit import AuditLog
from springtide.clouds.vcenter.access import VCenter
from tests.real.vcenter.inventory import DatastoreSpec, HostSpec, Inventory, MachineSpec
from tests.real.vcenter.simulator import running_simulator

MACHINES = 1000
HOSTS = 20
DATASTORES = 10
LOOKS = 5


def main() -> None:
    """Print the median of some looks, and how much of it is our own computing."""
    hosts = tuple(HostSpec(f"esx-{n:02}") for n in range(HOSTS))
    datastores = tuple(DatastoreSpec(f"ssd-{n}") for n in range(DATASTORES))
    machines = tuple(
        MachineSpec(f"vm-{n:04}", f"esx-{n % HOSTS:02}", f"ssd-{n % DATASTORES}")
        for n in range(MACHINES)
    )
    inventory = Inventory(hosts, datastores, machines)
    with (
        tempfile.TemporaryDirectory(prefix="springtide-vcenter-") as folder,
        running_simulator(Path(folder), inventory) as simulator,
        VCenter.open(
            simulator.core(),
            AuditLog(None, run="bench", who="bench"),
            environment=simulator.environment,
        ) as vcenter,
    ):
        figures = [_look(vcenter) for _ in range(LOOKS)]
        calls = len(simulator.calls()) // LOOKS
    wall, own = (statistics.median(each) for each in zip(*figures, strict=True))
    print(  # noqa: T201 - what it is for
        f"one look at {MACHINES} virtual machines, {HOSTS} hosts and {DATASTORES} datastores:"
        f" {wall:.2f} s, {own:.2f} s of it our own computing, {calls} calls (median of {LOOKS})"
    )


def _look(vcenter: VCenter) -> tuple[float, float]:
    began, computing = time.perf_counter(), time.process_time()
    seen = vcenter.read()
    assert MACHINES == len(seen.virtual_machines)
    return time.perf_counter() - began, time.process_time() - computing


if __name__ == "__main__":
    main()
