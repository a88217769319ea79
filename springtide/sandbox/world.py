"""The sandbox's state: what exists in each region, and what everyone in it shares."""

import random
from collections import Counter
from collections.abc import Callable
from typing import NamedTuple, TypeAlias
from uuid import NAMESPACE_URL, UUID, uuid5

from springtide.sandbox.clock import Agenda, SandboxClock
from springtide.sandbox.config import SandboxConfig
from springtide.sandbox.faults import Faults
from springtide.sandbox.records import ServerUp
from springtide.sandbox.regions import RegionState, fresh_region
from springtide.sandbox.tokens import Tokens

__all__ = ["CallKey", "RegionState", "ServerUp", "World"]

UpListener: TypeAlias = Callable[[ServerUp], None]
DownListener: TypeAlias = Callable[[str], None]


class CallKey(NamedTuple):
    """What requests are counted by; `region` is empty for the identity service."""

    service: str
    region: str
    method: str
    path: str
    """The route's template, such as `/servers/{server_id}`."""


class World:
    """The state of the whole sandbox. Touched only from its event loop's thread."""

    def __init__(self, config: SandboxConfig) -> None:
        """Set up the regions of `config`, without any server."""
        self.config = config
        self.clock = SandboxClock(config.starts_at)
        self.agenda = Agenda()
        self.rng = random.Random(config.seed)  # noqa: S311 - rehearsals repeat by their seed
        self._id_rng = random.Random(f"ids {config.seed}")  # noqa: S311 - the same
        self.faults = Faults(self.rng)
        self.calls: Counter[CallKey] = Counter()
        self.tokens = Tokens()
        self.requests_per_s = config.requests_per_s
        self.latency_s = config.latency_s
        self.project_name = "springtide"
        self.project_id = uuid5(NAMESPACE_URL, "project/springtide").hex
        self.user_id = uuid5(NAMESPACE_URL, "user/springtide").hex
        self.regions: dict[str, RegionState] = {}
        self.services: dict[str, tuple[str, str]] = {}
        self.elsewhere: dict[str, tuple[str, str]] = {}
        """Services that are none of the sandbox's own: type → (name, address)."""
        self.on_server_up: list[UpListener] = []
        self.on_server_down: list[DownListener] = []
        self.reset()

    def reset(self) -> None:
        """Empty every region and forget faults and counts; the clock and the seed run on."""
        for region in self.regions.values():
            for server_id in region.servers:
                self.server_down(server_id)
        self.agenda.clear()
        self.faults.clear()
        self.calls.clear()
        self.requests_per_s = self.config.requests_per_s
        self.latency_s = self.config.latency_s
        self.regions.clear()
        for config in self.config.regions:
            self.regions[config.name] = fresh_region(
                config, project_id=self.project_id, user_id=self.user_id
            )

    def new_id(self) -> str:
        """A new UUID, drawn from the seed."""
        return str(UUID(int=self._id_rng.getrandbits(128), version=4))

    def register_service(self, service_type: str, name: str, path: str) -> None:
        """Have the catalogue list a service in each region at `/{region}{path}`."""
        self.services[service_type] = (name, path)

    def register_elsewhere(self, service_type: str, name: str, url: str) -> None:
        """Have the catalogue list a service at that address, one and the same for all regions."""
        self.elsewhere[service_type] = (name, url)

    def services_for(self, region: str) -> dict[str, tuple[str, str]]:
        """The services of a region: type → (name, path of the endpoint on this host)."""
        return {kind: (name, f"/{region}{path}") for kind, (name, path) in self.services.items()}

    def server_up(self, server: ServerUp) -> None:
        """Tell every listener that a server is ACTIVE."""
        for listener in self.on_server_up:
            listener(server)

    def server_down(self, server_id: str) -> None:
        """Tell every listener that a server answers no more; may come more than once."""
        for listener in self.on_server_down:
            listener(server_id)
