"""What time it is: the real time, or in a rehearsal the sandbox's."""

from datetime import UTC, datetime, timedelta

import pytest

from springtide.clouds.clock import present
from springtide.errors import Retryable
from tests.clouds.stage import Stage, an_estate

EVENING = datetime(2026, 11, 23, 15, 0, tzinfo=UTC)


def test_the_real_time_is_the_default() -> None:
    """Aware, and now."""
    before = datetime.now(UTC)
    assert before <= present(an_estate()) <= datetime.now(UTC)


def test_a_rehearsal_takes_the_sandboxs_time(stage: Stage) -> None:
    """It follows the sandbox's clock when that is moved."""
    estate = an_estate(rehearsal={"clock_url": f"{stage.sandbox.url}/admin/clock"})
    for at in (EVENING, EVENING + timedelta(hours=6)):
        stage.sandbox.set_clock(at)
        assert timedelta() <= present(estate) - at < timedelta(seconds=5)


@pytest.mark.parametrize("path", ["/admin/none", "/admin/calls"])
def test_a_clock_that_does_not_tell_is_a_passing_trouble(stage: Stage, path: str) -> None:
    """An address without a time, or without an answer, is not taken for the real time."""
    estate = an_estate(rehearsal={"clock_url": stage.sandbox.url + path})
    with pytest.raises(Retryable):
        present(estate)
