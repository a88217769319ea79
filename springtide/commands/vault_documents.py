"""`springtide vault` for single documents: references, what was offloaded, one fetched back."""

import os
import sys
import time
from pathlib import Path
from typing import Annotated

import typer

from springtide.commands.estate import EstateFile
from springtide.estate import estate_path, load_estate
from springtide.model.backup import BackupSource
from springtide.model.vault_keys import KeyRole
from springtide.stores.vaults import opened_vault
from springtide.vault.fetching import fetch_path
from springtide.vault.nodes import NodeKind
from springtide.vault.offloading import newest_offloaded
from springtide.vault.references import sealed_path
from springtide.vault.repository import Repository
from springtide.vault.sessions import load_for_reading
from springtide.vault.snapshots import read_snapshots, unread
from springtide.vault.trees import TreeReader

SourceName = Annotated[str, typer.Argument(help="Name of the source in the estate file.")]
DocumentPath = Annotated[Path, typer.Argument(help="Where the document stood.")]


def reference(source: SourceName, document: DocumentPath, estate: EstateFile = None) -> None:
    """Print a word that stands for a document's path, for forms that everybody may read."""
    found = load_estate(estate or estate_path())
    vault = found.vault(found.directories(source).vault)
    with opened_vault(found, vault, role=KeyRole.RESTORE) as repository:
        typer.echo(sealed_path(repository.key, os.fsencode(document.absolute())))


def fetch(source: SourceName, document: DocumentPath, estate: EstateFile = None) -> None:
    """Put a document that was offloaded back in its place."""
    began = time.monotonic()
    found = load_estate(estate or estate_path())
    wanted = found.directories(source)
    with opened_vault(found, found.vault(wanted.vault), role=KeyRole.RESTORE) as repository:
        fetched = fetch_path(repository, wanted, os.fsencode(document.absolute()))
    told = "stands there already" if fetched.was_there else f"{fetched.bytes} bytes are back"
    typer.echo(f"{told} after {time.monotonic() - began:.1f} s")
    if fetched.lacking:
        typer.echo(f"it lacks some of its owner, mode or attributes: {fetched.lacking}", err=True)
    if fetched.unread:
        typer.echo(f"it may be older than what was offloaded last: {fetched.unread}", err=True)
    if fetched.lacking or fetched.unread:
        raise typer.Exit(1)


def offloaded(source: SourceName, estate: EstateFile = None) -> None:
    """List what was offloaded of a source, a path a line; mind who looks on."""
    found = load_estate(estate or estate_path())
    wanted = found.directories(source)
    with opened_vault(found, found.vault(wanted.vault), role=KeyRole.RESTORE) as repository:
        load_for_reading(repository)
        count = sum(_list_part(repository, wanted, part) for part in wanted.paths)
    typer.echo(f"{count} documents", err=True)


def _list_part(repository: Repository, source: BackupSource, part: str) -> int:
    known, damaged = read_snapshots(repository)
    if damaged:
        typer.echo(unread(damaged), err=True)
    manifest = newest_offloaded(known, source.name, part)
    if manifest is None:
        return 0
    trees, count = TreeReader(repository), 0
    waiting = [(b"/", bytes.fromhex(manifest.tree))]
    while waiting:
        path, tree = waiting.pop()
        for node in trees.nodes(tree):
            if node.subtree is not None:
                waiting.append((path + node.name + b"/", node.subtree))
            elif node.kind is NodeKind.FILE:
                sys.stdout.buffer.write(path + node.name + b"\n")
                count += 1
    return count
