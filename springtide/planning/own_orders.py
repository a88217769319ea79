"""The orders that a run has stored itself: they count at once, and no longer than the store says.

As an operator reads it: from the first look on that reads the store whole, the store alone tells
what is ordered. An order that a person lifts is over for the run that stored it as for any other.
While the store cannot be read, what was last known of it counts.

Example: a surge to 300 is stored and its run launches; after a minute the surge is lifted: the next
round of that run wants what the other claims ask for, and takes down what is above it.
"""

from dataclasses import dataclass, replace

from springtide.model.base import Moment
from springtide.model.claim import Claim, ClaimBook, Rollout
from springtide.planning.claim_book import entry_name

OwnOrder = Claim | Rollout


@dataclass(frozen=True)
class OwnOrders:
    """What a run has stored, and what of it was lifted since."""

    stored: tuple[OwnOrder, ...] = ()
    lifted: tuple[OwnOrder, ...] = ()

    def with_stored(self, order: OwnOrder) -> "OwnOrders":
        """These orders and that one, which has just been stored."""
        return replace(self, stored=(*self.stored, order))

    def held_against(self, book: ClaimBook, now: Moment) -> "OwnOrders":
        """These orders, and which of them were lifted: `book`, read whole, lacks them too early."""
        there = _keys(book)
        lifted = (
            order
            for order in self.stored
            if order.key not in there and (order in self.lifted or order.active_at(now))
        )
        return replace(self, lifted=tuple(lifted))

    def added_to(self, book: ClaimBook) -> ClaimBook:
        """The book, not known to be whole, with those that are not known to be lifted."""
        there = _keys(book)
        unseen = [o for o in self.stored if o.key not in there and o not in self.lifted]
        claims = [o for o in unseen if isinstance(o, Claim)]
        rollouts = [o for o in unseen if isinstance(o, Rollout)]
        changes = {"claims": (*book.claims, *claims), "rollouts": (*book.rollouts, *rollouts)}
        return book.model_copy(update=changes)

    def told(self) -> tuple[str, ...]:
        """What a person should know of how the run ended."""
        return tuple(f"{entry_name(order)} was lifted meanwhile" for order in self.lifted)


def _keys(book: ClaimBook) -> frozenset[str]:
    return frozenset({c.key for c in book.claims} | {r.key for r in book.rollouts})
