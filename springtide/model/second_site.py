"""What makes a copy a second site: another place, another identity, another key."""

from collections.abc import Iterable, Iterator

from springtide.model.backup import Vault
from springtide.model.mistakes import listed


def site_of(region: str) -> str:
    """Where a region is: `GRA11` and `GRA` are one site, and burn together."""
    return region.rstrip("0123456789")


def copy_mistakes(vaults: Iterable[Vault], cloud: str) -> Iterator[str]:
    """What is wrong with the vaults that are copies of others; `cloud` is the estate's."""
    known = {vault.name: vault for vault in vaults}
    for vault in known.values():
        if vault.copy_of is None:
            continue
        original = known.get(vault.copy_of)
        if original is None or original.copy_of is not None or original is vault:
            originals = listed(sorted(v.name for v in known.values() if not v.copy_of))
            yield f"vault {vault.name}: copy_of {vault.copy_of} (allowed: {originals})"
            continue
        if site_of(vault.region) == site_of(original.region):
            yield f"vault {vault.name}: region {vault.region} is where {original.name} is"
        if (vault.cloud or cloud) == (original.cloud or cloud):
            yield (
                f"vault {vault.name}: needs a cloud of its own: who writes {original.name}"
                " must not be able to delete the copy"
            )
        if vault.password_file == original.password_file:
            yield f"vault {vault.name}: password_file is that of {original.name}"
