"""Whom to remove first, when there are more servers than desired."""

from collections.abc import Iterable
from dataclasses import dataclass

from springtide.model.fleet import Fleet
from springtide.model.server import Phase
from springtide.planning.phases import Sighting

_EASE = {Phase.BUILDING: 0, Phase.ACTIVE: 1, Phase.ANSWERING: 2, Phase.SERVING: 4}
_DOUBTED_EASE = 3


@dataclass(frozen=True)
class RegionCandidates:
    """The living servers of one region, the first to go first."""

    region: str
    weight: float
    queue: tuple[Sighting, ...]


def choose_removals(
    surplus: int, regions: tuple[RegionCandidates, ...]
) -> tuple[tuple[str, Sighting], ...]:
    """The `surplus` servers to remove, as (region, sighting).

    Servers that do not serve yet go first (removing them costs nobody a request), then those in the
    pool that fail their checks or have not answered again since a reboot, then those of the region
    that holds most for its weight, and within a region the old image before the new.
    The end of the paid hour does not choose: clock hours end for all servers at once.
    """
    taken = {candidates.region: 0 for candidates in regions}
    chosen: list[tuple[str, Sighting]] = []
    for _ in range(surplus):
        waiting = [c for c in regions if taken[c.region] < len(c.queue)]
        if not waiting:
            break
        victim = min(waiting, key=lambda c: _rank(c, taken[c.region]))
        chosen.append((victim.region, victim.queue[taken[victim.region]]))
        taken[victim.region] += 1
    return tuple(chosen)


def candidates_of(
    region: str, sightings: Iterable[Sighting], fleet: Fleet, *, image_id: str | None
) -> RegionCandidates:
    """The region's living servers in the order in which they should go, but for those held."""
    queue = sorted(
        (s for s in sightings if s.alive and not s.held),
        key=lambda s: (
            _ease(s),
            s.server.image_id == image_id,
            s.server.id,
        ),
    )
    return RegionCandidates(region, fleet.region(region).weight, tuple(queue))


def _rank(candidates: RegionCandidates, taken: int) -> tuple[int, float, str]:
    head = candidates.queue[taken]
    load = (len(candidates.queue) - taken) / candidates.weight
    return (_ease(head), -load, candidates.region)


def _ease(sighting: Sighting) -> int:
    """How little is lost with it: of those that serve, first those of whom nobody knows it."""
    # Who has a weight in the pool may serve, though we have not seen it since it was rebooted.
    weighs = sighting.member is not None and sighting.member.weight > 0
    unsure = sighting.doubted or (weighs and sighting.phase is not Phase.SERVING)
    return _DOUBTED_EASE if unsure else _EASE[sighting.phase]
