"""One round of a fleet's life: what is observed and desired in, actions with reasons out.

As an operator reads it:

1. A server that failed before it served is deleted and planned anew; a wave for which no host had
   room is planned again as two halves, down to single servers, then the region is left alone for a
   while and the others take over. Members that are sick are replaced, a few at a time
   (`planning/fleet_healing.py`).
2. Servers that answer join their pool.
3. Too few: draining ones are taken back, then waves are launched where there is room. An image
   that has not served in a region sends a canary ahead.
4. Too many: those that do not serve are deleted, those that serve are drained; drained ones leave
   their pool, and what has left its pool is deleted. A fleet with surges steps down gradually: so
   many on their way out at once, and the rest wait. In a storm as many as desired are kept of those
   who serve beyond doubt, and all of whom nobody knows whether they do; the others go.
5. Where an image is rolled out, servers of another one are replaced in batches
   (`planning/image_rollout.py`).
6. A frozen fleet is planned and told like any other, and not changed.

Nothing is remembered between rounds: a plan after a plan that was carried out is empty, and a plan
after a run that was killed goes on where that run ended.

Example: three regions of equal weight, 30 desired. In the first 10 serve and 2 are in ERROR, the
others are empty: the 2 are deleted, and 10 go to each of the others, a canary first where the image
is unproven.
"""

from dataclasses import replace
from datetime import timedelta
from typing import NamedTuple

from springtide.model.claim import Halt
from springtide.model.fleet import Fleet
from springtide.model.plan import (
    Action,
    Allotment,
    Delete,
    Drain,
    Join,
    RoundPlan,
    Shortfall,
    Wait,
)
from springtide.model.server import Phase
from springtide.model.snapshot import FleetSnapshot
from springtide.planning.fleet_healing import HealingPlan, plan_fleet_healing, remove_sick
from springtide.planning.health import found_sick
from springtide.planning.health_storm import find_storm
from springtide.planning.image_choice import rolling
from springtide.planning.image_rollout import RolloutPlan, find_halt, plan_image_rollout
from springtide.planning.launching import LaunchPlan, plan_launches
from springtide.planning.membership import plan_joins, plan_leaves, pool_members
from springtide.planning.phases import Sighting
from springtide.planning.region import RegionView, view_regions
from springtide.planning.removal import candidates_of, choose_removals
from springtide.planning.round_input import RoundInput


def plan_round(snapshot: FleetSnapshot, given: RoundInput) -> RoundPlan:
    """The round's plan: never above the fleet's maximum of what is seen, and only for ours."""
    views = view_regions(snapshot, given.fleet, given.now, given.book)
    storm = find_storm(views, given)
    if (halt := find_halt(views, given, storm=storm)) is not None:
        return _halted(snapshot, given, halt)
    healing = plan_fleet_healing(views, given, storm=storm)
    rollout = plan_image_rollout(views, given, healing)
    need = _need(views, given, healing, rollout)
    recalled = _recall(views, given, need.lacking - rollout.unavailable)
    missing = need.missing - len(recalled)
    launch = plan_launches(views, given, missing=missing, closed=healing.closed)
    undoubted = _beyond_doubt(views, given, healing)
    surplus = _surplus(undoubted, given, healing, above=need.above)
    removed = _removals(undoubted, given, surplus=surplus)
    going = frozenset(i for a in removed if isinstance(a, Delete) for i in a.server_ids)
    going |= {s.server.id for s in rollout.outgoing}
    freeze = given.book.frozen_by(given.fleet.name, given.now)
    return RoundPlan(
        fleet=given.fleet.name,
        at=given.now,
        desired=given.desired,
        phases={view.region: view.phases() for view in views},
        allotments=_allotments(views, launch),
        actions=(
            *healing.actions,
            *remove_sick(views, _sick_to_go(views, healing, launch, given, missing=need.missing)),
            *plan_joins(views, given, going=going),
            *_take_back(views, recalled),
            *launch.actions,
            *(removed or rollout.actions),
            *plan_leaves(views, given, kept=recalled),
        ),
        waits=(*healing.waits, *launch.waits, *_waits(views, given, removed)),
        alarms=(*healing.alarms, *launch.alarms, *_stuck(views, given)),
        told=(
            *healing.told,
            *((rollout.told,) if rollout.told else ()),
            *_kept(views, given, healing),
        ),
        shortfall=_shortfall(launch, spare=rollout.extra),
        marks=launch.marks,
        proven=launch.proven,
        deaths=healing.deaths,
        outdated=rollout.outdated,
        rollout=rollout.told,
        frozen=None if freeze is None else f"frozen by {freeze.owner}: {freeze.reason}",
    )


class _Need(NamedTuple):
    """How far the fleet is from what is desired; below 0 the other way."""

    lacking: int
    """Servers that are desired and not there; the sick whose turn it is count as absent."""
    missing: int
    """Those, and the extra ones by which a rollout goes ahead."""
    above: int
    """Servers beyond those, without those that nobody saw serve in a region that is not read."""


def _need(
    views: tuple[RegionView, ...], given: RoundInput, healing: HealingPlan, rollout: RolloutPlan
) -> _Need:
    """What is lacking, and what is too much; whom the rollout deletes no longer counts."""
    living = sum(view.living for view in views) - len(rollout.outgoing)
    lacking = given.desired.servers - living - healing.spared
    missing = lacking + rollout.extra
    return _Need(lacking, missing, above=-missing - _unsure(views))


def _halted(snapshot: FleetSnapshot, given: RoundInput, halt: Halt) -> RoundPlan:
    """The plan without the rollout that just failed, and the alarm that says so."""
    book = given.book.model_copy(update={"halts": (*given.book.halts, halt)})
    plan = plan_round(snapshot, replace(given, book=book))
    alarm = f"rollout of {halt.image} is halted: {halt.reason}; what serves is kept"
    return plan.model_copy(update={"halts": (halt,), "alarms": (*plan.alarms, alarm)})


def _sick_to_go(
    views: tuple[RegionView, ...],
    healing: HealingPlan,
    launch: LaunchPlan,
    given: RoundInput,
    *,
    missing: int,
) -> tuple[Sighting, ...]:
    """The sick that leave now: those that are replaced already, and those in the way of that.

    In the way are as many as the fleet's maximum, a cap or a quota leaves no room for beside them.
    """
    standing = sum(view.living for view in views) + len(healing.dead)
    above = max(0, missing - max(0, given.fleet.max_servers - standing))
    cramped = [s for s in healing.sick if s.server.region in launch.full][: launch.short]
    going = (*healing.superfluous, *healing.sick[:above], *cramped)
    gone = {s.server.id for s in going}
    return tuple(s for s in healing.dead if s.server.id in gone)


def _recall(views: tuple[RegionView, ...], given: RoundInput, missing: int) -> frozenset[str]:
    """Ids of draining servers that are wanted again: quicker than any launch."""
    rollout = rolling(given.book, given.fleet.name, given.now)
    draining = [
        s
        for v in views
        if v.readable
        for s in v.of(Phase.DRAINING)
        if s.member and s.member.drained_by_us and not s.held
        if not found_sick(s.server, given.fleet)
        if rollout is None or s.server.image_id == v.image_id
    ]
    wanted = sorted(draining, key=lambda s: s.server.id)[: max(0, missing)]
    return frozenset(s.server.id for s in wanted)


def _take_back(views: tuple[RegionView, ...], recalled: frozenset[str]) -> tuple[Action, ...]:
    return tuple(
        Join(region=view.region, members=pool_members(back), reason="wanted again while draining")
        for view in views
        if (back := [s for s in view.of(Phase.DRAINING) if s.server.id in recalled])
    )


def _beyond_doubt(
    views: tuple[RegionView, ...], given: RoundInput, healing: HealingPlan
) -> tuple[RegionView, ...]:
    """The regions; in a storm without the living of whom nobody knows whether they serve."""
    if not _stormy(given, healing):
        return views
    return tuple(
        replace(
            view,
            sightings=tuple(
                s
                for s in view.sightings
                if not s.alive or not (s.doubted or s.held or view.region in healing.closed)
            ),
        )
        for view in views
    )


def _surplus(
    undoubted: tuple[RegionView, ...], given: RoundInput, healing: HealingPlan, *, above: int
) -> int:
    """How many may go; in a storm nobody before as many as desired serve beyond doubt."""
    if not _stormy(given, healing):
        return above
    readable = [view for view in undoubted if view.readable]
    if sum(len(view.of(Phase.SERVING)) for view in readable) < given.desired.servers:
        return 0
    # Who does not serve goes first: as many as desired are left of those who do.
    return min(above, sum(view.living for view in readable) - given.desired.servers)


def _kept(
    views: tuple[RegionView, ...], given: RoundInput, healing: HealingPlan
) -> tuple[str, ...]:
    """The note about those who stay, though more stand than are desired."""
    more = sum(view.living for view in views) + len(healing.dead) - given.desired.servers
    if more <= 0 or not _stormy(given, healing):
        return ()
    return (f"{more} more stand than are desired: in a storm nobody goes who is doubted",)


def _stormy(given: RoundInput, healing: HealingPlan) -> bool:
    """Whether a storm holds anybody: where nobody is desired, all go."""
    return healing.stormy and given.desired.servers > 0


def _removals(
    views: tuple[RegionView, ...], given: RoundInput, *, surplus: int
) -> tuple[Action, ...]:
    if surplus <= 0 or not given.desired.may_remove:
        return ()
    surplus = _at_once(views, given.fleet, surplus)
    candidates = tuple(
        candidates_of(v.region, v.sightings, given.fleet, image_id=v.image_id)
        for v in views
        if v.readable
    )
    chosen = choose_removals(surplus, candidates)
    reason = f"{given.desired.servers} desired: {given.desired.reasons[0]}"
    actions: list[Action] = []
    for view in views:
        going = [s for region, s in chosen if region == view.region]
        serving = [s for s in going if s.member is not None]
        idle = tuple(s.server.id for s in going if s.member is None)
        if serving:
            members = pool_members(serving)
            actions.append(Drain(region=view.region, members=members, reason=reason))
        if idle:
            actions.append(Delete(region=view.region, server_ids=idle, reason=reason))
    return tuple(actions)


def _unsure(views: tuple[RegionView, ...]) -> int:
    """Servers of regions that cannot be read which nobody saw serve: nobody else goes for them."""
    dark = [view for view in views if not view.readable]
    return sum(view.living - len(view.of(Phase.SERVING)) for view in dark)


def _at_once(views: tuple[RegionView, ...], fleet: Fleet, surplus: int) -> int:
    """How many of the surplus may go now: a fleet that surges steps down gradually."""
    if fleet.surge is None:
        return surplus
    leaving = sum(len(view.of(Phase.DRAINING, Phase.LEAVING)) for view in views)
    return min(surplus, max(0, fleet.surge.step_down_servers - leaving))


def _allotments(views: tuple[RegionView, ...], launch: LaunchPlan) -> tuple[Allotment, ...]:
    return tuple(
        Allotment(
            region=view.region,
            servers=view.living + launch.added.get(view.region, 0),
            reason=launch.limits.get(view.region, ""),
        )
        for view in views
    )


def _shortfall(launch: LaunchPlan, *, spare: int) -> Shortfall | None:
    """What is desired and finds no room; a rollout's spare servers are not desired."""
    if launch.short <= spare:
        return None
    full = "; ".join(f"{region}: {limit}" for region, limit in sorted(launch.limits.items()))
    return Shortfall(servers=launch.short - spare, reason=full)


def _stuck(views: tuple[RegionView, ...], given: RoundInput) -> tuple[str, ...]:
    """The alarm about deletions that Nova does not end."""
    limit = timedelta(seconds=given.fleet.timeouts.delete_s)
    alarms = []
    for view in views:
        since = (s.server.updated_at for s in view.of(Phase.LEAVING))
        late = sum(1 for at in since if at and given.now - at > limit)
        if view.readable and late:
            alarms.append(f"{view.region}: {late} are being deleted for longer than delete_s")
    return tuple(alarms)


_WAITED_FOR = {
    Phase.BUILDING: "building",
    Phase.ACTIVE: "to answer",
    Phase.ANSWERING: "to join their pool",
    Phase.DRAINING: "draining",
    Phase.LEAVING: "being deleted",
}


def _waits(
    views: tuple[RegionView, ...], given: RoundInput, removed: tuple[Action, ...]
) -> tuple[Wait, ...]:
    # Whoever is deleted in this very round is not waited for to boot, to answer or to join.
    deleted = {i for a in removed if isinstance(a, Delete) for i in a.server_ids}
    waits = [
        Wait(region=v.region, servers=count, reason=f"{count} {what}")
        for v in views
        if v.readable
        for phase, what in _WAITED_FOR.items()
        if (count := sum(not s.held and s.server.id not in deleted for s in v.of(phase)))
    ]
    blind = not any(v.readable for v in views)
    waits += [Wait(region=v.region, reason=v.trouble, blind=blind) for v in views if v.trouble]
    if not given.desired.may_remove:
        surplus = sum(v.living for v in views) - given.desired.servers
        if surplus > 0:
            known = given.book.trouble or "; ".join(given.desired.reasons)
            reason = f"nothing is removed while the claims cannot be read: {known}"
            waits.append(Wait(servers=surplus, reason=reason, blind=True))
    return tuple(waits)
