"""Histories of traffic to decide on: samples at an even pace, and the note that holds them."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from springtide.model.traffic import BALANCERS, Point, TrafficNote
from tests.planning.windows import utc

NOON = utc("2026-11-24T11:00")
"""Of a Tuesday, in Paris; no window."""


def points(
    *sessions: int, now: datetime = NOON, every_s: int = 120, last_s: int = 0
) -> tuple[Point, ...]:
    """Samples at an even pace; the last one was taken `last_s` before now."""
    end = int(now.timestamp()) - last_s
    ages = range((len(sessions) - 1) * every_s, -1, -every_s)
    return tuple((end - age, n) for age, n in zip(ages, sessions, strict=True))


def a_note(balancers: Sequence[Point], **changes: object) -> TrafficNote:
    """What was remembered of the balancers."""
    base: dict[str, object] = {
        "key": "api",
        "fleet": "api",
        "series": {BALANCERS: tuple(balancers)},
        "until": NOON + timedelta(hours=2),
    }
    return TrafficNote.model_validate(base | changes)
