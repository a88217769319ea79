"""Documents that nobody touches go to object storage alone, and come back one by one.

Each run removes what an earlier one has stored and what is whole at both sites now, and stores what
is untouched by now. So a document is in one place more than it needs to be, and never in one less.
"""

import asyncio

from prefect import State, flow
from prefect.states import Completed, Failed

from springtide.estate import estate_path
from springtide.model.offload import FetchOutcome, OffloadOutcome
from springtide.planning.document_offload import (
    fetch_alarm,
    fetch_summary,
    offload_alarm,
    offload_rows,
    offload_summary,
)
from tasks.cloud import read_estate
from tasks.offloading import fetch_document, offload_part
from tasks.outage import best_effort
from tasks.screens import show_table
from tasks.vaults import VaultOrder


@flow(name="offload-documents", flow_run_name="offload documents of {source}")
async def offload_documents(
    source: str, *, dry_run: bool = True
) -> State[tuple[OffloadOutcome, ...]]:
    """Store what nobody has touched for long, and remove what both sites have; Failed in doubt.

    Args:
        source: Name of the source in the estate file; its `offload` says what is taken.
        dry_run: Show how many documents would be stored and removed; change nothing.
    """
    path = estate_path()
    found = read_estate(path).directories(source)
    order = VaultOrder(estate_file=path, vault=found.vault)
    outcomes: list[OffloadOutcome] = []
    for part in range(1, len(found.paths) + 1):
        future = offload_part.submit(order, found, part, dry_run=dry_run)
        outcomes.append(await asyncio.to_thread(future.result))
    summary = offload_summary(source, tuple(outcomes))
    with best_effort("outcome"):
        await show_table(f"offload-{source}", offload_rows(outcomes), summary)
    if (alarm := offload_alarm(source, tuple(outcomes))) is not None:
        return Failed(message=alarm, data=tuple(outcomes))
    return Completed(message=summary, data=tuple(outcomes))


@flow(name="fetch-document", flow_run_name="fetch a document of {source}")
async def fetch_offloaded_document(source: str, document: str) -> State[FetchOutcome]:
    """Put one document that was offloaded back in its place; Failed where it may not be as it was.

    Args:
        source: Name of the source in the estate file.
        document: The word that `springtide vault reference` prints for its path.
    """
    path = estate_path()
    found = read_estate(path).directories(source)
    order = VaultOrder(estate_file=path, vault=found.vault)
    fetched = await asyncio.to_thread(fetch_document.submit(order, found, document).result)
    if (alarm := fetch_alarm(fetched)) is not None:
        return Failed(message=alarm, data=fetched)
    return Completed(message=fetch_summary(fetched), data=fetched)
