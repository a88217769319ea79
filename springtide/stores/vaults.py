"""A vault opened by the estate: its store in the cloud, its password, its cache on this machine."""

import os
import secrets
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
from springtide.model.vault_keys import KeyRole
from springtide.vault.repository import Identity, Repository

CACHE_VARIABLE = "SPRINGTIDE_CACHE"
_LEAST_PASSWORD = 20
"""Characters: of 64 symbols each, that is 120 bits."""


def open_store(estate: Estate, vault: Vault, *, reading: bool = False) -> SwiftStore:
    """The vault's store; nothing is asked before its first call.

    `reading` takes the identity that may only read, where the estate names one.

    Raises:
        Misconfigured: the vault's region is outside the residency.
    """
    cloud = (vault.read_cloud if reading else None) or vault.cloud or estate.cloud
    return open_swift_store(cloud, vault.place, residency=estate.residency)


@contextmanager
def opened_vault(
    estate: Estate, vault: Vault, *, role: KeyRole = KeyRole.WRITE
) -> Iterator[Repository]:
    """The vault's repository for as long as the context lasts; its index is not read yet.

    It is opened with the password of that role; to restore, by the identity that may only read.

    Raises:
        Misconfigured: no repository stands there, or the password file cannot be used.
        GuardRefused: the password opens it not.
        Retryable: the store does not answer.
    """
    password = read_password(vault, role)
    with (
        open_store(estate, vault, reading=role is KeyRole.RESTORE) as store,
        Repository.open(store, password, work_folder=cache_folder()) as repository,
    ):
        yield repository


def read_password(vault: Vault, role: KeyRole = KeyRole.WRITE) -> bytes:
    """The vault's password of that role.

    Raises:
        Misconfigured: the file is missing, is readable for others, or holds no strong password.
    """
    own = vault.passwords.of(role) is not None
    named = f"passwords.{role}" if own else "password_file"
    path, field = Path(vault.password_file_of(role)), f"vaults.{vault.name}.{named}"
    try:
        mode, text = path.stat().st_mode, path.read_bytes()
    except OSError as error:
        raise Misconfigured(
            f"{path} cannot be read: {error.strerror}",
            field=field,
            allowed="a file of the worker's user; `springtide vault create` and `vault keys add`"
            " write one",
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


def write_password(path: Path) -> bool:
    """A password of 256 random bits, for its user alone; whether it was written: never over one.

    Raises:
        Misconfigured: the file cannot be written.
    """
    return write_secret(path, secrets.token_urlsafe(32).encode() + b"\n")


def write_secret(path: Path, content: bytes) -> bool:
    """A new file for its user alone; False: something stands there, and is left as it is.

    Raises:
        Misconfigured: the file cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return False
    except OSError as error:
        raise Misconfigured(
            f"{path} cannot be written: {error.strerror}", field="password_file"
        ) from error
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
    return True


def cache_folder(environment: Mapping[str, str] = os.environ) -> Path:
    """Where indexes are kept: `SPRINGTIDE_CACHE`, else `springtide` in the user's cache folder.

    All of it can be deleted, and is made anew.
    """
    if named := environment.get(CACHE_VARIABLE):
        return Path(named)
    base = environment.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "springtide"


def writer_identity() -> Identity:
    """Who writes, as locks and snapshots tell it."""
    return Identity("springtide", machine())


def machine() -> str:
    """This machine's name."""
    return socket.gethostname()
