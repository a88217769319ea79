"""Where so many fail at once that the fault lies elsewhere: nothing is believed, a person is told.

As an operator reads it: above `stop_share` of all members nothing is repaired anywhere. A region of
which the balancer, or our own probe, says that all of at least two members are down, is left as it
is: then the balancer, the network or the application is at fault, or our own way there. Nothing is
written on the servers, save on one of them: the witness, whose count of failed checks says whether
this lasts. When it has lasted, the alarm says what was seen, by whom. Silent servers outside of
their pool count where they are lacking in it; where as many serve as are desired they are on their
way out, and no storm. Where more stand than are desired `planning/fleet_round.py` says who goes.
Where a person has looked (`whole_regions`) a region of which all are down is repaired all the same.

Example: our worker loses its route to GRA11. All 10 members there are silent, the balancer says
that all are well: nothing is touched, and after three checks the alarm says just that.
"""

from collections import Counter
from dataclasses import dataclass

from springtide.model.fleet import Fleet
from springtide.model.healing import Signal
from springtide.model.plan import Wait
from springtide.model.server import Phase
from springtide.planning.health import found_sick
from springtide.planning.phases import Sighting
from springtide.planning.proving import image_proven
from springtide.planning.region import RegionView
from springtide.planning.round_input import RoundInput

_BLANKET = 2
"""Of a single member nobody can tell whether it is the server or the way there."""
_OPINIONS = (Signal.PROBE, Signal.BALANCER)
_ELSEWHERE = "the balancer, the network, our own way to the servers and the application"
_WHO = {Signal.NOVA: "Nova", Signal.PROBE: "our probe", Signal.BALANCER: "the balancer"}


@dataclass(frozen=True)
class StormWatch:
    """What is not believed in this round, and what is said of it."""

    spared: frozenset[str] = frozenset()
    """Ids of servers that are left as they are, whatever is said of them."""
    unwritten: frozenset[str] = frozenset()
    """Those of them on which nothing is written either."""
    regions: frozenset[str] = frozenset()
    """Regions of which nothing is believed: nothing is launched there."""
    late: frozenset[str] = frozenset()
    """Ids of new servers that are kept though they have not answered in time."""
    waits: tuple[Wait, ...] = ()
    alarms: tuple[str, ...] = ()


def find_storm(views: tuple[RegionView, ...], given: RoundInput) -> StormWatch:
    """The storm over the whole fleet, else those over single regions; empty where there is none."""
    views = tuple(view for view in views if view.readable)
    fleet, lacking = given.fleet, _lacking(views, given)
    seen = (s for view in views for s in view.sightings)
    members = [s for s in seen if _judged(s) or (s.silent_for_long and lacking)]
    failing = [s for s in members if _complaints(s)]
    found = [watch for view in views if (watch := _late(view, given)) is not None]
    if len(failing) > max(1, fleet.healing.stop_share * len(members)):
        found.append(_watch(failing, members, fleet, where="", source=""))
    elif not fleet.healing.whole_regions:
        found += [
            _watch(doubted, doubted, fleet, where=f"{view.region}: ", source=source)
            for view in views
            if (doubted := _doubted(view)) and (source := _blamed_by(doubted))
        ]
    return StormWatch(
        spared=frozenset().union(*(w.spared for w in found)),
        unwritten=frozenset().union(*(w.unwritten for w in found)),
        regions=frozenset().union(*(w.regions for w in found)),
        late=frozenset().union(*(w.late for w in found)),
        waits=tuple(wait for w in found for wait in w.waits),
        alarms=tuple(alarm for w in found for alarm in w.alarms),
    )


def _lacking(views: tuple[RegionView, ...], given: RoundInput) -> bool:
    """Whether fewer serve, beyond doubt, than are desired, or nobody knows how many are."""
    serving = sum(not s.doubted for view in views for s in view.of(Phase.SERVING))
    return serving < given.desired.servers or not given.desired.may_remove


def _late(view: RegionView, given: RoundInput) -> StormWatch | None:
    """New servers of which none answers, though their image has served here: not their fault."""
    late = [
        s
        for s in view.of(Phase.FAILED)
        if s.opinion
        and not (s.member or s.silent_for_long or s.held or found_sick(s.server, given.fleet))
        and s.server.image_id == view.image_id
    ]
    if len(late) < _BLANKET or view.snapshot.answering or not image_proven(view, given):
        return None
    told = (
        f"{view.region}: none of {len(late)} new servers answers our probe, and their image has"
        f" served here: nothing is deleted; look at {_ELSEWHERE} first"
    )
    ids = frozenset(s.server.id for s in late)
    return StormWatch(regions=frozenset({view.region}), late=ids, alarms=(told,))


def _judged(sighting: Sighting) -> bool:
    return sighting.member is not None and sighting.health is not None


def _doubted(view: RegionView) -> list[Sighting]:
    """The region's members that may be judged, but for those of whom Nova knows the worst."""
    members = (s for s in view.sightings if _judged(s))
    return [s for s in members if Signal.NOVA not in _complaints(s)]


def _blamed_by(members: list[Sighting]) -> str:
    """Who says (or say) of all of them that they are down; empty where nobody does."""
    if len(members) < _BLANKET:
        return ""
    blamed = [w for w in _OPINIONS if all(w in _complaints(s) for s in members)]
    if not blamed:
        return ""
    who = " and ".join(_WHO[signal] for signal in blamed)
    return f"{who} {'says' if len(blamed) == 1 else 'say'}"


def _watch(
    failing: list[Sighting], members: list[Sighting], fleet: Fleet, *, where: str, source: str
) -> StormWatch:
    witness = max(failing, key=lambda s: (s.health.failed if s.health else 0, s.server.id))
    ids = frozenset(s.server.id for s in failing)
    # Once it is written: then this round has nothing to do, and the alarm is raised but once.
    lasts = witness.silent_for_long or found_sick(witness.server, fleet)
    seen = (
        f"{source} that all {len(members)} members are down"
        if source
        else f"{len(failing)} of {len(members)} members fail their checks"
    )
    told = f"{where}{seen} ({_tally(failing)})"
    regions = {s.server.region for s in failing} if source else ()
    alarm = f"{told}: nothing is repaired; look at {_ELSEWHERE} first"
    return StormWatch(
        spared=ids,
        unwritten=ids - {witness.server.id},
        regions=frozenset(regions),
        waits=() if lasts else (Wait(servers=len(ids), reason=f"{told}: looked at again"),),
        alarms=(alarm,) if lasts else (),
    )


def _tally(failing: list[Sighting]) -> str:
    """How many of them each signal complains about."""
    counts = Counter(signal for s in failing for signal in _complaints(s))
    return ", ".join(f"{_WHO[signal]}: {counts[signal]}" for signal in Signal)


def _complaints(sighting: Sighting) -> frozenset[Signal]:
    if sighting.silent_for_long:
        return frozenset({Signal.PROBE})
    return sighting.health.complaints if sighting.health else frozenset()
