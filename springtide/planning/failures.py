"""What to do about servers that failed: replace them, a few at a time, or stop and call a person.

A failed server that never joined a pool is a failed launch: it is deleted and planned anew. A dead
member is replaced within limits: at most a stated share at once, and where more than a stated share
of the members look sick while Nova says that they are well, nothing is touched, since the fault is
then more likely in the balancer, the network or the application than in so many servers at once.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass

from springtide.model.claim import Desired
from springtide.model.fleet import Fleet
from springtide.model.plan import Action, Delete, Leave, MemberOrder, Wait
from springtide.model.server import Phase
from springtide.planning.membership import member_orders
from springtide.planning.phases import Sighting
from springtide.planning.region import RegionView

_WELL = ("ONLINE", "NO_MONITOR")
_GHOSTS = (
    "{} members serve and Nova lists no server for them: nothing is removed or launched in their"
    " place; look at Nova's listing first"
)


@dataclass(frozen=True)
class Failures:
    """The verdict over all failed servers of a fleet."""

    actions: tuple[Action, ...]
    waits: tuple[Wait, ...]
    alarms: tuple[str, ...]
    spared: int
    """Dead members that still count towards the desired size: not replaced in this round."""


def judge_failures(views: tuple[RegionView, ...], fleet: Fleet, desired: Desired) -> Failures:
    """Which failed servers go in this round; the fleet's own limits decide how many."""
    readable = [view for view in views if view.readable]
    dead = [
        s
        for view in readable
        for s in view.of(Phase.FAILED)
        if s.member is not None or s.settled_in
    ]
    serving = sum(len(view.of(Phase.SERVING)) for view in readable)
    living = sum(view.living for view in views)
    ghosts = _doubtful_members(readable, fleet, serving=serving, wanted=desired.servers)
    needed = max(0, desired.servers - living - len(ghosts))
    spared, alarm = _spared(dead, fleet, serving=serving, on_the_way=_on_the_way(views))
    kept = frozenset(s.server.id for s in spared[:needed])
    waits = (Wait(servers=len(kept), reason=f"{len(kept)} dead members wait"),) if kept else ()
    alarms = (alarm,) if alarm and kept else ()
    if ghosts:
        alarms = (*alarms, _GHOSTS.format(len(ghosts)))
    return Failures(
        actions=tuple(action for view in readable for action in _remove(view, kept | ghosts)),
        waits=() if alarm else waits,
        alarms=alarms,
        spared=len(kept) + len(ghosts),
    )


def _doubtful_members(
    views: list[RegionView], fleet: Fleet, *, serving: int, wanted: int
) -> frozenset[str]:
    """Ids of members that serve, by their balancer, though Nova lists no server for them.

    A few of them lost their server. Many at once mean a listing that was cut short: they are left
    alone and still count, unless nothing is wanted any more.
    """
    lost = [m for v in views for m in v.stale if m.weight and m.operating_status in _WELL]
    few = len(lost) <= max(1, fleet.replacement.stop_share * (serving + len(lost)))
    return frozenset() if few or wanted == 0 else frozenset(m.id for m in lost)


def _spared(
    dead: list[Sighting], fleet: Fleet, *, serving: int, on_the_way: int
) -> tuple[list[Sighting], str | None]:
    """The dead members that are not replaced now, and the alarm where a person is needed."""
    members = serving + len(dead)
    doubted = sorted((s for s in dead if s.opinion), key=lambda s: s.server.id)
    certain = sorted((s for s in dead if not s.opinion), key=lambda s: s.server.id)
    if len(doubted) > max(1, fleet.replacement.stop_share * members):
        alarm = (
            f"{len(doubted)} of {members} members do not answer while Nova says ACTIVE: nothing is"
            " replaced; look at the balancer, the network and the application first"
        )
        return doubted + certain[_at_once(fleet, members, on_the_way) :], alarm
    queue = certain + doubted
    return queue[_at_once(fleet, members, on_the_way) :], None


def _at_once(fleet: Fleet, members: int, on_the_way: int) -> int:
    limit = max(1, math.ceil(fleet.replacement.at_once_share * members))
    return max(0, limit - on_the_way)


def _on_the_way(views: Iterable[RegionView]) -> int:
    return sum(1 for view in views for s in view.sightings if s.on_the_way)


def _remove(view: RegionView, kept: frozenset[str]) -> Iterable[Action]:
    failed = [s for s in view.of(Phase.FAILED) if s.server.id not in kept]
    members = [s for s in failed if s.member is not None]
    stale = tuple(
        MemberOrder(server_id=m.server_id or "", name=m.name, address=m.address, member_id=m.id)
        for m in view.stale
        if m.id not in kept
    )
    if members or stale:
        reason = members[0].why if members else "a member without its server"
        yield Leave(region=view.region, members=member_orders(members) + stale, reason=reason)
    for why in sorted({s.why for s in failed if s.member is None}):
        ids = tuple(s.server.id for s in failed if s.member is None and s.why == why)
        yield Delete(region=view.region, server_ids=ids, reason=why)
