"""Which sick servers are repaired now, and when nothing is touched and a person is called.

As an operator reads it:

1. Who fails its checks, and how often in a row, stands in `planning/health.py`.
2. Where too many fail at once the fault is not in the servers: above `stop_share` of the members
   nothing is repaired anywhere; and a region of which the balancer, or our probe, says that all
   are down is left as it is. One of them is the witness: when its checks have failed often enough
   in a row, the alarm says what was seen.
3. Of the others a tenth is repaired at a time (`at_once_share`). With `reboot_first` each is
   rebooted once. Else its replacement is launched, and it leaves when that one serves; only where
   there is no room for one more does it go first.
4. What a person holds, what boots and what is drained is never judged.
5. Successors that die as well come later and later, and in the end not at all
   (`planning/deaths.py`).
6. A server that failed before it ever joined a pool is deleted and planned anew.

Example: 30 serve, 4 of them are found sick: 3 replacements are launched, and when these serve, 3 of
the sick are taken out and deleted; then the fourth.
"""

import math
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from springtide.errors import GuardRefused
from springtide.model.claim import Death
from springtide.model.fleet import Fleet
from springtide.model.healing import Signal
from springtide.model.plan import Action, Delete, Drain, Leave, Mark, PoolMember, Reboot, Wait
from springtide.model.server import Phase
from springtide.planning.deaths import new_deaths
from springtide.planning.health import said_of
from springtide.planning.health_storm import StormWatch
from springtide.planning.membership import pool_members
from springtide.planning.phases import Sighting
from springtide.planning.region import RegionView
from springtide.planning.round_input import RoundInput


@dataclass(frozen=True)
class HealingPlan:
    """The verdict over all servers of a fleet that fail."""

    dead: tuple[Sighting, ...] = ()
    """Who served and does no more, in the order in which they go."""
    sick: tuple[Sighting, ...] = ()
    """Those of them whose turn it is: they count as absent."""
    spared: int = 0
    """How many of the others still count, as they are needed."""
    superfluous: tuple[Sighting, ...] = ()
    """Those of the dead that nobody needs: as many serve as are desired."""
    doubtful: bool = False
    """Whether some fail their checks, or nothing that is said of them is believed."""
    stormy: bool = False
    """Whether nothing is believed of some: who of them serves in truth, nobody knows."""
    closed: frozenset[str] = frozenset()
    """Regions of which nothing is believed: whoever is launched there might not serve either."""
    actions: tuple[Action, ...] = ()
    waits: tuple[Wait, ...] = ()
    alarms: tuple[str, ...] = ()
    told: tuple[str, ...] = ()
    deaths: tuple[Death, ...] = ()


def plan_fleet_healing(
    views: tuple[RegionView, ...], given: RoundInput, *, storm: StormWatch
) -> HealingPlan:
    """Whom to repair, and what is done about it before anything is launched."""
    fleet, wanted = given.fleet, given.desired.servers
    readable = tuple(view for view in views if view.readable)
    failed = (s for view in readable for s in view.of(Phase.FAILED))
    dead = tuple(sorted((s for s in failed if _dead(s)), key=_order_of_going))
    judged = [s for s in dead if s.server.id not in storm.spared]
    turn = judged[: _turns(readable, fleet)]
    reboots = [s for s in turn if fleet.healing.reboot_first and _rebootable(s)]
    sick = tuple(s for s in turn if s not in reboots)
    stormy = bool(storm.spared or storm.late)
    lacking = max(0, wanted - sum(view.living for view in views))
    late = frozenset(sorted(storm.late)[:lacking])
    in_service = (s for view in views for s in view.of(Phase.SERVING))
    # Who is spared in a storm counts, though doubted: what is said of it is not believed.
    serving = sum(not s.doubted or s.server.id in storm.spared for s in in_service)
    kept = frozenset(s.server.id for s in dead) | late
    doubts = tuple(_doubts(readable, storm))
    cleared = [s for view in readable for s in _useless(view, kept)]
    return HealingPlan(
        dead=dead,
        sick=sick,
        spared=min(len(dead) - len(sick), lacking - len(late)) + len(late),
        superfluous=_superfluous(
            dead,
            judged,
            above=serving + len(dead) + len(late) - wanted,
            storm_holds=stormy and wanted > 0,
        ),
        doubtful=stormy or bool(doubts),
        stormy=stormy,
        closed=storm.regions,
        actions=(
            *_marks(readable, storm),
            *_reboots(readable, reboots),
            *(action for view in readable for action in _clear(view, kept)),
        ),
        waits=(*storm.waits, *doubts, *_queue(len(judged) - len(turn))),
        # Where nobody is wanted any more, those who still stand go in any case: that is no alarm.
        alarms=storm.alarms if wanted else (),
        told=tuple(_held(readable)),
        deaths=new_deaths((*sick, *cleared), given),
    )


def healed_fleet(fleet: Fleet, stop_share: float | None) -> Fleet:
    """The fleet as one run is to heal it: a person who has looked may raise the stop for it.

    Then regions of which all are said to be down are repaired, too.

    Raises:
        GuardRefused: the share is not above 0 and at most 1.
    """
    if stop_share is None:
        return fleet
    if not 0 < stop_share <= 1:
        raise GuardRefused(f"stop_share: given {stop_share}, must be above 0 and at most 1")
    raised = {"stop_share": stop_share, "whole_regions": True}
    healing = fleet.healing.model_copy(update=raised)
    return fleet.model_copy(update={"healing": healing})


def healing_patience_s(fleet: Fleet) -> float:
    """How long a healing may take, in seconds: as many as may be sick, a few at a time."""
    healing = fleet.healing
    checks_s = healing.sick_after_checks * healing.check_interval_s
    turns = math.ceil(healing.stop_share / healing.at_once_share)
    return checks_s + turns * fleet.timeouts.turn_s


def remove_sick(views: tuple[RegionView, ...], sick: Iterable[Sighting]) -> tuple[Action, ...]:
    """Those take their leave: who still gets requests is drained, the others leave at once."""
    gone = {s.server.id for s in sick}
    actions: list[Action] = []
    for view in views:
        going = [s for s in view.of(Phase.FAILED) if s.server.id in gone]
        drained = [s for s in going if s.member is not None and _gets_requests(s)]
        leaving = [s for s in going if s.member is not None and s not in drained]
        alone = [s for s in going if s.member is None]
        if drained:
            reason = f"sick: {drained[0].why}"
            members = pool_members(drained)
            actions.append(Drain(region=view.region, members=members, reason=reason))
        if leaving:
            reason = f"sick: {leaving[0].why}"
            members = pool_members(leaving)
            actions.append(Leave(region=view.region, members=members, reason=reason))
        if alone:
            ids = tuple(s.server.id for s in alone)
            actions.append(Delete(region=view.region, server_ids=ids, reason=alone[0].why))
    return tuple(actions)


def _dead(sighting: Sighting) -> bool:
    """Whether it is taken to have served, and does no more; the others never got so far."""
    return not sighting.held and (sighting.member is not None or sighting.silent_for_long)


def _superfluous(
    dead: Iterable[Sighting], judged: Iterable[Sighting], *, above: int, storm_holds: bool
) -> tuple[Sighting, ...]:
    """As many of the dead as stand above the desired size; in a storm only of those judged."""
    return tuple(judged if storm_holds else dead)[: max(0, above)]


def _order_of_going(sighting: Sighting) -> tuple[bool, bool, str]:
    """First those of whom Nova says it, last those that may still serve."""
    return (_gets_requests(sighting), sighting.opinion, sighting.server.id)


def _turns(views: tuple[RegionView, ...], fleet: Fleet) -> int:
    """How many may be repaired now; those that are being rebooted have their turn already."""
    members = [s for view in views for s in view.sightings if s.member is not None]
    counted = sum(s.phase in (Phase.SERVING, Phase.FAILED) for s in members)
    rebooting = sum(s.phase is Phase.ACTIVE and s.server.rebooted_at is not None for s in members)
    at_once = max(1, math.ceil(fleet.healing.at_once_share * (counted + rebooting)))
    return max(0, at_once - rebooting)


def _queue(waiting: int) -> tuple[Wait, ...]:
    if not waiting:
        return ()
    return (Wait(servers=waiting, reason=f"{waiting} sick members wait for their turn"),)


def _rebootable(sighting: Sighting) -> bool:
    server = sighting.server
    return sighting.member is not None and bool(server.launched_at) and server.rebooted_at is None


def _gets_requests(sighting: Sighting) -> bool:
    """Whether only our probe complains: the balancer still sends requests, and they may end."""
    health = sighting.health
    return health is not None and health.complaints == {Signal.PROBE}


def _marks(views: tuple[RegionView, ...], storm: StormWatch) -> Iterable[Mark]:
    """What has to be written on servers; in a storm on its witnesses alone."""
    for view in views:
        by_count: dict[tuple[int, str], list[str]] = defaultdict(list)
        for s in view.sightings:
            if s.health is None or not s.health.due or s.server.id in storm.unwritten:
                continue
            reason = said_of(s.health, s.server) or "it is well again"
            by_count[s.health.failed, reason].append(s.server.id)
        for (failed, reason), ids in sorted(by_count.items()):
            yield Mark(region=view.region, server_ids=tuple(ids), failed=failed, reason=reason)


def _reboots(views: tuple[RegionView, ...], reboots: list[Sighting]) -> Iterable[Reboot]:
    for view in views:
        ids = tuple(s.server.id for s in reboots if s.server.region == view.region)
        if ids:
            reason = next(s.why for s in reboots if s.server.region == view.region)
            yield Reboot(region=view.region, server_ids=ids, reason=f"sick: {reason}")


def _doubts(views: tuple[RegionView, ...], storm: StormWatch) -> Iterable[Wait]:
    for view in views:
        doubted = [
            s
            for s in view.of(Phase.SERVING)
            if s.health and s.health.complaints and s.server.id not in storm.spared
        ]
        if doubted:
            reason = f"{len(doubted)} fail their checks and are looked at again"
            yield Wait(region=view.region, servers=len(doubted), reason=reason)


def _held(views: tuple[RegionView, ...]) -> Iterable[str]:
    for view in views:
        for s in view.sightings:
            if s.held:
                who = f" by {s.server.held_by}" if s.server.held_by else ""
                until = s.server.held_until
                yield f"{view.region}: {s.server.name} is held{who} until {until:%Y-%m-%d %H:%M %Z}"


def _useless(view: RegionView, kept: frozenset[str]) -> list[Sighting]:
    """Failed launches, and the sick that have left their pool."""
    return [s for s in view.of(Phase.FAILED) if s.server.id not in kept and not s.held]


def _clear(view: RegionView, kept: frozenset[str]) -> Iterable[Action]:
    """What is of no use to anybody: members without their server, and failed launches."""
    failed = _useless(view, kept)
    stale = tuple(
        PoolMember(server_id=m.server_id or "", name=m.name, address=m.address, member_id=m.id)
        for m in view.stale
    )
    if stale:
        yield Leave(region=view.region, members=stale, reason="a member without its server")
    for why in sorted({s.why for s in failed}):
        ids = tuple(s.server.id for s in failed if s.why == why)
        yield Delete(region=view.region, server_ids=ids, reason=why)
