"""Whether evenings opened in time, by the runs that opened them: savings are shown beside it.

An evening is late where no run had it serve in full within ten minutes of its start. Where no run
of any evening is known, nothing was measured, which is not the same as nothing was late.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from springtide.model.window import Evening

PATIENCE = timedelta(minutes=10)
_BEFORE = timedelta(hours=1)


@dataclass(frozen=True)
class OpeningRun:
    """One run that opened a window: when it began, and when it had all servers serve."""

    began_at: datetime
    served_at: datetime | None
    """None: it did not, or not all of them."""


def late_openings(evenings: Iterable[Evening], runs: Sequence[OpeningRun]) -> int | None:
    """How many of the evenings opened late; None where no run of any of them is known."""
    found = [(evening, _runs_of(evening, runs)) for evening in evenings]
    if not any(of_evening for _, of_evening in found):
        return None
    return sum(
        not any(run.served_at and run.served_at <= evening.opens_at + PATIENCE for run in runs_of)
        for evening, runs_of in found
        if runs_of
    )


def _runs_of(evening: Evening, runs: Sequence[OpeningRun]) -> list[OpeningRun]:
    begin = evening.claim_starts_at - _BEFORE
    return [run for run in runs if begin <= run.began_at < evening.closes_at]
