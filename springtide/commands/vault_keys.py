"""`springtide vault keys`: who has a password to a vault, and what is done when one gets about."""

from pathlib import Path
from typing import Annotated

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from springtide.clouds.swift.store import SwiftStore
from springtide.commands.estate import EstateFile
from springtide.errors import Misconfigured
from springtide.estate import estate_path, load_estate
from springtide.model.backup import Vault
from springtide.model.vault_keys import KeyRole
from springtide.stores.vaults import (
    machine,
    open_store,
    read_password,
    write_password,
    write_secret,
)
from springtide.vault.escrow import recovered_password
from springtide.vault.key_files import find_key
from springtide.vault.key_roles import issue_key, issued_keys, revoke_key
from springtide.vault.sealing import SealingKey

VaultName = Annotated[str, typer.Argument(help="Name of the vault in the estate file.")]
KeyId = Annotated[str, typer.Argument(help="The first digits of the key file's id.")]
OwnRole = Annotated[
    KeyRole | None,
    typer.Option(help="Open the vault with this role's password; else with any that is here."),
]

app = typer.Typer(help="Passwords to a vault, one for each role.", no_args_is_help=True)


@app.command("list")
def list_keys(vault: VaultName, estate: EstateFile = None) -> None:
    """Show the vault's key files: role, who has the password, since when, and whether in escrow."""
    found = load_estate(estate or estate_path())
    table = Table("key", "role", "held by", "since", "in escrow", box=SIMPLE_HEAD, pad_edge=False)
    with open_store(found, found.vault(vault)) as store:
        for each in issued_keys(store):
            file, kept = each.file, "yes" if each.in_escrow else "no"
            since = f"{file.created:%Y-%m-%d %H:%M}"
            table.add_row(file.id[:8], file.username, file.hostname, since, kept)
    Console().print(table)


@app.command()
def add(
    vault: VaultName,
    role: Annotated[KeyRole, typer.Argument(help="What its holder does.")],
    holder: Annotated[
        str, typer.Option(help="Who gets it: a machine or a person; else this machine.")
    ] = "",
    to: Annotated[
        Path | None, typer.Option(help="A new file for the password; else the role's own.")
    ] = None,
    estate: EstateFile = None,
) -> None:
    """Make a password of 256 random bits for a role, in escrow for the vault's recipients."""
    found = load_estate(estate or estate_path())
    wanted = found.vault(vault)
    path = to or Path(wanted.password_file_of(role))
    with open_store(found, wanted) as store:
        key, _ = _opened(store, wanted, None)
        if not write_password(path):
            raise Misconfigured(f"{path} is there already", field="to", allowed="a new file")
        password = path.read_bytes().strip()
        try:
            user = (str(role), holder or machine())
            name = issue_key(store, key, password, user=user, recipients=wanted.recipients)
        except Misconfigured:
            path.unlink()
            raise
    typer.echo(f"key {name[:8]} of {role}: its password is in {path}")


@app.command()
def revoke(vault: VaultName, key: KeyId, by: OwnRole = None, estate: EstateFile = None) -> None:
    """Remove a key file: its password opens the vault no more.

    Who has read the vault's key, or kept a copy of the key file, is not stopped by that.
    """
    found = load_estate(estate or estate_path())
    wanted = found.vault(vault)
    with open_store(found, wanted) as store:
        _, own = _opened(store, wanted, by)
        file = revoke_key(store, key, own=own)
    typer.echo(f"key {file.id[:8]} of {file.username}, held by {file.hostname}, opens no more")
    typer.echo(
        "Was its password known to others? Then this is not enough:"
        " docs/runbooks/vault-key-compromised.md",
        err=True,
    )


@app.command()
def recover(
    vault: VaultName,
    key: KeyId,
    identity: Annotated[Path, typer.Option(help="File with an offline key of age.")],
    to: Annotated[Path, typer.Option(help="A new file for the password.")],
    estate: EstateFile = None,
) -> None:
    """Write a password that was lost into a file, by one of the recipients' offline keys."""
    found = load_estate(estate or estate_path())
    with open_store(found, found.vault(vault)) as store:
        names = [each.file.id for each in issued_keys(store) if each.file.id.startswith(key)]
        if len(names) != 1:
            raise Misconfigured(f"{len(names)} key files begin with {key!r}", field="key")
        password = recovered_password(store, names[0], _identities(identity))
    if not write_secret(to, password + b"\n"):
        raise Misconfigured(f"{to} is there already", field="to", allowed="a new file")
    typer.echo(f"the password of key {names[0][:8]} is in {to}")


def _opened(store: SwiftStore, vault: Vault, by: KeyRole | None) -> tuple[SealingKey, str]:
    """The vault's key, and the id of the key file that gave it; by any password that is here."""
    here = [role for role in KeyRole if Path(vault.password_file_of(role)).exists()]
    return find_key(store, read_password(vault, by or next(iter(here), KeyRole.WRITE)))


def _identities(path: Path) -> list[str]:
    try:
        lines = path.read_text("utf-8").splitlines()
    except OSError as error:
        raise Misconfigured(f"{path} cannot be read: {error.strerror}", field="identity") from error
    return [line.strip() for line in lines if line.strip() and not line.startswith("#")]
