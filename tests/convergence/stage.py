"""Builders for the tests of the convergence: a sandbox, an estate file, hands over a fleet."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from typing import Any, TypeVar

import yaml

from springtide.commands.hand import FleetHand, open_hand
from springtide.model.claim import ClaimBook
from springtide.model.outcome import Ending, Outcome
from springtide.model.plan import Launch
from springtide.sandbox.balancer_resources import Member, seeded_id
from springtide.sandbox.config import BootTime, SandboxConfig, SandboxRegion
from springtide.sandbox.control_inputs import ForeignMember
from springtide.sandbox.faults import FaultRule
from springtide.sandbox.process import Sandbox
from springtide.sandbox.records import Server
from springtide.sandbox.regions import RegionState
from springtide.sandbox.servers import Servers
from springtide.sandbox.sockets import free_port
from tests.waiting import wait_until

REGIONS = ("GRA11", "RBX1", "SBG5")
IMAGE = "api-iis-2026-11-16"
FLEET_TAG = "springtide:fleet:api"
WAVE_TAG = "springtide:wave:"
OPENS_AT = datetime(2026, 11, 23, 15, 0, tzinfo=UTC)
"""When the window's claim begins, on a Monday; inclusive."""
ENDS_AT = datetime(2026, 11, 23, 20, 50, tzinfo=UTC)
"""When it ends; exclusive."""

Result = TypeVar("Result")


def a_sandbox() -> Sandbox:
    """A cloud of three regions whose servers boot in a moment and really answer."""
    regions = tuple(
        SandboxRegion(name=name, cidr=IPv4Network(f"127.{51 + number}.0.0/20"))
        for number, name in enumerate(REGIONS)
    )
    return Sandbox(
        SandboxConfig(
            regions=regions,
            boot=BootTime(least_s=0.25, most_s=0.75, answer_s=0.25),
            speed=5,
            balancer_update_s=0.05,
            server_port=free_port(),
        )
    )


def a_region(name: str, **changes: object) -> dict[str, object]:
    """A region of the fleet as the estate file has it, changed as asked."""
    return {"name": name, "network": "vrack", "pool": "api", **changes}


def a_fleet(server_port: int, **changes: object) -> dict[str, object]:
    """The fleet as the estate file has it, with short time-outs and no canary, changed as asked."""
    return {
        "name": "api",
        "image": "api-iis-*",
        "flavour": "b2-60",
        "max_servers": 60,
        "health": {
            "path": "/health",
            "port": server_port,
            "timeout_s": 1.0,
            "in_flight_path": "/in-flight",
        },
        "timeouts": {"boot_s": 20, "answer_s": 20, "drain_s": 0.2, "delete_s": 20},
        "join_interval_s": 0,
        "canary": {"policy": "never"},
        "regions": [a_region(name) for name in REGIONS],
        **changes,
    }


def a_window(**changes: object) -> dict[str, object]:
    """The fleet's window as the estate file has it, for ten servers, changed as asked."""
    return {
        "name": "evening",
        "fleet": "api",
        "days": ["monday", "tuesday", "wednesday"],
        "from": "16:00",
        "until": "22:00",
        "servers": 10,
        **changes,
    }


@dataclass
class Stage:
    """A running sandbox, empty at the start of each test, and an estate file on it."""

    sandbox: Sandbox
    clouds_yaml: Path
    estate_file: Path
    said: list[str] = field(default_factory=list)
    """Every line that hands have said."""

    def write(self, *, window: dict[str, object] | None = None, **fleet: object) -> None:
        """Write the estate file: the fleet and its window, changed as asked."""
        estate = {
            "cloud": "sandbox",
            "residency": list(REGIONS),
            "fleets": [a_fleet(self.sandbox.config.server_port, **fleet)],
            "windows": [window or a_window()],
            "rate_limit": {"requests_per_s": 500, "burst": 100},
            "poll_interval_s": 0.2,
            "request_timeout_s": 10,
            "rehearsal": {"clock_url": f"{self.sandbox.url}/admin/clock"},
        }
        self.estate_file.write_text(yaml.safe_dump(estate), encoding="utf-8")

    def hand(self, say: Callable[[str], None] | None = None) -> FleetHand:
        """A new hand over the fleet, as a new process would have it."""
        hand = open_hand(self.estate_file, "api", say=say or self.said.append)
        # Oftener than an estate may say: the sandbox is nearer than a cloud.
        hand.estate = hand.estate.model_copy(update={"poll_interval_s": 0.05})
        return hand

    def converge(
        self, book: ClaimBook | None = None, *, say: Callable[[str], None] | None = None
    ) -> Outcome:
        """The outcome of a new hand's convergence; without a book nothing is stored."""
        return asyncio.run(self.hand(say).converge(book or ClaimBook()))

    @contextmanager
    def converging(self, book: ClaimBook | None = None) -> Iterator[Future[Outcome]]:
        """A convergence in another thread; it has ended when the context is left."""
        with ThreadPoolExecutor(max_workers=1) as pool:
            ending = pool.submit(self.converge, book)
            try:
                yield ending
            finally:
                # Whatever is still held would keep the thread, and so the test, from ending.
                if not ending.done():
                    self.sandbox.clear_faults()

    def open(self) -> Outcome:
        """The outcome of a convergence from the window's first moment on."""
        self.sandbox.set_clock(OPENS_AT)
        return self.converge()

    def close(self) -> Outcome:
        """The outcome of a convergence from the end of the window's claim on."""
        self.sandbox.set_clock(ENDS_AT)
        return self.converge()

    def pool_id(self, region: str) -> str:
        """The id of the fleet's pool in that region."""
        return seeded_id(region, "pool", "api")

    def add_foreign_member(self, region: str = "GRA11", *, number: int = 1) -> str:
        """Add a member of somebody else's; returns its id."""
        member = ForeignMember(address=IPv4Address(f"127.9.9.{number}"), port=80, name="theirs")
        return self.sandbox.add_member(self.pool_id(region), member)

    def hold(self, method: str, path_regex: str, **changes: Any) -> str:  # noqa: ANN401 - a rule's fields
        """Have such requests held before their effect, or as asked; returns the rule's id."""
        rule = {"method": method, "path_regex": path_regex, "effect": "hold", **changes}
        return self.sandbox.add_fault(FaultRule.model_validate(rule))

    def servers(self, region: str | None = None) -> list[Server]:
        """The servers that exist and carry the fleet's tag."""
        return [s for s in self._servers(region) if FLEET_TAG in s.tags]

    def members(self, *, ours: bool = True) -> list[Member]:
        """The members of all regions' pools that carry the fleet's tag, or those that do not."""

        def read(_: object) -> list[Member]:
            regions = self.sandbox.cloud.octavia.regions.values()
            return [m for r in regions for p in r.pools.values() for m in p.members.values()]

        return [m for m in self.sandbox.control(read) if (FLEET_TAG in m.settings.tags) is ours]

    def serving(self, region: str | None = None) -> int:
        """How many of our members have a weight above 0 and a server of the fleet behind them."""
        standing = {f"springtide:server:{server.id}" for server in self.servers(region)}
        members = (m for m in self.members() if m.settings.weight > 0)
        return sum(bool(standing & set(m.settings.tags)) for m in members)

    def ports(self) -> int:
        """How many ports exist, in all regions."""
        return self.sandbox.control(
            lambda _: sum(len(region.ports) for region in self.sandbox.world.regions.values())
        )

    def calls(self, method: str, path: str, region: str | None = None) -> int:
        """How many requests of that method and route came in."""
        counted = self.sandbox.call_counts().items()
        return sum(
            n
            for key, n in counted
            if (key.method, key.path) == (method, path) and region in (None, key.region)
        )

    def waves(self) -> Counter[str]:
        """How many servers each wave ever had, those that are gone too."""
        tags = (tag for server in self._servers(gone=True) for tag in server.tags)
        return Counter(tag.removeprefix(WAVE_TAG) for tag in tags if tag.startswith(WAVE_TAG))

    def assert_stands(self, servers: int) -> None:
        """Exactly so many servers stand and serve, nothing of ours beside them."""
        assert servers == self.serving()
        assert servers == len(self.servers()) == len(self.members()) == self.ports()

    def assert_whole(self, servers: int) -> None:
        """Exactly so many servers of ours stand and serve, whoever else stands beside them."""
        assert servers == self.serving() == len(self.servers()) == len(self.members())

    def assert_no_wave_twice(self, *outcomes: Outcome) -> None:
        """Every launch was sent once, and no wave has more servers than it asked for."""
        launches = [
            result.action
            for outcome in outcomes
            for each in outcome.rounds
            for result in each.results
            if isinstance(result.action, Launch)
        ]
        assert len(launches) == len({launch.wave for launch in launches})
        assert len(launches) == self.calls("POST", "/servers")
        sizes = {launch.wave: launch.servers for launch in launches}
        assert {} == {w: n for w, n in self.waves().items() if n > sizes[w]}

    def assert_leaves_nothing(self) -> None:
        """The fleet closes: no server, port or member of ours is left, and the others' stay."""
        foreign = {member.id for member in self.members(ours=False)}
        outcome = self.close()
        assert (Ending.SETTLED, 0) == (outcome.ending, outcome.last.desired.servers)
        self.assert_stands(0)
        assert foreign == {member.id for member in self.members(ours=False)}

    def delete_behind_our_back(self, server_id: str) -> None:
        """Have the server leave, as if a person had deleted it."""

        def delete(_: object) -> None:
            for name, region in self.sandbox.world.regions.items():
                if server_id in region.servers:
                    Servers(self.sandbox.world, name).delete(region.servers[server_id])

        self.sandbox.control(delete)

    @staticmethod
    def wait_until(holds: Callable[[], bool]) -> None:
        """Return as soon as it holds; fail after thirty seconds."""
        wait_until(holds, timeout_s=30, poll_s=0.02)

    def of_region(self, region: str, read: Callable[[RegionState], Result]) -> Result:
        """What `read` returns of the region's state, read or changed in the sandbox's thread."""
        return self.sandbox.control(lambda _: read(self.sandbox.world.regions[region]))

    def _servers(self, region: str | None = None, *, gone: bool = False) -> list[Server]:
        def read(_: object) -> list[Server]:
            regions = self.sandbox.world.regions
            chosen = regions.values() if region is None else (regions[region],)
            found = [server for each in chosen for server in each.servers.values()]
            if gone:
                found += [s for each in chosen for s in each.deleted_servers.values()]
            return found

        return self.sandbox.control(read)
