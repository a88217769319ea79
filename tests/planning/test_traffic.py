"""Watching the traffic: when it asks for a surge, and when it does not."""

from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from springtide.errors import GuardRefused
from springtide.model.claim import ClaimBook, ClaimKind
from springtide.model.surge import SurgeProposal
from springtide.model.traffic import (
    BALANCERS,
    PROMETHEUS,
    Point,
    TrafficAnswer,
    TrafficSample,
    TrafficSilence,
)
from springtide.planning.traffic import (
    Reading,
    plan_traffic,
    surge_ask,
    traffic_rows,
    watched,
)
from springtide.planning.traffic_forecast import forecast_limitation, forecast_sessions
from tests.planning.surges import a_policy, a_surging_fleet, planned
from tests.planning.traffic_history import NOON, a_note, points
from tests.planning.traffic_verdicts import (
    BOTH,
    PLANNED,
    a_ceiling,
    a_freeze,
    a_surge_claim,
    a_watched_fleet,
    seen_at,
    steady,
    verdict_on,
)
from tests.planning.windows import utc


def test_what_servers_carry_well_is_a_share_of_what_they_carry_when_full() -> None:
    """So it is of what stands elsewhere."""
    policy = PLANNED.model_copy(update={"sessions_elsewhere": 400})
    assert (400, 800) == (policy.planned_for(0), policy.full_for(0))
    assert (550, 1100) == (policy.planned_for(3), policy.full_for(3))


def test_the_forecast_is_the_trend_and_the_scatter() -> None:
    """As the module's example: 40 a minute for a quarter of an hour, then for another one."""
    forecast = forecast_sessions(BALANCERS, points(*steady(1600, 80)), policy=PLANNED, now=NOON)
    assert (1600, 40.0, 2200, 2800) == (
        forecast.sessions,
        forecast.per_minute,
        forecast.expected,
        forecast.later,
    )
    assert NOON + timedelta(minutes=15) == forecast.due


@pytest.mark.parametrize(
    ("sessions", "at_least", "at_most"),
    [
        pytest.param((1000,) * 15, 1000, 1000, id="level"),
        pytest.param((*(1000,) * 10, 100_000, *(1000,) * 4), 1000, 1000, id="one mad sample"),
        pytest.param((*(1000,) * 14, 100_000), 1000, 1000, id="the last is mad"),
        pytest.param((*(1000,) * 14, 0), 1000, 1000, id="the last is 0"),
        pytest.param((950, 1050) * 8, 1040, 1150, id="scatter is added"),
        pytest.param(steady(1000, -50, 15), 620, 630, id="falling: the fall is expected"),
        pytest.param((*(1000,) * 15, *steady(1700, 50)), 2000, 2500, id="the newer half counts"),
        pytest.param((0,) * 15, 0, 0, id="nobody"),
    ],
)
def test_what_is_expected(sessions: tuple[int, ...], *, at_least: int, at_most: int) -> None:
    """Odd samples move nothing; a rise and a scatter do."""
    found = forecast_sessions(BALANCERS, points(*sessions), policy=PLANNED, now=NOON)
    assert at_least <= found.expected <= at_most


@pytest.mark.parametrize(
    ("series", "why"),
    [
        pytest.param((), "there is no sample", id="none"),
        pytest.param(points(*steady(9, count=15), last_s=420), None, id="just fresh enough"),
        pytest.param(
            points(*steady(9, count=15), last_s=421), "is 7 minutes old", id="a second too old"
        ),
        pytest.param(points(*steady(9, count=5), every_s=150), None, id="just enough"),
        pytest.param(points(*steady(9, count=5)), "5 samples over 8 minutes", id="too short"),
        pytest.param(
            points(*steady(9, count=4), every_s=240), "4 samples over 12 minutes", id="too few"
        ),
        pytest.param(
            (*points(*steady(9, count=15), last_s=1000), *points(1, 2, 3)),
            "3 samples over 4 minutes since the last gap",
            id="after a gap",
        ),
    ],
)
def test_a_forecast_needs(series: tuple[Point, ...], *, why: str | None) -> None:
    """Fresh samples, enough of them, over long enough, without a gap."""
    found = forecast_limitation(series, PLANNED, NOON)
    assert (why is None) == (found is None)
    assert (why or "") in (found or "")


FULL = (a_surge_claim(20, 120),)
"""Twenty servers, which carry 1,000 sessions, for long enough."""


@pytest.mark.parametrize(
    ("sessions", "book", "answer", "servers"),
    [
        pytest.param((0,) * 15, ClaimBook(), TrafficAnswer.CALM, 0, id="nobody is there"),
        pytest.param((1,) * 15, ClaimBook(), TrafficAnswer.ASK, 1, id="one is, and no server"),
        pytest.param((1000,) * 15, ClaimBook(claims=FULL), TrafficAnswer.CLAIMED, 0, id="just"),
        pytest.param((1001,) * 15, ClaimBook(claims=FULL), TrafficAnswer.ASK, 21, id="one more"),
        pytest.param(
            steady(900, 10), ClaimBook(claims=FULL), TrafficAnswer.CLAIMED, 0, id="rising, just"
        ),
        pytest.param(
            steady(940, 10), ClaimBook(claims=FULL), TrafficAnswer.ASK, 22, id="rising too far"
        ),
        pytest.param(
            (2000,) * 15,
            ClaimBook(claims=FULL, ceilings=(a_ceiling(30),)),
            TrafficAnswer.ASK,
            30,
            id="under a ceiling",
        ),
        pytest.param(
            (2000,) * 15,
            ClaimBook(claims=FULL, ceilings=(a_ceiling(20),)),
            TrafficAnswer.LIMITED,
            0,
            id="a ceiling",
        ),
        pytest.param(
            (2500,) * 15, ClaimBook(claims=FULL), TrafficAnswer.ASK, 50, id="all authorised"
        ),
        pytest.param(
            (9000,) * 15, ClaimBook(claims=FULL), TrafficAnswer.ASK, 50, id="more than authorised"
        ),
        pytest.param(
            (9000,) * 15,
            ClaimBook(claims=(a_surge_claim(50, 120),)),
            TrafficAnswer.LIMITED,
            0,
            id="nothing more is authorised",
        ),
        pytest.param(
            (2000,) * 15,
            ClaimBook(freezes=(a_freeze(),)),
            TrafficAnswer.LIMITED,
            0,
            id="frozen",
        ),
        pytest.param(
            (2000,) * 15,
            ClaimBook(trouble="the store does not answer"),
            TrafficAnswer.LIMITED,
            0,
            id="the claims are not known",
        ),
        pytest.param(
            (1000,) * 15,
            ClaimBook(claims=(a_surge_claim(20, 16),)),
            TrafficAnswer.CLAIMED,
            0,
            id="a surge that lasts",
        ),
        pytest.param(
            (1000,) * 15,
            ClaimBook(claims=(a_surge_claim(20, 15),)),
            TrafficAnswer.ASK,
            20,
            id="a surge that ends",
        ),
        pytest.param(
            (1000,) * 15,
            ClaimBook(claims=(a_surge_claim(20, 15, kind=ClaimKind.ORDER, key="order-one"),)),
            TrafficAnswer.CLAIMED,
            0,
            id="an order that ends",
        ),
    ],
)
def test_the_answer(
    sessions: tuple[int, ...], *, book: ClaimBook, answer: TrafficAnswer, servers: int
) -> None:
    """Both sides of each bound; a number that was capped keeps the one that is needed."""
    verdict = verdict_on(sessions, book=book)
    assert (answer, servers) == (verdict.answer, verdict.servers), verdict.reason
    assert verdict.servers <= verdict.needed


@pytest.mark.parametrize(
    ("now", "answer"),
    [
        pytest.param("2026-11-24T14:44", TrafficAnswer.ASK, id="it opens after they would serve"),
        pytest.param("2026-11-24T14:45", TrafficAnswer.CLAIMED, id="it opens as they would serve"),
        pytest.param("2026-11-24T20:49", TrafficAnswer.CLAIMED, id="it closes soon"),
        pytest.param("2026-11-24T20:50", TrafficAnswer.ASK, id="it has closed"),
    ],
)
def test_a_windows_servers_count(*, now: str, answer: TrafficAnswer) -> None:
    """What opens in time is reckoned with; a closing is the calendar's decision."""
    assert answer == verdict_on((1400,) * 15, now=utc(now)).answer


@pytest.mark.parametrize(
    ("change", "answer"),
    [
        pytest.param({"sessions_elsewhere": 400}, TrafficAnswer.CALM, id="carried elsewhere"),
        pytest.param({"sessions_elsewhere": 399}, TrafficAnswer.ASK, id="one is not"),
    ],
)
def test_what_others_carry_is_taken_off(
    *, change: dict[str, object], answer: TrafficAnswer
) -> None:
    """Others behind the same balancers carry their share."""
    fleet = a_watched_fleet(PLANNED.model_copy(update=change))
    assert answer == verdict_on((400,) * 15, fleet=fleet).answer


@pytest.mark.parametrize(
    ("sessions", "answer"),
    [(1100, TrafficAnswer.CLAIMED), (1101, TrafficAnswer.ASK)],
    ids=["within", "beyond"],
)
def test_a_little_more_is_tolerated(*, sessions: int, answer: TrafficAnswer) -> None:
    """A tenth more than is claimed asks for nothing yet."""
    fleet = a_watched_fleet(PLANNED.model_copy(update={"tolerance": 0.1}))
    book = ClaimBook(claims=FULL)
    assert answer == verdict_on((sessions,) * 15, fleet=fleet, book=book).answer


@pytest.mark.parametrize(
    ("minutes", "answer"),
    [
        pytest.param(14.9, TrafficAnswer.COOLING, id="just asked"),
        pytest.param(15, TrafficAnswer.ASK, id="long enough ago"),
        pytest.param(-1, TrafficAnswer.ASK, id="a clock was set back"),
    ],
)
def test_no_ask_follows_another_at_once(*, minutes: float, answer: TrafficAnswer) -> None:
    """The cool-down begins with the ask."""
    asked_at = NOON - timedelta(minutes=minutes)
    assert answer == verdict_on((2000,) * 15, asked_at=asked_at).answer


@pytest.mark.parametrize(
    ("minutes", "answer"),
    [
        pytest.param(59, TrafficAnswer.LIMITED, id="a person may still approve"),
        pytest.param(60, TrafficAnswer.ASK, id="nobody did"),
    ],
)
def test_an_ask_that_waits_for_a_person_is_not_repeated(
    *, minutes: int, answer: TrafficAnswer
) -> None:
    """One that went beyond what is authorised is asked for once in the time of its approval."""
    asked_at = NOON - timedelta(minutes=minutes)
    proposal = SurgeProposal(
        key=f"surge-traffic-api-{asked_at:%Y%m%dt%H}{asked_at.minute // 15 * 15:02}",
        fleet="api",
        plan=planned(),
        until=NOON + timedelta(days=1),
    )
    book = ClaimBook(proposals=(proposal,))
    verdict = verdict_on((2000,) * 15, asked_at=asked_at, book=book)
    assert answer == verdict.answer, verdict.reason


def test_one_quarter_of_an_hour_is_one_surge() -> None:
    """The key is the same until the next quarter, whatever the figures."""
    minutes = (0, 14, 15)
    keys = [verdict_on((2000 + m,) * 15, now=NOON + timedelta(minutes=m)).key for m in minutes]
    first, last = "traffic-api-20261124t1100", "traffic-api-20261124t1115"
    assert [first, first, last] == keys


def test_the_ask_tells_its_figures() -> None:
    """Who asks, for how long, and why: with what was seen, expected and claimed."""
    ask = surge_ask(verdict_on((2000,) * 15, book=ClaimBook(claims=FULL)), PLANNED)
    assert ("watch-traffic", 40, 3, ()) == (ask.owner, ask.servers, ask.hours, ask.regions)
    told = "2,000 sessions now, 2,000 expected at 11:15 UTC, 1,000 carried by the 20 claimed"
    assert ask.reason.startswith(told)
    assert ask.reason.endswith("40 needed")


def test_a_silent_source_asks_for_nothing() -> None:
    """Also where the history alone would: what is unknown is told and not guessed."""
    silence = TrafficSilence(source=BALANCERS, why="SBG5: 503")
    verdict = plan_traffic(seen_at(a_note(points(*(2000,) * 15, last_s=120)), silence))
    assert (TrafficAnswer.UNKNOWN, True) == (verdict.answer, verdict.amber)
    assert "balancers: SBG5: 503" == verdict.reason


def test_the_first_run_asks_for_nothing() -> None:
    """One sample is no history; a lost note costs some minutes."""
    sample = TrafficSample(source=BALANCERS, at=NOON, sessions=9000)
    verdict = plan_traffic(seen_at(None, sample))
    assert (TrafficAnswer.UNKNOWN, True, False) == (verdict.answer, verdict.amber, verdict.alarm)
    assert "at least 5 over 10 are needed" in verdict.reason


@pytest.mark.parametrize(
    ("newest_s", "alarmed_minutes", "alarm"),
    [
        pytest.param(840, None, False, id="not for long"),
        pytest.param(841, None, True, id="for long"),
        pytest.param(841, 59, False, id="was told"),
        pytest.param(841, 60, True, id="is told again"),
    ],
)
def test_a_watcher_that_sees_nothing_raises_the_alarm(
    *, newest_s: int, alarmed_minutes: int | None, alarm: bool
) -> None:
    """Once an hour, when nothing was known for twice the longest pause."""
    ago = timedelta(minutes=alarmed_minutes or 0)
    told = {"alarmed_at": NOON - ago} if alarmed_minutes else {}
    note = a_note(points(*(2000,) * 9, last_s=newest_s), **told)
    silence = TrafficSilence(source=BALANCERS, why="503")
    assert alarm == plan_traffic(seen_at(note, silence)).alarm


@pytest.mark.parametrize(
    ("readings", "answer", "troubles"),
    [
        pytest.param((100, 2000), TrafficAnswer.ASK, 0, id="the one that expects more counts"),
        pytest.param((None, 2000), TrafficAnswer.ASK, 1, id="one is silent"),
        pytest.param((100, None), TrafficAnswer.CLAIMED, 1, id="the other is"),
        pytest.param((None, None), TrafficAnswer.UNKNOWN, 2, id="both are"),
    ],
)
def test_two_sources(
    readings: tuple[int | None, int | None], *, answer: TrafficAnswer, troubles: int
) -> None:
    """Each has a history of its own; a silent one is told and holds nothing up."""
    series, given_now = {}, list[Reading]()
    for source, n in zip((BALANCERS, PROMETHEUS), readings, strict=True):
        series[source] = points(*(n or 100,) * 15, last_s=120)
        given_now.append(
            TrafficSilence(source=source, why="503")
            if n is None
            else TrafficSample(source=source, at=NOON, sessions=n)
        )
    note = a_note((), series=series)
    fleet = a_watched_fleet(BOTH)
    verdict = plan_traffic(seen_at(note, *given_now, fleet=fleet, book=ClaimBook(claims=FULL)))
    assert (answer, troubles, troubles > 0) == (
        verdict.answer,
        len(verdict.troubles),
        verdict.amber,
    )


def test_the_rows_show_every_figure() -> None:
    """What a person sees: each source, what can be carried, what is needed, and why."""
    verdict = verdict_on((2000,) * 15, book=ClaimBook(claims=FULL))
    rows = {str(row["measure"]): row["value"] for row in traffic_rows(verdict)}
    assert ("ask", "2,000", 40, 20, "40 as traffic-api-20261124t1100") == (
        rows["answer"],
        rows["expected at 11:15 UTC"],
        rows["servers needed"],
        rows["servers that are claimed"],
        rows["asked for"],
    )


def test_a_fleet_that_is_not_watched_is_refused() -> None:
    """The message says what its estate entry lacks."""
    with pytest.raises(GuardRefused, match="its estate entry lacks `traffic`"):
        watched(a_surging_fleet())


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        pytest.param({"surge": None}, "surge is missing", id="no surges"),
        pytest.param({"surge": a_policy(max_hours=2)}, "must not be above", id="too long"),
    ],
)
def test_an_estate_is_refused_where(*, changes: dict[str, object], why: str) -> None:
    """What it would ask for must be authorised."""
    with pytest.raises(ValueError, match=why):
        a_watched_fleet(**changes)


@settings(max_examples=60, deadline=None)
@given(
    sessions=st.lists(st.integers(0, 100_000_000), min_size=1, max_size=40),
    claimed=st.integers(1, 60),
)
def test_it_never_asks_for_fewer_than_are_claimed(sessions: list[int], claimed: int) -> None:
    """Whatever was counted; and never for more than is authorised."""
    book = ClaimBook(claims=(a_surge_claim(claimed, 120),))
    verdict = verdict_on(sessions, book=book)
    assert verdict.servers == 0 or claimed < verdict.servers <= 50
