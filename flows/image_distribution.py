"""Image distribution: the golden image of one region comes to all regions of the fleet.

Nothing that is half done is ever taken by a launch: a copy stays hidden until the region's own hash
of it is that of the source.
"""

from prefect import State, flow
from prefect.states import Completed, Failed

from springtide.estate import estate_path
from springtide.model.image import CopyOutcome
from springtide.planning.image_distribution import (
    distribution_rows,
    distribution_summary,
    lacking,
    outcome_rows,
    plan_image_distribution,
)
from tasks.cloud import order_for
from tasks.images import carry_out, list_everywhere
from tasks.outage import best_effort
from tasks.screens import show_table


@flow(name="distribute-image", flow_run_name="distribute the image of {fleet} from {source_region}")
async def distribute_image(
    fleet: str = "api", *, source_region: str, dry_run: bool = False
) -> State[tuple[CopyOutcome, ...]]:
    """Copy the newest image of the source region to the fleet's regions that lack it.

    Args:
        fleet: Name of the fleet in the estate file; its `image` says which images count.
        source_region: Where the golden image is, e.g. `GRA11`.
        dry_run: Show what would be copied and removed, and change nothing.
    """
    order = order_for(estate_path(), fleet)
    stored, unread = await list_everywhere(order, source_region)
    plan = plan_image_distribution(
        stored,
        order.estate.fleet(fleet),
        source_region=source_region,
        now=order.at,
        unread=unread,
    )
    summary = distribution_summary(plan)
    with best_effort("plan"):
        await show_table(f"image-{fleet}", distribution_rows(plan), summary)
    if dry_run:
        return Completed(message="dry run", data=())
    outcomes = await carry_out(plan, order)
    with best_effort("outcome"):
        await show_table(f"image-{fleet}", outcome_rows(outcomes), summary)
    if (without := lacking(outcomes)) is not None:
        return Failed(message=without, data=outcomes)
    return Completed(message=f"everywhere: {summary}", data=outcomes)
