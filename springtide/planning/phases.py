"""In which phase a server is, derived anew at every look: nothing about servers is stored."""

from dataclasses import dataclass, replace
from datetime import timedelta

from springtide.model.base import Moment
from springtide.model.fleet import Fleet, Prober
from springtide.model.healing import Signal
from springtide.model.server import Member, Phase, Server
from springtide.model.snapshot import RegionSnapshot
from springtide.planning.health import (
    NOVA_DEAD,
    Health,
    complaints_about,
    found_sick,
    judge_health,
    said_of,
)

_GONE = frozenset({"DELETED", "SOFT_DELETED"})
_WORKED_ON = frozenset({"REBOOT", "HARD_REBOOT", "MIGRATING", "REBUILD", "RESIZE", "RESCUE"})
"""Somebody is at it, whoever that is; for a while it is let be."""
_ON_THE_WAY = (Phase.BUILDING, Phase.ACTIVE, Phase.ANSWERING)
_NO_PLACE = "the balancer's quota of members has no place for it"


@dataclass(frozen=True)
class Sighting:
    """A server, its membership, and the phase that follows from both."""

    server: Server
    member: Member | None
    phase: Phase
    why: str
    opinion: bool = False
    """Whether FAILED rests on a health check alone: Nova still says ACTIVE."""
    silent_for_long: bool = False
    """Whether it is silent beyond twice `answer_s`: it is taken for one that has served."""
    health: Health | None = None
    """What is said of it, where it is a member that may be judged."""
    held: bool = False
    """Whether a person holds it: it is neither judged nor repaired nor removed."""
    placeless: bool = False
    """Whether it is FAILED for lack of a place in its pool: no fault of its own."""

    @property
    def doubted(self) -> bool:
        """Whether somebody complains about it."""
        return self.health is not None and bool(self.health.complaints)

    @property
    def alive(self) -> bool:
        """Whether it counts towards the desired size; held outside of its pool it will not join."""
        if self.held and self.member is None:
            return False
        return self.phase is Phase.SERVING or self.phase in _ON_THE_WAY

    @property
    def on_the_way(self) -> bool:
        """Whether it will count as serving by itself, given time."""
        return self.phase in _ON_THE_WAY


def sight_region(snapshot: RegionSnapshot, fleet: Fleet, now: Moment) -> tuple[Sighting, ...]:
    """Every server of the region with its phase, sorted by id."""
    members = {
        m.server_id: m
        for m in snapshot.members
        if m.ours and m.server_id and m.provisioning_status != "PENDING_DELETE"
    }
    sightings = tuple(
        _sight(server, members.get(server.id), snapshot, fleet, now=now)
        for server in sorted(snapshot.servers, key=lambda s: s.id)
    )
    too_many = -(snapshot.headroom.members or 0)
    return _placed(sightings, too_many) if too_many > 0 else sightings


def stale_members(snapshot: RegionSnapshot) -> tuple[Member, ...]:
    """Our members whose server is gone, sorted by id; never other people's."""
    servers = {server.id for server in snapshot.servers}
    return tuple(
        sorted(
            (
                m
                for m in snapshot.members
                if m.ours
                and m.server_id is not None
                and m.server_id not in servers
                and m.provisioning_status != "PENDING_DELETE"
            ),
            key=lambda m: m.id,
        )
    )


def _placed(sightings: tuple[Sighting, ...], too_many: int) -> tuple[Sighting, ...]:
    """The same, where so many more are to join than the pool takes; the last on the way fail."""
    outside = [s for s in sightings if s.member is None]
    going = sum(s.phase in (Phase.LEAVING, Phase.FAILED) for s in outside)
    coming = sorted(
        (s for s in outside if s.on_the_way and not s.held),
        key=lambda s: (_ON_THE_WAY.index(s.phase), s.server.id),
    )
    without = {s.server.id for s in coming[: max(0, too_many - going)]}
    return tuple(
        replace(s, phase=Phase.FAILED, why=_NO_PLACE, placeless=True)
        if s.server.id in without
        else s
        for s in sightings
    )


def _sight(
    server: Server,
    member: Member | None,
    snapshot: RegionSnapshot,
    fleet: Fleet,
    *,
    now: Moment,
) -> Sighting:
    if server.task_state == "deleting" or server.status in _GONE:
        return Sighting(server, member, Phase.LEAVING, "Nova is deleting it")
    if server.held_at(now):
        held = _unjudged(server, member, snapshot, fleet, now=now)
        return replace(held, held=True)
    joined = member is not None and member.provisioning_status != "PENDING_CREATE"
    if member is not None and joined and member.weight > 0 and server.status != "BUILD":
        return _as_serving(server, member, snapshot, fleet, now=now)
    return _unjudged(server, member, snapshot, fleet, now=now)


def _unjudged(
    server: Server,
    member: Member | None,
    snapshot: RegionSnapshot,
    fleet: Fleet,
    *,
    now: Moment,
) -> Sighting:
    """The phase of a server that does not serve, or that a person holds."""
    if server.status in NOVA_DEAD:
        return Sighting(server, member, Phase.FAILED, server.fault or f"Nova says {server.status}")
    if server.status == "BUILD":
        return _forming(server, fleet, now)
    if member is not None and member.weight == 0:
        return Sighting(server, member, Phase.DRAINING, "its weight is 0")
    if member is not None:
        return _as_member(server, member, fleet)
    if server.id in snapshot.answering:
        return Sighting(server, None, Phase.ANSWERING, "it answers its health check")
    return _silent(server, fleet, now)


def _forming(server: Server, fleet: Fleet, now: Moment) -> Sighting:
    limit_s = fleet.timeouts.boot_s
    if now - server.created_at > timedelta(seconds=limit_s):
        return Sighting(server, None, Phase.FAILED, f"not ACTIVE within boot_s {limit_s:g}")
    return Sighting(server, None, Phase.BUILDING, "Nova is building it")


def _as_member(server: Server, member: Member, fleet: Fleet) -> Sighting:
    """A member with a weight, of whom nothing bad is said."""
    if member.provisioning_status == "PENDING_CREATE":
        return Sighting(server, member, Phase.ANSWERING, "it is joining its pool")
    trusted = fleet.health.prober is Prober.SPRINGTIDE
    if trusted or member.well:
        return Sighting(server, member, Phase.SERVING, "it is a member of its pool")
    # OFFLINE before the first check, DRAINING after a weight was given back: time settles both.
    return Sighting(server, member, Phase.ANSWERING, "its pool has not checked it yet")


def _as_serving(
    server: Server, member: Member, snapshot: RegionSnapshot, fleet: Fleet, *, now: Moment
) -> Sighting:
    health = judge_health(server, complaints_about(server, member, snapshot, fleet), fleet, now)
    if not health.complaints:
        return replace(_as_member(server, member, fleet), health=health)
    if Signal.NOVA not in health.complaints and (boots := _boots(server, fleet, now)):
        return Sighting(server, member, Phase.ACTIVE, boots)
    opinion = Signal.NOVA not in health.complaints
    phase = Phase.FAILED if health.sick(fleet) else Phase.SERVING
    why = said_of(health, server)
    return Sighting(server, member, phase, why, opinion=opinion, health=health)


def _boots(server: Server, fleet: Fleet, now: Moment) -> str | None:
    """Why a silent member is given time still; None where it had enough.

    Whom our probe let join has answered already; whom the balancer is to check has not.
    """
    patience = timedelta(seconds=fleet.timeouts.answer_s)
    if server.status in _WORKED_ON and server.updated_at and now - server.updated_at <= patience:
        return f"Nova says {server.status}"
    if server.rebooted_at is not None and now - server.rebooted_at <= patience:
        return "it was rebooted, and does not answer yet"
    first = fleet.health.prober is Prober.BALANCER
    if first and now - (server.launched_at or server.created_at) <= patience:
        return "it does not answer yet"
    return None


def _silent(server: Server, fleet: Fleet, now: Moment) -> Sighting:
    """A server that is no member and of which no answer is known."""
    limit_s = fleet.timeouts.answer_s
    silent_for = now - (server.launched_at or server.created_at)
    if found_sick(server, fleet):
        return Sighting(server, None, Phase.FAILED, "it was found sick", opinion=True)
    if fleet.health.prober is Prober.BALANCER and server.address:
        # Nobody asks it before it joins, however long that takes: its silence says nothing.
        return Sighting(server, None, Phase.ACTIVE, "it is to join its pool")
    if silent_for <= timedelta(seconds=limit_s):
        return Sighting(server, None, Phase.ACTIVE, "it does not answer yet")
    why = f"no healthy answer within answer_s {limit_s:g}"
    long_since = silent_for > timedelta(seconds=2 * limit_s)
    return Sighting(server, None, Phase.FAILED, why, opinion=True, silent_for_long=long_since)
