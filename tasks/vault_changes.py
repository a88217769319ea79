"""What guarded changes around a vault have in common: signed anew by every run."""

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property

from springtide.model.approval import Approval, Proposal
from tasks.approvals import Approvers
from tasks.vaults import VaultOrder


@dataclass
class VaultChange:
    """The part of a `GuardedChange` that does not depend on what is changed."""

    order: VaultOrder

    @cached_property
    def approvers(self) -> Approvers:
        """Those who may sign it; a dry run asks for nobody."""
        return Approvers.of(self.order.estate_file)

    def now(self) -> datetime:
        """The present."""
        return datetime.now(UTC)

    async def standing_approval(self, proposal: Proposal) -> Approval | None:
        """None: a run that was killed is approved anew."""
        del proposal
        return None
