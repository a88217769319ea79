"""Which regions lack the golden image, and what is left of copies that never became one.

As an operator reads it: the golden image is the newest active one of the source region whose name
matches the fleet's pattern. A region has it when an active image of the same content and of such a
name is there, whoever put it there. If a hidden copy of ours is there whole, it only has to be
shown; if one is on its way for less than an hour, another run makes it; else it is copied. A hidden
copy of ours that is neither whole nor young is removed, and nothing else is ever removed.

Example: SBG5 has last month's image and a copy that was broken off yesterday: the broken one is
removed, the golden one copied.
"""

from collections.abc import Mapping
from datetime import timedelta

from springtide.errors import GuardRefused
from springtide.model.base import Moment
from springtide.model.fleet import Fleet
from springtide.model.image import (
    CopyOutcome,
    CopyStep,
    DistributionPlan,
    ImageRemoval,
    RegionCopy,
    StoredImage,
)
from springtide.planning.telling import Row

ABANDONED_AFTER = timedelta(hours=1)
"""Longer than any transfer may take: whoever made such a copy is dead."""
MOST_REMOVALS = 5
"""In one region, of one run."""


def plan_image_distribution(
    stored: Mapping[str, tuple[StoredImage, ...]],
    fleet: Fleet,
    *,
    source_region: str,
    now: Moment,
    unread: Mapping[str, str],
) -> DistributionPlan:
    """What every region of the fleet needs; `stored` are the images of each, the source's too.

    `unread` says why a region could not be read; nothing is done there.

    Raises:
        GuardRefused: the source region has no such image, or does not tell what it consists of.
    """
    if source_region in unread:
        raise GuardRefused(f"{source_region} cannot be read: {unread[source_region]}")
    golden = newest(stored[source_region])
    if golden is None:
        raise GuardRefused(f"{source_region}: no active image matches {fleet.image}")
    if golden.hash_value is None or golden.size is None:
        raise GuardRefused(f"{source_region}: nothing tells what {golden.name} consists of")
    others = [region.name for region in fleet.regions if region.name != source_region]
    return DistributionPlan(
        fleet=fleet.name,
        source_region=source_region,
        image=golden,
        copies=tuple(
            RegionCopy(region=name, step=CopyStep.UNREAD, reason=unread[name])
            if name in unread
            else plan_copy(name, stored[name], golden, now)
            for name in others
        ),
        removals=tuple(
            removal
            for name in others
            if name not in unread
            for removal in _removals(name, stored[name], golden, now)[:MOST_REMOVALS]
        ),
    )


def newest(images: tuple[StoredImage, ...]) -> StoredImage | None:
    """The newest image that is shown; None where there is none."""
    return max(_shown(images), key=lambda image: (image.created_at, image.id), default=None)


def plan_copy(
    region: str, images: tuple[StoredImage, ...], golden: StoredImage, now: Moment
) -> RegionCopy:
    """What one region needs to have the golden image."""
    same = [image for image in _shown(images) if image.content == golden.content]
    if same:
        first, taken = max(same, key=lambda i: (i.created_at, i.id)), newest(images)
        shadow = taken.name if taken and taken.content != golden.content else None
        reason = f"there already as {first.name}"
        reason += f", but {shadow} is newer and would be taken" if shadow else ""
        return RegionCopy(
            region=region,
            step=CopyStep.KEEP,
            image_id=first.id,
            reason=reason,
            shadowed_by=shadow,
        )
    ours = [image for image in images if image.hidden and image.copy_of == golden.hash_value]
    for image in sorted(ours, key=lambda i: (i.created_at, i.id)):
        if image.status == "active" and image.content == golden.content:
            reason = "a copy is whole and was never shown"
            return RegionCopy(region=region, step=CopyStep.REVEAL, image_id=image.id, reason=reason)
    for image in sorted(ours, key=lambda i: (i.created_at, i.id)):
        if image.status != "active" and _young(image, now):
            reason = f"another run makes a copy since {image.created_at.isoformat()}"
            return RegionCopy(region=region, step=CopyStep.WAIT, image_id=image.id, reason=reason)
    reason = f"no active image has the content of {golden.name}"
    return RegionCopy(region=region, step=CopyStep.COPY, reason=reason)


def planned_outcome(copy: RegionCopy) -> CopyOutcome | None:
    """What becomes of a region where nothing is done; None where something is."""
    if copy.step in (CopyStep.REVEAL, CopyStep.COPY):
        return None
    has_image = copy.step is CopyStep.KEEP and copy.shadowed_by is None
    return CopyOutcome(region=copy.region, has_image=has_image, detail=copy.reason)


def lacking(outcomes: tuple[CopyOutcome, ...]) -> str | None:
    """The regions whose launches do not take the golden image, and why; None where all do."""
    without = [f"{o.region}: {o.detail}" for o in outcomes if not o.has_image]
    return "; ".join(without) or None


def outcome_rows(outcomes: tuple[CopyOutcome, ...]) -> list[Row]:
    """What became of each region, as a table."""
    return [
        {"region": o.region, "image": "there" if o.has_image else "lacking", "how": o.detail}
        for o in outcomes
    ]


def distribution_rows(plan: DistributionPlan) -> list[Row]:
    """The plan as a table."""
    rows: list[Row] = [
        {"region": c.region, "what": c.step.value, "image": c.image_id or "", "why": c.reason}
        for c in plan.copies
    ]
    rows += [
        {"region": r.region, "what": "remove", "image": r.image_id, "why": r.reason}
        for r in plan.removals
    ]
    return rows


def distribution_summary(plan: DistributionPlan) -> str:
    """One line over the table: which image, and where from."""
    image = plan.image
    return (
        f"{image.name} of {plan.source_region}, {image.size} bytes, {image.hash_algo}"
        f" {str(image.hash_value)[:12]}"
    )


def _shown(images: tuple[StoredImage, ...]) -> list[StoredImage]:
    return [image for image in images if image.status == "active" and not image.hidden]


def _removals(
    region: str, images: tuple[StoredImage, ...], golden: StoredImage, now: Moment
) -> list[ImageRemoval]:
    """Hidden copies of ours that are neither whole nor young, the oldest first."""
    found = []
    for image in sorted(images, key=lambda i: (i.created_at, i.id)):
        if not image.hidden or image.copy_of is None or _young(image, now):
            continue
        if image.status == "active" and image.content == golden.content:
            continue
        reason = f"{image.status} and hidden since {image.created_at.isoformat()}: nobody's"
        found.append(ImageRemoval(region=region, image_id=image.id, reason=reason))
    return found


def _young(image: StoredImage, now: Moment) -> bool:
    return now - image.created_at < ABANDONED_AFTER
