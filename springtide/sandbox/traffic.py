"""Customers' requests at a steady rate, whatever the answers: an open loop, and its report.

    with Traffic("http://127.0.0.1:8000", 300) as traffic:
        ...
    traffic.report().failed

Nothing is tried twice: what fails here has failed for a customer.
"""

import asyncio
import math
import threading
import time
from array import array
from collections import Counter
from collections.abc import Sequence
from types import TracebackType
from typing import Annotated, Final, Self
from urllib.parse import urlsplit

from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt

from springtide.model.base import Model
from springtide.sandbox.traffic_client import Client, Outcome


class TrafficMix(Model):
    """Which requests are sent, and how long and how many at most."""

    slow_share: Annotated[float, Field(ge=0, le=1)] = 0.05
    """Which part of the requests is slow to answer."""
    slow_ms: Annotated[int, Field(ge=0, le=10_000)] = 300
    """How long the server works on a slow request, in milliseconds."""
    timeout_s: PositiveFloat = 10.0
    """When a request without its whole answer has failed."""
    most_in_flight: PositiveInt = 2000
    """Requests that would exceed it are not sent, and count as failed."""
    most_s: PositiveFloat = 3600.0
    """The longest that requests are sent."""
    most_requests: PositiveInt = 1_000_000


class TrafficReport(Model):
    """What became of the requests so far; latencies in milliseconds, of the answered ones."""

    duration_s: NonNegativeFloat
    sent: NonNegativeInt
    """Requests that were due, those included that were too many to be sent."""
    ok: NonNegativeInt
    failed: NonNegativeInt
    reasons: dict[str, int]
    """How many failed for each reason."""
    examples: tuple[str, ...]
    """The first failures: when, what, why."""
    by_server: dict[str, int]
    """Answers by the server that gave them."""
    p50_ms: NonNegativeFloat
    p95_ms: NonNegativeFloat
    p99_ms: NonNegativeFloat
    most_ms: NonNegativeFloat


class Traffic:
    """A load of requests; as a context manager it runs in a thread of its own."""

    def __init__(self, url: str, requests_per_s: float, *, mix: TrafficMix | None = None) -> None:
        """Prepare to send GETs to `url`, of which only host and port are used."""
        parts = urlsplit(url)
        if parts.hostname is None:
            raise ValueError(f"no host in {url!r}")
        self._rate = requests_per_s
        self._mix = mix or TrafficMix()
        self._client = Client(parts.hostname, parts.port or 80, timeout_s=self._mix.timeout_s)
        self._thread: threading.Thread | None = None
        self._ended = threading.Event()
        self._started_at = time.monotonic()
        self._ended_at: float | None = None
        self._sent = 0
        self._reasons: Counter[str] = Counter()
        self._examples: list[str] = []
        self._by_server: Counter[str] = Counter()
        self._latencies_ms = array("f")

    def __enter__(self) -> Self:
        """Send from now on."""
        self._thread = threading.Thread(target=lambda: asyncio.run(self.run()), daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Send no more, and wait for the answers that are under way."""
        self.end()
        if self._thread is not None:
            self._thread.join()

    def end(self) -> None:
        """Have `run` send no more; from any thread."""
        self._ended.set()

    async def run(self) -> None:
        """Send until `end` or a bound of the mix, then wait for the answers under way."""
        mix, most = self._mix, self._mix.most_requests
        self._started_at = time.monotonic()
        while not self._ended.is_set() and self._sent < most:
            elapsed_s = time.monotonic() - self._started_at
            if elapsed_s >= mix.most_s:
                break
            for _ in range(min(int(elapsed_s * self._rate), most) - self._sent):
                self._send()
            await asyncio.sleep(_TICK_S)
        await self._client.drained()
        self._client.close()
        self._ended_at = time.monotonic()

    def report(self) -> TrafficReport:
        """What became of the requests so far; from any thread."""
        ordered = sorted(self._latencies_ms)
        failed = sum(self._reasons.values())
        return TrafficReport(
            duration_s=(self._ended_at or time.monotonic()) - self._started_at,
            sent=self._sent,
            ok=len(ordered),
            failed=failed,
            reasons=dict(self._reasons),
            examples=tuple(self._examples),
            by_server=dict(self._by_server),
            p50_ms=_percentile(ordered, 0.50),
            p95_ms=_percentile(ordered, 0.95),
            p99_ms=_percentile(ordered, 0.99),
            most_ms=_percentile(ordered, 1.0),
        )

    def _send(self) -> None:
        share = self._mix.slow_share
        slow = math.floor((self._sent + 1) * share) > math.floor(self._sent * share)
        target = f"/?delay_ms={self._mix.slow_ms}" if slow else "/"
        self._sent += 1
        if self._client.in_flight >= self._mix.most_in_flight:
            self._fail(target, f"not sent: {self._client.in_flight} requests under way")
        else:
            self._client.get(target, self._done)

    def _done(self, target: str, outcome: Outcome) -> None:
        if outcome.failure is not None:
            self._fail(target, outcome.failure)
            return
        self._latencies_ms.append(outcome.latency_s * 1000)
        self._by_server[outcome.server] += 1

    def _fail(self, target: str, reason: str) -> None:
        self._reasons[reason] += 1
        if len(self._examples) < _MOST_EXAMPLES:
            at_s = time.monotonic() - self._started_at
            self._examples.append(f"after {at_s:.2f} s: GET {target}: {reason}")


def _percentile(ordered: Sequence[float], share: float) -> float:
    if not ordered:
        return 0.0
    return round(ordered[max(0, math.ceil(share * len(ordered)) - 1)], 3)


_TICK_S: Final = 0.005
_MOST_EXAMPLES: Final = 5
