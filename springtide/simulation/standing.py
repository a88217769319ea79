"""Servers that stand as they are wanted: launched, drained and deleted, each with its delay.

As an operator reads it: what is missing is launched at once, is ACTIVE after a boot of one to three
minutes, and serves half a minute later. What is superfluous is drained for the fleet's drain time
and deleted some seconds after, at most `surge.step_down_servers` at a time; the newest go first.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random

from springtide.model.fleet import Fleet
from springtide.planning.spread import Room, spread

_BOOT_S = (60, 180)
_ANSWER_S = 30
_DELETE_S = (5, 60)


@dataclass
class StoodServer:
    """One server from ACTIVE to gone."""

    id: str
    region: str
    active_at: datetime
    serves_at: datetime
    drained_from: datetime | None = None
    gone_at: datetime | None = None

    def serves(self, at: datetime) -> bool:
        """Whether it takes new requests at that moment."""
        return self.serves_at <= at and (self.drained_from is None or at < self.drained_from)


@dataclass
class Standing:
    """The servers that stood and stand."""

    fleet: Fleet
    random: Random
    gone: list[StoodServer] = field(default_factory=list)
    here: list[StoodServer] = field(default_factory=list)
    made: int = 0

    def want(self, servers: int, at: datetime, *, room_from: datetime | None = None) -> None:
        """Launch what is missing at `at`, and send away what is too many.

        `room_from`: until then the cloud has no host for the last region's share.
        """
        self._forget_gone(at)
        staying = [s for s in self.here if s.drained_from is None]
        missing = servers - len(staying)
        if missing > 0:
            self._launch(missing, at, room_from)
        elif missing < 0:
            self._send_away(staying, -missing, at)

    def serving(self, at: datetime) -> int:
        """How many serve at that moment."""
        return sum(server.serves(at) for server in self.here)

    def delay(self, servers: int, until: datetime) -> None:
        """Have that many of those that left last stand until `until`."""
        left = [s for s in (*self.gone, *self.here) if s.gone_at is not None]
        for server in left[-servers:]:
            server.gone_at = until

    def ended(self, at: datetime) -> tuple[StoodServer, ...]:
        """Every server that ever stood, in the order of its making; what is left goes at `at`."""
        for server in self.here:
            server.gone_at = server.gone_at or max(at, server.active_at)
        return tuple(sorted((*self.gone, *self.here), key=lambda s: s.id))

    def _forget_gone(self, at: datetime) -> None:
        left = [s for s in self.here if s.gone_at is not None and s.gone_at <= at]
        if left:
            self.gone += left
            self.here = [s for s in self.here if s.gone_at is None or s.gone_at > at]

    def _launch(self, missing: int, at: datetime, room_from: datetime | None) -> None:
        held = {r.name: sum(s.region == r.name for s in self.here) for r in self.fleet.regions}
        rooms = tuple(
            Room(r.name, r.weight, held[r.name], r.cap, "cap") for r in self.fleet.regions
        )
        shares, _ = spread(missing, rooms)
        for region, share in shares.items():
            late = room_from if region == self.fleet.regions[-1].name else None
            for _ in range(share):
                self._launch_one(region, max(at, late) if late else at)

    def _launch_one(self, region: str, at: datetime) -> None:
        self.made += 1
        active_at = at + timedelta(seconds=self.random.randint(*_BOOT_S))
        self.here.append(
            StoodServer(
                id=f"{self.fleet.name}-{self.made:06}",
                region=region,
                active_at=active_at,
                serves_at=active_at + timedelta(seconds=_ANSWER_S),
            )
        )

    def _send_away(self, staying: list[StoodServer], surplus: int, at: datetime) -> None:
        leaving = len(self.here) - len(staying)
        if self.fleet.surge is not None:
            surplus = min(surplus, max(0, self.fleet.surge.step_down_servers - leaving))
        drain = timedelta(seconds=self.fleet.timeouts.drain_s)
        for server in sorted(staying, key=lambda s: s.id)[len(staying) - surplus :]:
            server.drained_from = at
            took = timedelta(seconds=self.random.randint(*_DELETE_S))
            # One that is still booting is deleted as soon as it is ACTIVE.
            server.gone_at = max(at + drain, server.active_at) + took
