"""How fast we call: one token bucket before each service of each region."""

import threading

from pyrate_limiter import Limiter, Rate

from springtide.clouds.call_counts import CallCounts
from springtide.errors import Retryable
from springtide.model.fleet import RateLimit

_WAIT_S = 120


class Limiters:
    """One bucket for each region and service, shared by all threads of the process.

    Each lets `burst` requests go in any `burst / requests_per_s` seconds, so that neither a pause
    nor a crowd of threads sends more than the provider takes. The SDK's own limiter is of no use
    here: idle time is saved up in it without end.
    """

    def __init__(self, limit: RateLimit) -> None:
        """Every bucket has the same limit."""
        self._limit = limit
        self.counts = CallCounts()
        """What went, and what the services refused all the same."""
        self._buckets: dict[tuple[str, str], Limiter] = {}
        self._lock = threading.Lock()

    def wait(self, region: str, service: str) -> None:
        """Return when one more request may go.

        Raises:
            Retryable: that was not within two minutes.
        """
        with self._lock:
            bucket = self._buckets.get((region, service))
            if bucket is None:
                window_ms = max(1, round(1000 * self._limit.burst / self._limit.requests_per_s))
                bucket = Limiter(Rate(self._limit.burst, window_ms), buffer_ms=5)
                self._buckets[region, service] = bucket
        if not bucket.try_acquire(service, timeout=_WAIT_S):
            raise Retryable(f"{region}: more calls to {service} are waiting than its limit allows")
