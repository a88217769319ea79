"""The whole decision of one round: calendar and stored claims in, the round's plan out."""

from dataclasses import dataclass

from springtide.errors import Misconfigured
from springtide.model.claim import Claim, Desired, Rollout
from springtide.model.fleet import Fleet
from springtide.model.plan import RoundPlan
from springtide.model.snapshot import Observation
from springtide.model.window import Window
from springtide.planning.desired import desired_size
from springtide.planning.evening_window import window_claims
from springtide.planning.fleet_round import plan_round
from springtide.planning.lead_time import timed_windows
from springtide.planning.round_input import RoundInput
from springtide.planning.school_calendar import SchoolCalendar


@dataclass(frozen=True)
class Decider:
    """Decides for one fleet; the same observation always gives the same plan."""

    fleet: Fleet
    windows: tuple[Window, ...]
    calendar: SchoolCalendar
    run: str
    """Short id of the run, part of every wave's tag."""
    orders: tuple[Claim, ...] = ()
    """Claims that are stored nowhere, so that nobody can lift them: a dry run's, a rehearsal's."""
    rollouts: tuple[Rollout, ...] = ()
    """Rollouts that are stored nowhere: a dry run's."""

    def desired(self, observation: Observation) -> Desired:
        """How many servers the fleet should have now.

        Where the calendar does not know the date, the stored claims alone speak, and nothing is
        removed: a window that should be open may be among what stands.
        """
        book, windows = observation.book, tuple[Claim, ...]()
        try:
            timed = timed_windows(self.windows, book.startups, observation.now)
            windows = window_claims(timed, self.calendar, now=observation.now)
        except Misconfigured as error:
            trouble = "; ".join(filter(None, (book.trouble, str(error))))
            book = book.model_copy(update={"trouble": trouble})
        claims = (*windows, *self.orders)
        return desired_size(self.fleet, windows=claims, book=book, now=observation.now)

    def plan(self, observation: Observation) -> RoundPlan:
        """What to do about the difference between desired and observed."""
        return plan_round(observation.snapshot, self.given(observation))

    def given(self, observation: Observation) -> RoundInput:
        """What the decision rests on, beside what is observed."""
        desired = self.desired(observation)
        known = {r.key: r for r in (*observation.book.rollouts, *self.rollouts)}
        book = observation.book.model_copy(update={"rollouts": tuple(known.values())})
        return RoundInput(
            fleet=self.fleet,
            desired=desired,
            book=book,
            now=observation.now,
            run=self.run,
            falls_at=desired.until if self._falls(desired, observation) else None,
        )

    def _falls(self, desired: Desired, observation: Observation) -> bool:
        """Whether fewer are desired from the next change on."""
        if desired.until is None:
            return False
        then = self.desired(observation.model_copy(update={"now": desired.until}))
        return then.servers < desired.servers
