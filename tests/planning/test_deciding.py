"""The whole decision: calendar and stored claims together, also where one of them is unknown."""

from datetime import UTC, datetime, timedelta

import pytest

from springtide.model.claim import Claim, ClaimBook, ClaimKind
from springtide.model.plan import RoundPlan
from springtide.model.snapshot import Observation
from springtide.model.window import SchoolZone
from springtide.planning.deciding import Decider
from springtide.planning.school_calendar import SchoolCalendar
from tests.planning.fleet_world import START, FleetWorld, a_fleet
from tests.planning.test_startup_times import a_note
from tests.planning.windows import a_window

UNKNOWN = datetime(2031, 11, 24, 16, 0, tzinfo=UTC)
"""A Monday evening of which nobody knows whether school is held."""


def decide(now: datetime, *claims: Claim, world: FleetWorld | None = None) -> RoundPlan:
    """The plan at that time, with these claims stored."""
    window = a_window(fleet="api", school_zones=(SchoolZone.A,), servers=30)
    decider = Decider(a_fleet(), (window,), SchoolCalendar(), "ab12")
    snapshot = (world or FleetWorld()).snapshot()
    return decider.plan(Observation(now=now, snapshot=snapshot, book=ClaimBook(claims=claims)))


def a_surge(servers: int, at: datetime) -> Claim:
    """A surge that holds at that time."""
    return Claim(
        key="surge-1",
        fleet="api",
        kind=ClaimKind.SURGE,
        servers=servers,
        starts_at=at - timedelta(hours=1),
        ends_at=at + timedelta(hours=1),
        owner="operations",
        reason="a rush",
    )


def test_window_and_surge_together_are_the_larger() -> None:
    """Thirty by the window and fifty by a surge are fifty."""
    plan = decide(START + timedelta(minutes=30), a_surge(50, START))
    assert 50 == plan.desired.servers


def test_an_unknown_school_date_does_not_stop_a_surge_and_removes_nothing() -> None:
    """Beyond the known school dates the surge is served, and what else stands is left alone."""
    plan = decide(UNKNOWN, a_surge(50, UNKNOWN))
    assert 50 == plan.desired.servers
    assert not plan.desired.may_remove
    assert "school holidays of zone A are not known" in plan.desired.reasons[-1]


def test_an_unknown_school_date_leaves_the_fleet_standing() -> None:
    """Without a surge nothing is desired for certain: what stands waits, and the plan says why."""
    world = FleetWorld()
    world.settle(decide(START + timedelta(minutes=30)).desired)
    plan = decide(UNKNOWN, world=world)
    assert () == plan.actions
    assert "nothing is removed while the claims cannot be read" in plan.waits[-1].reason


@pytest.mark.parametrize(
    ("minutes_before", "servers"),
    [
        pytest.param(11, 0, id="not yet"),
        pytest.param(10, 30, id="the measured lead"),
        pytest.param(0, 30, id="at the hour"),
    ],
)
def test_a_measured_lead_makes_the_window_a_claim(minutes_before: int, servers: int) -> None:
    """412 s until 95 % serve are ten minutes before 16:00, on a tick of the keeping."""
    window = a_window(measured_lead={"floor_minutes": 5, "cap_minutes": 30})
    decider = Decider(a_fleet(), (window,), SchoolCalendar(), "ab12")
    book = ClaimBook(startups=(a_note(*[412] * 9, at=START - timedelta(days=7)),))
    now = START - timedelta(minutes=minutes_before)
    seen = Observation(now=now, snapshot=FleetWorld().snapshot(), book=book)
    assert servers == decider.desired(seen).servers
