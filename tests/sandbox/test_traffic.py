"""The load generator: its rate, its mix, and that it calls every failure a failure."""

import asyncio
import contextlib
import threading
import time
from collections.abc import Iterator

import pytest

from springtide.sandbox.dataplane import DataPlane
from springtide.sandbox.records import ServerUp
from springtide.sandbox.sockets import listening_socket
from springtide.sandbox.traffic import Traffic, TrafficMix, TrafficReport
from tests.sandbox.balancing import a_server, a_world

SHORT = TrafficMix(slow_share=0, timeout_s=2)


@contextlib.contextmanager
def serving() -> Iterator[ServerUp]:
    """One server that answers in a thread of its own."""
    world = a_world()
    server = a_server(world, 200)
    ready, ending = threading.Event(), threading.Event()

    async def serve() -> None:
        plane = DataPlane(world, find_haproxy=lambda: None)
        await plane.start()
        world.server_up(server)
        await asyncio.sleep(0.05)
        ready.set()
        await asyncio.to_thread(ending.wait)
        await plane.stop()

    thread = threading.Thread(target=lambda: asyncio.run(serve()), daemon=True)
    thread.start()
    assert ready.wait(10)
    try:
        yield server
    finally:
        ending.set()
        thread.join()


def url(server: ServerUp) -> str:
    """Where a server answers."""
    return f"http://{server.address}:{server.port}"


def sent(traffic: Traffic, seconds: float) -> TrafficReport:
    """The report after that time of traffic."""
    with traffic:
        time.sleep(seconds)
    return traffic.report()


async def whole(traffic: Traffic) -> TrafficReport:
    """The report once all that its mix wants is sent and answered."""
    await traffic.run()
    return traffic.report()


def test_an_open_loop_keeps_its_rate() -> None:
    """Three hundred requests a second are sent, answered and counted by server."""
    with serving() as server:
        report = sent(Traffic(url(server), 300), 1.5)
    assert (report.sent, 0, {server.name: report.ok}) == (
        report.ok,
        report.failed,
        report.by_server,
    )
    assert 200 <= report.sent <= 300 * report.duration_s + 1
    assert 0 < report.p50_ms <= report.p95_ms <= report.p99_ms <= report.most_ms


def test_the_mix_has_its_share_of_slow_requests() -> None:
    """A quarter of slow requests shows in the upper quarter of the latencies alone."""
    with serving() as server:
        mix = TrafficMix(slow_share=0.25, slow_ms=2000, most_requests=80)
        report = asyncio.run(whole(Traffic(url(server), 200, mix=mix)))
    assert (80, 80) == (report.sent, report.ok)
    assert report.p50_ms < 2000 <= report.p95_ms


def test_nobody_listening_is_a_failure() -> None:
    """A refused connection fails each request, with a few examples."""
    report = sent(Traffic(url(a_server(a_world(), 201)), 50, mix=SHORT), 0.3)
    assert (0, report.sent) == (report.ok, report.failed)
    assert report.sent > 0
    assert {"no connection: Connection refused": report.failed} == report.reasons
    assert 1 <= len(report.examples) <= 5


def test_no_answer_in_time_is_a_failure() -> None:
    """A server that accepts and says nothing fails each request after the time-out."""
    server = a_server(a_world(), 202)
    mix = TrafficMix(slow_share=0, timeout_s=0.2, most_requests=10)
    with listening_socket(server.address, server.port):
        report = asyncio.run(whole(Traffic(url(server), 100, mix=mix)))
    assert {"no answer in time": 10} == report.reasons


def test_a_cut_connection_is_a_failure() -> None:
    """When the server dies, the requests under way fail, and those after it too."""
    mix = TrafficMix(slow_share=1, slow_ms=5000)
    with contextlib.ExitStack() as life:
        server = life.enter_context(serving())
        with Traffic(url(server), 50, mix=mix) as traffic:
            time.sleep(0.3)
            assert traffic.report().failed == 0
            life.close()
            time.sleep(0.2)
    report = traffic.report()
    cut = {"connection reset", "connection closed before the answer"} & report.reasons.keys()
    assert (0, report.sent, True) == (report.ok, report.failed, bool(cut))


def test_any_status_but_200_is_a_failure() -> None:
    """Another status fails with its own line."""
    answer = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n"

    async def answering(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.readline():
            writer.write(answer)
            await reader.readuntil(b"\r\n\r\n")

    async def run() -> TrafficReport:
        server = await asyncio.start_server(answering, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        traffic = Traffic(f"http://127.0.0.1:{port}", 100, mix=TrafficMix(most_requests=20))
        await traffic.run()
        server.close()
        return traffic.report()

    assert {"503 Service Unavailable": 20} == asyncio.run(run()).reasons


def test_too_many_under_way_are_not_sent_and_have_failed() -> None:
    """Beyond the bound a request is not sent, and that is no success."""
    mix = TrafficMix(slow_share=1, slow_ms=2000, most_in_flight=5, most_requests=20)
    with serving() as server:
        report = asyncio.run(whole(Traffic(url(server), 1000, mix=mix)))
    assert (20, {"not sent: 5 requests under way": 15}) == (report.sent, report.reasons)


@pytest.mark.parametrize(
    ("mix", "most"),
    [
        pytest.param(TrafficMix(slow_share=0, most_requests=7), 7, id="requests"),
        pytest.param(TrafficMix(slow_share=0, most_s=0.1), 30, id="seconds"),
    ],
)
def test_it_is_bounded(mix: TrafficMix, most: int) -> None:
    """It ends by itself at the bounds of its mix."""
    with serving() as server:
        traffic = Traffic(url(server), 200, mix=mix)
        asyncio.run(traffic.run())
    assert 0 < traffic.report().sent <= most


def test_a_url_without_host_is_refused() -> None:
    """A mistake in the address is told at once."""
    with pytest.raises(ValueError, match="no host"):
        Traffic("127.0.0.1:80", 1)
