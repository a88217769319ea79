"""What a watcher of the traffic sees, and its verdict."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from pydantic import HttpUrl

from springtide.model.claim import Ceiling, Claim, ClaimBook, ClaimKind, Freeze
from springtide.model.fleet import Fleet
from springtide.model.snapshot import FleetSnapshot, Observation
from springtide.model.traffic import (
    BALANCERS,
    PrometheusQuery,
    TrafficNote,
    TrafficPolicy,
    TrafficSample,
    TrafficVerdict,
)
from springtide.planning.deciding import Decider
from springtide.planning.traffic import (
    Reading,
    TrafficInput,
    plan_traffic,
    traffic_input,
)
from tests.planning.surges import a_surging_fleet
from tests.planning.traffic_history import NOON, a_note, points
from tests.planning.windows import CALENDAR, a_window

PLANNED = TrafficPolicy(sessions_per_server=100, utilisation=0.5, tolerance=0)
"""Fifty sessions a server."""
BOTH = PLANNED.model_copy(
    update={
        "prometheus": PrometheusQuery(url=HttpUrl("http://127.0.0.1:9090"), query="sum(sessions)")
    }
)


def a_watched_fleet(policy: TrafficPolicy = PLANNED, /, **changes: object) -> Fleet:
    """A fleet of at most 60, of which 50 are authorised, with that policy."""
    return a_surging_fleet(**({"traffic": policy.model_dump()} | changes))


def steady(sessions: int, per_sample: int = 0, count: int = 15) -> tuple[int, ...]:
    """A rise of so many from one sample to the next, which ends with that count."""
    return tuple(sessions - per_sample * k for k in range(count - 1, -1, -1))


def a_surge_claim(servers: int, ends_in_minutes: float, **changes: object) -> Claim:
    """A surge that began an hour ago."""
    base: dict[str, object] = {
        "key": "surge-one",
        "fleet": "api",
        "kind": ClaimKind.SURGE,
        "servers": servers,
        "starts_at": NOON - timedelta(hours=1),
        "ends_at": NOON + timedelta(minutes=ends_in_minutes),
        "owner": "operations",
        "reason": "a test",
    }
    return Claim.model_validate(base | changes)


def a_freeze() -> Freeze:
    """A freeze that holds."""
    return Freeze(
        key="freeze-api",
        fleet="api",
        starts_at=NOON - timedelta(hours=1),
        ends_at=NOON + timedelta(hours=1),
        owner="operations",
        reason="works on the network",
    )


def a_ceiling(servers: int) -> Ceiling:
    """A ceiling that holds."""
    return Ceiling(
        key="ceiling-api",
        fleet="api",
        servers=servers,
        starts_at=NOON - timedelta(hours=1),
        ends_at=NOON + timedelta(hours=1),
        owner="operations",
        reason="not more today",
    )


def seen_at(
    note: TrafficNote | None,
    *readings: Reading,
    fleet: Fleet | None = None,
    book: ClaimBook | None = None,
    now: datetime = NOON,
) -> TrafficInput:
    """What a run sees at `now`."""
    known = book or ClaimBook()
    observation = Observation(
        now=now,
        snapshot=FleetSnapshot(fleet="api", at=now, regions=()),
        book=known.model_copy(update={"traffic": (note,) if note else ()}),
    )
    decider = Decider(fleet or a_watched_fleet(), (a_window(),), CALENDAR, "run")
    return traffic_input(decider, observation, readings)


def verdict_on(
    sessions: Sequence[int],
    *,
    fleet: Fleet | None = None,
    book: ClaimBook | None = None,
    now: datetime = NOON,
    **note: object,
) -> TrafficVerdict:
    """The verdict on a steady history, the last sample being taken now."""
    past = points(*sessions, now=now)
    sample = TrafficSample(source=BALANCERS, at=now, sessions=sessions[-1])
    return plan_traffic(seen_at(a_note(past[:-1], **note), sample, fleet=fleet, book=book, now=now))
