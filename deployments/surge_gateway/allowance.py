"""How many surges may begin by one door in an hour: a storm of alerts is no storm of runs.

As an operator reads it: three hundred servers that fire the same alert are three hundred
fingerprints. The first few of them ask for the surge that all of them mean, each in a place that it
holds for an hour; the others are refused meanwhile. What was let in stays let in, whatever the key
of its next surge, for as long as it is sent again within half an hour.
"""

from collections.abc import Callable

from deployments.surge_gateway.refusals import Refusal

_HOUR_S = 3600.0
_SENT_AGAIN_S = 1800.0
"""Twice what Alertmanager may take to send an alert that goes on again."""


class Allowance:
    """So many places at each door: a caller's, or that of a caller's alerts of one name."""

    def __init__(self, most: int, clock: Callable[[], float]) -> None:
        """Nothing was let in yet; `clock` tells seconds, and may be set back."""
        self._most = most
        self._clock = clock
        self._held: dict[str, dict[str, float]] = {}
        """By door and name: until when."""

    def admit(self, door: str, name: str) -> None:
        """Return where it may go in: it holds a place, or there is one for it.

        Raises:
            Refusal: 429, with the seconds until there may be a place.
        """
        now = self._clock()
        known = self._held.get(door, {})
        held = {each: until for each, until in known.items() if now < until <= now + _HOUR_S}
        self._held[door] = held
        if name not in held and len(held) >= self._most:
            wait_s = min(held.values()) - now
            raise Refusal(
                429, f"more than {self._most} surges in an hour", retry_after_s=int(wait_s) + 1
            )
        held[name] = max(held.get(name, now + _HOUR_S), now + _SENT_AGAIN_S)
