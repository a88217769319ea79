"""What an operator or a test does to the sandbox from outside: the admin API's own operations."""

from collections import Counter
from datetime import datetime

from springtide.sandbox.control_inputs import (
    ClockChange,
    ForeignMember,
    ForeignServer,
    HeldRequest,
    RegionChange,
    TrafficRules,
)
from springtide.sandbox.faults import FaultRule, ServerBehaviour
from springtide.sandbox.flavors import FLAVORS
from springtide.sandbox.octavia import Octavia
from springtide.sandbox.protocol import Refused, stamp
from springtide.sandbox.records import Document, Launch, Server
from springtide.sandbox.regions import RegionState
from springtide.sandbox.servers import Servers
from springtide.sandbox.world import CallKey, World


class Controls:
    """Everything that may be done to a running sandbox; in its event loop's thread only."""

    def __init__(self, world: World, octavia: Octavia) -> None:
        """Act on that world."""
        self._world = world
        self._octavia = octavia

    def reset(self) -> None:
        """Empty every region and forget faults and counts; the clock runs on."""
        self._world.reset()
        self._octavia.reset()

    def now(self) -> datetime:
        """What the sandbox's clock shows."""
        return self._world.clock.now()

    def change_clock(self, change: ClockChange) -> datetime:
        """Move the clock; returns what it shows now."""
        if change.at is not None:
            self._world.clock.set(change.at)
        if change.advance_s is not None:
            self._world.clock.advance(change.advance_s)
        return self.now()

    def calls(self) -> Counter[CallKey]:
        """How many requests came in, by service, region, method and route."""
        return Counter(self._world.calls)

    def forget_calls(self) -> None:
        """Count from zero again."""
        self._world.calls.clear()

    def faults(self) -> dict[str, FaultRule]:
        """The rules in force, by id."""
        return self._world.faults.rules

    def add_fault(self, rule: FaultRule) -> str:
        """Put a rule in force; returns its id.

        Raises:
            Refused: 400, when it names a region that does not exist.
        """
        self._check_region(rule.region)
        return self._world.faults.add_rule(rule)

    def behaviours(self) -> dict[str, ServerBehaviour]:
        """The behaviours in force, by id."""
        return self._world.faults.behaviours

    def add_behaviour(self, behaviour: ServerBehaviour) -> str:
        """Have servers created from now on turn out so; returns the behaviour's id.

        Raises:
            Refused: 400, when it names a region that does not exist.
        """
        self._check_region(behaviour.region)
        return self._world.faults.add_behaviour(behaviour)

    def remove_fault(self, key: str) -> None:
        """Take a rule or behaviour out of force.

        Raises:
            Refused: 404, when there is none of that id.
        """
        if not self._world.faults.remove(key):
            raise Refused(404, f"there is no fault or behaviour {key}")

    def clear_faults(self) -> None:
        """Take every rule and behaviour out of force and release what they hold."""
        self._world.faults.clear()

    def holds(self) -> list[HeldRequest]:
        """The requests that are being kept back, the oldest first."""
        return [
            HeldRequest(
                id=hold.id,
                service=hold.call.service,
                region=hold.call.region,
                method=hold.call.method,
                path=hold.call.path,
                when=hold.when,
            )
            for hold in self._world.faults.holds.values()
        ]

    def release(self, key: str) -> None:
        """Let a held request go on.

        Raises:
            Refused: 404, when there is none of that id.
        """
        if not self._world.faults.release(key):
            raise Refused(404, f"there is no held request {key}")

    def change_region(self, region: str, change: RegionChange) -> None:
        """Change a region's capacity or quota for creates to come.

        Raises:
            Refused: 404, when there is no such region.
        """
        state = self._region(region)
        if "capacity_servers" in change.model_fields_set:
            state.capacity_servers = change.capacity_servers
        if "quota" in change.model_fields_set:
            state.quota = change.quota

    def change_traffic(self, rules: TrafficRules) -> None:
        """Change the limits on requests."""
        if "requests_per_s" in rules.model_fields_set:
            self._world.requests_per_s = rules.requests_per_s
        if "latency_s" in rules.model_fields_set:
            self._world.latency_s = rules.latency_s

    def revoke_tokens(self) -> int:
        """Make every token worthless; returns how many there were."""
        return self._world.tokens.revoke_all()

    def add_server(self, wanted: ForeignServer) -> str:
        """Add a server of somebody else's; returns its id.

        Raises:
            Refused: 404 for an unknown region, 400 for an unknown flavour or image.
        """
        region = self._region(wanted.region)
        images = {image["name"]: image["id"] for image in region.images.values()}
        if wanted.flavor not in FLAVORS:
            raise Refused(400, f"there is no flavor {wanted.flavor}")
        if wanted.image is not None and wanted.image not in images:
            raise Refused(400, f"there is no image {wanted.image}")
        launch = Launch(
            name=wanted.name,
            flavor=FLAVORS[wanted.flavor],
            image_id=None if wanted.image is None else images[wanted.image],
            network_ids=tuple(region.networks)[:1],
            metadata=tuple(wanted.metadata.items()),
            tags=wanted.tags,
        )
        return Servers(self._world, wanted.region).add_running(launch).id

    def crash_server(self, server_id: str) -> None:
        """Have a server answer no more, while Nova still shows it ACTIVE.

        Raises:
            Refused: 404, when there is no such server.
        """
        servers, server = self._server(server_id)
        servers.crash(server)

    def fail_server(self, server_id: str) -> None:
        """Take a server to ERROR.

        Raises:
            Refused: 404, when there is no such server.
        """
        servers, server = self._server(server_id)
        servers.fail(server, "The hypervisor has died.")

    def shut_off_server(self, server_id: str) -> None:
        """Have a server switch itself off: SHUTOFF.

        Raises:
            Refused: 404, when there is no such server.
        """
        servers, server = self._server(server_id)
        servers.shut_off(server)

    def stick_balancer(self, pool_id: str, seconds: float) -> None:
        """Have a pool's load balancer be PENDING_UPDATE for so long from now.

        Raises:
            Refused: 404, when there is no such pool.
        """
        self._octavia.stick(pool_id, seconds)

    def set_connections(self, pool_id: str, active: int | None) -> None:
        """Have a pool's load balancer tell so many open connections; None: those that are.

        Raises:
            Refused: 404, when there is no such pool.
        """
        self._octavia.set_connections(pool_id, active)

    def add_member(self, pool_id: str, member: ForeignMember) -> str:
        """Add a member of somebody else's to a pool; returns its id.

        Raises:
            Refused: 404, when there is no such pool; 409, when it has that address and port.
        """
        address = str(member.address)
        added = self._octavia.add_foreign_member(pool_id, address, member.port, name=member.name)
        return added.id

    def state(self) -> Document:
        """What exists, region by region: servers by status, ports, images, capacity, quota."""
        regions = {name: _shown(region) for name, region in self._world.regions.items()}
        return {"now": stamp(self.now()), "regions": regions}

    def _region(self, name: str) -> RegionState:
        if name not in self._world.regions:
            raise Refused(404, f"there is no region {name}")
        return self._world.regions[name]

    def _check_region(self, name: str | None) -> None:
        if name is not None and name not in self._world.regions:
            raise Refused(400, f"there is no region {name}")

    def _server(self, server_id: str) -> tuple[Servers, Server]:
        for name, region in self._world.regions.items():
            if server_id in region.servers:
                return Servers(self._world, name), region.servers[server_id]
        raise Refused(404, f"there is no server {server_id}")


def _shown(region: RegionState) -> Document:
    return {
        "servers": dict(Counter(server.status for server in region.servers.values())),
        "names": sorted(server.name for server in region.servers.values()),
        "deleted_servers": len(region.deleted_servers),
        "ports": len(region.ports),
        "images": [image["name"] for image in region.images.values()],
        "capacity_servers": region.capacity_servers,
        "quota": region.quota.model_dump(),
    }
