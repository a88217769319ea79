"""How many surges may begin by one door in an hour: a storm of alerts is no storm of runs.

As an operator reads it: three hundred servers that fire the same alert are three hundred
fingerprints. The first few of them ask for the surge that all of them mean; the others are refused
until an hour has passed. What was let in stays let in: the same key may be sent again at any time.
"""

import time
from collections.abc import Callable

from deployments.surge_gateway.refusals import Refusal

_HOUR_S = 3600.0


class Allowance:
    """At most so many keys an hour for each door: a caller, or a caller's alert of one name."""

    def __init__(self, most: int, clock: Callable[[], float] = time.monotonic) -> None:
        """Nothing was let in yet; `clock` tells seconds that only rise."""
        self._most = most
        self._clock = clock
        self._let_in: dict[str, dict[str, float]] = {}

    def admit(self, door: str, key: str) -> None:
        """Return where the key may go in: it did in the last hour, or there is room for it.

        Raises:
            Refusal: 429, with the seconds until there is room.
        """
        now = self._clock()
        known = self._let_in.get(door, {})
        recent = {k: at for k, at in known.items() if now - at < _HOUR_S}
        self._let_in[door] = recent
        if key in recent:
            return
        if len(recent) >= self._most:
            wait_s = min(recent.values()) + _HOUR_S - now
            raise Refusal(
                429, f"more than {self._most} surges in an hour", retry_after_s=int(wait_s) + 1
            )
        recent[key] = now
