"""The second site: what is backed up is pulled to another region, and outlives the first.

Who writes to the first site has no credential for the second. This runs on a worker of its own,
with an identity that may read the first and write the second.
"""

import asyncio

from prefect import State, flow
from prefect.states import Completed, Failed

from springtide.estate import estate_path
from springtide.model.backup import CopyOutcome
from springtide.planning.second_site import copy_alarm, copy_rows, copy_summary
from tasks.outage import best_effort
from tasks.screens import show_table
from tasks.second_site import copy_vault
from tasks.vaults import VaultOrder


@flow(name="copy-to-second-site", flow_run_name="copy to {vault}")
async def copy_to_second_site(vault: str) -> State[CopyOutcome]:
    """Copy to a second site what its original holds; Failed where anything could not be copied.

    Args:
        vault: Name of the second site in the estate file: the vault with `copy_of`.
    """
    order = VaultOrder(estate_file=estate_path(), vault=vault)
    found = await asyncio.to_thread(copy_vault.submit(order).result)
    summary = copy_summary(found)
    with best_effort("outcome"):
        await show_table(f"copy-{vault}", copy_rows(found), summary)
    if (alarm := copy_alarm(found)) is not None:
        return Failed(message=alarm, data=found)
    return Completed(message=summary, data=found)
