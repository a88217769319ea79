"""What claims and clock say: when it opens and closes, surges, freezes, unreadable claims."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import pytest

from springtide.model.claim import Claim, ClaimBook, ClaimKind, Freeze
from springtide.model.outcome import Ending
from tests.convergence.stage import ENDS_AT, OPENS_AT, Stage, a_window

ALMOST = timedelta(seconds=-30)
"""More than a convergence takes, as the sandbox's clock runs on."""


def a_surge(servers: int) -> Claim:
    """A surge that holds over the whole evening and beyond."""
    return Claim(
        key="surge-1",
        fleet="api",
        kind=ClaimKind.SURGE,
        servers=servers,
        starts_at=OPENS_AT - timedelta(hours=6),
        ends_at=ENDS_AT + timedelta(hours=6),
        owner="operations",
        reason="more traffic than ever",
    )


@pytest.mark.parametrize(
    ("hours", "opens", "ends"),
    [
        pytest.param(
            {"from": "02:30", "until": "05:00", "add_dates": ["2026-03-29"]},
            "2026-03-29T01:00:00+00:00",
            "2026-03-29T02:50:00+00:00",
            id="spring-from-an-hour-that-is-jumped-over",
        ),
        pytest.param(
            {"from": "01:00", "until": "04:00", "add_dates": ["2026-10-25"]},
            "2026-10-24T23:00:00+00:00",
            "2026-10-25T02:50:00+00:00",
            id="autumn-over-the-hour-that-comes-twice",
        ),
        pytest.param(
            {"from": "16:00", "until": "22:00", "add_dates": ["2026-10-25"]},
            "2026-10-25T15:00:00+00:00",
            "2026-10-25T20:50:00+00:00",
            id="autumn-on-the-evening-of-the-change",
        ),
    ],
)
def test_opens_and_closes_at_the_right_instants_when_clocks_change(
    stage: Stage, hours: dict[str, object], opens: str, ends: str
) -> None:
    """Half a minute before each edge nothing is done yet, at the edge everything."""
    stage.write(window=a_window(servers=2, days=["sunday"], **hours))
    opens_at, ends_at = datetime.fromisoformat(opens), datetime.fromisoformat(ends)
    for at, servers in (
        (opens_at + ALMOST, 0),
        (opens_at, 2),
        (ends_at + ALMOST, 2),
        (ends_at, 0),
    ):
        stage.sandbox.set_clock(at)
        assert Ending.SETTLED is stage.converge().ending
        stage.assert_stands(servers)


def test_a_window_that_ends_during_a_surge_takes_nothing_away(stage: Stage) -> None:
    """The surge's number stands while it holds, whatever the window does."""
    book = ClaimBook(claims=(a_surge(4),))
    stage.sandbox.set_clock(OPENS_AT)
    stage.converge(book)
    stage.assert_stands(10)
    stage.sandbox.set_clock(ENDS_AT)
    stage.converge(book)
    stage.assert_stands(4)
    stage.assert_leaves_nothing()


def test_while_claims_are_unreadable_it_grows_and_never_shrinks(stage: Stage) -> None:
    """Without the store the window opens, and at its end everything stays."""
    stage.sandbox.set_clock(OPENS_AT)
    hand = stage.hand()
    assert Ending.SETTLED is asyncio.run(hand.converge(hand.book_of(None))).ending
    stage.assert_stands(10)
    stage.sandbox.set_clock(ENDS_AT)
    hand = stage.hand()
    plan = asyncio.run(hand.look_once(hand.book_of(None))).plan
    assert ((), 10) == (plan.actions, plan.waits[-1].servers)
    stage.assert_stands(10)
    stage.assert_leaves_nothing()


def test_a_frozen_fleet_is_not_changed(stage: Stage) -> None:
    """A freeze holds at the opening and at the closing: the plans are told and not carried out."""
    freeze = Freeze(
        key="freeze-1",
        fleet="*",
        starts_at=OPENS_AT - timedelta(hours=1),
        ends_at=ENDS_AT + timedelta(hours=1),
        owner="operations",
        reason="works on the network",
    )
    book = ClaimBook(freezes=(freeze,))
    stage.sandbox.set_clock(OPENS_AT)
    outcome = stage.converge(book)
    assert (Ending.FROZEN, ()) == (outcome.ending, outcome.rounds)
    stage.assert_stands(0)
    stage.open()
    stage.sandbox.set_clock(ENDS_AT)
    assert Ending.FROZEN is stage.converge(book).ending
    stage.assert_stands(10)
    stage.assert_leaves_nothing()


def test_two_convergences_at_once_end_right(stage: Stage) -> None:
    """Two runs that know nothing of each other may overshoot; the fleet is right in the end."""
    for at, servers in ((OPENS_AT, 10), (ENDS_AT, 0)):
        stage.sandbox.set_clock(at)
        with ThreadPoolExecutor(max_workers=2) as pool:
            endings = [pool.submit(stage.converge) for _ in range(2)]
        assert [Ending.SETTLED] * 2 == [ending.result().ending for ending in endings]
        # Whoever settles first may do so while the other one's last wave is on its way.
        stage.converge()
        stage.assert_stands(servers)
    assert 3 == len(stage.members(ours=False))


def test_a_person_who_deletes_servers_while_they_come_is_made_good(stage: Stage) -> None:
    """Servers that vanish behind our back are planned anew, and their members leave the pool."""
    stage.open()
    victims = [server.id for server in stage.servers()][:3]
    for victim in victims:
        stage.delete_behind_our_back(victim)
    stage.wait_until(lambda: 7 == len(stage.servers()))
    outcome = stage.open()
    assert 3 == outcome.changed("launch") == outcome.changed("leave")
    stage.assert_stands(10)
    stage.assert_leaves_nothing()
