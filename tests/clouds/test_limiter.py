"""The pace of calls: a burst at once, then the rate, for each service of each region."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from springtide.clouds.limiter import Limiters
from springtide.model.api_calls import CallCount
from springtide.model.fleet import RateLimit
from springtide.sandbox.faults import FaultRule
from tests.clouds.stage import Stage


def seconds_of(
    limiters: Limiters, calls: int, *, services: tuple[str, ...] = ("compute",)
) -> float:
    """How long so many calls of eight threads take, spread over those services."""
    began = time.monotonic()
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: limiters.wait("GRA11", services[n % len(services)]), range(calls)))
    return time.monotonic() - began


@pytest.mark.parametrize(("calls", "least_s"), [(8, 0.0), (9, 0.2), (24, 0.4), (25, 0.6)])
def test_calls_beyond_the_burst_wait_for_the_rate(calls: int, least_s: float) -> None:
    """Forty a second, eight at once: eight in each fifth of a second."""
    limiters = Limiters(RateLimit(requests_per_s=40, burst=8))
    assert least_s * 0.95 <= seconds_of(limiters, calls) < least_s + 1


def test_each_service_of_each_region_has_its_own_pace() -> None:
    """What one service is called does not hold up another."""
    limiters = Limiters(RateLimit(requests_per_s=1, burst=4))
    assert seconds_of(limiters, 8, services=("compute", "network")) < 1
    limiters.wait("SBG5", "compute")


def test_calls_and_refusals_are_counted(stage: Stage) -> None:
    """By region and service, each try of a repeated call; once taken they are gone."""
    stage.gra.list_servers("api")
    stage.access.calls.taken()
    rule = {"service": "compute", "path_regex": "/servers", "status": 429, "retry_after_s": 0}
    stage.sandbox.add_fault(FaultRule.model_validate(rule | {"times": 2}))
    stage.gra.list_servers("api")
    assert (
        CallCount(region="GRA11", service="compute", calls=3, refused=2),
    ) == stage.access.calls.taken()
    assert () == stage.access.calls.taken()
