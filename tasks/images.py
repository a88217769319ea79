"""Images: what each region has, the golden one brought to those that lack it, and the tables."""

import asyncio

from prefect import task

from springtide.errors import Retryable
from springtide.model.image import (
    CopyOutcome,
    CopyStep,
    DistributionPlan,
    ImageRemoval,
    RegionCopy,
    StoredImage,
)
from springtide.planning.image_distribution import plan_copy, planned_outcome
from tasks.cloud import Order, cloud_access, present_of
from tasks.retrying import may_pass


async def list_everywhere(
    order: Order, source_region: str
) -> tuple[dict[str, tuple[StoredImage, ...]], dict[str, str]]:
    """The images of the source and of each of the fleet's regions; why others could not be read."""
    fleet = order.estate.fleet(order.fleet)
    names = dict.fromkeys([source_region, *(region.name for region in fleet.regions)])
    futures = {name: list_images.submit(name, order) for name in names}
    stored: dict[str, tuple[StoredImage, ...]] = {}
    unread: dict[str, str] = {}
    for name, future in futures.items():
        found = await asyncio.to_thread(future.result, raise_on_failure=False)
        if isinstance(found, BaseException):
            unread[name] = str(found)
        else:
            stored[name] = found
    return stored, unread


async def carry_out(plan: DistributionPlan, order: Order) -> tuple[CopyOutcome, ...]:
    """What became of each region, after what is nobody's was removed and the copies were made."""
    removals = [remove_copy.submit(removal, order) for removal in plan.removals]
    copies = {
        copy.region: bring_image.submit(copy, plan, order)
        for copy in plan.copies
        if planned_outcome(copy) is None
    }
    for removal in removals:
        # One that stays is hidden, and found again by the next run.
        await asyncio.to_thread(removal.wait)
    outcomes = []
    for copy in plan.copies:
        outcome = planned_outcome(copy)
        if outcome is None:
            done = await asyncio.to_thread(copies[copy.region].result, raise_on_failure=False)
            failed = isinstance(done, BaseException)
            outcome = CopyOutcome(region=copy.region, has_image=not failed, detail=str(done))
        outcomes.append(outcome)
    return tuple(outcomes)


@task(
    task_run_name="list images of {region}",
    retries=2,
    retry_delay_seconds=2,
    retry_condition_fn=may_pass,
)
def list_images(region: str, order: Order) -> tuple[StoredImage, ...]:
    """Active images of the fleet's pattern, and hidden copies of ours."""
    cloud = cloud_access(order.estate_file).region(region)
    return cloud.images.list_images(order.estate.fleet(order.fleet).image)


@task(
    task_run_name="{copy.step} image in {copy.region}",
    retries=2,
    retry_delay_seconds=[10, 60],
    retry_condition_fn=may_pass,
)
def bring_image(copy: RegionCopy, plan: DistributionPlan, order: Order) -> str:
    """Have the golden image be there, whole and shown; says how. "Already so" is success.

    Raises:
        Retryable: the copy broke off or arrived as something else, or another run makes one.
    """
    access, golden = cloud_access(order.estate_file), plan.image
    store = access.region(copy.region).images
    listed = store.list_images(order.estate.fleet(order.fleet).image)
    # Another run, or this one's try before, may have been here since it was planned.
    needed = plan_copy(copy.region, listed, golden, present_of(order.estate))
    match needed.step:
        case CopyStep.KEEP:
            return needed.reason
        case CopyStep.REVEAL if needed.image_id is not None:
            return f"shown: {store.reveal_copy(needed.image_id).id}"
        case CopyStep.COPY:
            made = store.copy_image(golden, access.region(plan.source_region).images)
            return f"copied and verified: {made.id}"
        case _:
            raise Retryable(needed.reason)


@task(
    task_run_name="remove copy {removal.image_id}",
    retries=1,
    retry_delay_seconds=5,
    retry_condition_fn=may_pass,
)
def remove_copy(removal: ImageRemoval, order: Order) -> None:
    """Remove a hidden copy of ours that never became an image; one that is gone is a success."""
    store = cloud_access(order.estate_file).region(removal.region).images
    store.remove_copy(removal.image_id, removal.reason)
