"""What a run has stored counts until the store, read whole, says that it was lifted."""

from datetime import datetime, timedelta

import pytest

from springtide.model.claim import Claim, ClaimBook, ClaimKind
from springtide.planning.own_orders import OwnOrders
from tests.planning.fleet_world import START
from tests.planning.rollouts import OLD, a_rollout

HOUR = timedelta(hours=1)
SURGE = Claim(
    key="surge-lockdown",
    fleet="api",
    kind=ClaimKind.SURGE,
    servers=300,
    starts_at=START,
    ends_at=START + HOUR,
    owner="operations",
    reason="schools are closed",
)
ROLLOUT = a_rollout(OLD.name, starts_at=START)
OWN = OwnOrders().with_stored(SURGE).with_stored(ROLLOUT)
STORED = ClaimBook(claims=(SURGE,), rollouts=(ROLLOUT,))
AWAY = ClaimBook(trouble="the store does not answer")


def test_what_was_just_stored_counts_while_the_store_cannot_be_read() -> None:
    """The book that was read before it was stored does not know of it."""
    known = OWN.added_to(AWAY)
    assert ((SURGE,), (ROLLOUT,), AWAY.trouble) == (known.claims, known.rollouts, known.trouble)
    assert () == OWN.told()


def test_what_the_book_shows_already_is_not_added_again() -> None:
    """The stored one counts, should the two differ."""
    longer = SURGE.model_copy(update={"ends_at": START + 2 * HOUR})
    known = OWN.added_to(ClaimBook(claims=(longer,)))
    assert ((longer,), (ROLLOUT,)) == (known.claims, known.rollouts)


def test_what_was_lifted_is_over_and_told() -> None:
    """Whether it was seen before or not, and also when the store cannot be read any more."""
    for earlier in (OWN, OWN.held_against(STORED, START)):
        own = earlier.held_against(ClaimBook(claims=(SURGE,)), START + HOUR / 2)
        assert ((SURGE,), ()) == (own.added_to(AWAY).claims, own.added_to(AWAY).rollouts)
        assert (f"springtide_rollout_{ROLLOUT.key} was lifted meanwhile",) == own.told()


@pytest.mark.parametrize(
    ("at", "told"),
    [
        pytest.param(START + HOUR - timedelta(seconds=1), 1, id="before-its-end"),
        pytest.param(START + HOUR, 0, id="at-its-end"),
    ],
)
def test_what_has_ended_was_not_lifted(at: datetime, told: int) -> None:
    """It is cleared from the store, and that is no person's word."""
    own = OwnOrders().with_stored(SURGE)
    assert told == len(own.held_against(ClaimBook(), at).told())


def test_what_was_lifted_before_its_end_stays_lifted() -> None:
    """The run may end later than the order would have."""
    own = OwnOrders().with_stored(SURGE).held_against(ClaimBook(), START)
    assert (SURGE,) == own.held_against(ClaimBook(), START + 2 * HOUR).lifted


def test_what_was_stored_again_is_not_lifted_any_more() -> None:
    """Somebody asked for it once more, under the same key."""
    own = OWN.held_against(ClaimBook(), START).held_against(STORED, START)
    assert () == own.lifted
