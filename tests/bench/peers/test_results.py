"""What runs come to: medians, the floor, failures, and the table."""

from datetime import UTC, datetime

import pytest

from tests.bench.peers.contestants import CONTESTANTS
from tests.bench.peers.measuring import rotated
from tests.bench.peers.report import table
from tests.bench.peers.results import Machine, Phase, Results, Run, floor_s, standings


def _phase(seconds: float | None, failure: str | None = None) -> Phase:
    return Phase(
        reached_s=seconds,
        servers_s=seconds,
        returned_s=(seconds or 0) + 1,
        cpu_s=0.5,
        calls={"compute": 3, "load-balancer": 4},
        failure=failure,
    )


def _run(contestant: str, opening: Phase, closing: Phase | None = None, number: int = 1) -> Run:
    return Run(
        contestant=contestant,
        title=contestant,
        is_floor=contestant.startswith("floor"),
        servers=30,
        round=number,
        opening=opening,
        closing=closing,
    )


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        pytest.param([40.0], 40.0, id="one run"),
        pytest.param([40.0, 90.0, 30.0], 40.0, id="the middle of three"),
        pytest.param([40.0, None, 30.0], 35.0, id="a failed run is left out"),
        pytest.param([None, None], None, id="nothing where all failed"),
    ],
)
def test_standing_is_the_median_of_runs_that_got_there(
    seconds: list[float | None], expected: float | None
) -> None:
    """A contestant's seconds are the median of the runs that did not fail."""
    runs = [_run("sdk", _phase(s, None if s else "ended with 1")) for s in seconds]
    (standing,) = standings(runs)
    assert expected == (standing.opening.seconds if standing.opening else None)
    assert len(standing.failures) == seconds.count(None)
    assert standing.times == len(seconds)


def test_who_was_measured_less_often_says_so() -> None:
    """The head of a table tells of how many runs the others are the median."""
    runs = [_run("floor-1", _phase(20.0), number=number) for number in (1, 2, 3)]
    results = Results(
        began_at=datetime(2026, 11, 24, 2, 0, tzinfo=UTC),
        ground="real services",
        machine=Machine(cores=2, memory_mib=24_576, kernel="6.1", processor="a processor"),
        versions={"python": "3.11.7"},
        runs=(*runs, _run("sdk", _phase(30.0))),
    )
    told = table([results])
    assert "### 30 servers (medians of 3)" in told
    assert "| sdk (1 of 3 runs) | 30.0 | 1.50 |" in told


def test_floor_is_the_better_of_its_two() -> None:
    """The floor of an opening and of a closing may be another client's each."""
    found = standings(
        [
            _run("floor-1", _phase(30.0), _phase(5.0)),
            _run("floor-16", _phase(25.0), _phase(6.0)),
            _run("sdk", _phase(20.0), _phase(1.0)),
        ]
    )
    assert (25.0, 5.0) == (floor_s(found, 30, "opening"), floor_s(found, 30, "closing"))
    assert floor_s(found, 96, "opening") is None


def test_each_round_begins_with_the_next_contestant() -> None:
    """Rounds rotate the order, and everybody is in each."""
    first, second = rotated(CONTESTANTS, 0), rotated(CONTESTANTS, 1)
    assert list(CONTESTANTS) == first
    assert [*CONTESTANTS[1:], CONTESTANTS[0]] == second
    assert first == rotated(CONTESTANTS, len(CONTESTANTS))


def test_table_tells_failures_with_their_reason() -> None:
    """A contestant that failed stays in the table, and why it failed stands below."""
    results = Results(
        began_at=datetime(2026, 11, 24, 2, 0, tzinfo=UTC),
        ground="real services",
        machine=Machine(cores=2, memory_mib=24_576, kernel="6.1", processor="a processor"),
        versions={"python": "3.11.7"},
        runs=(
            _run("floor-1", _phase(20.0), _phase(10.0)),
            _run("sdk", _phase(30.0), _phase(10.0)),
            _run("heat", _phase(None, "no such service")),
        ),
    )
    lines = table([results]).splitlines()
    assert "| sdk | 30.0 | 1.50 | 10.0 | 1.00 | 7 + 7 | 0.5 + 0.5 |" in lines
    assert "| heat | failed |  | failed |  | failed + failed | failed + failed |" in lines
    assert "- heat, 30 servers, 1 in 1 runs: opening: no such service" in lines
