"""The sandbox's clock and agenda."""

import asyncio
from datetime import UTC, datetime, timedelta, timezone

import pytest

from springtide.sandbox.clock import Agenda, SandboxClock

EVENING = datetime(2026, 11, 16, 15, 45, tzinfo=UTC)


def is_about(expected: datetime, actual: datetime) -> bool:
    """Whether two moments are the same but for the time that a test takes."""
    return abs(actual - expected) < timedelta(seconds=5)


def test_the_clock_starts_at_real_time() -> None:
    """A clock without a start shows the real time."""
    assert is_about(datetime.now(UTC), SandboxClock().now())


@pytest.mark.parametrize(
    ("at", "seconds", "expected"),
    [
        pytest.param(EVENING, 0, EVENING, id="set"),
        pytest.param(EVENING, 900, EVENING + timedelta(minutes=15), id="set, then forward"),
        pytest.param(EVENING, -900, EVENING - timedelta(minutes=15), id="set, then back"),
        pytest.param(
            EVENING.astimezone(timezone(timedelta(hours=1))), 0, EVENING, id="another time zone"
        ),
    ],
)
def test_the_clock_runs_on_from_where_it_is_put(
    at: datetime, seconds: float, expected: datetime
) -> None:
    """After set and advance the clock shows that moment, in UTC."""
    clock = SandboxClock()
    clock.set(at)
    clock.advance(seconds)
    assert is_about(expected, clock.now())
    assert clock.now().tzinfo == UTC


def test_the_agenda_keeps_the_order_of_due_times() -> None:
    """What is due runs in due order, and what is added meanwhile comes after."""
    done: list[str] = []
    agenda = Agenda()
    agenda.after(0.002, lambda: done.append("second"))

    def first() -> None:
        done.append("first")
        agenda.after(0, lambda: done.append("added"))

    agenda.after(0.001, first)
    agenda.after(60, lambda: done.append("not yet"))

    async def run() -> None:
        ended = asyncio.Event()
        agenda.after(0.01, ended.set)
        running = asyncio.create_task(agenda.run())
        await ended.wait()
        running.cancel()

    asyncio.run(asyncio.wait_for(run(), 10))
    assert done in (["first", "second", "added"], ["first", "added", "second"])


def test_a_cleared_agenda_does_nothing() -> None:
    """What was due before clearing never happens."""
    done: list[str] = []
    agenda = Agenda()
    agenda.after(0, lambda: done.append("late"))
    agenda.clear()
    agenda.run_due()
    assert done == []
