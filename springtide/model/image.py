"""Images as one region's image service keeps them, and how the golden one gets everywhere."""

from enum import StrEnum

from springtide.model.base import Model, Moment


class StoredImage(Model):
    """An image in one region: one that servers may start from, or a copy of ours on its way."""

    id: str
    name: str
    status: str
    """As Glance says: `queued`, `saving`, `active` …; only `active` is whole."""
    hidden: bool = False
    """A copy is hidden until it has been verified: no launch finds it before."""
    size: int | None = None
    """In bytes."""
    hash_algo: str | None = None
    hash_value: str | None = None
    created_at: Moment
    copy_of: str | None = None
    """The hash of the image that it is a copy of; None: nobody of ours made it."""

    @property
    def content(self) -> tuple[str | None, str | None, int | None]:
        """What it consists of: two images of the same content are the same image."""
        return self.hash_algo, self.hash_value, self.size


class CopyStep(StrEnum):
    """What a region needs to have the golden image."""

    KEEP = "keep"
    REVEAL = "reveal"
    COPY = "copy"
    WAIT = "wait"
    UNREAD = "unread"
    """The region does not say what it has."""


class RegionCopy(Model):
    """What becomes of one region."""

    region: str
    step: CopyStep
    image_id: str | None = None
    """The image there that is kept, shown, or being copied by another run."""
    reason: str
    shadowed_by: str | None = None
    """Name of another image there that is newer, so that launches would take it instead."""


class ImageRemoval(Model):
    """A copy of ours that never became an image."""

    region: str
    image_id: str
    reason: str


class DistributionPlan(Model):
    """How the golden image gets to the fleet's regions."""

    fleet: str
    source_region: str
    image: StoredImage
    copies: tuple[RegionCopy, ...]
    removals: tuple[ImageRemoval, ...] = ()


class CopyOutcome(Model):
    """What became of one region."""

    region: str
    has_image: bool
    """Whether launches there take the golden image now."""
    detail: str
