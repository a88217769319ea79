"""In which phase a server is, derived anew at every look: nothing about servers is stored."""

from dataclasses import dataclass
from datetime import timedelta

from springtide.model.base import Moment
from springtide.model.fleet import Fleet, Prober
from springtide.model.server import Member, Phase, Server
from springtide.model.snapshot import RegionSnapshot

_DEAD = frozenset(
    {"ERROR", "SHUTOFF", "STOPPED", "PAUSED", "SUSPENDED", "SHELVED", "SHELVED_OFFLOADED"}
)
_GONE = frozenset({"DELETED", "SOFT_DELETED"})
_FORMING = frozenset({"BUILD", "REBUILD"})
_ON_THE_WAY = frozenset({Phase.BUILDING, Phase.ACTIVE, Phase.ANSWERING})


@dataclass(frozen=True)
class Sighting:
    """A server, its membership, and the phase that follows from both."""

    server: Server
    member: Member | None
    phase: Phase
    why: str
    opinion: bool = False
    """Whether FAILED rests on a health check alone: Nova still says ACTIVE."""
    settled_in: bool = False
    """Whether it has stood for long after its deadline to answer: it surely has served before."""

    @property
    def alive(self) -> bool:
        """Whether it counts towards the desired size."""
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
    return tuple(
        _sight(server, members.get(server.id), snapshot, fleet, now=now)
        for server in sorted(snapshot.servers, key=lambda s: s.id)
    )


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
    if server.status in _DEAD:
        return Sighting(server, member, Phase.FAILED, server.fault or f"Nova says {server.status}")
    if server.status in _FORMING:
        return _forming(server, fleet, now)
    if member is not None:
        return _as_member(server, member, fleet, now)
    if server.id in snapshot.answering:
        return Sighting(server, None, Phase.ANSWERING, "it answers its health check")
    return _silent(server, None, fleet, now)


def _forming(server: Server, fleet: Fleet, now: Moment) -> Sighting:
    limit_s = fleet.timeouts.boot_s
    if now - server.created_at > timedelta(seconds=limit_s):
        return Sighting(server, None, Phase.FAILED, f"not ACTIVE within boot_s {limit_s:g}")
    return Sighting(server, None, Phase.BUILDING, "Nova is building it")


def _as_member(server: Server, member: Member, fleet: Fleet, now: Moment) -> Sighting:
    if member.weight == 0:
        return Sighting(server, member, Phase.DRAINING, "its weight is 0")
    if member.provisioning_status == "PENDING_CREATE":
        return Sighting(server, member, Phase.ANSWERING, "it is joining its pool")
    if member.operating_status == "ERROR":
        return _silent(server, member, fleet, now)
    trusted = fleet.health.prober is Prober.SPRINGTIDE
    if trusted or member.operating_status in ("ONLINE", "NO_MONITOR"):
        return Sighting(server, member, Phase.SERVING, "it is a member of its pool")
    # OFFLINE before the first check, DRAINING after a weight was given back: time settles both.
    return Sighting(server, member, Phase.ANSWERING, "its pool has not checked it yet")


def _silent(server: Server, member: Member | None, fleet: Fleet, now: Moment) -> Sighting:
    limit_s = fleet.timeouts.answer_s
    silent_for = now - (server.launched_at or server.created_at)
    if silent_for <= timedelta(seconds=limit_s):
        return Sighting(server, member, Phase.ACTIVE, "it does not answer yet")
    why = f"no healthy answer within answer_s {limit_s:g}"
    long_since = silent_for > timedelta(seconds=2 * limit_s)
    return Sighting(server, member, Phase.FAILED, why, opinion=True, settled_in=long_since)
