"""A school week replayed against the watcher, minute by minute: its asks, and what stands.

Servers stand a horizon after they are claimed, and go as soon as they are not.
"""

from dataclasses import dataclass, field
from datetime import timedelta

from springtide.model.claim import Claim, ClaimBook
from springtide.model.fleet import Fleet, FleetRegion
from springtide.model.snapshot import FleetSnapshot, Observation
from springtide.model.surge import SurgePolicy
from springtide.model.traffic import (
    BALANCERS,
    TrafficAnswer,
    TrafficNote,
    TrafficPolicy,
    TrafficSample,
    TrafficVerdict,
)
from springtide.planning.deciding import Decider
from springtide.planning.emergency_surge import surge_claim
from springtide.planning.traffic import plan_traffic, remembered, surge_ask, traffic_input
from tests.planning.windows import CALENDAR, a_window, utc

MIDNIGHT = utc("2026-11-22T23:00")
"""Of a Monday in term time, in Paris."""
POLICY = TrafficPolicy(sessions_per_server=300, sessions_elsewhere=6000)
FLEET = Fleet(
    name="api",
    image="api-*",
    flavour="b2-60",
    max_servers=300,
    regions=(FleetRegion(name="GRA11", network="vrack", pool="api"),),
    surge=SurgePolicy(max_servers=300, max_hours=12, budget=2500, monthly_budget=10_000),
    traffic=POLICY,
)


@dataclass
class Replay:
    """What became of a week; with `every` 0 nobody watches."""

    sessions: list[int]
    every: int = 2
    """Minutes from one look to the next."""
    decider: Decider = field(default_factory=lambda: Decider(FLEET, (a_window(),), CALENDAR, "r"))
    asks: list[TrafficVerdict] = field(default_factory=list)
    claimed: list[int] = field(default_factory=list)
    """By the minute."""
    surges: list[Claim] = field(default_factory=list)
    note: TrafficNote | None = None

    def run(self) -> "Replay":
        """All of it."""
        for minute, sessions in enumerate(self.sessions):
            if self.every and minute % self.every == 0:
                self._watch(minute, sessions)
            self.claimed.append(self.decider.desired(self._seen(minute)).servers)
        return self

    def standing(self, minute: int) -> int:
        """Servers that have been claimed for a whole horizon."""
        return min(self.claimed[max(0, minute - int(POLICY.horizon_minutes)) : minute + 1])

    def excess(self, minute: int) -> int:
        """Sessions beyond what stands carries when full."""
        return max(0, self.sessions[minute] - round(POLICY.full_for(self.standing(minute))))

    @property
    def lost(self) -> int:
        """Session-minutes beyond what stood."""
        return sum(self.excess(minute) for minute in range(len(self.sessions)))

    @property
    def first_lost(self) -> int:
        """The first minute with sessions beyond what stood."""
        return next(m for m in range(len(self.sessions)) if self.excess(m))

    def minute_of(self, ask: TrafficVerdict) -> int:
        """When it was asked."""
        return int((ask.at - MIDNIGHT).total_seconds() // 60)

    def _watch(self, minute: int, sessions: int) -> None:
        seen = self._seen(minute)
        sample = TrafficSample(source=BALANCERS, at=seen.now, sessions=sessions)
        given = traffic_input(self.decider, seen, [sample])
        verdict = plan_traffic(given)
        asked = verdict.answer is TrafficAnswer.ASK
        if asked:
            self.asks.append(verdict)
            self.surges.append(surge_claim(surge_ask(verdict, POLICY), seen.now))
        self.note = remembered(given, verdict, asked=asked)

    def _seen(self, minute: int) -> Observation:
        now = MIDNIGHT + timedelta(minutes=minute)
        holding = tuple(c for c in self.surges if c.active_at(now))
        book = ClaimBook(claims=holding, traffic=(self.note,) if self.note else ())
        return Observation(
            now=now, snapshot=FleetSnapshot(fleet="api", at=now, regions=()), book=book
        )
