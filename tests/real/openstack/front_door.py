"""One process in front of every public endpoint of a real OpenStack: it counts, and does harm.

`python -m tests.real.openstack.front_door CONFIG.json` runs it until SIGTERM. Every endpoint of the
catalogue has a door, a port of its own on 127.0.0.1; requests pass it unchanged, their Host header
too, so that the addresses in the services' documents lead through the doors again. What concerns
it is asked at the control port by the sandbox's admin API: `/admin/clock`, `/admin/calls`,
`/admin/faults` and `/admin/holds`. That port answers once every door is open.
"""

import asyncio
import re
import sys
from ipaddress import IPv4Network, ip_address
from pathlib import Path
from typing import Annotated

import uvicorn
from pydantic import AfterValidator, Field, ValidationError
from starlette.routing import Mount
from starlette.types import ASGIApp, Receive, Scope, Send

from springtide.model.base import Model
from springtide.sandbox.admin import Admin
from springtide.sandbox.app import Cloud
from springtide.sandbox.config import SandboxConfig, SandboxRegion

# It is what lets an application close a connection unanswered; a second one would be the same.
from springtide.sandbox.process import ClosableProtocol
from springtide.sandbox.sockets import listening_socket
from tests.real.openstack.front_door_proxy import TIMEOUT_S, Door, Target

LOOPBACK = "127.0.0.1"
_TARGET = re.compile(r"http://([\d.]+):\d+/?")
_OFFERED = re.compile("/(clock|calls|faults|holds)(/|$)")
"""What of the admin API makes sense without the sandbox's own servers."""

Port = Annotated[int, Field(ge=0, le=65535)]


def _loopback(url: str) -> str:
    found = _TARGET.fullmatch(url)
    if found is None or not ip_address(found[1]).is_loopback:
        raise ValueError("a target is http://<an address of loopback>:<port>, without a path")
    return url


class DoorConfig(Model):
    """One endpoint of the catalogue; port 0 means one that is free."""

    port: Port
    service: str
    """Service type; fault rules know those that the sandbox has."""
    region: str | None = None
    """None: one for all regions; a fault rule that names a region does not strike it."""
    target: Annotated[str, AfterValidator(_loopback)]
    """Where the service really listens: http://127.0.0.1:16074."""


class FrontDoorConfig(Model):
    """The whole front door; port 0 means one that is free."""

    control_port: Port
    doors: tuple[DoorConfig, ...]


class FrontDoor:
    """Every door and the admin API in one event loop; an ASGI application."""

    def __init__(self, config: FrontDoorConfig) -> None:
        """Claim every port; connections wait until `run`.

        Raises:
            AddressBusyError: when a port is taken.
        """
        # A cloud with nothing in it: its clock, its counts and its faults are what is used.
        regions = dict.fromkeys(door.region for door in config.doors if door.region is not None)
        named = tuple(
            SandboxRegion(name=name, cidr=IPv4Network(f"127.{number}.0.0/20"))
            for number, name in enumerate(regions, 1)
        )
        cloud = Cloud(SandboxConfig(regions=named, data_plane=False))
        offered = [route for route in Admin(cloud.controls).routes() if _OFFERED.match(route.path)]
        self._sockets = [listening_socket(LOOPBACK, door.port) for door in config.doors]
        self._sockets.append(listening_socket(LOOPBACK, config.control_port))
        applications: list[ASGIApp] = [
            Door(cloud.world, door.service, region=door.region, target=Target(door.target))
            for door in config.doors
        ]
        applications.append(Mount("/admin", routes=offered))
        ports = [claimed.getsockname()[1] for claimed in self._sockets]
        self._applications = dict(zip(ports, applications, strict=True))
        *self.door_urls, self.control_url = (f"http://{LOOPBACK}:{port}" for port in ports)
        self._server = uvicorn.Server(self._settings())

    def _settings(self) -> uvicorn.Config:
        return uvicorn.Config(
            self,
            http=ClosableProtocol,
            ws="none",
            lifespan="off",
            log_config=None,
            log_level="warning",
            access_log=False,
            server_header=False,
            date_header=False,
            timeout_keep_alive=int(TIMEOUT_S),
            timeout_graceful_shutdown=2,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand a request to what stands at the port by which it came."""
        await self._applications[scope["server"][1]](scope, receive, send)

    def run(self) -> None:
        """Answer until `stop`, or until SIGTERM or SIGINT in the main thread."""
        asyncio.run(self._server.serve(self._sockets))

    def stop(self) -> None:
        """Have `run` end; for use from any thread. Requests in flight get two seconds."""
        self._server.should_exit = True


def main(arguments: list[str]) -> None:
    """Run the front door that a file of configuration describes."""
    (path,) = arguments
    try:
        config = FrontDoorConfig.model_validate_json(Path(path).read_bytes())
        front_door = FrontDoor(config)
    except (OSError, ValidationError) as error:
        sys.exit(f"front door: {error}")
    front_door.run()


if __name__ == "__main__":
    main(sys.argv[1:])
