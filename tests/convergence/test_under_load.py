"""Requests through a real HAProxy while a window opens, stands and closes: none is lost."""

import time
from collections.abc import Iterator
from ipaddress import IPv4Address

import httpx
import pytest

from springtide.sandbox.control_inputs import ForeignMember, ForeignServer
from springtide.sandbox.traffic import Traffic
from tests.convergence.stage import Stage, a_window
from tests.sandbox.balancing import needs_haproxy

REQUESTS_PER_S = 200.0

pytestmark = pytest.mark.haproxy


@pytest.fixture
def entry(stage: Stage) -> Iterator[str]:
    """The customers' entry, with a server of the core behind it that is none of the fleet's."""
    needs_haproxy()
    stage.write(window=a_window(servers=30), timeouts={"drain_s": 10, "delete_s": 20})
    add_core_server(stage)
    url = stage.sandbox.cloud.dataplane.front_url if stage.sandbox.cloud.dataplane else None
    assert url is not None
    wait_for(url)
    yield url
    stage.close()


def add_core_server(stage: Stage) -> None:
    """Put a server that nobody of ours made behind the pool of RBX1."""
    server_id = stage.sandbox.add_server(ForeignServer(region="RBX1", name="core-api-1"))
    ports = stage.sandbox.control(
        lambda _: list(stage.sandbox.world.regions["RBX1"].ports.values())
    )
    address = next(p["fixed_ips"][0]["ip_address"] for p in ports if p["device_id"] == server_id)
    member = ForeignMember(
        address=IPv4Address(address), port=stage.sandbox.config.server_port, name="core"
    )
    stage.sandbox.add_member(stage.pool_id("RBX1"), member)


def wait_for(url: str) -> None:
    """Return when the entry has answered ten times in a row."""
    answered, deadline = 0, time.monotonic() + 30
    while answered < 10 and time.monotonic() < deadline:
        time.sleep(0.1)
        answered = answered + 1 if httpx.get(url, trust_env=False).is_success else 0
    assert answered == 10


def test_no_request_is_lost_while_the_window_opens_stands_and_closes(
    stage: Stage, entry: str
) -> None:
    """At 200 requests a second, some of them slow, every one is answered with 200."""
    with Traffic(entry, REQUESTS_PER_S) as traffic:
        stage.open()
        assert 30 == stage.serving()
        time.sleep(2)
        stage.close()
        assert 0 == stage.serving()
        time.sleep(1)
        traffic.end()
    report = traffic.report()
    assert {} == report.reasons, report.examples
    assert report.sent > 500
    assert len(report.by_server) == 31


def test_control_without_a_drain_requests_are_lost(stage: Stage, entry: str) -> None:
    """The same traffic while the servers are deleted under it fails in part: the test above can."""
    stage.open()
    with Traffic(entry, REQUESTS_PER_S) as traffic:
        time.sleep(1)
        for server in stage.servers():
            stage.sandbox.crash_server(server.id)
        time.sleep(2)
        traffic.end()
    assert traffic.report().failed > 0
