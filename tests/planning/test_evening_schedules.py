"""Cron lines wake the flows at a window's edges, and every five minutes in between."""

from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from springtide.estate import load_estate
from springtide.model.window import Weekday
from springtide.planning.evening_schedules import (
    Edge,
    EveningSchedule,
    estate_schedules,
    keepings,
    schedule_edges,
)
from tests.planning.windows import SPRING, a_window, utc

SHIPPED = Path(__file__).parents[2] / "deployments" / "estate.yaml"
MONDAY = date(2026, 11, 23)
NAMES = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def crons(edge: Edge, **changes: object) -> list[str]:
    """The cron lines of that edge."""
    return [each.cron for each in schedule_edges(a_window(**changes)) if each.edge is edge]


@pytest.mark.parametrize(
    ("changes", "opening", "keeping", "closing"),
    [
        pytest.param(
            {},
            ["0 16 * * mon,tue,wed"],
            ["*/5 16-22 * * mon,tue,wed", "0 23 * * mon,tue,wed"],
            ["50 21 * * mon,tue,wed"],
            id="customer",
        ),
        pytest.param(
            {"lead_minutes": 15},
            ["45 15 * * mon,tue,wed"],
            ["45-55/5 15 * * mon,tue,wed", "*/5 16-22 * * mon,tue,wed", "0 23 * * mon,tue,wed"],
            ["50 21 * * mon,tue,wed"],
            id="lead",
        ),
        pytest.param(
            {"measured_lead": {"floor_minutes": 5, "cap_minutes": 30}},
            ["0 16 * * mon,tue,wed"],
            ["30-55/5 15 * * mon,tue,wed", "*/5 16-22 * * mon,tue,wed", "0 23 * * mon,tue,wed"],
            ["50 21 * * mon,tue,wed"],
            id="measured lead: kept from its cap on",
        ),
        pytest.param(
            {"lead_minutes": 13, "tail_minutes": 7, "closes": "22:03"},
            ["47 15 * * mon,tue,wed"],
            ["50-55/5 15 * * mon,tue,wed", "*/5 16-22 * * mon,tue,wed", "0 23 * * mon,tue,wed"],
            ["56 21 * * mon,tue,wed"],
            id="odd minutes",
        ),
        pytest.param(
            {"closes": "23:30"},
            ["0 16 * * mon,tue,wed"],
            ["*/5 16-23 * * mon,tue,wed", "0-30/5 0 * * tue,wed,thu"],
            ["20 23 * * mon,tue,wed"],
            id="the hour after until passes midnight",
        ),
        pytest.param(
            {"closes": "23:00", "days": ["sunday"]},
            ["0 16 * * sun"],
            ["*/5 16-23 * * sun", "0 0 * * mon"],
            ["50 22 * * sun"],
            id="the hour after until ends at midnight, and the week as well",
        ),
        pytest.param(
            {"opens": "00:10", "closes": "02:00", "lead_minutes": 20, "days": ["monday", "friday"]},
            ["50 23 * * thu,sun"],
            ["50-55/5 23 * * thu,sun", "*/5 0-2 * * mon,fri", "0 3 * * mon,fri"],
            ["50 1 * * mon,fri"],
            id="the lead begins before midnight",
        ),
        pytest.param(
            {"opens": "16:01", "closes": "16:03", "tail_minutes": 1, "days": ["monday"]},
            ["1 16 * * mon"],
            ["5-55/5 16 * * mon", "0 17 * * mon"],
            ["2 16 * * mon"],
            id="two minutes",
        ),
    ],
)
def test_weekly(
    changes: dict[str, object], opening: list[str], keeping: list[str], closing: list[str]
) -> None:
    """One line to open, one to close, as many to keep as the hours need."""
    assert opening == crons(Edge.OPEN, **changes)
    assert keeping == crons(Edge.KEEP, **changes)
    assert closing == crons(Edge.CLOSE, **changes)


def test_a_schedule_names_its_window_fleet_and_zone() -> None:
    """What a deployment needs besides the line itself."""
    expected = EveningSchedule(
        slug="open-evening",
        edge=Edge.OPEN,
        window="evening",
        fleet="api",
        cron="0 16 * * mon,tue,wed",
        timezone="Indian/Reunion",
    )
    assert expected == schedule_edges(a_window(timezone="Indian/Reunion"))[0]


def test_an_added_date_outside_the_weekdays_has_lines_of_its_own() -> None:
    """Those on weekdays have their lines already; past midnight it is the day after."""
    window = a_window(closes="23:30", add_dates=["2026-12-31", MONDAY])
    dated = {s.slug: s.cron for s in schedule_edges(window) if "2026" in s.slug}
    assert {
        "open-evening-20261231": "0 16 31 12 *",
        "keep-evening-20261231-1": "*/5 16-23 31 12 *",
        "keep-evening-20261231-2": "0-30/5 0 1 1 *",
        "close-evening-20261231": "20 23 31 12 *",
    } == dated


def test_a_fleet_with_surges_is_kept_around_the_clock() -> None:
    """Its windows' own lines for the keeping would only come twice."""
    edges = {e.slug: (e.cron, e.timezone) for e in estate_schedules(load_estate(SHIPPED))}
    assert {
        "open-evening": ("0 16 * * mon,tue,wed", "Europe/Paris"),
        "close-evening": ("50 21 * * mon,tue,wed", "Europe/Paris"),
        "keep-api": ("*/5 * * * *", "UTC"),
    } == edges


@pytest.mark.parametrize(
    ("changes", "around", "expected"),
    [
        pytest.param(
            {},
            "2026-11-25T21:00",
            [("2026-11-24T15:00", "2026-11-24T22:00"), ("2026-11-25T15:00", "2026-11-25T22:00")],
            id="the day's and the day before's",
        ),
        pytest.param({}, "2026-11-27T12:00", [], id="no date near"),
        pytest.param(
            {"opens": "16:07", "closes": "22:02", "lead_minutes": 5, "days": ["monday"]},
            "2026-11-23T21:00",
            [("2026-11-23T15:05", "2026-11-23T22:00")],
            id="on the ticks",
        ),
        pytest.param(
            {"closes": "23:30", "days": ["monday"], "remove_dates": ["2026-11-23"]},
            "2026-11-23T23:10",
            [("2026-11-23T15:00", "2026-11-23T23:30")],
            id="past midnight, on a removed date",
        ),
        pytest.param(
            {"days": ["monday"], "add_dates": ["2026-12-31"]},
            "2026-12-31T12:00",
            [("2026-12-31T15:00", "2026-12-31T22:00")],
            id="an added date",
        ),
        pytest.param(
            {"opens": "00:30", "closes": "02:30", "days": ["sunday"]},
            f"{SPRING}T00:00",
            [("2026-03-28T23:30", "2026-03-29T01:30")],
            id="by the wall clock, where it jumps",
        ),
    ],
)
def test_when_a_fleet_is_kept(
    changes: dict[str, object], around: str, expected: list[tuple[str, str]]
) -> None:
    """From the first tick to the last, each date's, as the lines say."""
    found = keepings(a_window(**changes), around=utc(around))
    assert [(utc(first), utc(last)) for first, last in expected] == [k[:2] for k in found]


def field(text: str, low: int, high: int) -> set[int]:
    """The numbers that one field of a cron line stands for."""
    span, _, step = text.partition("/")
    first, _, last = span.partition("-")
    if span == "*":
        first, last = str(low), str(high)
    return set(range(int(first), int(last or first) + 1, int(step or 1)))


def ticks(cron: str) -> set[int]:
    """Every minute of the week, from Monday's first, at which the line fires."""
    minutes, hours, _, _, weekdays = cron.split()
    return {
        (NAMES.index(day) * 24 + hour) * 60 + minute
        for day in weekdays.split(",")
        for hour in field(hours, 0, 23)
        for minute in field(minutes, 0, 59)
    }


CLOCKS = st.integers(0, 24 * 60 - 2).flatmap(
    lambda start: st.tuples(st.just(start), st.integers(start + 1, 24 * 60 - 1))
)


@given(clocks=CLOCKS, lead=st.integers(0, 240), days=st.sets(st.sampled_from(Weekday), min_size=1))
def test_keeping_covers_the_hours_and_nothing_else(
    clocks: tuple[int, int], lead: int, days: set[Weekday]
) -> None:
    """Each fifth minute from the lead to an hour after `until`, on no other day of the week."""
    opens, closes = (f"{m // 60:02}:{m % 60:02}" for m in clocks)
    hours = {"opens": opens, "closes": closes, "lead_minutes": lead, "tail_minutes": 0}
    expected = {
        (NAMES.index(day[:3]) * 24 * 60 + minute) % (7 * 24 * 60)
        for day in days
        for minute in range(clocks[0] - lead, clocks[1] + 61)
        if minute % 5 == 0
    }
    found = [ticks(cron) for cron in crons(Edge.KEEP, days=sorted(days), **hours)]
    assert expected == set().union(*found)
