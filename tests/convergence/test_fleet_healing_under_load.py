"""Requests through a real HAProxy while servers die and are replaced, and in a rollout."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from springtide.model.claim import ClaimBook, Rollout
from springtide.model.outcome import Ending
from springtide.sandbox.traffic import Traffic, TrafficMix
from tests.convergence.stage import ENDS_AT, OPENS_AT, REGIONS, Stage, a_window
from tests.convergence.test_under_load import REQUESTS_PER_S, add_core_server, wait_for
from tests.sandbox.balancing import needs_haproxy

SLOW = TrafficMix(slow_share=0.2, slow_ms=300)
"""So that some requests are in flight wherever a server dies."""
BEFORE = "api-iis-2026-11-01"

pytestmark = pytest.mark.haproxy


@pytest.fixture
def entry(stage: Stage) -> Iterator[str]:
    """The customers' entry; thirty servers of the fleet serve behind it, and one of the core."""
    needs_haproxy()
    stage.write(
        window=a_window(servers=30),
        timeouts={"drain_s": 10, "delete_s": 20},
        healing={"check_interval_s": 0.3},
    )
    add_core_server(stage)
    dataplane = stage.sandbox.cloud.dataplane
    assert dataplane is not None
    assert dataplane.front_url is not None
    wait_for(dataplane.front_url)
    stage.open()
    assert 30 == stage.serving()
    yield dataplane.front_url
    stage.close()


def kill(stage: Stage, number: int) -> int:
    """Kill so many servers, of all regions in turn; how many requests they had in flight."""
    queues = [stage.servers(region) for region in REGIONS]
    victims = [queues[index % len(REGIONS)].pop().id for index in range(number)]
    dataplane = stage.sandbox.cloud.dataplane
    assert dataplane is not None

    def die(_: object) -> int:
        lost = 0
        for server_id in victims:
            lost += dataplane.in_flight(server_id)
            dataplane.server_down(server_id)
        return lost

    return stage.sandbox.control(die)


def test_a_third_dies_and_only_what_was_in_flight_there_is_lost(stage: Stage, entry: str) -> None:
    """Ten of thirty die at 200 requests a second: whole again by one run, the lost are counted."""
    before = {server.id for server in stage.servers()}
    with Traffic(entry, REQUESTS_PER_S, mix=SLOW) as traffic:
        wait_for(entry)
        in_flight = kill(stage, 10)
        outcome = stage.converge()
        traffic.end()
    report = traffic.report()
    assert (Ending.SETTLED, ()) == (outcome.ending, outcome.alarms)
    stage.assert_whole(30)
    assert 20 == len(before & {server.id for server in stage.servers()})
    assert in_flight > 0
    assert report.failed <= in_flight, (in_flight, report.reasons, report.examples)
    assert report.sent > 500


def test_an_image_is_rolled_out_and_no_request_is_lost(stage: Stage, entry: str) -> None:
    """All thirty are replaced in batches of ten at 200 requests a second, each drained first."""
    order = Rollout(
        key="rollout-api-1",
        fleet="api",
        image=BEFORE,
        max_surge=10,
        starts_at=OPENS_AT - timedelta(hours=1),
        ends_at=ENDS_AT,
        owner="ada",
        reason="the login fails",
    )
    before = {server.id for server in stage.servers()}
    with Traffic(entry, REQUESTS_PER_S, mix=SLOW) as traffic:
        outcome = stage.converge(ClaimBook(rollouts=(order,)))
        traffic.end()
    report = traffic.report()
    assert (Ending.SETTLED, 0) == (outcome.ending, outcome.last.outdated)
    stage.assert_whole(30)
    assert set() == before & {server.id for server in stage.servers()}
    assert {} == report.reasons, report.examples
    assert report.sent > 500
