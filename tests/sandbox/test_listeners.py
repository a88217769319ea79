"""The servers' web servers: what they say, when, and how they die."""

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable

import pytest

from springtide.sandbox.dataplane import DataPlane
from springtide.sandbox.listeners import WebServer
from springtide.sandbox.records import Document, ServerUp
from springtide.sandbox.sockets import AddressBusyError, listening_socket
from springtide.sandbox.traffic_client import Client, Outcome
from tests.sandbox.balancing import a_server, a_world

WORLD = a_world()


def with_web_server(scenario: Callable[[WebServer], Awaitable[None]], **fields: object) -> None:
    """Run a scenario on one open web server."""

    async def run() -> None:
        web = WebServer(a_server(WORLD, fields=fields))
        web.open()
        await asyncio.sleep(0.02)
        try:
            await scenario(web)
        finally:
            web.close()

    asyncio.run(run())


async def said(server: ServerUp, request: bytes, *, answers: int = 1) -> bytes:
    """What a server says to raw bytes, once it has given that many answers or closed."""
    reader, writer = await asyncio.open_connection(server.address, server.port)
    writer.write(request)
    received = b""
    while received.count(b"HTTP/1.1 ") < answers or received.endswith(b"\r\n\r\n"):
        part = await asyncio.wait_for(reader.read(65536), 5)
        if not part:
            break
        received += part
    writer.close()
    return received


REQUESTS = {
    "any path names the server": (b"GET /x HTTP/1.1\r\n\r\n", 1, [b" 200 OK\r\nX-Server: a\r\n"]),
    "the body is the name": (b"GET / HTTP/1.1\r\n\r\n", 1, [b"Length: 1\r\n\r\na"]),
    "health": (b"GET /health HTTP/1.1\r\n\r\n", 1, [b" 200 OK\r\n", b"\r\n\r\nok"]),
    "in flight": (b"GET /in-flight HTTP/1.1\r\n\r\n", 1, [b"\r\n\r\n0"]),
    "HTTP/1.0 closes": (b"GET / HTTP/1.0\r\n\r\n", 2, [b"\r\n\r\na"]),
    "asked to close": (b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n", 2, [b"\r\n\r\na"]),
    "a body is read over": (
        b"POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nabcGET /health HTTP/1.1\r\n\r\n",
        2,
        [b"\r\n\r\na", b"\r\n\r\nok"],
    ),
    "two at once, in order": (
        b"GET /?delay_ms=50 HTTP/1.1\r\n\r\nGET /health HTTP/1.1\r\n\r\n",
        2,
        [b"\r\n\r\naHTTP/1.1 200 OK", b"\r\n\r\nok"],
    ),
    "nonsense is cut off": (b"nonsense\r\n\r\n", 1, []),
    "an endless head is cut off": (b"x" * 40_000, 1, []),
}


@pytest.mark.parametrize("name", REQUESTS)
def test_requests(name: str) -> None:
    """Each request is answered as HTTP/1.1 wants it, or the connection is cut."""
    request, answers, expected = REQUESTS[name]

    async def scenario(web: WebServer) -> None:
        try:
            received = await said(web.server, request, answers=answers)
        except ConnectionError:
            received = b""
        assert [part for part in expected if part not in received] == []
        assert bool(expected) == bool(received)

    with_web_server(scenario, name="a")


def test_a_head_has_no_body() -> None:
    """HEAD is answered without the body."""

    async def scenario(web: WebServer) -> None:
        received = await said(web.server, b"HEAD / HTTP/1.0\r\n\r\n", answers=2)
        assert received.endswith(b"\r\n\r\n")

    with_web_server(scenario)


HEALTH: dict[str, tuple[Document, bytes]] = {
    "well": ({}, b" 200 "),
    "sick": ({"health_status": 503}, b" 503 "),
    "a status without a name": ({"health_status": 599}, b" 599 "),
    "late": ({"health_delay_s": 0.05}, b" 200 "),
}


@pytest.mark.parametrize("name", HEALTH)
def test_health(name: str) -> None:
    """The health page says what it was told to say."""
    fields, expected = HEALTH[name]

    async def scenario(web: WebServer) -> None:
        before = time.monotonic()
        received = await said(web.server, b"GET /health HTTP/1.1\r\n\r\n")
        assert expected in received
        assert time.monotonic() - before >= web.server.health_delay_s
        page = await said(web.server, b"GET / HTTP/1.1\r\n\r\n")
        assert b" 200 " in page

    with_web_server(scenario, **fields)


async def accepts(server: ServerUp) -> bool:
    """Whether a connection to it is accepted."""
    with contextlib.suppress(ConnectionRefusedError):
        _, writer = await asyncio.open_connection(server.address, server.port)
        writer.close()
        return True
    return False


def test_it_answers_in_its_time() -> None:
    """Before its time, and when it never answers, connections are refused."""

    async def run() -> list[bool]:
        soon = WebServer(a_server(WORLD, 0, fields={"answer_after_s": 0.3}))
        never = WebServer(a_server(WORLD, 1, fields={"never_answers": True}))
        servers = [soon, never]
        for web in servers:
            web.open()
        early = [await accepts(web.server) for web in servers]
        await asyncio.sleep(0.4)
        late = [await accepts(web.server) for web in servers]
        for web in servers:
            web.close()
        return early + late

    assert [False, False, True, False] == asyncio.run(run())


def test_in_flight_counts_what_is_in_progress() -> None:
    """A slow request is in flight until it is answered, or its client has gone."""

    async def scenario(web: WebServer) -> None:
        slow = asyncio.create_task(said(web.server, b"GET /?delay_ms=200 HTTP/1.1\r\n\r\n"))
        _, impatient = await asyncio.open_connection(web.server.address, web.server.port)
        impatient.write(b"GET /?delay_ms=9000 HTTP/1.1\r\n\r\n")
        await asyncio.sleep(0.1)
        both = await said(web.server, b"GET /in-flight HTTP/1.1\r\n\r\n")
        impatient.close()
        await slow
        none = await said(web.server, b"GET /in-flight HTTP/1.1\r\n\r\n")
        assert (b"2", b"0") == (both[-1:], none[-1:])

    with_web_server(scenario)


def test_death_cuts_connections() -> None:
    """With the server's end its open connections break at once, and no new one is accepted."""

    async def run() -> None:
        world = a_world()
        plane = DataPlane(world, find_haproxy=lambda: None)
        await plane.start()
        server = a_server(world)
        world.server_up(server)
        await asyncio.sleep(0.02)
        slow = asyncio.create_task(said(server, b"GET /?delay_ms=5000 HTTP/1.1\r\n\r\n"))
        await asyncio.sleep(0.1)
        assert plane.in_flight(server.server_id) == 1
        before = time.monotonic()
        world.server_down(server.server_id)
        world.server_down(server.server_id)
        with contextlib.suppress(ConnectionError):
            assert await slow == b""
        assert time.monotonic() - before < 2
        assert (0, False, None) == (
            plane.in_flight(server.server_id),
            await accepts(server),
            plane.front_url,
        )
        world.server_up(server)
        await asyncio.sleep(0.02)
        assert await accepts(server)
        await plane.stop()
        assert not await accepts(server)

    asyncio.run(run())


def test_a_busy_address_is_named(caplog: pytest.LogCaptureFixture) -> None:
    """An address in use is a clear error; it costs the world one server, not more."""

    async def run() -> None:
        world = a_world()
        plane = DataPlane(world, find_haproxy=lambda: None)
        await plane.start()
        servers = [a_server(world, 0), a_server(world, 1)]
        with listening_socket(servers[0].address, servers[0].port):
            with pytest.raises(AddressBusyError, match=f"{servers[0].address}:8080 is in use"):
                WebServer(servers[0]).open()
            with caplog.at_level(logging.ERROR):
                for server in servers:
                    world.server_up(server)
        await asyncio.sleep(0.02)
        assert [False, True] == [await accepts(server) for server in servers]
        await plane.stop()

    asyncio.run(run())
    assert "server cannot listen name=api-gra11-0" in caplog.text


def test_without_a_network_there_is_nothing_to_listen_on() -> None:
    """A server without an address is no error."""

    async def run() -> None:
        world = a_world()
        plane = DataPlane(world, find_haproxy=lambda: None)
        await plane.start()
        world.server_up(a_server(world, fields={"address": ""}))
        await plane.stop()

    asyncio.run(run())


def test_hundreds_of_servers_answer_thousands_of_requests() -> None:
    """Three hundred listeners in one event loop answer ten requests each, and lose none."""

    async def run() -> None:
        world = a_world()
        plane = DataPlane(world, find_haproxy=lambda: None)
        await plane.start()
        servers = [a_server(world, index) for index in range(300)]
        for server in servers:
            world.server_up(server)
        await asyncio.sleep(0.1)
        clients = [Client(server.address, server.port, timeout_s=10) for server in servers]
        outcomes: list[Outcome] = []
        for client in clients * 10:
            client.get("/", lambda _target, outcome: outcomes.append(outcome))
        for client in clients:
            await client.drained()
            client.close()
        await plane.stop()
        assert (3000, 300) == (len(outcomes), len({outcome.server for outcome in outcomes}))
        assert [] == [outcome.failure for outcome in outcomes if outcome.failure]

    asyncio.run(run())
