"""`springtide vault erasure-order`: what is to be erased by law, put down sealed in the vault."""

from pathlib import Path
from typing import Annotated

import typer

from springtide.commands.estate import EstateFile
from springtide.errors import Misconfigured
from springtide.estate import estate_path, load_estate
from springtide.model.backup import Vault
from springtide.model.estate import Estate
from springtide.stores.vaults import opened_vault
from springtide.vault.erasure import save_order

_MOST_PATHS = 100_000
VaultName = Annotated[str, typer.Argument(help="Name of the vault in the estate file.")]
PathsFile = Annotated[
    Path, typer.Option("--paths", help="A file with one absolute path a line; of a folder all.")
]


def erasure_order(vault: VaultName, paths: PathsFile, estate: EstateFile = None) -> None:
    """Store an order for `erase_documents`; print its id, which tells nothing."""
    found = load_estate(estate or estate_path())
    wanted = found.vault(vault)
    lines = _paths(paths, found, wanted)
    with opened_vault(found, wanted) as repository:
        order = save_order(repository, lines)
    typer.echo(order)
    typer.echo(f"{len(lines)} paths; remove {paths} when no longer needed", err=True)


def _paths(file: Path, estate: Estate, vault: Vault) -> tuple[bytes, ...]:
    """The paths of the file, each below one that is backed up to the vault.

    Raises:
        Misconfigured: one of them is not; it is named by its line.
    """
    if vault.copy_of is not None:
        raise Misconfigured(f"orders are stored at the first site: {vault.copy_of}", field="vault")
    roots = [
        path.encode()
        for each in estate.sources
        if each.vault == vault.name
        for path in each.part_paths.values()
    ]
    found = dict.fromkeys(line.rstrip(b"/") for line in file.read_bytes().splitlines() if line)
    for number, path in enumerate(found, 1):
        parts = path.split(b"/")
        below = any(path.startswith(root + b"/") for root in roots)
        if not below or b".." in parts or b"" in parts[1:]:
            raise Misconfigured(
                f"path {number} is not below what is backed up to {vault.name}",
                field="paths",
                allowed="absolute paths in their shortest form",
            )
    if not 0 < len(found) <= _MOST_PATHS:
        raise Misconfigured(f"{len(found)} paths", field="paths", allowed=f"1 to {_MOST_PATHS}")
    return tuple(found)
