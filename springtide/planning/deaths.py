"""Servers that die again and again: each successor later than the last, and in the end none.

As an operator reads it: every server that is replaced leaves a note, by region and image, that is
kept for `deaths_remembered_s`. Many deaths at once are one generation: their successors come at
once. When successors die too, that is the second generation: the next ones wait `back_off_s`, then
twice as long with each generation, and beyond `most_generations` none of that image is launched in
that region until the notes are forgotten. Other regions take over, and a person is told.

Example: 10 die at 16:00 and are replaced; one of the new ones dies at 16:10: its successor comes at
16:11. That one dies at 16:20: the next at 16:22.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from springtide.model.base import Moment
from springtide.model.claim import Death, key_part
from springtide.model.server import Server
from springtide.model.wave_names import wave_moment
from springtide.planning.phases import Sighting
from springtide.planning.round_input import RoundInput


@dataclass(frozen=True)
class Rest:
    """Why nothing of an image is launched in a region for now."""

    reason: str
    until: Moment
    alarm: bool
    """Whether it is for so long that a person should hear of it."""


def new_deaths(failed: Iterable[Sighting], given: RoundInput) -> tuple[Death, ...]:
    """A note for each that has none yet; a lack of hosts or places is nobody's death."""
    known = {death.key for death in given.book.deaths}
    until = given.now + timedelta(seconds=given.fleet.healing.deaths_remembered_s)
    found = (
        Death(
            key=f"death-{key_part(s.server.id)}",
            fleet=given.fleet.name,
            region=s.server.region,
            image_id=s.server.image_id,
            born_at=born_at(s.server),
            at=given.now,
            until=until,
            why=s.why[:200],
        )
        for s in failed
        if not (s.server.no_valid_host or s.placeless)
    )
    return tuple(death for death in found if death.key not in known)


def born_at(server: Server) -> Moment:
    """When it was decided to launch the server: by our own clock, as deaths are."""
    return wave_moment(server.wave) or server.created_at


def generations(deaths: Iterable[Death]) -> int:
    """How many of these died one after the other, each born after the death of the one before."""
    depth: dict[str, int] = {}
    ordered = sorted(deaths, key=lambda death: (death.at, death.key))
    for index, death in enumerate(ordered):
        # Names of waves have milliseconds, moments have more.
        before = [d for d in ordered[:index] if d.at - death.born_at < timedelta(milliseconds=1)]
        depth[death.key] = 1 + max((depth[d.key] for d in before), default=0)
    return max(depth.values(), default=0)


def rest_of(region: str, image_id: str | None, given: RoundInput) -> Rest | None:
    """Why the image is not to be launched in the region now; None where it may be."""
    healing, fleet = given.fleet.healing, given.fleet.name
    deaths = [
        death
        for death in given.book.deaths
        if (death.fleet, death.region, death.image_id) == (fleet, region, image_id)
        and death.until > given.now
    ]
    count = generations(deaths)
    if count <= 1:
        return None
    first, last = min(d.at for d in deaths), max(d.at for d in deaths)
    told = f"{len(deaths)} servers of image {image_id} died since {first:%H:%M %Z}, and so did"
    told += f" those launched for them, {count} times over"
    if count > healing.most_generations:
        until = min(death.until for death in deaths)
        return Rest(f"{told}: none is launched until {until:%H:%M %Z}", until, alarm=True)
    until = last + timedelta(seconds=healing.back_off_s * 2 ** (count - 2))
    if given.now >= until:
        return None
    return Rest(f"{told}: the next at {until:%H:%M:%S %Z}", until, alarm=False)
