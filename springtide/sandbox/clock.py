"""The sandbox's two times: a wall clock that can be shifted, and an agenda that can't."""

import asyncio
import heapq
import itertools
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta


class SandboxClock:
    """What the sandbox takes for the present: real time plus an offset, always in UTC."""

    def __init__(self, starts_at: datetime | None = None) -> None:
        """Start at `starts_at` (aware), or at the real time."""
        self._offset = timedelta()
        if starts_at is not None:
            self.set(starts_at)

    def now(self) -> datetime:
        """The sandbox's present, in UTC."""
        return datetime.now(UTC) + self._offset

    def set(self, at: datetime) -> None:
        """Make `at` (aware) the present; time runs on from there."""
        self._offset = at.astimezone(UTC) - datetime.now(UTC)

    def advance(self, seconds: float) -> None:
        """Move the present by `seconds`, backwards if negative."""
        self._offset += timedelta(seconds=seconds)


class Agenda:
    """What is to happen after a delay, in due order, on monotonic time.

    Shifting the clock moves nothing here: boots in flight take as long as they would have.
    Everything runs in the thread of the event loop.
    """

    def __init__(self) -> None:
        """Start with nothing to do."""
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._sequence = itertools.count()
        self._sooner = asyncio.Event()

    def after(self, delay_s: float, action: Callable[[], None]) -> None:
        """Have `action` run once, `delay_s` seconds from now."""
        entry = (time.monotonic() + delay_s, next(self._sequence), action)
        heapq.heappush(self._due, entry)
        if self._due[0] is entry:
            self._sooner.set()

    def run_due(self) -> None:
        """Run what is due by now, the earliest first; what it adds for later stays."""
        now = time.monotonic()
        while self._due and self._due[0][0] <= now:
            heapq.heappop(self._due)[2]()

    def clear(self) -> None:
        """Forget everything that has not happened yet."""
        self._due.clear()

    async def run(self) -> None:
        """Run everything at its time, until cancelled."""
        while True:
            self.run_due()
            self._sooner.clear()
            wait_s = self._due[0][0] - time.monotonic() if self._due else None
            try:
                await asyncio.wait_for(self._sooner.wait(), wait_s)
            except TimeoutError:
                continue
