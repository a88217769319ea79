"""A surge: what may be asked, what goes beyond what was authorised, what is approved."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from springtide.errors import GuardRefused
from springtide.model.claim import ClaimBook
from springtide.model.surge import SurgeCost, SurgePlan
from springtide.planning.emergency_surge import (
    accepted_at,
    approvable,
    claim_of,
    proposal_of,
    proposed,
    surge_claim,
    surge_request,
    surge_rows,
)
from springtide.planning.surge_budget import month_end, paris_month, spending_of
from tests.planning.fleet_world import START, a_fleet
from tests.planning.surges import (
    EUR_4,
    a_policy,
    a_request,
    a_spending,
    a_surging_fleet,
    planned,
)


def costing(total: str) -> SurgeCost:
    """A surge of that price."""
    return EUR_4.model_copy(update={"total": Decimal(total)})


@pytest.mark.parametrize(
    ("changes", "cost", "spent", "beyond"),
    [
        pytest.param({}, EUR_4, (), (), id="within all"),
        pytest.param({"servers": 50}, EUR_4, (), (), id="just so many servers"),
        pytest.param({"servers": 51}, EUR_4, (), ("servers 51",), id="one server more"),
        pytest.param({"hours": 6}, EUR_4, (), (), id="just so long"),
        pytest.param({"hours": 6.5}, EUR_4, (), ("hours 6.5",), id="longer"),
        pytest.param({}, costing("100"), (), (), id="just the budget"),
        pytest.param({}, costing("100.01"), (), ("100.01 EUR are more",), id="a cent more"),
        pytest.param({}, costing("50"), (100,), (), id="just the month's"),
        pytest.param({}, costing("50"), (60, 41), ("50.00 EUR beside the 101",), id="month's"),
        pytest.param({}, None, (), ("the fleet names no price",), id="no price"),
        pytest.param(
            {"servers": 51, "hours": 7},
            costing("120"),
            (40,),
            ("servers 51", "hours 7", "120.00 EUR are more", "beside the 40.00"),
            id="all at once",
        ),
    ],
)
def test_beyond_what_is_authorised(
    changes: dict[str, object],
    cost: SurgeCost | None,
    spent: tuple[int, ...],
    beyond: tuple[str, ...],
) -> None:
    """Each limit is told on its own; at the limit is within."""
    book = ClaimBook(spendings=tuple(a_spending(amount) for amount in spent))
    plan = planned(a_request(**changes), cost=cost, book=book)
    assert len(beyond) == len(plan.beyond)
    assert [] == [e for e, found in zip(beyond, plan.beyond, strict=True) if e not in found]


def test_a_store_in_trouble_needs_an_approval() -> None:
    """What the month has spent is then not known."""
    plan = planned(book=ClaimBook(trouble="the store is away"))
    assert ("what the month's surges were given is not known: the store is away",) == plan.beyond


@pytest.mark.parametrize(
    ("changes", "counted"),
    [
        pytest.param({}, 90, id="this month's"),
        pytest.param({"month": "2026-10"}, 0, id="another month's"),
        pytest.param({"fleet": "web"}, 0, id="another fleet's"),
        pytest.param({"key": "surge-lockdown"}, 0, id="its own, of a run that was killed"),
    ],
)
def test_which_spendings_count(changes: dict[str, object], counted: int) -> None:
    """Only the same fleet's other surges of the same month."""
    plan = planned(book=ClaimBook(spendings=(a_spending(90, **changes),)))
    assert Decimal(counted) == plan.month_before


def test_the_shortfall_is_told_beforehand() -> None:
    """How many find no room, and why, stands in the plan that people see."""
    plan = planned(short=5)
    assert (5, "GRA11: quota of cores") == (plan.shortfall, plan.shortfall_reason)
    assert {"measure": "shortfall", "value": "5: GRA11: quota of cores"} in surge_rows(plan)


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param(planned(a_request(servers=21)), id="size"),
        pytest.param(planned(a_request(hours=4)), id="hours"),
        pytest.param(planned(a_request(reason="another")), id="reason"),
        pytest.param(planned(cost=costing("41")), id="cost"),
        pytest.param(planned(short=1), id="spread"),
    ],
)
def test_another_plan_is_another_proposal(changed: SurgePlan) -> None:
    """Whatever a person has read is what they approve."""
    assert approvable(planned()).digest == approvable(planned()).digest
    assert approvable(planned()).digest != approvable(changed).digest


def test_a_plan_is_kept_as_it_was_shown() -> None:
    """A resumed run begins anew: it finds the plan that the person has seen."""
    plan = planned()
    book = ClaimBook(proposals=(proposal_of(plan, a_policy(), START),))
    assert plan == proposed(a_request(), book)
    assert proposed(a_request(key="other"), book) is None
    with pytest.raises(GuardRefused, match="'lockdown' stands for another surge"):
        proposed(a_request(servers=21), book)


def test_a_key_stands_for_one_surge() -> None:
    """The same asked for again finds its claim; something else under that key is refused."""
    claim = surge_claim(a_request(), START)
    book = ClaimBook(claims=(claim,))
    assert claim == claim_of(a_request(), book)
    assert claim_of(a_request(key="other"), book) is None
    for changes in ({"servers": 21}, {"hours": 4}, {"regions": ("GRA11",)}):
        with pytest.raises(GuardRefused, match="20 servers of api until"):
            claim_of(a_request(**changes), book)


def test_the_claim_of_an_approved_surge_names_both() -> None:
    """Who asked and who approved."""
    claim = surge_claim(a_request(), START, approved_by="the one on call")
    assert "operations, approved by the one on call" == claim.owner
    assert START + timedelta(hours=3) == claim.ends_at


def test_the_policys_order_is_taken_where_none_is_asked_for() -> None:
    """A request's own order wins."""
    fleet = a_surging_fleet(surge=a_policy(regions=("SBG5", "GRA11")))
    given = a_request().model_dump(exclude={"fleet"})
    assert ("SBG5", "GRA11") == surge_request(fleet, given).regions
    assert ("RBX1",) == surge_request(fleet, {**given, "regions": ("RBX1",)}).regions


def test_a_fleet_without_surges_refuses_them() -> None:
    """The message says what its estate entry lacks."""
    with pytest.raises(GuardRefused, match="lacks `surge`"):
        surge_request(a_fleet(), a_request().model_dump(exclude={"fleet"}))


@pytest.mark.parametrize(
    ("at", "month", "end"),
    [
        pytest.param("2026-11-30T22:59", "2026-11", "2026-11-30T23:00", id="last minute"),
        pytest.param("2026-11-30T23:00", "2026-12", "2026-12-31T23:00", id="midnight in Paris"),
        pytest.param("2026-03-01T12:00", "2026-03", "2026-03-31T22:00", id="summer time begins"),
    ],
)
def test_months_are_those_of_paris(at: str, month: str, end: str) -> None:
    """A surge counts for the month in which it begins, by the clock of Paris."""
    now = datetime.fromisoformat(at).replace(tzinfo=UTC)
    assert (month, datetime.fromisoformat(end).replace(tzinfo=UTC)) == (
        paris_month(now),
        month_end(now),
    )


def test_a_surge_without_a_price_spends_nothing_known() -> None:
    """Nothing is made up; it was approved by a person then."""
    claim = surge_claim(a_request(), START)
    assert spending_of(claim, None, at=START) is None
    spending = spending_of(claim, EUR_4, at=START)
    assert spending is not None
    assert (Decimal(40), "2026-11", "surge-lockdown", claim.ends_at) == (
        spending.amount,
        spending.month,
        spending.key,
        spending.over_at,
    )


def test_what_was_paid_for_is_one_surge() -> None:
    """Its claim is gone, for a run was killed or it was lifted: the rest of its hours is had."""
    spending = spending_of(surge_claim(a_request(), START), EUR_4, at=START)
    book = ClaimBook(spendings=(spending,))
    last = START + timedelta(hours=3) - timedelta(microseconds=1)
    assert START == accepted_at(a_request(), book, START) == accepted_at(a_request(), book, last)
    again = surge_claim(a_request(), START)
    assert spending == spending_of(again, planned(book=book).cost, at=again.starts_at)
    assert again == claim_of(a_request(), ClaimBook(claims=(again,)))
    assert accepted_at(a_request(key="other"), book, START) is None
    assert accepted_at(a_request(), ClaimBook(), START) is None


def test_a_key_whose_surge_is_over_is_refused() -> None:
    """Else it would be a surge that costs the month nothing: day after day, or by a run's retry."""
    spending = spending_of(surge_claim(a_request(), START), EUR_4, at=START)
    with pytest.raises(
        GuardRefused, match=r"key: 'lockdown' stands for a surge that is over since"
    ):
        accepted_at(a_request(), ClaimBook(spendings=(spending,)), START + timedelta(hours=3))


def test_a_spending_that_tells_no_end_is_none() -> None:
    """Of an earlier version: it is asked for from now on, as it was then."""
    book = ClaimBook(spendings=(a_spending(40, key="surge-lockdown"),))
    assert accepted_at(a_request(), book, START + timedelta(days=2)) is None
