"""Whether evenings opened in time, and for how long too few servers stood."""

from datetime import UTC, date, datetime, timedelta

import pytest

from springtide.planning.cost_report import evenings_between
from springtide.planning.cost_service import OpeningRun, late_openings, shortage_usage
from tests.planning.windows import CALENDAR, a_window
from tests.pricing.using import a_record
from tests.simulation.years import a_year_fleet

MONDAY = date(2026, 11, 23)
(EVENING,) = evenings_between((a_window(),), CALENDAR, first=MONDAY, last=MONDAY)


def run(began_minutes: float, served_minutes: float | None) -> OpeningRun:
    """A run, by its minutes after the evening's start."""
    at = EVENING.opens_at
    served = None if served_minutes is None else at + timedelta(minutes=served_minutes)
    return OpeningRun(at + timedelta(minutes=began_minutes), served)


@pytest.mark.parametrize(
    ("runs", "late"),
    [
        pytest.param((), None, id="nobody knows of a run"),
        pytest.param((run(0, 4),), 0, id="in time"),
        pytest.param((run(0, 10),), 0, id="just in time"),
        pytest.param((run(0, 10.1),), 1, id="just too late"),
        pytest.param((run(0, None),), 1, id="it failed"),
        pytest.param((run(0, None), run(3, 9)), 0, id="the second one made it good in time"),
        pytest.param((run(-60, 1),), 0, id="an early run counts"),
        pytest.param((run(-61, 1),), 1, id="one of the afternoon does not, and was the last"),
        pytest.param((run(360, 361),), None, id="nor one after the window"),
    ],
)
def test_late_openings(runs: tuple[OpeningRun, ...], late: int | None) -> None:
    """Late is who served in full later than ten minutes after the start."""
    assert late == late_openings([EVENING], runs)


TUESDAY = MONDAY + timedelta(days=1)
TWO = evenings_between((a_window(),), CALENDAR, first=MONDAY, last=TUESDAY)
DAY_MINUTES = 24 * 60


@pytest.mark.parametrize(
    ("runs", "late"),
    [
        pytest.param((run(0, 4), run(DAY_MINUTES, DAY_MINUTES + 4)), 0, id="both in time"),
        pytest.param((run(0, 4),), 1, id="nobody opened the second"),
        pytest.param(
            (run(DAY_MINUTES, DAY_MINUTES + 4),), 0, id="the first was before all that is known"
        ),
    ],
)
def test_an_evening_that_nobody_opened_is_late(runs: tuple[OpeningRun, ...], late: int) -> None:
    """No run may mean that no worker was there; only what is older than all runs is forgotten."""
    assert late == late_openings(TWO, runs)


FIVE = datetime(2026, 11, 23, 17, 0, tzinfo=UTC)
FLEET = a_year_fleet()
"""300 sessions a server, and 6,000 elsewhere at 0.65, which are 9,230 when full."""
SERVERS = (
    a_record(FIVE - timedelta(hours=1), FIVE + timedelta(minutes=4), amount=9),
    a_record(FIVE - timedelta(hours=1), FIVE + timedelta(hours=1), resource="i-2"),
    a_record(FIVE, FIVE + timedelta(hours=1), resource="other", fleet=None, amount=99),
)
"""Ten servers, and one alone from 17:04 on; and those of somebody else."""


def short(*samples: tuple[float, int]) -> list[tuple[str, int]]:
    """Minute and seconds of each row, of samples at that minute after five."""
    points = [(int((FIVE + timedelta(minutes=at)).timestamp()), n) for at, n in samples]
    found = shortage_usage(
        FLEET, points, SERVERS, begins_at=FIVE, ends_at=FIVE + timedelta(hours=1)
    )
    return [(f"{each.start:%M:%S}", each.amount) for each in found]


@pytest.mark.parametrize(
    ("samples", "rows"),
    [
        pytest.param([], [], id="nobody watched"),
        pytest.param([(0, 12230), (2, 12230)], [("00:00", 0), ("02:00", 0)], id="just enough"),
        pytest.param([(0, 12231), (2, 12230)], [("00:00", 120), ("02:00", 0)], id="one too many"),
        pytest.param([(0, 12231)], [("00:00", 0)], id="the newest counts once another is there"),
        pytest.param([(0, 12231), (30, 0)], [("00:00", 420), ("30:00", 0)], id="a long pause"),
        pytest.param([(4, 9531), (5, 0)], [("04:00", 60), ("05:00", 0)], id="nine have left"),
        pytest.param([(3.9, 9531), (5, 0)], [("03:54", 0), ("05:00", 0)], id="they stand yet"),
        pytest.param([(-1, 12231), (0, 0), (60, 12231)], [("00:00", 0)], id="another hour's"),
    ],
)
def test_seconds_short(samples: list[tuple[float, int]], rows: list[tuple[str, int]]) -> None:
    """A sample holds until the next one, and for seven minutes at the longest."""
    assert rows == short(*samples)


def test_samples_that_are_seen_again_count_once() -> None:
    """Whatever part of them each look sees: the ledger keeps the greater number of each row."""
    samples = [(minute, 12231) for minute in range(0, 20, 2)]
    at_once = short(*samples)
    looks = [short(*samples[begin : begin + 4]) for begin in range(0, 10, 3)]
    kept: dict[str, int] = {}
    for minute, seconds in (row for look in looks for row in look):
        kept[minute] = max(kept.get(minute, 0), seconds)
    assert dict(at_once) == kept


def test_a_fleet_that_nobody_watches_has_no_shortage() -> None:
    """Which is not the same as none."""
    fleet = FLEET.model_copy(update={"traffic": None})
    given = {"begins_at": FIVE, "ends_at": FIVE + timedelta(hours=1)}
    assert () == shortage_usage(fleet, [(int(FIVE.timestamp()), 12231)], SERVERS, **given)
