"""Whose hours these are: the evening's, the surge's, too early, too late, or nobody's.

As an operator reads it: an hour of the clock belongs to the evening or surge that it touches. One
that touches none and lies within two hours before one is *early*, within two hours after one is
*late*; any other is *idle*: servers stood and nobody had asked for them. An hour that several
evenings touch is that one's which asks for the most servers, as the largest claim counts; it is
planned for that one alone. Where a surge touches an evening's hour, the evening has the servers
that it wanted and the surge has the rest.

Example: 30 servers from 15:45 to 22:05 for the window from 16:00 to 22:00 are 30 early hours, 180
of the window and 30 late ones.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from springtide.model.base import Model
from springtide.model.proof import Occasion, OccasionKind, ProofFacts
from springtide.model.usage import RunningHour, UsageKind
from springtide.pricing.paid_hours import clock_hours_touched

_HOUR = timedelta(hours=1)
_NEAR = timedelta(hours=2)


class OccasionUse(Model):
    """The clock hours of one occasion's servers."""

    occasion: Occasion
    own_hours: int = 0
    """Hours of the clock that are its own, whatever stood in them."""
    inside: int = 0
    early: int = 0
    late: int = 0

    @property
    def hours(self) -> int:
        """All of them."""
        return self.inside + self.early + self.late

    @property
    def planned(self) -> int:
        """Clock hours of the servers that it asked for, in the hours that are its own."""
        return self.occasion.servers * self.own_hours


class Allotment(Model):
    """All clock hours of a fleet's servers, each with exactly one owner."""

    uses: tuple[OccasionUse, ...]
    idle: tuple[tuple[datetime, int], ...]
    """Hours that nobody asked for, with how many servers stood in them."""

    @property
    def evenings(self) -> tuple[OccasionUse, ...]:
        """Those of the windows that have an hour of their own."""
        return tuple(
            use for use in self.uses if use.occasion.kind is OccasionKind.WINDOW and use.own_hours
        )

    @property
    def idle_hours(self) -> int:
        """Their sum."""
        return sum(servers for _, servers in self.idle)

    @property
    def hours(self) -> int:
        """All hours, whoever's they are."""
        return self.idle_hours + sum(use.hours for use in self.uses)


def unseen(evenings: Iterable[OccasionUse]) -> tuple[str, ...]:
    """Those in which no server stood by the ledger: none did, or nobody has looked."""
    return tuple(use.occasion.name for use in evenings if not use.inside)


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
    owners = _owners(occasions)
    own = Counter(owners.values())
    claiming = {
        number: each
        for number, each in enumerate(occasions)
        if each.kind is OccasionKind.SURGE or own[number]
    }
    counts: dict[tuple[int, str], int] = defaultdict(int)
    idle: list[tuple[datetime, int]] = []
    for hour, count in sorted(servers.items()):
        shares = _shares(hour, count, claiming, owner=owners.get(hour))
        if not shares:
            idle.append((hour, count))
        for number, part, share in shares:
            counts[number, part] += share
    uses = tuple(
        OccasionUse(
            occasion=occasion,
            own_hours=own[number],
            inside=counts[number, "inside"],
            early=counts[number, "early"],
            late=counts[number, "late"],
        )
        for number, occasion in enumerate(occasions)
    )
    return Allotment(uses=uses, idle=tuple(idle))


def _owners(occasions: Sequence[Occasion]) -> dict[datetime, int]:
    """Whose evening each hour is: of those that touch it the one that asks for the most servers."""
    owners: dict[datetime, int] = {}
    for number, each in enumerate(occasions):
        if each.kind is OccasionKind.WINDOW:
            first = each.begins_at.replace(minute=0, second=0, microsecond=0)
            for n in range(clock_hours_touched(each.begins_at, each.ends_at)):
                owner = owners.setdefault(first + n * _HOUR, number)
                if each.servers > occasions[owner].servers:
                    owners[first + n * _HOUR] = number
    return owners


def _shares(
    hour: datetime, count: int, claiming: Mapping[int, Occasion], *, owner: int | None
) -> list[tuple[int, str, int]]:
    """Which occasions have how many of that hour's servers, and as which part.

    `claiming` are the surges, and the evenings with an hour of their own: another one has no early
    and no late hours either. `owner` is the evening that the hour belongs to.
    """
    surges = [
        number
        for number, each in claiming.items()
        if each.kind is OccasionKind.SURGE and each.begins_at < hour + _HOUR and hour < each.ends_at
    ]
    if owner is None and surges:
        return [(surges[0], "inside", count)]
    if owner is not None:
        wanted = min(count, claiming[owner].servers) if surges else count
        rest = [(number, "inside", count - wanted) for number in surges[:1]]
        return [(owner, "inside", wanted), *rest]
    for part, distance in (("early", _until_begin), ("late", _since_end)):
        near = [
            (away, number)
            for number, each in claiming.items()
            if timedelta(0) <= (away := distance(hour, each)) < _NEAR
        ]
        if near:
            return [(min(near)[1], part, count)]
    return []


def _until_begin(hour: datetime, occasion: Occasion) -> timedelta:
    return occasion.begins_at - (hour + _HOUR)


def _since_end(hour: datetime, occasion: Occasion) -> timedelta:
    return hour - occasion.ends_at
