"""Whether servers answer, asked of them directly; and how many requests they have in progress."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

import httpx

from springtide.model.fleet import Fleet
from springtide.model.server import Server

_AT_ONCE = 64
Answer = TypeVar("Answer")


async def probe_servers(fleet: Fleet, servers: Sequence[Server]) -> frozenset[str]:
    """Ids of the servers whose health page just answered with the expected status."""
    expected = fleet.health.expected_status

    async def healthy(client: httpx.AsyncClient, server: Server) -> bool:
        answer = await _get(client, fleet, server, fleet.health.path)
        return answer is not None and answer.status_code == expected

    answers = await _ask_all(fleet, servers, healthy)
    return frozenset(server.id for server, yes in zip(servers, answers, strict=True) if yes)


async def read_in_flight(fleet: Fleet, servers: Sequence[Server]) -> dict[str, int]:
    """Requests in progress by server id, of the servers that tell it as a plain integer."""
    path = fleet.health.in_flight_path
    if path is None:
        return {}

    async def count(client: httpx.AsyncClient, server: Server) -> int | None:
        answer = await _get(client, fleet, server, path)
        text = answer.text.strip() if answer is not None and answer.is_success else ""
        return int(text) if text.isascii() and text.isdigit() else None

    answers = await _ask_all(fleet, servers, count)
    pairs = zip(servers, answers, strict=True)
    return {server.id: number for server, number in pairs if number is not None}


async def _ask_all(
    fleet: Fleet,
    servers: Sequence[Server],
    ask: Callable[[httpx.AsyncClient, Server], Awaitable[Answer]],
) -> list[Answer]:
    limits = httpx.Limits(max_connections=_AT_ONCE, max_keepalive_connections=0)
    timeout = httpx.Timeout(fleet.health.timeout_s, pool=None)
    async with httpx.AsyncClient(limits=limits, timeout=timeout, trust_env=False) as client:
        return await asyncio.gather(*(ask(client, server) for server in servers))


async def _get(
    client: httpx.AsyncClient, fleet: Fleet, server: Server, path: str
) -> httpx.Response | None:
    try:
        return await client.get(f"http://{server.address}:{fleet.health.port}{path}")
    except (httpx.HTTPError, httpx.InvalidURL):
        return None
