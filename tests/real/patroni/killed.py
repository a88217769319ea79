"""A resize in a process of its own that is killed in the midst of an act: SIGKILL, no goodbyes.

usage: python -m tests.real.patroni.killed ESTATE KEY ACT VCPUS RAM_MIB
"""

import asyncio
import os
import signal
import sys
from pathlib import Path

from springtide.model.core import VirtualMachineSize
from springtide.model.database_plan import PlanKind, Step, Wish
from springtide.planning.database_acts import Act
from tasks.database_change import DatabaseChange
from tasks.database_clusters import ClusterDesk
from tests.real.patroni.bed import CLUSTER
from tests.real.patroni.stage import carried_out
from tests.signing import Person

_MIDST_S = 0.3


class Killing(ClusterDesk):
    """A desk at which the first act of a kind is the last thing that happens."""

    last: str

    async def perform(self, wish: Wish, step: Step, act: Act, *, why: str) -> str:
        """Do it, or be killed a moment after it has begun."""
        doing = asyncio.ensure_future(_perform(self, wish, step, act, why=why))
        if act.kind == Killing.last:
            await asyncio.wait([doing], timeout=_MIDST_S)
            print(f"killed at {act.kind} of {step.member}", flush=True)  # noqa: T201 - its report
            os.kill(os.getpid(), signal.SIGKILL)
        return await doing


_perform = ClusterDesk.perform


def main(estate: str, key: str, last: str, vcpus: str, ram_mib: str) -> None:
    """Resize, and be killed on the way."""
    Killing.last = last
    ClusterDesk.perform = Killing.perform  # type: ignore[method-assign]
    size = VirtualMachineSize(vcpus=int(vcpus), ram_mib=int(ram_mib))
    wish = Wish(
        kind=PlanKind.RESIZE, cluster=CLUSTER, size=size, emergency="a test has no better hour"
    )
    outcome = carried_out(DatabaseChange(Path(estate), wish), Person("anna@example.org", Path(key)))
    print(outcome.model_dump_json())  # noqa: T201 - its report


if __name__ == "__main__":
    main(*sys.argv[1:])
