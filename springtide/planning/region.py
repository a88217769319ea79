"""One region as a decision sees it: every server with its phase, and what is known of the room."""

from collections import Counter
from dataclasses import dataclass

from springtide.model.base import Moment
from springtide.model.claim import ClaimBook
from springtide.model.fleet import Fleet
from springtide.model.server import Member, Phase
from springtide.model.snapshot import FleetSnapshot, Image, RegionSnapshot
from springtide.planning.image_choice import image_for
from springtide.planning.phases import Sighting, sight_region, stale_members


@dataclass(frozen=True)
class RegionView:
    """A region's snapshot with the phases worked out."""

    snapshot: RegionSnapshot
    sightings: tuple[Sighting, ...]
    stale: tuple[Member, ...]
    image: Image | None = None
    """The image that new servers get here."""

    @property
    def region(self) -> str:
        """The region's name."""
        return self.snapshot.region

    @property
    def trouble(self) -> str | None:
        """Why the region could not be read, or None."""
        return self.snapshot.trouble

    @property
    def readable(self) -> bool:
        """Whether anything may be planned in it."""
        return self.snapshot.trouble is None

    @property
    def image_id(self) -> str | None:
        """Id of the image that new servers get here."""
        return self.image.id if self.image else None

    @property
    def living(self) -> int:
        """Servers that count towards the desired size."""
        return sum(1 for s in self.sightings if s.alive)

    def of(self, *phases: Phase) -> tuple[Sighting, ...]:
        """The servers in any of these phases."""
        return tuple(s for s in self.sightings if s.phase in phases)

    def phases(self) -> dict[Phase, int]:
        """How many servers are in each phase; phases without any are left out."""
        return dict(Counter(s.phase for s in self.sightings))


def view_regions(
    snapshot: FleetSnapshot, fleet: Fleet, now: Moment, book: ClaimBook
) -> tuple[RegionView, ...]:
    """The fleet's regions in the snapshot's order."""
    return tuple(
        RegionView(
            region,
            sight_region(region, fleet, now),
            stale_members(region),
            image_for(region, fleet.name, book, now),
        )
        for region in snapshot.regions
    )
