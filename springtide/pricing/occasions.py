"""Whose hours these are: the evening's, the surge's, too early, too late, or nobody's.

As an operator reads it: an hour of the clock belongs to the evening or surge that it touches. One
that touches none and lies within two hours before one is *early*, within two hours after one is
*late*; any other is *idle*: servers stood and nobody had asked for them. Where a surge touches an
evening's hour, the evening has the servers that it wanted and the surge has the rest.

Example: 30 servers from 15:45 to 22:05 for the window from 16:00 to 22:00 are 30 early hours, 180
of the window and 30 late ones.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from springtide.model.base import Model
from springtide.model.proof import Occasion, OccasionKind, ProofFacts
from springtide.model.usage import RunningHour, UsageKind

_HOUR = timedelta(hours=1)
_NEAR = timedelta(hours=2)


class OccasionUse(Model):
    """The clock hours of one occasion's servers."""

    occasion: Occasion
    inside: int = 0
    early: int = 0
    late: int = 0

    @property
    def hours(self) -> int:
        """All of them."""
        return self.inside + self.early + self.late


class Allotment(Model):
    """All clock hours of a fleet's servers, each with exactly one owner."""

    uses: tuple[OccasionUse, ...]
    idle: tuple[tuple[datetime, int], ...]
    """Hours that nobody asked for, with how many servers stood in them."""

    @property
    def idle_hours(self) -> int:
        """Their sum."""
        return sum(servers for _, servers in self.idle)

    @property
    def hours(self) -> int:
        """All hours, whoever's they are."""
        return self.idle_hours + sum(use.hours for use in self.uses)


def unseen(uses: Iterable[OccasionUse]) -> tuple[str, ...]:
    """The evenings in which no server stood by the ledger: none did, or nobody has looked."""
    return tuple(
        use.occasion.name
        for use in uses
        if use.occasion.kind is OccasionKind.WINDOW and not use.inside
    )


def fleet_hours(facts: ProofFacts) -> tuple[RunningHour, ...]:
    """The hours of the fleet's servers, in order."""
    found = (
        row for row in facts.hours if row.kind is UsageKind.INSTANCE and row.fleet == facts.fleet
    )
    return tuple(sorted(found, key=lambda row: row.hour))


def allot(facts: ProofFacts) -> Allotment:
    """Each hour of the fleet's servers to the occasion that it was for."""
    servers: dict[datetime, int] = defaultdict(int)
    for row in fleet_hours(facts):
        servers[row.hour] += row.amount
    occasions = sorted(facts.occasions, key=lambda each: (each.begins_at, each.name))
    counts: dict[tuple[int, str], int] = defaultdict(int)
    idle: list[tuple[datetime, int]] = []
    for hour, count in sorted(servers.items()):
        shares = _shares(hour, count, occasions)
        if not shares:
            idle.append((hour, count))
        for number, part, share in shares:
            counts[number, part] += share
    uses = tuple(
        OccasionUse(
            occasion=occasion,
            inside=counts[number, "inside"],
            early=counts[number, "early"],
            late=counts[number, "late"],
        )
        for number, occasion in enumerate(occasions)
    )
    return Allotment(uses=uses, idle=tuple(idle))


def _shares(
    hour: datetime, count: int, occasions: Sequence[Occasion]
) -> list[tuple[int, str, int]]:
    """Which occasions have how many of that hour's servers, and as which part."""
    touching = [
        (number, each)
        for number, each in enumerate(occasions)
        if each.begins_at < hour + _HOUR and hour < each.ends_at
    ]
    if touching:
        return _inside(count, touching)
    for part, distance in (("early", _until_begin), ("late", _since_end)):
        near = [
            (away, number)
            for number, each in enumerate(occasions)
            if timedelta(0) <= (away := distance(hour, each)) < _NEAR
        ]
        if near:
            return [(min(near)[1], part, count)]
    return []


def _inside(count: int, touching: Sequence[tuple[int, Occasion]]) -> list[tuple[int, str, int]]:
    windows = [pair for pair in touching if pair[1].kind is OccasionKind.WINDOW]
    surges = [pair for pair in touching if pair[1].kind is OccasionKind.SURGE]
    if not (windows and surges):
        return [(touching[0][0], "inside", count)]
    wanted = min(count, windows[0][1].servers)
    return [(windows[0][0], "inside", wanted), (surges[0][0], "inside", count - wanted)]


def _until_begin(hour: datetime, occasion: Occasion) -> timedelta:
    return occasion.begins_at - (hour + _HOUR)


def _since_end(hour: datetime, occasion: Occasion) -> timedelta:
    return hour - occasion.ends_at
