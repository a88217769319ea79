"""Which image new servers of a fleet get in a region.

As an operator reads it: the image of the rollout that holds now (of several the last that began);
without one the newest active image that matches the fleet's pattern. An image whose rollout was
halted is not used: then the newest of the others.
"""

from springtide.model.base import Moment
from springtide.model.claim import ClaimBook, Halt, Rollout
from springtide.model.snapshot import Image, RegionSnapshot


def rollout_now(book: ClaimBook, fleet: str, now: Moment) -> Rollout | None:
    """The rollout that holds for the fleet at `now`; of several the one that began last."""
    holding = [r for r in book.rollouts if r.fleet == fleet and r.active_at(now)]
    return max(holding, key=lambda r: (r.starts_at, r.key), default=None)


def halt_of(book: ClaimBook, fleet: str, image: str, now: Moment) -> Halt | None:
    """Why the image's rollout was halted; None where it was not."""
    halts = (h for h in book.halts if (h.fleet, h.image) == (fleet, image) and h.until > now)
    return next(halts, None)


def rolling(book: ClaimBook, fleet: str, now: Moment) -> Rollout | None:
    """The rollout that holds and was not halted."""
    rollout = rollout_now(book, fleet, now)
    halted = rollout is not None and halt_of(book, fleet, rollout.image, now)
    return None if halted else rollout


def image_for(snapshot: RegionSnapshot, fleet: str, book: ClaimBook, now: Moment) -> Image | None:
    """The image of new servers in that region; None where there is none of that kind."""
    allowed = [i for i in snapshot.images if halt_of(book, fleet, i.name, now) is None]
    if (rollout := rolling(book, fleet, now)) is not None:
        allowed = [image for image in allowed if image.name == rollout.image]
    return max(allowed, key=lambda image: (image.created_at, image.id), default=None)
