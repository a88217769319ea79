"""What guarded changes around a vault have in common."""

from dataclasses import dataclass

from springtide.model.base import Name
from tasks.guarded import EstateChange
from tasks.vaults import VaultOrder


@dataclass
class VaultChange(EstateChange):
    """Signed anew by every run."""

    vault: Name

    @property
    def order(self) -> VaultOrder:
        """Which vault it is."""
        return VaultOrder(estate_file=self.estate_file, vault=self.vault)
