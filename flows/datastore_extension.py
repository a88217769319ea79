"""More datastores for the private cloud: proposed from how they fill, ordered once two have signed.

An order is money: it is remembered before it is sent, sent once, and never repeated by itself.
"""

from prefect import State, flow

from flows.guarded import guarded
from springtide.errors import Misconfigured
from springtide.estate import estate_path
from springtide.model.change import ChangeOutcome
from tasks.datastore_extension import DatastoreExtension


@flow(name="extend-datastores", flow_run_name="extend the datastores")
async def extend_datastores(*, count: int = 0, dry_run: bool = True) -> State[ChangeOutcome]:
    """Order datastores from the provider and mount them on every host.

    Args:
        count: How many; 0: as many as the forecast of the fills wants.
        dry_run: Show what would be ordered, what it costs and why; order nothing.
    """
    if count < 0:
        raise Misconfigured(f"given {count}", field="count", allowed="0 or more")
    return await guarded(DatastoreExtension(estate_path(), count), dry_run=dry_run)
