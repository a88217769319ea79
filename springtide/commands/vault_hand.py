"""A vault opened by the estate: its store in the cloud, its password, its cache on this machine."""

import os
import socket
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from springtide.clouds.swift.opening import open_swift_store
from springtide.clouds.swift.store import SwiftStore
from springtide.errors import Misconfigured
from springtide.model.backup import Vault
from springtide.model.estate import Estate
from springtide.vault.repository import Identity, Repository

CACHE_VARIABLE = "SPRINGTIDE_CACHE"
_LEAST_PASSWORD = 20
"""Characters: of 64 symbols each, that is 120 bits."""


def open_store(estate: Estate, vault: Vault) -> SwiftStore:
    """The vault's store; nothing is asked before its first call.

    Raises:
        Misconfigured: the vault's region is outside the residency.
    """
    return open_swift_store(estate.cloud, vault.place, residency=estate.residency)


@contextmanager
def opened_vault(estate: Estate, vault: Vault) -> Iterator[Repository]:
    """The vault's repository for as long as the context lasts; its index is not read yet.

    Raises:
        Misconfigured: no repository stands there, or the password file cannot be used.
        GuardRefused: the password opens it not.
        Retryable: the store does not answer.
    """
    password = read_password(vault)
    with (
        open_store(estate, vault) as store,
        Repository.open(store, password, work_folder=cache_folder()) as repository,
    ):
        yield repository


def read_password(vault: Vault) -> bytes:
    """The vault's password.

    Raises:
        Misconfigured: the file is missing, is readable for others, or holds no strong password.
    """
    path, field = Path(vault.password_file), f"vaults.{vault.name}.password_file"
    try:
        mode, text = path.stat().st_mode, path.read_bytes()
    except OSError as error:
        raise Misconfigured(
            f"{path} cannot be read: {error.strerror}",
            field=field,
            allowed="a file of the worker's user; `springtide vault create` writes one",
        ) from error
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise Misconfigured(f"{path} is open to others", field=field, allowed="mode 0600")
    password = text.partition(b"\n")[0].strip()
    if len(password) < _LEAST_PASSWORD:
        raise Misconfigured(
            f"the password in {path} is too short",
            field=field,
            allowed=f"{_LEAST_PASSWORD} random characters or more",
        )
    return password


def cache_folder(environment: Mapping[str, str] = os.environ) -> Path:
    """Where indexes are kept: `SPRINGTIDE_CACHE`, else `springtide` in the user's cache folder.

    All of it can be deleted, and is made anew.
    """
    if named := environment.get(CACHE_VARIABLE):
        return Path(named)
    base = environment.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "springtide"


def writer_identity() -> Identity:
    """Who writes, as locks and key files tell it."""
    return Identity("springtide", socket.gethostname())
