"""The whole decision of one round: calendar and stored claims in, the round's plan out."""

from dataclasses import dataclass

from springtide.errors import Misconfigured
from springtide.model.claim import Claim, Desired
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
    """Claims that count beside the stored ones, e.g. the order of a dry run."""

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
        given = RoundInput(
            fleet=self.fleet,
            desired=self.desired(observation),
            book=observation.book,
            now=observation.now,
            run=self.run,
        )
        return plan_round(observation.snapshot, given)
