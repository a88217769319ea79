"""A real HAProxy as a child: its configuration, and its runtime API."""

import asyncio
import contextlib
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Iterator

import pytest

from springtide.sandbox.haproxy import (
    Check,
    HAProxy,
    HAProxyError,
    Statistics,
    Target,
    haproxy_binary,
)
from springtide.sandbox.haproxy_configuration import FRONT, Backend, configuration
from springtide.sandbox.sockets import listening_socket
from tests.sandbox.balancing import (
    needs_haproxy,
)


@pytest.fixture
def haproxy() -> None:
    """Needs HAProxy: skipped without it, failed in CI."""
    needs_haproxy()


def test_configuration() -> None:
    """The entry leads to the backends that are in front, and to no others."""
    backends = {
        Backend("GRA11.api", "127.11.0.1", 8080, in_front=True): 5,
        Backend("GRA11.batch", "127.11.0.1", 8081, in_front=False): 6,
    }
    text = configuration(backends, front_fd=7, runtime_socket="/run/x")
    lines = [line.strip() for line in text.splitlines()]
    assert ["bind fd@5", "bind fd@6", "bind fd@7"] == [x for x in lines if x.startswith("bind")]
    assert ["GRA11.api"] == [x.split()[1] for x in lines if x.startswith("server")]
    assert "stats socket /run/x mode 600 level admin" in lines
    assert "monitor fail if { nbsrv(GRA11.batch) lt 1 }" in lines


def test_a_program_that_ends_is_told() -> None:
    """A HAProxy that does not start is an error, with what it said."""

    async def run() -> None:
        with listening_socket("127.0.0.1", 0) as front:
            await HAProxy(sys.executable).start({}, front)

    with pytest.raises(HAProxyError, match="did not start: Unknown option"):
        asyncio.run(run())


@contextlib.contextmanager
def sockets(count: int) -> Iterator[list[socket.socket]]:
    """So many listening sockets."""
    with contextlib.ExitStack() as stack:
        yield [stack.enter_context(listening_socket("127.0.0.1", 0)) for _ in range(count)]


@contextlib.asynccontextmanager
async def a_haproxy() -> AsyncIterator[HAProxy]:
    """A HAProxy with one backend, `b`."""
    binary = haproxy_binary()
    assert binary is not None
    proxy = HAProxy(binary)
    with sockets(2) as (own, front):
        backend = Backend("b", "127.0.0.1", own.getsockname()[1], in_front=True)
        await proxy.start({backend: own}, front)
    try:
        yield proxy
    finally:
        await proxy.stop()


CHECK = Check(interval_s=1, rise=1, fall=2, address="127.0.0.1", port=9)


@pytest.mark.haproxy
@pytest.mark.usefixtures("haproxy")
def test_sync_by_the_runtime_api() -> None:
    """Servers come with every option, change weight, go, and come back under the same name."""

    async def names(proxy: HAProxy) -> dict[str, str]:
        found: Statistics = await proxy.statistics()
        return {name: row.status for (backend, name), row in found.items() if backend == "b"}

    async def run() -> None:
        async with a_haproxy() as proxy:
            many = {f"s{i}": Target("127.0.0.1", 1000 + i) for i in range(300)}
            await proxy.sync(
                "b", many | {"c": Target("127.0.0.1", 9, weight=0, backup=True, check=CHECK)}
            )
            seen = await names(proxy)
            assert (301, "no check") == (len(seen) - 1, seen["s7"])
            await proxy.sync("b", {"s7": Target("127.0.0.1", 1007, weight=5)})
            await proxy.sync("b", {"s7": many["s7"], "s8": many["s8"]})
            seen = await names(proxy)
            assert ("no check", "no check") == (seen["s7"], seen["s8"])
            for _ in range(100):
                await asyncio.sleep(0.05)
                if len(await names(proxy)) == 3:
                    break
            assert {"FRONTEND", "s7", "s8"} == (await names(proxy)).keys()

    asyncio.run(run())


@pytest.mark.haproxy
@pytest.mark.usefixtures("haproxy")
def test_the_entry_leads_to_no_backend_whose_last_server_is_drained() -> None:
    """At once, though a server with a weight is left there: its checks have failed."""
    dead = Target("127.0.0.1", 9, check=CHECK)

    async def status(proxy: HAProxy, backend: str, name: str) -> str:
        return (await proxy.statistics())[backend, name].status

    async def run() -> None:
        async with a_haproxy() as proxy:
            await proxy.sync("b", {"dead": dead, "s": Target("127.0.0.1", 1000)})
            for _ in range(100):
                await asyncio.sleep(0.05)
                if await status(proxy, "b", "dead") == "DOWN":
                    break
            assert "UP" == await status(proxy, FRONT, "b")
            await proxy.sync("b", {"dead": dead, "s": Target("127.0.0.1", 1000, weight=0)})
            assert "DOWN" == await status(proxy, FRONT, "b")
            await proxy.sync("b", {"dead": dead})
            assert "DOWN" == await status(proxy, FRONT, "b")

    asyncio.run(run())


@pytest.mark.haproxy
@pytest.mark.usefixtures("haproxy")
def test_what_it_refuses_is_told() -> None:
    """A server that can't be added is an error with HAProxy's own words."""

    async def run() -> None:
        async with a_haproxy() as proxy:
            await proxy.sync("b", {"x": Target("no address", 80)})

    with pytest.raises(HAProxyError, match="1 servers not added"):
        asyncio.run(run())


@pytest.mark.haproxy
@pytest.mark.usefixtures("haproxy")
def test_a_dead_haproxy_is_told() -> None:
    """Once it was killed, a change fails, and stopping it is no error."""

    async def run() -> None:
        async with a_haproxy() as proxy:
            assert proxy.pid is not None
            os.kill(proxy.pid, signal.SIGKILL)
            await proxy.sync("b", {})

    with pytest.raises(HAProxyError, match="does not answer"):
        asyncio.run(run())
