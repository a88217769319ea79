"""The whole sandbox as one ASGI application: every service of every region, and the admin API."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence

from starlette.routing import BaseRoute, Router
from starlette.types import ASGIApp, Receive, Scope, Send

from springtide.sandbox.admin import Admin
from springtide.sandbox.config import SandboxConfig
from springtide.sandbox.controls import Controls
from springtide.sandbox.dataplane import DataPlane
from springtide.sandbox.gateway import Gateway
from springtide.sandbox.glance import Glance
from springtide.sandbox.keystone import Keystone
from springtide.sandbox.neutron import Neutron
from springtide.sandbox.nova import Nova
from springtide.sandbox.octavia import Octavia
from springtide.sandbox.world import World

SERVICES = (
    ("compute", "nova", "/compute/v2.1"),
    ("image", "glance", "/image"),
    ("network", "neutron", "/network"),
    ("load-balancer", "octavia", "/load-balancer"),
)


class Cloud:
    """A world, its services and its data plane; an ASGI application."""

    def __init__(self, config: SandboxConfig) -> None:
        """Build everything that `config` says; nothing runs before `running`."""
        self.world = World(config)
        self.dataplane = DataPlane(self.world)
        self.octavia = Octavia(self.world, self.dataplane)
        self.controls = Controls(self.world, self.octavia)
        keystone = Gateway(
            self.world, "identity", region=None, routes=Keystone(self.world).routes()
        )
        self._doors: dict[str, ASGIApp] = {
            "/admin": Router(Admin(self.controls).routes()),
            "/identity": keystone,
        }
        for service, name, path in SERVICES:
            self.world.register_service(service, name, path)
            for region in config.regions:
                self._doors[f"/{region.name}{path}"] = self._gateway(service, region.name)

    def _gateway(self, service: str, region: str) -> Gateway:
        return Gateway(self.world, service, region=region, routes=self._routes(service, region))

    def _routes(self, service: str, region: str) -> Sequence[BaseRoute]:
        match service:
            case "compute":
                return Nova(self.world, region).routes()
            case "image":
                return Glance(self.world, region).routes()
            case "network":
                return Neutron(self.world, region).routes()
            case _:
                return self.octavia.routes(region)

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Have time pass and servers answer, for as long as the context lasts."""
        agenda = asyncio.create_task(self.world.agenda.run())
        try:
            await self.dataplane.start()
            yield
        finally:
            self.world.faults.clear()
            await self.dataplane.stop()
            agenda.cancel()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand a request to the service whose address it is."""
        path = scope["path"]
        for root, door in self._doors.items():
            if path == root or path.startswith(f"{root}/"):
                await door({**scope, "root_path": root}, receive, send)
                return
        await Router()(scope, receive, send)
