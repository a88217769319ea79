"""How many requests the sandbox's servers answer: more than any measurement of ours sends."""

import asyncio
import time

from springtide.sandbox.dataplane import DataPlane
from springtide.sandbox.traffic_client import Client
from tests.bench.figures import Figure
from tests.sandbox.balancing import a_server, a_world

_SERVERS, _ROUNDS = 300, 10


def measure_listeners() -> list[Figure]:
    """Requests answered in a second, all servers and their clients in one event loop."""
    answered, seconds = asyncio.run(_asked())
    return [
        Figure(
            bench="listeners",
            case=f"{_SERVERS} servers, {_ROUNDS} requests each",
            what="requests a second",
            value=answered / seconds,
            note=f"{answered} answered in {seconds:.2f} s",
        )
    ]


async def _asked() -> tuple[int, float]:
    world = a_world()
    plane = DataPlane(world, find_haproxy=lambda: None)
    await plane.start()
    servers = [a_server(world, index) for index in range(_SERVERS)]
    for server in servers:
        world.server_up(server)
    await asyncio.sleep(0.1)
    clients = [Client(server.address, server.port, timeout_s=30) for server in servers]
    answered: list[str] = []
    began = time.monotonic()
    for client in clients * _ROUNDS:
        client.get("/", lambda _target, o: o.failure or answered.append(o.server or ""))
    for client in clients:
        await client.drained()
        client.close()
    seconds = time.monotonic() - began
    await plane.stop()
    return len(answered), seconds
