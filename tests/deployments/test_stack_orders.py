"""What a person says over a fleet, by the deployments that the UI offers, and who hears of it."""

from typing import Any
from zoneinfo import ZoneInfo

from tests.deployments.rig import CLOSE, KEEP, OPEN, RUN_S, End, Rig, wait_until

FREEZE, LIMIT, LIFT = "freeze-fleet/any", "limit-fleet/any", "lift-entry/any"
WHO = {"owner": "operations", "reason": "rehearsal"}
PARIS = ZoneInfo("Europe/Paris")
SCHEDULED_S = 150.0
"""A round of the scheduler that is lost comes again after a minute, and a lock may take one."""
SETTLED = End("COMPLETED", "Completed", "settled")


def test_freeze_lift_and_limit(rig: Rig) -> None:
    """Frozen, an opening plans and changes nothing; lifted, it opens; limited, five are kept."""
    assert "COMPLETED" == rig.run(FREEZE, fleet="api", hours=2, **WHO).kind
    frozen = rig.run(OPEN)
    assert ("COMPLETED", "frozen", 0) == (frozen.kind, frozen.message, rig.changes())
    (entry,) = rig.stored()
    assert "COMPLETED" == rig.run(LIFT, name=entry, **WHO).kind
    assert [] == rig.stored()
    assert (SETTLED, (30, 30, 30)) == (rig.run(OPEN), rig.fleet())
    assert "COMPLETED" == rig.run(LIMIT, fleet="api", servers=5, hours=2, **WHO).kind
    assert (SETTLED, (5, 5, 5)) == (rig.run(KEEP), rig.fleet())


def test_two_openings_at_once_make_one_window(rig: Rig) -> None:
    """A person's opening beside the scheduled one: thirty in the end, not sixty."""
    runs = [rig.start(OPEN), rig.start(OPEN)]
    assert [SETTLED, SETTLED] == [rig.end(run_id) for run_id in runs]
    assert (30, 30, 30) == rig.fleet()


def test_people_hear_of_a_failed_run(rig: Rig, notices: tuple[str, list[dict[str, Any]]]) -> None:
    """A fleet that is unknown: the run fails, and what it said arrives at the webhook."""
    _, sent = notices
    before = len(sent)
    with rig.telling():
        assert "FAILED" == rig.run(CLOSE, fleet="nobody").kind
        wait_until(lambda: sent[before:], "the notice arrives", RUN_S)
    assert 0 == rig.changes()
    assert "close-evening-window: Failed" == sent[before]["subject"]
    assert "no fleet 'nobody' in the estate" in sent[before]["text"]


def expected_openings(rig: Rig) -> set[tuple[int, int]]:
    """On which days and at which hours the window's next openings are to begin."""
    found = wait_until(lambda: rig.expected(OPEN), "runs are scheduled", SCHEDULED_S)
    return {(time.isoweekday(), time.hour) for time in (at.astimezone(PARIS) for at in found)}


def test_the_schedules_tick(rig: Rig) -> None:
    """Prefect creates the runs of the next evenings, at four on the week's first three days.

    Those that it has made when another test begins are made anew: once ended they never would be.
    """
    evenings = {(day, 16) for day in (1, 2, 3)}
    rig.switch_schedules(active=True)
    try:
        assert evenings >= expected_openings(rig)
        rig.begin()
        assert evenings >= expected_openings(rig)
    finally:
        rig.switch_schedules(active=False)
