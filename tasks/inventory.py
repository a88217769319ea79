"""What stands in the cloud now, listed to be held against usage and bill."""

from prefect import State, task

from springtide.errors import Misconfigured, NotFound
from springtide.model.bill import InventoryItem, Listing
from tasks.cloud import cloud_access
from tasks.cost_editions import CostOrder
from tasks.retrying import may_pass


@task(
    task_run_name="list what stands",
    retries=2,
    retry_delay_seconds=5,
    retry_condition_fn=may_pass,
)
def list_standing(order: CostOrder) -> Listing:
    """Servers, load balancers and volumes of all regions in which a fleet may stand.

    A region that does not answer fails it: half a listing would call the other half missing.
    """
    access, fleets = cloud_access(order.estate_file), order.estate.fleets
    items: list[InventoryItem] = []
    unknown: list[str] = []
    for name in access.elastic_regions():
        region = access.region(name)
        here = [fleet for fleet in fleets if name in {each.name for each in fleet.regions}]
        items += region.standing(here)
        try:
            items += region.standing_volumes()
        except (NotFound, Misconfigured) as error:
            unknown.append(str(error))
    told = (f"Volumes are in no figure: {'; '.join(unknown)}.",) if unknown else ()
    return Listing(items=tuple(items), unknown=told)


def listed(state: State[Listing]) -> tuple[Listing | None, tuple[str, ...]]:
    """The listing, and what it does not tell; None where there is none, and why."""
    if not state.is_completed():
        return None, (f"What stands now could not be listed: {state.message}",)
    listing = state.result()
    return listing, listing.unknown
