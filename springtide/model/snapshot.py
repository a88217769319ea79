"""What one look at the cloud shows: servers, members, answers and room, region by region."""

from pydantic import Field

from springtide.model.base import Model, Moment, Name
from springtide.model.claim import ClaimBook
from springtide.model.server import Member, Server


class Image(Model):
    """An image as it stands in one region."""

    id: str
    name: str
    checksum: str | None = None
    created_at: Moment


class Headroom(Model):
    """How many more servers of the fleet's flavour one region has room for, by each limit.

    Each value is limit less what is used by anybody, in servers; None: that limit is not known.
    Below 0 so many stand too many.
    """

    instances: int | None = None
    cores: int | None = None
    ram: int | None = None
    ports: int | None = None
    addresses: int | None = None
    """Known to rehearsals alone: no launch looks at it beforehand."""
    members: int | None = None
    """Servers that are still to join are taken off: below 0 so many of them never will."""

    @property
    def servers(self) -> int | None:
        """The least of the known limits; None where none is known."""
        known = [v for v in dict(self).values() if v is not None]
        return max(0, min(known)) if known else None

    @property
    def binding(self) -> str:
        """Name of the limit that binds first, e.g. `cores`."""
        known = {k: v for k, v in dict(self).items() if v is not None}
        return min(known, key=lambda k: (known[k], k)) if known else "unknown"


class RegionSnapshot(Model):
    """One region at one moment."""

    region: str
    servers: tuple[Server, ...] = ()
    """Only servers that carry the fleet's tag."""
    members: tuple[Member, ...] = ()
    """All members of the region's pool, other people's too."""
    answering: frozenset[str] = frozenset()
    """Ids of the servers that just answered our probe as healthy."""
    probed: frozenset[str] = frozenset()
    """Ids of the servers that our probe just asked; the others were not asked."""
    in_flight: dict[str, int] = Field(default_factory=dict)
    """Requests in progress by server id, for draining servers that tell it."""
    headroom: Headroom = Headroom()
    group_members: int | None = None
    """Most servers of one server group; None: the region has no groups, or nobody asked."""
    images: tuple[Image, ...] = ()
    """All active images that match the fleet's pattern, the newest first: new servers get one."""
    unlaunchable: str | None = None
    """What the estate names and the region has not got; then nothing is launched in it."""
    launch_trouble: str | None = None
    """Why it is not known yet whether anything can be launched: asked again at the next look."""
    trouble: str | None = None
    """Why the region could not be read; then nothing is planned in it, and `servers` and
    `members` hold what was last seen in this run."""


class FleetSnapshot(Model):
    """A fleet over all of its regions at one moment."""

    fleet: Name
    at: Moment
    regions: tuple[RegionSnapshot, ...]


class Observation(Model):
    """All that a round's decision rests on."""

    now: Moment
    snapshot: FleetSnapshot
    book: ClaimBook
