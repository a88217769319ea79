"""A rehearsed week: what stands is what was claimed, no sooner and no longer."""

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest

from springtide.errors import GuardRefused
from springtide.model.usage import UsageKind
from springtide.pricing.paid_hours import clock_hours_touched
from springtide.simulation.school_year import Mishaps, SchoolYear, rehearse_year
from springtide.simulation.standing import StoodServer
from springtide.simulation.term import Lockdown, term_days
from springtide.simulation.year_usage import hindsight_usage, year_usage
from tests.planning.windows import CALENDAR
from tests.simulation.years import MONDAY, SUNDAY, a_year, a_year_fleet

TUESDAY = MONDAY + timedelta(days=1)


@pytest.fixture(scope="module")
def week() -> SchoolYear:
    """A week of term."""
    return rehearse_year(a_year())


@pytest.fixture(scope="module")
def lockdown() -> SchoolYear:
    """A week whose Tuesday begins a lockdown."""
    return rehearse_year(a_year(lockdown=Lockdown(TUESDAY, SUNDAY)))


def of_window(year: SchoolYear) -> list[StoodServer]:
    """The servers that an evening of the week asked for."""
    return [
        server
        for server in year.servers
        for evening in year.evenings
        if evening.opens_at <= server.active_at < evening.opens_at + timedelta(minutes=5)
    ]


def test_a_week_has_its_three_evenings_of_six_paid_hours(week: SchoolYear) -> None:
    """Thirty servers each, ACTIVE after 16:00 and gone before 22:00: six clock hours."""
    assert [MONDAY, TUESDAY, date(2026, 11, 18)] == [evening.date for evening in week.evenings]
    servers = of_window(week)
    assert 3 * 30 == len(servers)
    hours = Counter(clock_hours_touched(s.active_at, gone(s)) for s in servers)
    assert {6: 90} == hours


def test_servers_are_spread_by_weight(week: SchoolYear) -> None:
    """The first region has twice the weight of each other one."""
    assert {"GRA11": 48, "SBG5": 21, "RBX1": 21} == Counter(s.region for s in of_window(week))


def test_nothing_stands_outside_of_claims(week: SchoolYear) -> None:
    """A server lives within an evening or a surge, with its boot and its drain."""
    spans = [(e.claim_starts_at, e.closes_at) for e in week.evenings]
    spans += [(s.starts_at, s.ends_at + timedelta(minutes=5)) for s in week.surges]
    outside = [
        s.id
        for s in week.servers
        if not any(start <= s.active_at and gone(s) <= end for start, end in spans)
    ]
    assert [] == outside


def test_each_five_minutes_have_their_step(week: SchoolYear) -> None:
    """No step is missing and none comes twice."""
    times = [step.at for step in week.steps]
    assert 7 * 288 == len(times)
    assert {timedelta(minutes=5)} == {b - a for a, b in pairwise(times)}


def test_the_same_settings_give_the_same_year(week: SchoolYear) -> None:
    """Nothing of it hangs on a clock or on chance that is not seeded."""
    assert week == rehearse_year(a_year())
    assert week.steps != rehearse_year(a_year(last=MONDAY, seed=2)).steps


def test_a_lockdown_is_met_by_surges(lockdown: SchoolYear) -> None:
    """Hundreds stand, all day, and nobody is lost beyond a thousandth of the sessions."""
    assert 250 <= max(step.serving for step in lockdown.steps) <= 300
    assert lockdown.surges
    sessions = sum(step.sessions for step in lockdown.steps)
    assert sum(step.lost for step in lockdown.steps) <= sessions / 1000


def test_the_fleet_steps_down_gradually(lockdown: SchoolYear) -> None:
    """At most sixty are sent away at a time."""
    sent = Counter(s.drained_from for s in lockdown.servers if s.drained_from)
    assert max(sent.values()) <= 60


@pytest.mark.parametrize(
    ("mishaps", "hours"),
    [
        pytest.param(Mishaps(), {6: 30}, id="a good evening"),
        pytest.param(
            Mishaps(late_deletes=frozenset({MONDAY})), {6: 27, 7: 3}, id="three deleted late"
        ),
        pytest.param(
            Mishaps(no_room=frozenset({MONDAY})), {6: 30}, id="a region without hosts until 16:40"
        ),
    ],
)
def test_mishaps_are_seen_in_the_hours(mishaps: Mishaps, hours: dict[int, int]) -> None:
    """A late delete costs an hour; a late server still touches the clock hour that it missed."""
    year = rehearse_year(a_year(last=MONDAY, mishaps=mishaps))
    first = year.evenings[0].opens_at
    evening = [s for s in year.servers if first <= s.active_at < first + timedelta(minutes=50)]
    assert hours == Counter(clock_hours_touched(s.active_at, gone(s)) for s in evening)


def test_a_region_without_hosts_serves_late() -> None:
    """The evening's full number serves forty minutes late, and is told so by its steps."""
    year = rehearse_year(a_year(last=MONDAY, mishaps=Mishaps(no_room=frozenset({MONDAY}))))
    opens_at = year.evenings[0].opens_at
    full = next(step.at for step in year.steps if step.serving >= 30)
    assert timedelta(minutes=40) <= full - opens_at <= timedelta(minutes=45)


@pytest.mark.parametrize(
    ("day", "steps"),
    [
        pytest.param(date(2026, 3, 29), 276, id="spring, 23 hours"),
        pytest.param(date(2026, 10, 25), 300, id="autumn, 25 hours"),
    ],
)
def test_days_on_which_clocks_change_are_whole(day: date, steps: int) -> None:
    """A day lasts from midnight to midnight, however many hours that is."""
    year = rehearse_year(a_year(first=day, last=day))
    assert steps == len(year.steps)


def test_usage_is_every_server_and_every_hour(week: SchoolYear) -> None:
    """Each server becomes one record; connections are those that arrived."""
    records = year_usage(week, a_year_fleet())
    instances = [r for r in records if r.kind is UsageKind.INSTANCE]
    assert len(week.servers) == len(instances)
    opened = sum(r.amount for r in records if r.kind is UsageKind.CONNECTIONS)
    assert sum(step.arrived for step in week.steps) == opened


def test_hindsight_is_never_more_than_what_stood_full(week: SchoolYear) -> None:
    """In each hour it has just what the hour's peak needs."""
    peak: dict[datetime, int] = {}
    for step in week.steps:
        hour = step.at.replace(minute=0).astimezone(UTC)
        peak[hour] = max(peak.get(hour, 0), step.needed)
    expected = {hour: needed for hour, needed in peak.items() if needed}
    assert expected == {r.start: r.amount for r in hindsight_usage(week, a_year_fleet())}


def test_a_fleet_that_is_not_watched_is_refused() -> None:
    """Its capacity in sessions is not known."""
    with pytest.raises(GuardRefused, match="traffic"):
        rehearse_year(a_year(fleet=a_year_fleet(traffic=None)))


def test_holidays_leave_a_share_of_the_traffic() -> None:
    """Where all zones are on holiday hardly anybody comes; where one is, two thirds do."""
    days = term_days(CALENDAR, first=date(2026, 2, 9), last=date(2026, 2, 23))
    shares = [round(day.open_zones, 2) for day in days]
    assert (0.67, 0.04) == (shares[0], term_days(CALENDAR, first=XMAS, last=XMAS)[0].open_zones)


XMAS = date(2026, 12, 25)


def gone(server: StoodServer) -> datetime:
    """When it was gone; each one is in the end."""
    assert server.gone_at is not None
    return server.gone_at
