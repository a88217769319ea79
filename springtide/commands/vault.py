"""`springtide vault`: make a backup repository, and look into it."""

from pathlib import Path
from typing import Annotated

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.filesize import decimal
from rich.table import Table

from springtide.commands import vault_documents, vault_erasure, vault_keys
from springtide.commands.estate import EstateFile
from springtide.errors import Misconfigured
from springtide.estate import estate_path, load_estate
from springtide.model.vault_keys import KeyRole
from springtide.stores.vaults import (
    cache_folder,
    machine,
    open_store,
    opened_vault,
    read_password,
    write_password,
)
from springtide.vault.reports import load_report
from springtide.vault.repository import Identity, Repository
from springtide.vault.snapshots import chosen_snapshot, naming, read_snapshots, unread

VaultName = Annotated[str, typer.Argument(help="Name of the vault in the estate file.")]
SnapshotId = Annotated[str, typer.Argument(help="The first digits of the snapshot's id.")]

app = typer.Typer(help="Backup repositories in object storage.", no_args_is_help=True)
app.add_typer(vault_keys.app, name="keys")
for command in (
    *(vault_documents.reference, vault_documents.fetch, vault_documents.offloaded),
    vault_erasure.erasure_order,
):
    app.command()(command)


@app.command()
def create(vault: VaultName, estate: EstateFile = None) -> None:
    """Make the vault's container and repository; write a password where none stands yet.

    The password is kept in the vault, encrypted to the vault's recipients. Without those, keep
    copies of its file where a fire does not reach both: nobody could read anything without it.
    """
    found = load_estate(estate or estate_path())
    wanted = found.vault(vault)
    file = wanted.password_file_of(KeyRole.WRITE)
    written = write_password(Path(file))
    password = read_password(wanted)
    with open_store(found, wanted) as store:
        store.make_container()
        identity = Identity(KeyRole.WRITE, machine())
        with Repository.create(
            store,
            password,
            identity=identity,
            work_folder=cache_folder(),
            recipients=wanted.recipients,
        ) as repository:
            typer.echo(f"vault {vault}: repository {repository.id[:8]} stands")
    if wanted.recipients:
        typer.echo(f"its password is in {file}, and in escrow for {len(wanted.recipients)}")
    elif written:
        typer.echo(f"its password is in {file}: copy it to two safe places now")


@app.command()
def snapshots(vault: VaultName, estate: EstateFile = None) -> None:
    """Show what the vault holds, oldest first; paths are shown, so mind who looks on."""
    found = load_estate(estate or estate_path())
    table = Table(
        *("snapshot", "time", "source", "paths", "files", "size"), box=SIMPLE_HEAD, pad_edge=False
    )
    with opened_vault(found, found.vault(vault)) as repository:
        known, damaged = read_snapshots(repository)
        for each in known:
            files = str(each.summary.total_files_processed) if each.summary else ""
            size = decimal(each.summary.total_bytes_processed) if each.summary else ""
            paths = "\n".join(each.paths)
            table.add_row(
                each.id[:8], f"{each.time:%Y-%m-%d %H:%M}", each.hostname, paths, files, size
            )
    Console().print(table)
    if damaged:
        typer.echo(unread(damaged), err=True)


@app.command()
def report(vault: VaultName, snapshot: SnapshotId, estate: EstateFile = None) -> None:
    """Show which files the backup could not read, or read while they changed."""
    found = load_estate(estate or estate_path())
    wanted = found.vault(vault)
    if wanted.copy_of is not None:
        raise Misconfigured(
            "reports are not copied", field="vault", allowed=f"the first site: {wanted.copy_of}"
        )
    with opened_vault(found, wanted) as repository:
        known, damaged = read_snapshots(repository)
        with naming(damaged):
            chosen = chosen_snapshot(known, snapshot)
        troubles = load_report(repository, chosen)
    for trouble in troubles:
        path = trouble.path.decode("utf-8", "backslashreplace")
        typer.echo(f"{path}: {trouble.kind} {trouble.reason}".rstrip())
    typer.echo(f"snapshot {chosen.id[:8]}: {len(troubles)} files with trouble", err=True)
