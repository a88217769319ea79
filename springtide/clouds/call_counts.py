"""The calls that this process has made, counted by region and service."""

import threading
from collections import Counter

from springtide.model.api_calls import CallCount


class CallCounts:
    """Counts; shared by all regions and threads of one access."""

    def __init__(self) -> None:
        """Nothing was called yet."""
        self._calls: Counter[tuple[str, str]] = Counter()
        self._refused: Counter[tuple[str, str]] = Counter()
        self._lock = threading.Lock()

    def count(self, region: str, service: str, *, refused: bool) -> None:
        """Take note of one answer, or of one that never came."""
        with self._lock:
            self._calls[region, service] += 1
            self._refused[region, service] += refused

    def taken(self) -> tuple[CallCount, ...]:
        """What was counted since it was last taken, by region and service."""
        with self._lock:
            calls, refused = self._calls, self._refused
            self._calls, self._refused = Counter(), Counter()
        return tuple(
            CallCount(region=region, service=service, calls=n, refused=refused[region, service])
            for (region, service), n in sorted(calls.items())
        )
