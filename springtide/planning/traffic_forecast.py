"""How many sessions are to be expected: a trend that a lone odd sample does not move.

As an operator reads it: through the last hour's samples, and again through the last half hour's, a
line is laid whose slope is the median of the slopes between all pairs of samples (Theil and Sen).
Up to a quarter of the samples may be nonsense without moving it, and it does not swing after each
minute as exponential smoothing does; the shorter line notices a morning that gets steeper, which
the longer one would average away. To the line the scatter is added: nine in ten of the samples lie
below that. The larger of both counts. Nothing is forecast from fewer than five samples, or from
less than ten minutes; samples before a pause of more than `max_age_s` do not count.

Example: 1,000 sessions a quarter of an hour ago, 1,600 now, steady: 40 a minute. In another quarter
of an hour 2,200 are expected, and with a scatter of 5 % some 2,300.

Source: P. K. Sen, "Estimates of the regression coefficient based on Kendall's tau", 1968.
"""

import math
from collections.abc import Sequence
from datetime import timedelta
from itertools import combinations
from statistics import median
from typing import NamedTuple

from springtide.model.base import Moment
from springtide.model.traffic import MOST_SESSIONS, Point, TrafficForecast, TrafficPolicy

LEAST_SAMPLES = 5
LEAST_SPAN_S = 600
_UPPER = 0.9
"""Share of the samples below the line that is reckoned with."""
_SPANS = (1.0, 0.5)
"""Parts of the history through which a line is laid."""


class _Line(NamedTuple):
    per_s: float
    at_0: float
    scatter: float

    def at(self, t: float) -> float:
        return self.at_0 + self.per_s * t + self.scatter


def forecast_limitation(points: Sequence[Point], policy: TrafficPolicy, now: Moment) -> str | None:
    """Why these samples, the oldest first, allow no forecast at `now`; None where they do."""
    if not points:
        return "there is no sample"
    age_s = now.timestamp() - points[-1][0]
    if age_s > policy.max_age_s:
        return f"the newest sample is {age_s / 60:.0f} minutes old"
    run = unbroken(points, policy)
    span_s = run[-1][0] - run[0][0]
    if len(run) >= LEAST_SAMPLES and span_s >= LEAST_SPAN_S:
        return None
    since = " since the last gap" if len(run) < len(points) else ""
    return (
        f"{len(run)} samples over {span_s / 60:.0f} minutes{since}: at least {LEAST_SAMPLES} over"
        f" {LEAST_SPAN_S / 60:.0f} are needed"
    )


def forecast_sessions(
    source: str, points: Sequence[Point], *, policy: TrafficPolicy, now: Moment
) -> TrafficForecast:
    """What to expect when servers asked for at `now` serve, and until those of a next ask do.

    `points` are samples that `forecast_limitation` has passed.
    """
    run = unbroken(points, policy)
    due = now + timedelta(minutes=policy.horizon_minutes)
    begin, span_s = run[0][0], policy.history_minutes * 60
    spans = ([p for p in run if p[0] >= run[-1][0] - part * span_s] for part in _SPANS)
    # The first span is all there is, if short; a later one of too few samples swings too much.
    lines = [_line(span, begin) for span in spans if len(span) >= LEAST_SAMPLES]
    due_s = due.timestamp() - begin
    later_s = due_s + policy.cool_down_minutes * 60
    steepest = max(lines, key=lambda line: line.at(due_s))
    expected = max(line.at(due_s) for line in lines)
    later = max(expected, *(line.at(later_s) for line in lines))
    return TrafficForecast(
        source=source,
        due=due,
        sessions=run[-1][1],
        expected=_count(expected),
        later=_count(later),
        per_minute=round(steepest.per_s * 60, 2),
        samples=len(run),
    )


def unbroken(points: Sequence[Point], policy: TrafficPolicy) -> Sequence[Point]:
    """The newest samples that no pause of more than `max_age_s` parts."""
    first = len(points) - 1
    while first > 0 and points[first][0] - points[first - 1][0] <= policy.max_age_s:
        first -= 1
    return points[first:]


def _line(points: Sequence[Point], begin: int) -> _Line:
    """The line through the samples; times count from `begin`."""
    placed = [(t - begin, n) for t, n in points]
    per_s = median((n2 - n1) / (t2 - t1) for (t1, n1), (t2, n2) in combinations(placed, 2))
    at_0 = median(n - per_s * t for t, n in placed)
    above = sorted(n - per_s * t - at_0 for t, n in placed)
    upper = above[math.ceil(_UPPER * len(above)) - 1]
    return _Line(per_s, at_0, max(0.0, upper))


def _count(sessions: float) -> int:
    return min(MOST_SESSIONS, max(0, math.ceil(sessions)))
