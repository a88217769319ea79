"""Lawful erasure of documents, backups included: signed by two, at one site after the other.

What is to be erased is an order that is stored sealed in the vault: no form, log or database has a
document's name. What remains, and until when, is told in the outcome.
"""

from prefect import State, flow

from flows.guarded import guarded
from springtide.estate import estate_path
from springtide.model.change import ChangeOutcome
from springtide.model.erasure import OrderId
from tasks.erasure import Erasure


@flow(name="erase-documents", flow_run_name="erase documents from {vault}")
async def erase_documents(
    vault: str, order: OrderId, *, dry_run: bool = True
) -> State[ChangeOutcome]:
    """Have no snapshot of a vault hold what the order names, and its bytes go for good.

    Args:
        vault: Name of the vault in the estate file: the first site, then the second.
        order: The id that `springtide vault erasure-order` has printed.
        dry_run: Show what would be done, and ask nobody to sign it.
    """
    change = Erasure(estate_path(), vault, order)
    return await guarded(change, dry_run=dry_run)
