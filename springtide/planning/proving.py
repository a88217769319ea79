"""Whether an image has served in a region: then no canary is needed there."""

from datetime import timedelta

from springtide.model.claim import ProvenImage, key_part
from springtide.model.server import Phase
from springtide.planning.region import RegionView
from springtide.planning.round_input import RoundInput


def image_proven(view: RegionView, given: RoundInput) -> bool:
    """Whether the region's image serves there, or has lately."""
    return _serves(view) or any(
        (note.fleet, note.region, note.image_id) == (given.fleet.name, view.region, view.image_id)
        and note.until > given.now
        for note in given.book.proven
    )


def newly_proven(view: RegionView, given: RoundInput) -> ProvenImage | None:
    """A note for the image that serves here, unless one stands for at least a day more."""
    if view.image_id is None or not _serves(view):
        return None
    fleet, tomorrow = given.fleet, given.now + timedelta(days=1)
    known = (
        (note.fleet, note.region, note.image_id) == (fleet.name, view.region, view.image_id)
        and note.until > tomorrow
        for note in given.book.proven
    )
    if any(known):
        return None
    return ProvenImage(
        key=f"proven-{fleet.name}-{key_part(view.region)}",
        fleet=fleet.name,
        region=view.region,
        image_id=view.image_id,
        until=given.now + timedelta(days=fleet.canary.proven_for_days),
    )


def _serves(view: RegionView) -> bool:
    """Whether a server of the region's image serves there, beyond doubt.

    Where the balancer is the prober, a canary that never answered is a member too.
    """
    serving = (s for s in view.of(Phase.SERVING) if not s.doubted)
    return any(s.server.image_id == view.image_id for s in serving)
