"""An estate whose private cloud is the simulator, with somebody who may approve its changes."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from prefect import Flow, State
from prefect.settings import PREFECT_API_URL
from prefect.variables import Variable

from springtide.clouds.audit import AuditLog
from springtide.clouds.vcenter.access import VCenter
from springtide.model.approval import Approval, Proposal, Signer
from springtide.model.core import VirtualMachineSize
from springtide.model.virtual_machine_change import ApprovedResize
from springtide.planning.approvals import statement_of
from springtide.planning.virtual_machine_change import ran_with, resize_plan
from tasks.cloud import read_estate
from tasks.virtual_machine_change import KIND
from tests.environment import environment
from tests.estates import an_estate, written
from tests.prefect_servers import newest_artifact
from tests.real.vcenter.simulator import Simulator
from tests.signing import Person, a_person, allow

ROOT = Path(__file__).parents[3]
_PATIENCE_S = 60


@dataclass
class Stage:
    """The simulator as an estate's private cloud."""

    simulator: Simulator
    estate_file: Path
    anna: Person

    @property
    def environment(self) -> dict[str, str]:
        """What a worker's environment names."""
        folder = self.estate_file.parent
        return {
            **self.simulator.environment,
            "SPRINGTIDE_ESTATE": str(self.estate_file),
            "SPRINGTIDE_AUDIT_LOG": str(folder / "audit"),
        }

    def run(self, flow: Flow[Any, Any], **parameters: Any) -> State[Any]:  # noqa: ANN401 - a form's
        """The state in which the flow ends."""
        with environment(**self.environment):
            state: State[Any] = asyncio.run(flow(**parameters, return_state=True))
        return state

    def approve(
        self, name: str, size: VirtualMachineSize, *, ago: timedelta = timedelta(0)
    ) -> None:
        """Have Anna approve the plan as it is now, as a run that was killed then would leave it.

        `ago`: her approval is as old as that.
        """
        estate = read_estate(self.estate_file)
        core, policy = estate.private_cloud(), estate.approvals
        assert policy is not None
        audit = AuditLog(None, run="approving", who="tests")
        with VCenter.open(core, audit, environment=self.simulator.environment) as vcenter:
            plan = resize_plan(vcenter.read(), name, size, core)
        line = statement_of(Proposal.of(KIND, name, plan), policy, datetime.now(UTC) - ago)
        left = ApprovedResize(
            plan=plan,
            statement=line,
            signatures=(self.anna.sign(line),),
            ran_with=ran_with(plan, None),
        )
        value = left.model_dump(mode="json")
        asyncio.run(_store(f"approved_resize_{plan.id}", value))

    def artifact(self, key: str) -> str:
        """What the newest artifact of that key shows."""
        found = newest_artifact(key)
        return str(found.data) if found else ""

    def kill_when(self, program: str, due: Callable[[], bool]) -> None:
        """Run a program in a process of its own, and end it by SIGKILL once `due` says so."""
        environment = {
            **os.environ,
            **self.environment,
            "PREFECT_API_URL": str(PREFECT_API_URL.value()),
        }
        with subprocess.Popen(
            [sys.executable, "-c", program], cwd=ROOT, env=environment, start_new_session=True
        ) as process:
            try:
                until = time.monotonic() + _PATIENCE_S
                while not due():
                    assert process.poll() is None, "it ended before"
                    assert time.monotonic() < until, "what it was waited for did not come"
                    time.sleep(0.05)
            finally:
                os.killpg(process.pid, signal.SIGKILL)


def make_stage(simulator: Simulator, folder: Path, **core: object) -> Stage:
    """The stage in that folder; `core` is said of the private cloud beside what leads to it."""
    anna = a_person(folder / "keys")
    allow(folder / "allowed_signers", anna)
    document = simulator.core(**core).model_dump(mode="json", exclude_none=True)
    estate = an_estate() | {
        "core": document,
        "approvals": {"allowed_signers_file": "allowed_signers"},
    }
    return Stage(simulator, written(folder, estate), anna)


def signed(proposal: Proposal) -> Approval:
    """An approval of it: how one is given has its own tests."""
    return Approval(
        digest=proposal.digest,
        until=datetime.now(UTC),
        statement="as approved",
        signatures=("signed",),
        signers=(Signer(name="anna@example.org", key=f"SHA256:{'a' * 43}"),),
    )


async def _store(name: str, value: dict[str, Any]) -> None:
    await Variable.aset(name, value, overwrite=True)
