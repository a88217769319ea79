"""Where servers go: weighted filling of the regions, under caps, quota and exhaustion.

Each new server goes to the region that is emptiest for its weight and still has room; what a full
region cannot take goes round again to the others. Where an order of regions was asked for, each is
filled before the next, and those that it does not name come last. What is left over in the end is
the shortfall, known before anything is created.

Example: 30 servers, weights 1:1:1, the second region has room for 4: 13, 4 and 13.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Room:
    """What one region holds and may hold."""

    region: str
    weight: float
    holds: int
    most: int | None
    """Most servers it may hold in all; None: no known limit."""
    limit: str
    """What `most` comes from, for people: `cap`, `quota of cores`, `no host had room` …"""
    rank: int = 0
    """Regions of a lower rank are filled first."""

    def has_room(self, added: int) -> bool:
        """Whether one more fits when `added` are already promised."""
        return self.most is None or self.holds + added < self.most


def spread(missing: int, rooms: tuple[Room, ...]) -> tuple[dict[str, int], int]:
    """How many of `missing` go to each region, and how many find no room.

    The two sum to `missing`. Ties go to the region that stands first.
    """
    added = {room.region: 0 for room in rooms}
    for placed in range(missing):
        open_rooms = [room for room in rooms if room.has_room(added[room.region])]
        if not open_rooms:
            return added, missing - placed
        emptiest = min(
            open_rooms, key=lambda r: (r.rank, (r.holds + added[r.region] + 1) / r.weight)
        )
        added[emptiest.region] += 1
    return added, 0


def waves(servers: int, size: int) -> tuple[int, ...]:
    """`servers` cut into waves of at most `size`, as even as can be: 17 by 16 is 9 and 8."""
    if servers <= 0:
        return ()
    count = -(-servers // size)
    least, more = divmod(servers, count)
    return tuple(least + (1 if index < more else 0) for index in range(count))
