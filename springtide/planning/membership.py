"""Who joins a pool and who leaves it: few calls for many members.

A load balancer that takes a change takes no other for a while, and starts anew for each, so members
go in batches: when a wave's worth of a region's servers is ready and at least as many are still on
the way, when nobody is, or `join_interval_s` after the last join and after the first that is ready
was ACTIVE (twice that, where twice as many are ready as are on the way). So the last few are waited
for: they would find the balancer busy with those before. A drained member leaves when its requests
have ended or its time is up; the pool is changed when at least half of the draining ones are ready.

Example: 10 servers of a region boot in 1 to 3 minutes, `join_interval_s` is 60: 5 join after some
two minutes, the other 5 when the last of them answers. Of 100, 16 to 20 join every 20 s.
"""

from collections.abc import Iterable
from datetime import timedelta

from springtide.model.base import Moment
from springtide.model.fleet import Fleet, Prober
from springtide.model.plan import Join, Leave, PoolMember
from springtide.model.server import Phase
from springtide.planning.phases import Sighting
from springtide.planning.region import RegionView
from springtide.planning.round_input import RoundInput

_SETTLE_S = 1.0
"""A request that the balancer gave away just before the weight fell to 0 may still be under way to
its server, which counts no request in progress yet."""


def pool_members(sightings: Iterable[Sighting]) -> tuple[PoolMember, ...]:
    """The servers as members, in the given order; those without an address are left out."""
    return tuple(
        PoolMember(
            server_id=s.server.id,
            name=s.server.name,
            address=address,
            member_id=s.member.id if s.member else None,
            port=s.member.port if s.member else None,
        )
        for s in sightings
        if (address := s.member.address if s.member else s.server.address)
    )


def plan_joins(
    views: tuple[RegionView, ...], given: RoundInput, *, going: frozenset[str]
) -> tuple[Join, ...]:
    """One join for each region in which servers are ready and it is worth a call.

    `going` are the ids of servers that this very round deletes.
    """
    fleet = given.fleet
    ready_phase = Phase.ANSWERING if fleet.health.prober is Prober.SPRINGTIDE else Phase.ACTIVE
    joins = []
    for view in views:
        ready = [
            s
            for s in view.of(ready_phase)
            if s.member is None and s.server.address and s.server.id not in going and not s.held
        ]
        if view.readable and ready and _worth_a_call(view, fleet, given.now, ready):
            reason = "they answer" if ready_phase is Phase.ANSWERING else "they are ACTIVE"
            joins.append(Join(region=view.region, members=pool_members(ready), reason=reason))
    return tuple(joins)


def plan_leaves(
    views: tuple[RegionView, ...], given: RoundInput, *, kept: frozenset[str]
) -> tuple[Leave, ...]:
    """One leave for each region in which drains have ended and it is worth a call."""
    if not given.desired.may_remove:
        return ()
    leaves = []
    for view in views:
        draining = [s for s in view.of(Phase.DRAINING) if s.server.id not in kept and not s.held]
        over = [s for s in draining if _drained(s, view, given.fleet, given.now)]
        if view.readable and over and 2 * len(over) >= len(draining):
            leaves.append(
                Leave(
                    region=view.region,
                    members=pool_members(over),
                    reason="their requests have ended, or drain_s is over",
                    only_drained=True,
                )
            )
    return tuple(leaves)


def _worth_a_call(view: RegionView, fleet: Fleet, now: Moment, ready: list[Sighting]) -> bool:
    coming = sum(1 for s in view.sightings if s.on_the_way and s.member is None) - len(ready)
    if coming == 0 or fleet.wave_servers <= len(ready) <= coming:
        return True
    joined = [m.created_at for m in view.snapshot.members if m.ours and m.created_at]
    active_since = min(s.server.launched_at or s.server.created_at for s in ready)
    patience_s = fleet.join_interval_s * (2 if 2 * coming <= len(ready) else 1)
    return now - max([active_since, *joined]) >= timedelta(seconds=patience_s)


def _drained(sighting: Sighting, view: RegionView, fleet: Fleet, now: Moment) -> bool:
    member = sighting.member
    if member is None or member.provisioning_status.startswith("PENDING"):
        return False
    since = member.draining_since
    if since is None or now - since >= timedelta(seconds=fleet.timeouts.drain_s):
        return True
    idle = view.snapshot.in_flight.get(sighting.server.id) == 0
    return idle and now - since >= timedelta(seconds=_SETTLE_S)
