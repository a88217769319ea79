"""Documents erased by law from all snapshots of a vault: counted, signed by two, carried out."""

import asyncio
import os
from dataclasses import dataclass

from prefect import task

from springtide.errors import GuardRefused
from springtide.model.approval import Approval, Proposal
from springtide.model.change import ChangeOutcome, Proposed
from springtide.model.erasure import ErasureCount, ErasurePlan
from springtide.model.vault_keys import KeyRole
from springtide.planning.document_erasure import (
    erasure_facts,
    erasure_limitation,
    erasure_rows,
    erasure_settled,
    erasure_steps,
)
from springtide.stores.vaults import opened_vault, writer_identity
from springtide.vault.erasure import (
    Erasing,
    ErasureOrder,
    erase,
    is_carried_out,
    load_order,
)
from springtide.vault.repository import Repository
from springtide.vault.sessions import write_session
from tasks.retrying import may_pass
from tasks.vault_changes import VaultChange
from tasks.vault_expiry import prune_vault
from tasks.vaults import VaultOrder

_KIND = "erase-documents"


@task(
    task_run_name="count what {erasure} comes to in {order.vault}",
    retries=2,
    retry_delay_seconds=20,
    retry_condition_fn=may_pass,
)
def count_erasure(order: VaultOrder, erasure: str) -> ErasureCount:
    """In how many snapshots there is something of what the order names; nothing is changed."""
    with opened_vault(order.estate, order.estate.vault(order.vault)) as repository:
        repository.load_index()
        wanted, at_original = _order(order, repository, erasure)
        found = erase(repository, wanted, session=None)
        done = is_carried_out(repository, erasure)
    return _counted(order, wanted, found).model_copy(
        update={"carried_out": done, "at_original": at_original}
    )


@task(
    task_run_name="erase {erasure} from {order.vault}",
    retries=2,
    retry_delay_seconds=20,
    retry_condition_fn=may_pass,
)
def carry_out_erasure(order: VaultOrder, erasure: str) -> ErasureCount:
    """No snapshot and no report holds anything of what the order names; prune does the rest."""
    vault = order.estate.vault(order.vault)
    with (
        opened_vault(order.estate, vault, role=KeyRole.PRUNE) as repository,
        write_session(repository, identity=writer_identity(), policy=vault.prune) as session,
    ):
        wanted, _ = _order(order, repository, erasure)
        return _counted(order, wanted, erase(repository, wanted, session=session))


@dataclass
class Erasure(VaultChange):
    """A guarded change: the order carried out in one vault."""

    erasure: str

    async def propose(self) -> Proposed:
        """What the order comes to.

        Raises:
            GuardRefused: it is not to be carried out now.
        """
        future = count_erasure.submit(self.order, self.erasure)
        found = await asyncio.to_thread(future.result)
        if (why_not := erasure_limitation(found)) is not None:
            raise GuardRefused(why_not)
        plan = ErasurePlan(vault=self.order.vault, order=self.erasure)
        return Proposed(
            proposal=Proposal.of(_KIND, self.order.vault, plan, signatures=2),
            rows=erasure_rows(found),
            settled=erasure_settled(found),
        )

    async def act(self, proposal: Proposal, approval: Approval) -> ChangeOutcome:
        """Carry it out, and begin to prune."""
        del proposal, approval
        future = carry_out_erasure.submit(self.order, self.erasure)
        found = await asyncio.to_thread(future.result)
        pruning = prune_vault.submit(self.order, (), dry_run=False)
        pruned = await asyncio.to_thread(pruning.result)
        return ChangeOutcome(
            done=erasure_steps(found, pruned), facts=tuple(erasure_facts(found, pruned))
        )


def _order(order: VaultOrder, repository: Repository, erasure: str) -> tuple[ErasureOrder, bool]:
    """The order, and whether the first site has carried it out, where this is a second one."""
    name = order.estate.vault(order.vault).copy_of
    if name is None:
        return load_order(repository, erasure), True
    original = order.estate.vault(name)
    with opened_vault(order.estate, original, role=KeyRole.RESTORE) as first:
        return load_order(first, erasure), is_carried_out(first, erasure)


def _counted(order: VaultOrder, wanted: ErasureOrder, found: Erasing) -> ErasureCount:
    second = order.estate.vault(order.vault).copy_of is not None
    standing = 0 if second else sum(os.path.lexists(path) for path in wanted.paths)
    return ErasureCount(
        vault=order.vault,
        order=wanted.id,
        paths=len(wanted.paths),
        standing=standing,
        snapshots=found.snapshots,
        files=found.files,
        reports=found.reports,
    )
