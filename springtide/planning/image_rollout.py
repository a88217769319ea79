"""The rollout of an image: old servers are replaced in batches, a canary first.

As an operator reads it:

1. A rollout is a stored order: this fleet runs that image, until …, because …, says …. While it
   holds, new servers get that image, whoever launches them, and every convergence of the fleet goes
   on replacing the servers of another image. Going back is a rollout of the image before.
2. Where the image has not served in a region, a canary must serve there first; no old server leaves
   a region in which the new image has not served.
3. At most `max_surge` servers stand above the desired size, and at most `max_unavailable` below it
   are out of service. An old server is drained when there are that many to spare.
4. Where new servers do not answer, or are found sick, beyond the fleet's `rollout_stop_share` of
   them, the rollout is halted: what serves is kept, new servers get the image before, and a person
   is told. Lifting the halt goes on. A region in a storm (`planning/health_storm.py`) says nothing
   of the image, unless only servers of it fail there, and it has never served there or another
   image serves beside it; nor does one that a person has looked at (`whole_regions`), where it has
   served and no other does.
5. It waits while servers are missing (a surge), while some fail their checks, while a region cannot
   be read, and when fewer will be desired before a batch could serve (a window's end).

Example: 30 desired, `max_surge` 3: three canaries, one a region; when they serve 3 old ones are
drained, 3 new ones launched, and so on.
"""

from dataclasses import dataclass
from datetime import timedelta

from springtide.model.claim import Halt, Rollout, key_part
from springtide.model.fleet import CanaryPolicy
from springtide.model.plan import Action, Delete, Drain
from springtide.model.server import Phase
from springtide.planning.fleet_healing import HealingPlan
from springtide.planning.health_storm import StormWatch
from springtide.planning.image_choice import halt_of, rolling, rollout_now
from springtide.planning.membership import pool_members
from springtide.planning.phases import Sighting
from springtide.planning.proving import image_proven
from springtide.planning.region import RegionView
from springtide.planning.removal import RegionCandidates, choose_removals
from springtide.planning.round_input import RoundInput


@dataclass(frozen=True)
class RolloutPlan:
    """What a round does about servers of another image than the one that is rolled out."""

    extra: int = 0
    """Servers that may stand above the desired size."""
    unavailable: int = 0
    """Servers below the desired size that may be out of service."""
    outdated: int = 0
    """Servers of another image that are still to be replaced."""
    outgoing: tuple[Sighting, ...] = ()
    """Those of them that do not serve, while enough others do: they count no more."""
    actions: tuple[Action, ...] = ()
    told: str | None = None
    """How far the rollout is, or why it waits or is halted."""


def plan_image_rollout(
    views: tuple[RegionView, ...], given: RoundInput, healing: HealingPlan
) -> RolloutPlan:
    """The next batch; empty where nothing is rolled out, or every server has its image."""
    rollout = rollout_now(given.book, given.fleet.name, given.now)
    if rollout is None:
        return RolloutPlan()
    if (halt := halt_of(given.book, given.fleet.name, rollout.image, given.now)) is not None:
        return RolloutPlan(told=f"rollout of {rollout.image} is halted: {halt.reason}")
    old = [(v, s) for v in views if v.readable and v.image_id for s in v.sightings if _old(v, s)]
    if not old:
        return RolloutPlan()
    doing = f"rollout of {rollout.image}: {len(old)} servers have another image"
    if (why := _waits_for(views, given, healing, rollout)) is not None:
        return RolloutPlan(outdated=len(old), told=f"{doing}; it waits: {why}")
    extra = _extra(rollout, given, sum(s.member is not None for _, s in old))
    if extra == 0 and rollout.max_unavailable == 0:
        why = f"max_servers {given.fleet.max_servers} leaves no room for one more"
        return RolloutPlan(outdated=len(old), told=f"{doing}; {why}, and max_unavailable is 0")
    spare = _spare(views, given, rollout)
    outgoing = tuple(s for _, s in old if s.member is None) if spare >= 0 else ()
    return RolloutPlan(
        extra=extra,
        unavailable=rollout.max_unavailable,
        outdated=len(old),
        outgoing=outgoing,
        actions=(
            *_deletes(views, outgoing, rollout),
            *_drains(views, given, rollout, scouting=extra == 0),
        ),
        told=doing,
    )


def find_halt(
    views: tuple[RegionView, ...], given: RoundInput, *, storm: StormWatch
) -> Halt | None:
    """Why the rollout that holds has to stop now; None where it need not."""
    if (rollout := rolling(given.book, given.fleet.name, given.now)) is None:
        return None
    judged = [v for v in views if v.readable and _image_is_judged(v, given, storm)]
    new = [s for v in judged for s in v.sightings if s.server.image_id == v.image_id]
    bad = [s for s in new if s.phase is Phase.FAILED and s.opinion and not s.held]
    good = sum(s.phase is Phase.SERVING and not s.doubted for s in new)
    if not bad or len(bad) <= given.fleet.rollout_stop_share * (good + len(bad)):
        return None
    return Halt(
        key=f"halt-{given.fleet.name}-{key_part(rollout.image)}",
        fleet=given.fleet.name,
        image=rollout.image,
        reason=f"{len(bad)} of its servers fail where {good} serve ({bad[0].server.region}"
        f" {bad[0].server.name}: {bad[0].why})",
        until=rollout.ends_at,
    )


def _image_is_judged(view: RegionView, given: RoundInput, storm: StormWatch) -> bool:
    """Whether those who fail in the region say something of the image."""
    doubted = storm.spared | storm.late
    images = {s.server.image_id for s in view.sightings if s.server.id in doubted}
    if not image_proven(view, given) or _another_serves(view, storm):
        return images <= {view.image_id}
    return not images and not given.fleet.healing.whole_regions


def _another_serves(view: RegionView, storm: StormWatch) -> bool:
    """Whether a server of another image serves there, beyond doubt: then the region is well.

    Where new servers are kept as late nobody answers us, so that nobody vouches for our way there.
    """
    if any(s.server.id in storm.late for s in view.sightings):
        return False
    serving = (s for s in view.of(Phase.SERVING) if not (s.doubted or s.held))
    return any(s.server.image_id != view.image_id for s in serving)


def _old(view: RegionView, sighting: Sighting) -> bool:
    return sighting.alive and not sighting.held and sighting.server.image_id != view.image_id


def _waits_for(
    views: tuple[RegionView, ...], given: RoundInput, healing: HealingPlan, rollout: Rollout
) -> str | None:
    """Why no batch begins now."""
    standing = sum(view.living for view in views)
    if healing.doubtful or healing.dead:
        return "until no server is sick"
    if standing < given.desired.servers - rollout.max_unavailable:
        return f"{standing} of {given.desired.servers} stand, the others come first"
    if any(not view.readable for view in views):
        return "until every region can be read"
    batch = timedelta(seconds=given.fleet.timeouts.turn_s)
    if given.falls_at and given.falls_at - given.now < batch:
        return f"from {given.falls_at:%H:%M %Z} on fewer are desired, sooner than a batch serves"
    return None


def _extra(rollout: Rollout, given: RoundInput, old: int) -> int:
    desired = given.desired.servers
    if desired == 0:
        return 0
    return max(0, min(rollout.max_surge, old, given.fleet.max_servers - desired))


def _spare(views: tuple[RegionView, ...], given: RoundInput, rollout: Rollout) -> int:
    """How many of those that serve may leave."""
    serving = sum(len(view.of(Phase.SERVING)) for view in views)
    return serving - (given.desired.servers - rollout.max_unavailable)


def _deletes(
    views: tuple[RegionView, ...], outgoing: tuple[Sighting, ...], rollout: Rollout
) -> tuple[Action, ...]:
    reason = f"rollout of {rollout.image}: it has another image, and serves nobody"
    by_region = {v.region: [s for s in outgoing if s.server.region == v.region] for v in views}
    return tuple(
        Delete(region=region, server_ids=tuple(s.server.id for s in going), reason=reason)
        for region, going in by_region.items()
        if going
    )


def _drains(
    views: tuple[RegionView, ...], given: RoundInput, rollout: Rollout, *, scouting: bool
) -> tuple[Action, ...]:
    """Old servers that are to spare, of regions in which the new image has served."""
    if not given.desired.may_remove:
        return ()
    spare = _spare(views, given, rollout)
    readable = tuple(view for view in views if view.readable and view.image_id is not None)
    served = tuple(view for view in readable if _has_served(view, given))
    free = tuple(view for view in served if _queue(view))
    if not free and (served or scouting):
        # One makes room for a canary: where there is none beside it, or in a region that would get
        # none, as servers go where fewest stand.
        free, spare = readable, min(spare, 1)
    candidates = tuple(
        RegionCandidates(view.region, given.fleet.region(view.region).weight, _queue(view))
        for view in free
    )
    chosen = choose_removals(max(0, spare), candidates)
    reason = f"rollout of {rollout.image}: it has another image"
    return tuple(
        Drain(region=view.region, members=pool_members(going), reason=reason)
        for view in free
        if (going := [s for region, s in chosen if region == view.region])
    )


def _has_served(view: RegionView, given: RoundInput) -> bool:
    return given.fleet.canary.policy is CanaryPolicy.NEVER or image_proven(view, given)


def _queue(view: RegionView) -> tuple[Sighting, ...]:
    old = (s for s in view.of(Phase.SERVING) if s.member is not None and _old(view, s))
    return tuple(sorted(old, key=lambda s: s.server.id))
