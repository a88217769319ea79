"""Stored claims listed and lengthened: within what is authorised, at the price of more hours."""

from datetime import timedelta
from decimal import Decimal
from math import ceil

import pytest

from springtide.errors import GuardRefused
from springtide.model.claim import Ceiling, Claim, ClaimBook, ClaimKind, Freeze
from springtide.model.fleet import Timeouts
from springtide.model.surge import SurgeCost, SurgePolicy
from springtide.model.window import Window
from springtide.planning.claim_changes import (
    Longer,
    Price,
    claim_named,
    entry_rows,
    extension,
    keeping_limitation,
)
from springtide.planning.emergency_surge import surge_claim
from tests.planning.fleet_world import START
from tests.planning.surges import EUR_4, a_policy, a_request, a_spending, a_surging_fleet
from tests.planning.windows import a_window, utc

SURGE = surge_claim(a_request(), START)
LATER = START + timedelta(hours=2)


def longer(hours: float) -> Longer:
    """A person's wish."""
    return Longer(ident="ab12", hours=hours, owner="me", reason="not over yet", at=LATER)


def priced(cost: SurgeCost | None) -> Price:
    """Ten an hour for each begun hour, and one hour for leaving; None: no price."""

    def price(hours: float) -> SurgeCost | None:
        if cost is None:
            return None
        paid = ceil(hours) + 1
        update = {"paid_hours": paid, "total": paid * cost.per_hour}
        return cost.model_copy(update=update)

    return price


def extended(
    hours: float,
    *,
    old: Claim = SURGE,
    cost: SurgeCost | None = EUR_4,
    book: ClaimBook | None = None,
    budget: int = 100,
) -> tuple[Claim, Decimal]:
    """The new claim, and what it takes of the budget."""
    fleet = a_surging_fleet(surge=a_policy(budget=budget))
    claim, spending = extension(
        old, longer(hours), fleet, price=priced(cost), book=book or ClaimBook()
    )
    assert spending is not None
    return claim, spending.amount


def test_a_longer_claim_takes_over() -> None:
    """It holds from the old one's start until its new end; the old one stays as it is."""
    claim, amount = extended(2)
    assert (SURGE.servers, SURGE.starts_at) == (claim.servers, claim.starts_at)
    assert SURGE.ends_at + timedelta(hours=2) == claim.ends_at
    assert ("surge-lockdown-xab12", "me") == (claim.key, claim.owner)
    assert Decimal(30) == amount


def test_what_a_longer_claim_takes_ends_with_it() -> None:
    """Its key stands for it, as a surge's own does."""
    claim, spending = extension(
        SURGE, longer(2), a_surging_fleet(), price=priced(EUR_4), book=ClaimBook()
    )
    assert spending is not None
    assert (claim.key, claim.ends_at) == (spending.key, spending.over_at)


@pytest.mark.parametrize(
    ("hours", "why"),
    [
        pytest.param(3, None, id="just what is authorised in all"),
        pytest.param(
            3.5,
            "in all: hours 6.5 are more than the 6 authorised: ask for a",
            id="longer than a surge may be",
        ),
    ],
)
def test_the_whole_surge_is_bounded(hours: float, why: str | None) -> None:
    """The hours of the old claim count."""
    if why is None:
        assert extended(hours)[0].ends_at == SURGE.starts_at + timedelta(hours=6)
        return
    with pytest.raises(GuardRefused, match=why):
        extended(hours)


@pytest.mark.parametrize(
    ("servers", "budget", "why"),
    [
        pytest.param(50, 100, None, id="just so many servers"),
        pytest.param(
            51,
            100,
            "servers 51 are more than the 50 authorised: ask for a surge",
            id="one server more",
        ),
        pytest.param(20, 60, None, id="just the budget of one surge"),
        pytest.param(
            20, 59, "60.00 EUR are more than the 59.00 of one surge: ask", id="beyond that budget"
        ),
    ],
)
def test_what_a_person_has_approved_is_no_more_for_all(
    servers: int, budget: int, why: str | None
) -> None:
    """An approval was for those hours: size and cost count as if the whole were asked for."""
    old = surge_claim(a_request(servers=servers), START, approved_by="ada")
    if why is None:
        assert extended(2, old=old, budget=budget)[0].servers == servers
        return
    with pytest.raises(GuardRefused, match=why):
        extended(2, old=old, budget=budget)


@pytest.mark.parametrize(
    ("cost", "book", "why"),
    [
        pytest.param(None, ClaimBook(), "no price", id="no price"),
        pytest.param(EUR_4, ClaimBook(trouble="away"), "away: ask for a surge", id="no store"),
        pytest.param(
            EUR_4,
            ClaimBook(spendings=(a_spending(131),)),
            "beside the 131.00 .* the month's 150.00: ask",
            id="budget",
        ),
    ],
)
def test_beyond_what_is_authorised_is_refused(
    cost: SurgeCost | None, book: ClaimBook, why: str
) -> None:
    """A surge can be approved by a person; a prolongation cannot."""
    with pytest.raises(GuardRefused, match=why):
        extended(1, cost=cost, book=book)


def test_a_run_that_was_killed_and_is_run_again_takes_no_more() -> None:
    """What it had stored of the month's budget is its own: others have 100 of 150, it takes 30."""
    others = a_spending(100)
    claim, own = extension(
        SURGE,
        longer(2),
        a_surging_fleet(),
        price=priced(EUR_4),
        book=ClaimBook(spendings=(others,)),
    )
    assert own is not None
    assert (claim, own.amount) == extended(2, book=ClaimBook(spendings=(others, own)))


ORDER = SURGE.model_copy(update={"kind": ClaimKind.ORDER, "key": "order-1"})
"""Of three hours."""


def test_an_order_is_lengthened_without_a_budget() -> None:
    """Budgets are those of surges."""
    claim, spending = extension(
        ORDER, longer(3), a_surging_fleet(), price=priced(None), book=ClaimBook()
    )
    assert spending is None
    assert ORDER.ends_at + timedelta(hours=3) == claim.ends_at


@pytest.mark.parametrize(
    ("surge", "hours", "why"),
    [
        pytest.param(a_policy(), 3, None, id="just as long as a surge"),
        pytest.param(
            a_policy(), 3.5, "hours: 6.5 in all are more than the 6 of an order: ask", id="longer"
        ),
        pytest.param(a_policy(), 72, "hours: 75 in all", id="a slip"),
        pytest.param(None, 21, None, id="without surges, a day"),
        pytest.param(
            None, 21.5, "24.5 in all are more than the 24 of an order$", id="a longer one"
        ),
    ],
)
def test_an_order_is_bounded_in_its_hours(
    surge: SurgePolicy | None, hours: float, why: str | None
) -> None:
    """From its beginning on, so that many prolongations are no more than one."""

    def lengthened() -> Claim:
        fleet = a_surging_fleet(surge=surge)
        return extension(ORDER, longer(hours), fleet, price=priced(None), book=ClaimBook())[0]

    if why is None:
        assert ORDER.ends_at + timedelta(hours=hours) == lengthened().ends_at
        return
    with pytest.raises(GuardRefused, match=why):
        lengthened()


EVENINGS = ORDER.model_copy(
    update={"starts_at": utc("2026-11-25T15:00"), "ends_at": utc("2026-11-25T20:50")}
)
"""Of a Wednesday, until 21:50 in Paris; the next evening is Monday's."""
LATE = a_window(name="late", opens="20:00", closes="23:00")
DAWN = a_window(name="dawn", opens="06:00", closes="07:00", days=["thursday"])


@pytest.mark.parametrize(
    ("minutes", "windows", "why"),
    [
        pytest.param(64, (a_window(),), None, id="the last keeping has time for it"),
        pytest.param(
            66,
            (a_window(),),
            "hours: given 1.1, must be above 0 and at most 1.08 (until 22:55 CET): fleet api has no"
            " `surge`, so its last keeping is at 23:00 CET; what has not left by then (it takes 300"
            " s) is paid for until the next evening",
            id="the last keeping ends before",
        ),
        pytest.param(
            240, (a_window(),), "hours: given 4, must be above 0 and at most 1.08", id="at night"
        ),
        pytest.param(66, (a_window(), LATE), None, id="another window is kept"),
        pytest.param(
            240,
            (a_window(), LATE),
            "hours: given 4, must be above 0 and at most 2.08 (until 23:55 CET)",
            id="the later window counts",
        ),
        pytest.param(9 * 60, (a_window(), DAWN), None, id="in the next window"),
        pytest.param(7 * 60, (a_window(), DAWN), "hours: given 7, must", id="before it"),
        pytest.param(11 * 60, (a_window(), DAWN), "hours: given 11, must", id="after it"),
        pytest.param(
            30,
            (),
            "hours: order-1 cannot be made longer: fleet api has no `surge`, so its last keeping is"
            " over by then",
            id="no window",
        ),
    ],
)
def test_an_order_without_surges_ends_while_its_fleet_is_kept(
    minutes: int, windows: tuple[Window, ...], why: str | None
) -> None:
    """Beyond that its servers would stand until the next evening; the message says until when."""
    fleet = a_surging_fleet(surge=None, timeouts=Timeouts(drain_s=100, delete_s=200))
    found = keeping_limitation(EVENINGS, longer(minutes / 60), fleet, windows)
    assert (found or "").startswith(why or "")
    assert (found is None) is (why is None)


def test_a_keeping_that_has_no_time_left_allows_nothing() -> None:
    """Draining takes longer than the keeping goes on after the order's present end."""
    fleet = a_surging_fleet(surge=None, timeouts=Timeouts(drain_s=4200, delete_s=300))
    why = keeping_limitation(EVENINGS, longer(0.1), fleet, (a_window(),))
    assert "hours: order-1 cannot be made longer: " in (why or "")


def test_a_fleet_with_surges_is_kept_whenever_an_order_ends() -> None:
    """Around the clock, so that its hours alone count."""
    assert keeping_limitation(EVENINGS, longer(4), a_surging_fleet(), (a_window(),)) is None


def test_a_claim_is_found_by_its_stored_name() -> None:
    """Another name is refused, with those that are stored."""
    book = ClaimBook(claims=(SURGE,))
    assert SURGE == claim_named("springtide_claim_surge-lockdown", book)
    with pytest.raises(GuardRefused, match="stored: springtide_claim_surge-lockdown"):
        claim_named("springtide_claim_other", book)


def test_everything_stored_is_listed_by_its_end() -> None:
    """What ends first is on top."""
    said = {"starts_at": START, "owner": "me", "reason": "a test", "fleet": "api"}
    ceiling = Ceiling(key="low", servers=10, ends_at=START + timedelta(hours=1), **said)
    freeze = Freeze(key="still", ends_at=START + timedelta(hours=9), **said)
    rows = entry_rows(ClaimBook(claims=(SURGE,), ceilings=(ceiling,), freezes=(freeze,)))
    assert [("ceiling", 10), ("surge", 20), ("freeze", "")] == [
        (row["what"], row["servers"]) for row in rows
    ]
