"""How long servers take until they serve: seen by looks, remembered in notes, summed up by region.

As an operator reads it: whoever watches a server on its way knows when Nova called it ACTIVE,
which look first saw it answer, and which first saw it serve. A server that a run meets when it
serves already, or that serves again after a trouble, tells nothing. Looks are some seconds apart,
and by so much these times may be too long.
"""

from collections import defaultdict
from collections.abc import Iterable
from datetime import timedelta
from math import ceil

from springtide.model.base import Moment
from springtide.model.claim import key_part
from springtide.model.fleet import Fleet
from springtide.model.server import Phase
from springtide.model.snapshot import FleetSnapshot
from springtide.model.startup import MOST_SERVERS, RegionStartup, ServerStartup, StartupNote
from springtide.planning.phases import Sighting, sight_region

REMEMBERED_FOR = timedelta(days=35)
LOOKED_BACK = timedelta(days=28)
ENOUGH = 5
"""Fewer servers of a region tell little of the next ones."""
_MOST_SHARE = 0.95
_LONGEST_S = 86_400


class Startups:
    """The servers that one run has seen come to serve."""

    def __init__(self, fleet: Fleet) -> None:
        """Nobody was seen yet."""
        self._fleet = fleet
        self._answering: dict[str, Moment | None] = {}
        self._done: dict[str, tuple[Sighting, Moment, Moment]] = {}

    def see(self, snapshot: FleetSnapshot) -> None:
        """Take note of one look."""
        for region in snapshot.regions:
            if region.trouble is not None:
                continue
            for sighting in sight_region(region, self._fleet, snapshot.at):
                self._see(sighting, snapshot.at)

    def notes(self, run: str, now: Moment) -> tuple[StartupNote, ...]:
        """One note for each region and image, of at most so many servers as a note may hold."""
        found: dict[tuple[str, str], list[ServerStartup]] = defaultdict(list)
        for sighting, answering_at, serving_at in self._done.values():
            server = sighting.server
            times = _startup(sighting, answering_at, serving_at)
            if times is not None:
                found[server.region, server.image_id].append(times)
        return tuple(
            self._note(place, times[:MOST_SERVERS], run, now)
            for place, times in sorted(found.items())
        )

    def _see(self, sighting: Sighting, at: Moment) -> None:
        server_id = sighting.server.id
        if server_id in self._done:
            return
        if sighting.on_the_way and (sighting.member is None or server_id in self._answering):
            answers = sighting.phase is Phase.ANSWERING
            known = self._answering.setdefault(server_id, None)
            self._answering[server_id] = known or (at if answers else None)
        elif sighting.phase is Phase.SERVING and server_id in self._answering:
            self._done[server_id] = (sighting, self._answering[server_id] or at, at)

    def _note(
        self, place: tuple[str, str], times: list[ServerStartup], run: str, now: Moment
    ) -> StartupNote:
        region, image_id = place
        return StartupNote(
            key=f"startup-{self._fleet.name}-{key_part(region)}-{key_part(image_id)[:12]}-{run}",
            fleet=self._fleet.name,
            region=region,
            image_id=image_id,
            at=now,
            active_s=tuple(t.active_s for t in times),
            answering_s=tuple(t.answering_s for t in times),
            serving_s=tuple(t.serving_s for t in times),
            until=now + REMEMBERED_FOR,
        )


def region_startups(
    notes: Iterable[StartupNote], fleet: str, *, before: Moment
) -> tuple[RegionStartup, ...]:
    """What was measured of that fleet until `before`, for regions of which enough is known."""
    times: dict[str, list[int]] = defaultdict(list)
    for note in notes:
        if note.fleet == fleet and before - LOOKED_BACK <= note.at < before:
            times[note.region] += note.serving_s
    return tuple(
        RegionStartup(
            region=region,
            servers=len(found),
            half_s=percentile(found, 0.5),
            most_s=percentile(found, _MOST_SHARE),
        )
        for region, found in sorted(times.items())
        if len(found) >= ENOUGH
    )


def percentile(values: Iterable[int], share: float) -> int:
    """The least of the values that so large a share of them does not exceed (nearest rank)."""
    ordered = sorted(values)
    return ordered[max(0, ceil(share * len(ordered)) - 1)]


def _startup(sighting: Sighting, answering_at: Moment, serving_at: Moment) -> ServerStartup | None:
    server = sighting.server
    if server.launched_at is None:
        return None
    # The looks' clock is ours and Nova's its own: what would be negative is taken as 0.
    seconds = [
        min(_LONGEST_S, max(0, round((at - server.created_at).total_seconds())))
        for at in (server.launched_at, answering_at, serving_at)
    ]
    return ServerStartup(active_s=seconds[0], answering_s=seconds[1], serving_s=seconds[2])
