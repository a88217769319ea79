"""The watcher of the traffic over a rehearsed day: the decision is that of production."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from springtide.model.claim import Claim, ClaimBook
from springtide.model.fleet import Fleet
from springtide.model.snapshot import FleetSnapshot, Observation
from springtide.model.traffic import BALANCERS, TrafficAnswer, TrafficNote, TrafficSample
from springtide.planning.deciding import Decider
from springtide.planning.emergency_surge import surge_claim
from springtide.planning.traffic import plan_traffic, surge_ask, traffic_input, watched

ASKED_FROM = 0.7
"""Share of the carried sessions below which it is not asked, as each ask takes 2 ms."""


class Watcher:
    """Asks for surges of one fleet; each is granted, as if a person approved what goes beyond."""

    def __init__(self, decider: Decider, *, step_minutes: int) -> None:
        """Nothing was asked for yet; samples are `step_minutes` apart."""
        self._decider = decider
        self._step = timedelta(minutes=step_minutes)
        self._asked_at: datetime | None = None

    def asks(
        self, at: datetime, sessions: Sequence[int], *, wanted: int, surges: tuple[Claim, ...]
    ) -> Claim | None:
        """The surge that it asks for at `at`; None: none.

        `sessions` are the day's so far, the last of them now; `wanted` servers are desired now, and
        `surges` hold.
        """
        policy = watched(self._decider.fleet)
        if sessions[-1] <= policy.planned_for(wanted) * ASKED_FROM:
            return None
        fleet = self._decider.fleet
        book = ClaimBook(claims=surges, traffic=(self._note(fleet, at, sessions),))
        nobody = FleetSnapshot(fleet=fleet.name, at=at, regions=())
        sample = TrafficSample(source=BALANCERS, at=at, sessions=sessions[-1])
        seen = Observation(now=at, snapshot=nobody, book=book)
        verdict = plan_traffic(traffic_input(self._decider, seen, [sample]))
        if verdict.answer is not TrafficAnswer.ASK:
            return None
        self._asked_at = at
        return surge_claim(surge_ask(verdict, policy), at)

    def _note(self, fleet: Fleet, at: datetime, sessions: Sequence[int]) -> TrafficNote:
        history = timedelta(minutes=watched(fleet).history_minutes)
        known = list(sessions[-(history // self._step) :])
        ages = range(len(known) - 1, -1, -1)
        points = [(int((at - n * self._step).timestamp()), known[-1 - n]) for n in ages]
        return TrafficNote(
            key=fleet.name,
            fleet=fleet.name,
            series={BALANCERS: tuple(points)},
            asked_at=self._asked_at,
            until=at + history,
        )
