"""The estate of the tests' cluster, and its changes as people approve them."""

import asyncio
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import yaml
from prefect import flow
from prefect.settings import PREFECT_API_URL

from springtide.model.approval import Approval
from springtide.model.change import ChangeOutcome, Proposed
from springtide.model.core import VirtualMachineSize
from springtide.model.database import DatabaseCluster
from springtide.model.database_plan import PlanKind, Wish
from springtide.planning.approvals import statement_of
from tasks.cloud import read_estate
from tasks.database_change import DatabaseChange
from tests.clouds.ovhcloud.fake_api import ENDPOINT, PROFILE, SERVICE
from tests.estates import an_estate
from tests.real.patroni.bed import CLUSTER, PASSWORD, USER, PatroniBed
from tests.real.patroni.machines import MACHINES
from tests.real.vcenter.simulator import Simulator
from tests.signing import Person, a_person, allow

SMALL = VirtualMachineSize(vcpus=8, ram_mib=32 * 1024)
LARGE = VirtualMachineSize(vcpus=16, ram_mib=64 * 1024)
ORDERS = {
    "endpoint": ENDPOINT,
    "service": SERVICE,
    "datacenter": 7,
    "profile": PROFILE,
    "capacity_gib": 3000,
    "price_per_month": "200",
    "monthly_budget": "500",
    "poll_interval_s": 0.2,
}


@dataclass(frozen=True)
class Stage:
    """A cluster, its vCenter, its estate, and somebody who approves."""

    bed: PatroniBed
    simulator: Simulator
    folder: Path
    on_call: Person
    second: Person
    """Who signs where two are asked for."""

    @classmethod
    def of(cls, bed: PatroniBed, simulator: Simulator, folder: Path) -> Self:
        """With an estate file and credentials in the environment."""
        people = (a_person(folder / "keys"), a_person(folder / "keys", "ben@example.org"))
        allow(folder / "allowed_signers", *people)
        stage = cls(bed, simulator, folder, *people)
        stage.write_estate()
        os.environ |= {
            **simulator.environment,
            "SPRINGTIDE_PATRONI_USER": USER,
            "SPRINGTIDE_PATRONI_PASSWORD": PASSWORD,
            "SPRINGTIDE_POSTGRES_USER": "postgres",
            "SPRINGTIDE_POSTGRES_PASSWORD": PASSWORD,
            "SPRINGTIDE_AUDIT_LOG": str(folder / "audit"),
        }
        return stage

    @property
    def estate_file(self) -> Path:
        """Where the estate stands."""
        return self.folder / "estate.yaml"

    @property
    def cluster(self) -> DatabaseCluster:
        """As the estate has it."""
        return read_estate(self.estate_file).database_cluster(CLUSTER)

    def write_estate(self, *, estate: dict[str, Any] | None = None, **changes: Any) -> None:  # noqa: ANN401 - YAML
        """Write the estate, with these fields beside its own and these changes of the cluster."""
        cluster = {
            "name": CLUSTER,
            "scope": CLUSTER,
            "members": [
                {
                    "name": member.name,
                    "url": member.url,
                    "address": f"127.0.0.1:{member.port}",
                    "virtual_machine": MACHINES[member.name],
                }
                for member in self.bed.members.values()
            ],
            "store": {"urls": [self.bed.etcd_url], "lease_s": 8},
            "waivers": {
                "backup": "what it holds is made anew by each test",
                "watchdog": "there is none where tests run",
            },
            "limits": {"step_minutes": 5, "lag_mib": 16, "wal_room_mib": 100_000},
        }
        whole = an_estate() | {
            "windows": [],
            "database_clusters": [cluster | changes],
            "approvals": {"allowed_signers_file": "allowed_signers", "minutes": 30},
            "core": self.simulator.core(datastore_orders=ORDERS).model_dump(mode="json"),
            # Nothing of it is asked: what is changed here has the real clock.
            "rehearsal": {"clock_url": "http://127.0.0.1:9/admin/clock"},
            **(estate or {}),
        }
        self.estate_file.write_text(yaml.safe_dump(whole), "utf-8")
        read_estate.cache_clear()

    def change(self, kind: PlanKind, **wish: Any) -> DatabaseChange:  # noqa: ANN401 - a wish's fields
        """What somebody wishes of the cluster; it cannot wait, whatever the hour of the test is."""
        asked = {"emergency": "a test has no better hour", **wish}
        return DatabaseChange(self.estate_file, Wish(kind=kind, cluster=CLUSTER, **asked))

    def propose(self, kind: PlanKind, **wish: Any) -> Proposed:  # noqa: ANN401 - as above
        """What is proposed for it."""
        return asyncio.run(self.change(kind, **wish).propose())

    def resize(self, size: VirtualMachineSize = LARGE) -> ChangeOutcome:
        """Have all members be of that size, approved by whoever is on call."""
        return self.carry_out(PlanKind.RESIZE, size=size)

    def carry_out(self, kind: PlanKind, **wish: Any) -> ChangeOutcome:  # noqa: ANN401 - as above
        """Do it, approved; or go on with what is approved already."""
        return carried_out(self.change(kind, **wish), self.on_call)

    def sizes(self) -> dict[str, VirtualMachineSize]:
        """Of each member's machine, as the simulator has them."""
        seen = self.simulator.virtual_machines()
        return {
            name: VirtualMachineSize(vcpus=seen[vm]["vcpus"], ram_mib=seen[vm]["ram_mib"])
            for name, vm in MACHINES.items()
        }

    def killed_at(self, act: str, size: VirtualMachineSize) -> subprocess.CompletedProcess[str]:
        """Resize in a process that is killed in the midst of its first act of that kind."""
        command = [sys.executable, "-m", "tests.real.patroni.killed"]
        command += [str(self.estate_file), str(self.on_call.key), act]
        command += [str(size.vcpus), str(size.ram_mib)]
        server = {"PREFECT_API_URL": str(PREFECT_API_URL.value())}
        return subprocess.run(
            command,
            check=False,
            capture_output=True,
            env={**os.environ, **server},
            text=True,
            timeout=200,
        )


def carried_out(change: DatabaseChange, person: Person) -> ChangeOutcome:
    """The change's outcome, run as a flow does; that person approves it on the spot."""

    @flow(name="database-change-of-a-test")
    async def run() -> ChangeOutcome:
        found = await change.propose()
        approval = await change.standing_approval(found.proposal)
        if approval is None:
            approval = approved_by(person, change, found)
        return await change.act(found.proposal, approval)

    return asyncio.run(run())


def approved_by(
    person: Person, change: DatabaseChange, found: Proposed, earlier: Approval | None = None
) -> Approval:
    """That person's approval of what was proposed; or the earlier one, held against it."""
    line = statement_of(found.proposal, change.approvers.policy, change.now())
    if earlier is not None:
        line = earlier.statement
    return change.approvers.approval(found.proposal, line, [person.sign(line)], now=change.now())
