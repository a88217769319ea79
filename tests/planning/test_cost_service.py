"""Whether evenings opened in time, by the runs that opened them."""

from datetime import date, timedelta

import pytest

from springtide.planning.cost_report import evenings_between
from springtide.planning.cost_service import OpeningRun, late_openings
from tests.planning.windows import CALENDAR, a_window

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
        pytest.param((run(-61, 1),), None, id="one of the afternoon does not"),
        pytest.param((run(360, 361),), None, id="nor one after the window"),
    ],
)
def test_late_openings(runs: tuple[OpeningRun, ...], late: int | None) -> None:
    """Late is who served in full later than ten minutes after the start."""
    assert late == late_openings([EVENING], runs)
