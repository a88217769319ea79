"""Each hour of a fleet's servers has exactly one owner."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from springtide.model.proof import ProofVerdict
from springtide.model.usage import UsageRecord
from springtide.pricing.occasions import allot, unseen
from springtide.pricing.proofs import prove_all
from springtide.pricing.reconciliation import reconcile_plan
from tests.pricing.proving import a_surge, an_evening, facts, named
from tests.pricing.using import a_record, at

DAY = "2026-11-23"


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        pytest.param("16:00", "22:00", (180, 0, 0, 0), id="exactly"),
        pytest.param("15:45", "22:05", (180, 30, 30, 0), id="early and late"),
        pytest.param("15:59:59", "22:00", (180, 30, 0, 0), id="a second early"),
        pytest.param("16:00", "22:00:01", (180, 0, 30, 0), id="a second late"),
        pytest.param("17:10", "19:00", (60, 0, 0, 0), id="for a part of it"),
        pytest.param("14:00", "16:00", (0, 60, 0, 0), id="two hours before it"),
        pytest.param("13:00", "14:00", (0, 0, 0, 30), id="nobody's"),
        pytest.param("22:00", "23:59:59", (0, 0, 60, 0), id="two hours after it"),
    ],
)
def test_hours_of_an_evening(start: str, end: str, expected: tuple[int, ...]) -> None:
    """Inside, early, late, idle, of thirty servers."""
    record = a_record(f"{DAY} {start}", f"{DAY} {end}", amount=30)
    found = allot(facts(record, occasions=(an_evening(DAY),)))
    (use,) = found.uses
    assert expected == (use.inside, use.early, use.late, found.idle_hours)


def test_a_surge_has_what_the_evening_does_not_want() -> None:
    """Three hundred stand from 18:00 on: thirty of them are the evening's."""
    records = [
        a_record(f"{DAY} 16:00", f"{DAY} 22:00", amount=30),
        a_record(f"{DAY} 18:00", f"{DAY} 23:00", resource="i-2", amount=270),
    ]
    occasions = (an_evening(DAY), a_surge(f"{DAY} 18:00", 5, 300))
    evening, surge = allot(facts(*records, occasions=occasions)).uses
    assert (180, 4 * 270 + 270) == (evening.inside, surge.inside)


def stood(servers: int, hours: str) -> UsageRecord:
    """So many servers of one evening."""
    begins, ends = hours.split("-")
    span = f"{DAY} {begins}", f"{DAY} {ends}"
    return a_record(*span, resource=f"from {begins}", amount=servers)


@pytest.mark.parametrize(
    ("evening", "exam", "more", "uses"),
    [
        pytest.param(
            "16:00-22:00",
            (60, "17:00-20:00"),
            (30, "17:00-20:00"),
            [("evening", 90, 90), ("exam", 180, 180)],
            id="one within the other",
        ),
        pytest.param(
            "16:00-18:30",
            (60, "18:30-22:00"),
            (30, "18:30-22:00"),
            [("evening", 60, 60), ("exam", 240, 240)],
            id="adjoining within an hour",
        ),
        pytest.param(
            "16:00-18:30",
            (30, "18:30-22:00"),
            (0, "16:00-22:00"),
            [("evening", 90, 90), ("exam", 90, 90)],
            id="adjoining, with as many servers: the first one's hour",
        ),
        pytest.param(
            "16:00-22:00",
            (60, "16:00-22:00"),
            (30, "17:00-22:00"),
            [("exam", 360, 330)],
            id="all hours are the larger one's, which came late",
        ),
        pytest.param(
            "16:00-22:00",
            (60, "16:00-22:00"),
            (30, "15:00-23:00"),
            [("exam", 360, 420)],
            id="all hours are the larger one's, and so are those before and after",
        ),
    ],
)
def test_two_windows_of_a_fleet_share_no_hour(
    evening: str, exam: tuple[int, str], more: tuple[int, str], uses: list[tuple[str, int, int]]
) -> None:
    """Each hour is planned and counted for the one that asks for more."""
    windows = (
        an_evening(DAY, hours=evening),
        an_evening(DAY, exam[0], hours=exam[1], name="exam"),
    )
    records = [stood(30, "16:00-22:00")]
    if more[0]:
        records.append(stood(*more).model_copy(update={"resource": "more"}))
    given = facts(*records, occasions=windows)
    found = allot(given).evenings
    assert uses == [(e.occasion.name.split()[0], e.planned, e.hours) for e in found]
    assert () == unseen(found)
    verdict = ProofVerdict.PASS if all(a == b for _, a, b in uses) else ProofVerdict.FAIL
    assert verdict == reconcile_plan(given).verdict
    proofs = prove_all(given)
    assert ProofVerdict.PASS == named(proofs, "idle-hours").verdict
    outside = sum(each.early + each.late for each in found)
    verdict = ProofVerdict.FAIL if outside else ProofVerdict.PASS
    assert verdict == named(proofs, "early-and-late").verdict


def test_other_fleets_and_kinds_are_not_counted() -> None:
    """A volume or another fleet's server."""
    records = [
        a_record(f"{DAY} 16:00", f"{DAY} 22:00", fleet="web"),
        a_record(f"{DAY} 16:00", f"{DAY} 22:00", resource="v", kind="volume"),
    ]
    assert 0 == allot(facts(*records, occasions=(an_evening(DAY),))).hours


@settings(max_examples=40, deadline=None)
@given(
    stays=st.lists(
        st.tuples(
            st.datetimes(datetime(2026, 11, 22), datetime(2026, 11, 25), timezones=st.just(UTC)),  # noqa: DTZ001 - hypothesis wants naive bounds
            st.timedeltas(timedelta(0), timedelta(hours=30)),
        ),
        max_size=5,
    ),
    surge=st.integers(0, 20),
)
def test_no_hour_is_lost(stays: list[tuple[datetime, timedelta]], surge: int) -> None:
    """All hours are somebody's, and nobody has more than there are."""
    records = [
        a_record(start, start + stay, resource=f"i-{number}")
        for number, (start, stay) in enumerate(stays)
    ]
    occasions = (
        an_evening(DAY, 2),
        an_evening("2026-11-24", 2),
        a_surge(at(f"{DAY} 00:00").isoformat()[:10] + f" {surge:02}:30", 5, 4),
    )
    found = allot(facts(*records, occasions=occasions))
    assert sum(row.amount for row in facts(*records).hours) == found.hours
