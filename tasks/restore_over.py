"""A restore over production, signed by two: beside it first, compared, then by a change of names.

What stood there is moved beside and kept. Each step of a run that was killed is found by its
folder's name, which holds the snapshot's: the next run, signed anew, goes on.
"""

import asyncio
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from prefect import task

from springtide.errors import GuardRefused
from springtide.model.approval import Approval, Proposal
from springtide.model.backup import BackupSource
from springtide.model.change import ChangeOutcome, Proposed
from springtide.model.restoring import RestoreOverPlan, RestoreOverView
from springtide.planning.storage_restore import over_limitation, over_rows, over_settled
from springtide.planning.telling import megabytes
from springtide.vault.tree_comparison import compare_tree
from springtide.vault.tree_restore import restore_tree
from springtide.vault.trees import tree_size
from tasks.restores import chosen_for, reading
from tasks.vault_changes import VaultChange
from tasks.vaults import VaultOrder

_KIND = "restore-over-production"
_BLOCK_BYTES = 512
"""Of `st_blocks`, whatever the file system's own are."""


@dataclass(frozen=True)
class _Places:
    """Where things stand on the way; all of it on the part's own file system."""

    part: Path
    snapshot: str

    @property
    def beside(self) -> Path:
        """Where the snapshot is restored to."""
        return self.part.with_name(f".{self.part.name}.restoring-{self.snapshot[:12]}")

    @property
    def restored(self) -> Path:
        """The part in there."""
        return self.beside.joinpath(*self.part.parts[1:])

    @property
    def before(self) -> Path:
        """What stood in the part's place."""
        return self.part.with_name(f"{self.part.name}.before-{self.snapshot[:12]}")


@task(task_run_name="look at {source.name}, part {part}")
def look_at_part(
    order: VaultOrder, source: BackupSource, part: int, snapshot: str
) -> RestoreOverView:
    """What is to be restored, and what stands in its place; nothing is changed."""
    with reading(order) as repository:
        chosen, others = chosen_for(repository, source, part, snapshot)
        told = chosen.summary
        # A manifest and what others have made tell nothing of their size.
        size = (
            told.total_bytes_processed
            if told is not None
            else tree_size(repository, bytes.fromhex(chosen.tree))
        )
    places = _Places(Path(source.paths[part - 1]), chosen.id)
    room = shutil.disk_usage(places.part.parent)
    return RestoreOverView(
        plan=RestoreOverPlan(source=source.name, part=part, vault=order.vault, snapshot=chosen.id),
        bytes=size,
        free_bytes=room.free,
        beside_bytes=_taken(places.beside),
        stands=os.path.lexists(places.part),
        set_aside=os.path.lexists(places.before),
        is_mount=places.part.is_mount(),
        unread=others,
    )


def _taken(folder: Path) -> int:
    """How many bytes would be free without the folder; 0 where there is none."""
    paths = (Path(below) / name for below, _, files in os.walk(folder) for name in files)
    states = (path.lstat() for path in paths)
    # Of several links to a file the content stands once.
    by_inode = {state.st_ino: state.st_blocks for state in states}
    return sum(by_inode.values()) * _BLOCK_BYTES


@task(task_run_name="restore {plan.source}, part {plan.part}, beside it")
def restore_beside(order: VaultOrder, source: BackupSource, plan: RestoreOverPlan) -> int:
    """Have the snapshot stand beside the part, compared; how many files differ or are damaged."""
    places = _Places(Path(source.paths[plan.part - 1]), plan.snapshot)
    with reading(order) as repository:
        chosen, _ = chosen_for(repository, source, plan.part, plan.snapshot)
        tree = bytes.fromhex(chosen.tree)
        if places.beside.exists() and any(compare_tree(repository, tree, places.beside)):
            shutil.rmtree(places.beside)  # what a killed run has left
        troubles = 0
        if not places.beside.exists():
            troubles = len(restore_tree(repository, tree, places.beside).troubles)
        return troubles or sum(1 for _ in compare_tree(repository, tree, places.beside))


@task(task_run_name="exchange {plan.source}, part {plan.part}")
def exchange(source: BackupSource, plan: RestoreOverPlan) -> None:
    """The restored tree in the part's place, and what stood there beside it: by two renames."""
    places = _Places(Path(source.paths[plan.part - 1]), plan.snapshot)
    if os.path.lexists(places.part):
        if os.path.lexists(places.before):
            raise GuardRefused("what stood there was moved away, and something stands there again")
        places.part.rename(places.before)
    places.restored.rename(places.part)
    shutil.rmtree(places.beside)


@dataclass
class RestoreOver(VaultChange):
    """A guarded change: a snapshot in the place of a part."""

    source: BackupSource
    part: int
    snapshot: str

    async def propose(self) -> Proposed:
        """Which snapshot would stand where.

        Raises:
            GuardRefused: it cannot be exchanged, or there is no room for it.
        """
        future = look_at_part.submit(self.order, self.source, self.part, self.snapshot)
        found = await asyncio.to_thread(future.result)
        settled = over_settled(found)
        if settled is None and (why_not := over_limitation(found)) is not None:
            raise GuardRefused(why_not)
        subject = f"{self.source.name}:{self.part}"
        proposal = Proposal.of(_KIND, subject, found.plan, signatures=2)
        return Proposed(proposal=proposal, rows=over_rows(found), settled=settled)

    async def act(self, proposal: Proposal, approval: Approval) -> ChangeOutcome:
        """Restore beside, compare, exchange; stop where a single file differs."""
        del approval
        plan = RestoreOverPlan.model_validate(proposal.plan)
        restoring = restore_beside.submit(self.order, self.source, plan)
        wrong = await asyncio.to_thread(restoring.result)
        if wrong:
            return ChangeOutcome(
                done=(),
                trouble=f"{wrong} files are damaged or differ; production is as it was",
                what_next="try the second site's name as vault, or an earlier snapshot",
            )
        exchanging = exchange.submit(self.source, plan)
        await asyncio.to_thread(exchanging.result)
        size = megabytes(shutil.disk_usage(Path(self.source.paths[self.part - 1])).free)
        return ChangeOutcome(
            done=("restored beside and compared, file by file", "exchanged by name"),
            facts=(("free now", size), ("what stood there", "beside it, as .before-…: remove it")),
        )
