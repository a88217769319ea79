"""Whether the traffic asks for a surge: before it is too late, and never for fewer servers.

As an operator reads it: how many sessions are to be expected when new servers would serve
(`horizon_minutes` from now) is compared with what the claims of that moment carry: what others
carry (`sessions_elsewhere`), and each claimed server its `sessions_per_server` times `utilisation`.
Is it more by the `tolerance`, a surge is asked for, of as many servers as carry what is expected
until a next ask could stand. What ends by the calendar or by an order is not prolonged; a surge
that ends while it is needed is. After an ask there is none for `cool_down_minutes`. Not asked for
is what a ceiling, a freeze, the fleet's maximum or `surge.max_servers` forbids: a person is told.

It never scales in: the answer is "more", or nothing. A source that is silent, stale or absurd asks
for nothing and is told; where there are two, the one that expects more counts.

Example: 200 sessions a server at 0.65, 30 claimed, 1,000 carried elsewhere: 4,900. Expected are
6,200 in a quarter of an hour and 7,700 in half an hour: a surge of 52 servers is asked for.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, timedelta

from springtide.errors import GuardRefused
from springtide.model.base import Moment
from springtide.model.claim import ClaimKind, surge_key
from springtide.model.fleet import Fleet
from springtide.model.server import Phase
from springtide.model.snapshot import Observation
from springtide.model.surge import SurgeRequest
from springtide.model.traffic import (
    MOST_SAMPLES,
    Point,
    TrafficAnswer,
    TrafficForecast,
    TrafficNote,
    TrafficPolicy,
    TrafficSample,
    TrafficSilence,
    TrafficVerdict,
)
from springtide.planning.deciding import Decider
from springtide.planning.telling import Row
from springtide.planning.traffic_forecast import forecast_limitation, forecast_sessions

OWNER = "watch-traffic"
_ALARM_AGAIN = timedelta(hours=1)
_QUARTER_MINUTES = 15

Reading = TrafficSample | TrafficSilence


@dataclass(frozen=True)
class Room:
    """What the claims come to when new servers would serve, and how far they may be raised."""

    claimed: int
    most: int
    limit: str
    """What sets `most`, in words."""
    held: str | None = None
    """Why nothing may be asked for at all."""


@dataclass(frozen=True)
class TrafficInput:
    """All that the decision rests on."""

    fleet: Fleet
    readings: tuple[Reading, ...]
    note: TrafficNote | None
    """What was remembered; None: nothing."""
    serving: int
    room: Room
    now: Moment

    @property
    def policy(self) -> TrafficPolicy:
        """The fleet's."""
        return watched(self.fleet)


def watched(fleet: Fleet) -> TrafficPolicy:
    """The fleet's policy.

    Raises:
        GuardRefused: it has none.
    """
    if fleet.traffic is None:
        raise GuardRefused(f"fleet {fleet.name} is not watched: its estate entry lacks `traffic`")
    return fleet.traffic


def traffic_input(decider: Decider, seen: Observation, readings: Sequence[Reading]) -> TrafficInput:
    """What the decision rests on, from one look at the fleet and its sources."""
    fleet = decider.fleet
    note = next((n for n in seen.book.traffic if n.fleet == fleet.name), None)
    return TrafficInput(
        fleet=fleet,
        readings=tuple(readings),
        note=note,
        serving=decider.plan(seen).count(Phase.SERVING),
        room=_room(decider, seen, note),
        now=seen.now,
    )


def _room(decider: Decider, seen: Observation, note: TrafficNote | None) -> Room:
    """What is claimed when new servers would serve, and how far a surge may raise it."""
    fleet, book = decider.fleet, seen.book
    due = seen.now + timedelta(minutes=watched(fleet).horizon_minutes)
    lasting = tuple(c for c in book.claims if c.kind is not ClaimKind.SURGE)
    known = book.model_copy(update={"claims": lasting})
    upcoming = decider.desired(seen.model_copy(update={"now": due}))
    present = decider.desired(seen.model_copy(update={"book": known}))
    limits = [(fleet.max_servers, f"max_servers of the fleet is {fleet.max_servers}")]
    if fleet.surge is not None:
        authorised = fleet.surge.max_servers
        limits.append((authorised, f"a surge of more than {authorised} needs a person's approval"))
    limits += [
        (c.servers, f"the ceiling of {c.owner} is {c.servers}")
        for c in book.ceilings
        if c.fleet == fleet.name and c.active_at(due)
    ]
    most, limit = min(limits, key=lambda each: each[0])
    held = _held(fleet, seen, note)
    if held is None and not upcoming.may_remove:
        held = f"what is claimed is not known: {'; '.join(upcoming.reasons)}"
    return Room(max(upcoming.servers, present.servers), most, limit, held)


def _held(fleet: Fleet, seen: Observation, note: TrafficNote | None) -> str | None:
    """Why nothing may be asked for now, by what a person said or has yet to say."""
    freeze = seen.book.frozen_by(fleet.name, seen.now)
    if freeze is not None:
        return f"frozen by {freeze.owner}: {freeze.reason}"
    if note is None or note.asked_at is None or fleet.surge is None:
        return None
    asked = surge_key(_key(fleet.name, note.asked_at))
    answered = any(c.key == asked for c in seen.book.claims)
    patience = timedelta(minutes=fleet.surge.approval_minutes)
    if answered or seen.now - note.asked_at >= patience:
        return None
    waits = any(p.key == asked for p in seen.book.proposals)
    return f"the surge {asked} waits for a person's approval" if waits else None


def plan_traffic(given: TrafficInput) -> TrafficVerdict:
    """The verdict: a surge to ask for, or why none is."""
    forecasts, troubles = _forecasts(given)
    policy = given.policy
    verdict = TrafficVerdict(
        fleet=given.fleet.name,
        at=given.now,
        answer=TrafficAnswer.UNKNOWN,
        reason="; ".join(troubles),
        forecasts=forecasts,
        troubles=troubles,
        serving=given.serving,
        claimed=given.room.claimed,
        capacity=math.floor(policy.planned_for(given.serving)),
    )
    if not forecasts:
        return verdict.model_copy(update={"alarm": _blind(given) and _may_alarm(given)})
    worst = max(forecasts, key=lambda f: (f.expected, f.later, f.source))
    return verdict.model_copy(update=_judged(given, worst))


def servers_needed(policy: TrafficPolicy, sessions: int) -> int:
    """Servers that so many sessions need beside what stands elsewhere."""
    return math.ceil(max(0, sessions - policy.sessions_elsewhere) / policy.sessions_planned)


def surge_ask(verdict: TrafficVerdict, policy: TrafficPolicy) -> SurgeRequest:
    """The surge that a verdict of `ask` asks for."""
    return SurgeRequest(
        key=verdict.key,
        fleet=verdict.fleet,
        servers=verdict.servers,
        hours=policy.surge_hours,
        reason=verdict.reason[:500],
        owner=OWNER,
    )


def remembered(given: TrafficInput, verdict: TrafficVerdict, *, asked: bool) -> TrafficNote:
    """What to remember for the next run: the history with the new samples, and the last ask.

    `asked` says whether the surge that the verdict asks for was started.
    """
    note, now = given.note, given.now
    return TrafficNote(
        key=given.fleet.name,
        fleet=given.fleet.name,
        series={source: _series(given, source) for source in given.policy.sources},
        asked_at=now if asked else (note.asked_at if note else None),
        alarmed_at=now if verdict.alarm else (note.alarmed_at if note else None),
        until=now + timedelta(minutes=given.policy.history_minutes) + _ALARM_AGAIN,
    )


def traffic_rows(verdict: TrafficVerdict) -> list[Row]:
    """The verdict as a table of measures."""
    rows: list[Row] = [{"measure": "answer", "value": verdict.answer.value}]
    for f in verdict.forecasts:
        trend = f"{f.per_minute:+.0f} a minute over {f.samples} samples"
        rows += [
            {"measure": f"sessions now, by {f.source}", "value": f"{f.sessions:,}"},
            {"measure": f"trend, by {f.source}", "value": trend},
            {"measure": f"expected at {f.due:%H:%M %Z}", "value": f"{f.expected:,}"},
        ]
    rows += [
        {"measure": "sessions that can be carried well now", "value": f"{verdict.capacity:,}"},
        {"measure": "servers that serve", "value": verdict.serving},
        {"measure": "servers that are claimed", "value": verdict.claimed},
        {"measure": "servers needed", "value": verdict.needed},
    ]
    if verdict.servers:
        rows.append({"measure": "asked for", "value": f"{verdict.servers} as {verdict.key}"})
    rows += [{"measure": "unknown", "value": trouble} for trouble in verdict.troubles]
    return [*rows, {"measure": "why", "value": verdict.reason}]


def _forecasts(given: TrafficInput) -> tuple[tuple[TrafficForecast, ...], tuple[str, ...]]:
    """A forecast of each source that allows one, and why the others allow none."""
    policy, silent = given.policy, {}
    for reading in given.readings:
        if isinstance(reading, TrafficSilence):
            silent[reading.source] = reading.why
    forecasts, troubles = [], []
    for source in policy.sources:
        points = _series(given, source)
        why = silent.get(source) or forecast_limitation(points, policy, given.now)
        if why is not None:
            troubles.append(f"{source}: {why}")
        else:
            forecasts.append(forecast_sessions(source, points, policy=policy, now=given.now))
    return tuple(forecasts), tuple(troubles)


def _series(given: TrafficInput, source: str) -> tuple[Point, ...]:
    """The source's samples within the history, the new one too: one for each second, in order."""
    now_s = int(given.now.timestamp())
    old = given.note.series.get(source, ()) if given.note else ()
    new = tuple(
        (int(r.at.timestamp()), r.sessions)
        for r in given.readings
        if isinstance(r, TrafficSample) and r.source == source
    )
    oldest = now_s - given.policy.history_minutes * 60
    # A sample from after now was taken before a clock was set back.
    kept = {t: n for t, n in (*old, *new) if oldest <= t <= now_s}
    return tuple(sorted(kept.items()))[-MOST_SAMPLES:]


def _judged(given: TrafficInput, worst: TrafficForecast) -> dict[str, object]:
    """Answer, reason and figures, by the forecast that expects most."""
    policy, room = given.policy, given.room
    told = (
        f"{worst.sessions:,} sessions now, {worst.expected:,} expected at {worst.due:%H:%M %Z},"
        f" {policy.planned_for(room.claimed):,.0f} carried by the {room.claimed} claimed for then"
    )
    if worst.expected <= policy.planned_for(room.claimed) * (1 + policy.tolerance):
        enough = worst.expected <= policy.planned_for(given.serving) * (1 + policy.tolerance)
        answer = TrafficAnswer.CALM if enough else TrafficAnswer.CLAIMED
        needed = servers_needed(policy, worst.expected)
        return {"answer": answer, "reason": told, "needed": needed}
    needed = max(servers_needed(policy, worst.later), room.claimed + 1)
    servers = min(needed, room.most)
    told = f"{told}: {needed} needed"
    alarm = _may_alarm(given)
    if room.held is not None or servers <= room.claimed:
        why = room.held or room.limit
        answer = TrafficAnswer.LIMITED
        return {"answer": answer, "reason": f"{told}; {why}", "needed": needed, "alarm": alarm}
    if _cooling(given):
        return {"answer": TrafficAnswer.COOLING, "reason": told, "needed": needed}
    capped = f", {servers} asked for: {room.limit}" if servers < needed else ""
    return {
        "answer": TrafficAnswer.ASK,
        "reason": f"{told}{capped}",
        "needed": needed,
        "servers": servers,
        "key": _key(given.fleet.name, given.now),
        "alarm": alarm and servers < needed,
    }


def _cooling(given: TrafficInput) -> bool:
    asked_at = given.note.asked_at if given.note else None
    pause = timedelta(minutes=given.policy.cool_down_minutes)
    # An ask from after now was made before a clock was set back: it holds nothing up.
    return asked_at is not None and timedelta(0) <= given.now - asked_at < pause


def _blind(given: TrafficInput) -> bool:
    """Whether nothing was known for so long that it is no passing trouble."""
    if given.note is None:
        return False
    newest = max((t for s in given.policy.sources for t, _ in _series(given, s)), default=0)
    return given.now.timestamp() - newest > 2 * given.policy.max_age_s


def _may_alarm(given: TrafficInput) -> bool:
    alarmed_at = given.note.alarmed_at if given.note else None
    return alarmed_at is None or given.now - alarmed_at >= _ALARM_AGAIN


def _key(fleet: str, now: Moment) -> str:
    """The same for one fleet in one quarter of an hour."""
    at = now.astimezone(UTC)
    quarter = at.replace(minute=at.minute - at.minute % _QUARTER_MINUTES)
    return f"traffic-{fleet}-{quarter:%Y%m%dt%H%M}"
