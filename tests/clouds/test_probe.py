"""Probes: who answers as healthy, in time; and how many requests are in progress."""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import pytest

from springtide.clouds.probe import probe_servers, read_in_flight
from springtide.model.fleet import Fleet, HealthCheck
from springtide.model.server import Server
from springtide.sandbox.sockets import free_port
from tests.clouds.stage import a_fleet

HEALTHY = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n 7\n"
SILENT = b""
"""Accepts the connection and says nothing."""


def a_server(number: int, address: str | None = None) -> Server:
    """A server on a loopback address of its own."""
    return Server(
        id=f"server-{number}",
        name=f"api-{number}",
        region="GRA11",
        status="ACTIVE",
        address=address or f"127.31.0.{number}",
        image_id="image",
        created_at=datetime(2026, 11, 23, 16, 0, tzinfo=UTC),
    )


def a_probed_fleet(port: int, **changes: object) -> Fleet:
    """A fleet that answers on that port."""
    check = {"port": port, "timeout_s": 1, "in_flight_path": "/in-flight"} | changes
    return a_fleet(health=HealthCheck.model_validate(check))


@asynccontextmanager
async def answering(answers: Mapping[str, bytes]) -> AsyncIterator[tuple[int, list[str]]]:
    """Servers at those addresses that give those answers; yields port and what was asked."""
    asked: list[str] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        asked.append(head.decode())
        text = answers[writer.get_extra_info("sockname")[0]]
        if text == SILENT:
            await reader.read()
        writer.write(text)
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as first:
        port = first.sockets[0].getsockname()[1]
        async with await asyncio.start_server(answer, list(answers), port):
            yield port, asked


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (HEALTHY, True),
        (b"HTTP/1.0 200 OK\r\n\r\n", True),
        (b"HTTP/1.1 200\r\n\r\n", True),
        (b"HTTP/1.1 204 No Content\r\n\r\n", False),
        (b"HTTP/1.1 302 Found\r\nLocation: /health\r\n\r\n", False),
        (b"HTTP/1.1 503 Service Unavailable\r\n\r\n", False),
        (b"HTTP/1.1 2000 OK\r\n\r\n", False),
        (b"SSH-2.0-OpenSSH\r\n", False),
        (b"\xff\xfe", False),
        (SILENT, False),
    ],
)
def test_only_the_expected_status_is_healthy(answer: bytes, expected: bool) -> None:  # noqa: FBT001 - a table's column
    """Redirects are not followed; what is no HTTP is no answer."""

    async def probe() -> frozenset[str]:
        async with answering({"127.31.0.1": answer}) as (port, _):
            return await probe_servers(a_probed_fleet(port, timeout_s=0.3), [a_server(1)])

    assert expected == ("server-1" in asyncio.run(probe()))


def test_the_health_page_is_asked_for_at_the_servers_address() -> None:
    """Path and host are as configured."""

    async def probe() -> list[str]:
        async with answering({"127.31.0.1": HEALTHY}) as (port, asked):
            await probe_servers(a_probed_fleet(port, path="/up"), [a_server(1)])
            return [asked[0].replace(f":{port}", "")]

    [request] = asyncio.run(probe())
    assert request.startswith("GET /up HTTP/1.0\r\nHost: 127.31.0.1\r\n")


def test_a_member_is_asked_at_the_port_at_which_it_joined() -> None:
    """Whatever port the health check has since."""

    async def ask() -> tuple[frozenset[str], dict[str, int]]:
        async with answering({"127.31.0.1": HEALTHY}) as (port, _):
            fleet, joined_at = a_probed_fleet(free_port()), {"server-1": port}
            both = [a_server(1), a_server(2, "127.31.0.1")]
            healthy = await probe_servers(fleet, both, joined_at=joined_at)
            return healthy, await read_in_flight(fleet, both, joined_at=joined_at)

    assert ({"server-1"}, {"server-1": 7}) == asyncio.run(ask())


def test_one_silent_server_holds_up_nobody() -> None:
    """A hundred and more are asked side by side; the silent ones cost one time-out."""
    answers = {f"127.31.0.{n}": HEALTHY if n % 10 else SILENT for n in range(1, 130)}

    async def probe() -> frozenset[str]:
        async with answering(answers) as (port, _):
            return await probe_servers(a_probed_fleet(port), [a_server(n) for n in range(1, 130)])

    began = time.monotonic()
    healthy = asyncio.run(probe())
    assert {f"server-{n}" for n in range(1, 130) if n % 10} == healthy
    assert time.monotonic() - began < 5


def test_nobody_listening_and_no_address_are_no_answer() -> None:
    """A refused connection is no trouble, and a server without an address is not asked."""
    lacking = a_server(2).model_copy(update={"address": None})

    async def probe() -> frozenset[str]:
        async with answering({"127.31.0.9": HEALTHY}) as (port, _):
            return await probe_servers(a_probed_fleet(port), [a_server(1), lacking])

    assert frozenset() == asyncio.run(probe())


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"7", {"server-1": 7}),
        (b" 0\r\n", {"server-1": 0}),
        (b"-1", {}),
        (b"7.5", {}),
        (b"", {}),
        (b"\xc2\xb2", {}),
        (b"seven", {}),
    ],
)
def test_requests_in_progress_are_a_plain_integer(body: bytes, expected: dict[str, int]) -> None:
    """What is no number is not told."""

    async def count() -> dict[str, int]:
        answer = b"HTTP/1.1 200 OK\r\n\r\n" + body
        async with answering({"127.31.0.1": answer}) as (port, _):
            return await read_in_flight(a_probed_fleet(port), [a_server(1)])

    assert expected == asyncio.run(count())


def test_a_failing_page_tells_no_requests_in_progress() -> None:
    """A number beside an error status is not believed; without a page nobody is asked."""

    async def count() -> tuple[dict[str, int], dict[str, int], int]:
        answer = b"HTTP/1.1 500 Oops\r\n\r\n7"
        async with answering({"127.31.0.1": answer}) as (port, asked):
            failing = await read_in_flight(a_probed_fleet(port), [a_server(1)])
            without = a_probed_fleet(port, in_flight_path=None)
            return failing, await read_in_flight(without, [a_server(1)]), len(asked)

    assert ({}, {}, 1) == asyncio.run(count())
