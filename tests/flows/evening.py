"""What the tests of flows see and do: flows by their states, the cloud by its own state."""

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from http import HTTPStatus
from pathlib import Path
from typing import Any

import openstack
import yaml
from prefect import Flow, State, get_client
from prefect.variables import Variable

from flows.fleet_orders import lift_entry
from springtide.planning.claim_book import PREFIX
from springtide.sandbox.faults import FaultRule
from springtide.sandbox.process import Sandbox
from tests.prefect_servers import newest_artifact

ESTATE = Path(__file__).parents[2] / "deployments" / "estate.yaml"
FLEET_TAG = "springtide:fleet:api"
RUN_ID = "PREFECT__RUNTIME__FLOW_RUN__ID"
"""Environment variable by which a flow's run has that id, as where it is retried."""
MONDAY_16H = datetime(2026, 11, 23, 15, 0, tzinfo=UTC)
TAIL = datetime(2026, 11, 23, 20, 50, tzinfo=UTC)
THURSDAY = datetime(2026, 11, 26, 15, 0, tzinfo=UTC)
ARMISTICE = datetime(2026, 11, 11, 15, 0, tzinfo=UTC)


def fast_estate(path: Path, *, canary: str = "unproven") -> None:
    """Quicken the rehearsal: six servers, short pauses; a canary by that policy."""
    estate = yaml.safe_load(path.read_text("utf-8"))
    estate["poll_interval_s"] = 0.2
    estate["rate_limit"] = {"requests_per_s": 500, "burst": 100}
    estate["windows"][0]["servers"] = 6
    fleet = estate["fleets"][0]
    fleet |= {"max_servers": 12, "join_interval_s": 0.5}
    fleet["surge"] |= {"max_servers": 12}
    fleet["canary"] |= {"policy": canary}
    fleet["healing"] |= {"check_interval_s": 0.1}
    fleet["timeouts"] = {"boot_s": 10, "answer_s": 10, "drain_s": 0.2, "delete_s": 10}
    path.write_text(yaml.safe_dump(estate, sort_keys=False), "utf-8")


@dataclass
class Evening:
    """One test's evening."""

    sandbox: Sandbox
    estate_file: Path

    def run(self, flow: Flow[Any, Any], **parameters: Any) -> State[Any]:  # noqa: ANN401 - a form's
        """The state in which the flow ends."""
        state: State[Any] = asyncio.run(flow(**parameters, return_state=True))
        return state

    def lift_meanwhile(
        self,
        kind: str,
        flow: Flow[Any, Any],
        *,
        standing: int,
        **parameters: Any,  # noqa: ANN401 - a form's
    ) -> State[Any]:
        """The state in which the flow ends; what it stored is lifted when so many servers stand.

        Until then the balancers are busy, so that nobody joins and the flow cannot end.
        """
        busy = self.sandbox.add_fault(
            FaultRule(service="load-balancer", method="PUT", status=HTTPStatus.CONFLICT)
        )

        async def lift() -> None:
            regions = self.sandbox.world.regions
            while sum(len(r.servers) for r in regions.values()) < standing:  # noqa: ASYNC110 - another thread's
                await asyncio.sleep(0.02)
            (name,) = [n for n in await stored() if n.startswith(f"{PREFIX}{kind}_")]
            await lift_entry(name, owner="operations", reason="a slip")
            self.sandbox.remove_fault(busy)

        async def both() -> State[Any]:
            state, _ = await asyncio.gather(flow(**parameters, return_state=True), lift())
            return state

        return asyncio.run(both())

    def serving(self) -> int:
        """Members of the fleet with a weight, over all regions."""
        return sum(1 for m in self._members() if m.weight > 0 and FLEET_TAG in m.tags)

    def serving_by_region(self) -> dict[str, int]:
        """The same, by region; regions without any are left out."""
        names = [region.name for region in self.sandbox.config.regions]
        members = zip(names, map(_members_of, self._clouds), strict=True)
        counts = {
            n: sum(m.weight > 0 and FLEET_TAG in m.tags for m in found) for n, found in members
        }
        return {name: count for name, count in counts.items() if count}

    def left(self) -> tuple[int, int, int]:
        """Servers, ports and members of the fleet that exist, over all regions."""
        servers = sum(1 for c in self._clouds for _ in c.compute.servers(tags=FLEET_TAG))
        ports = sum(1 for c in self._clouds for _ in c.network.ports())
        return servers, ports, sum(1 for m in self._members() if FLEET_TAG in m.tags)

    def changes(self) -> int:
        """Calls that changed something, beside those for tokens."""
        counted = self.sandbox.call_counts().items()
        return sum(n for k, n in counted if k.method != "GET" and k.service != "identity")

    def artifact(self, key: str) -> str:
        """The newest artifact of that key, with its description, as text."""
        found = newest_artifact(key)
        return f"{found.description}\n{found.data}" if found else ""

    def _members(self) -> list[Any]:
        return [member for cloud in self._clouds for member in _members_of(cloud)]

    @cached_property
    def _clouds(self) -> list[Any]:
        names = [region.name for region in self.sandbox.config.regions]
        return [openstack.connect(cloud="sandbox", region_name=name) for name in names]


def _members_of(cloud: Any) -> list[Any]:  # noqa: ANN401 - the SDK has no types
    balancers = cloud.load_balancer
    return [member for pool in balancers.pools() for member in balancers.members(pool)]


async def stored() -> dict[str, Any]:
    """Every stored entry of ours by name."""
    async with get_client() as client:
        found = await client.read_variables(limit=200)
    return {v.name: v.value for v in found if v.name.startswith(PREFIX)}


async def clear_store() -> None:
    """Remove every stored entry of ours."""
    for name in await stored():
        await Variable.aunset(name)
