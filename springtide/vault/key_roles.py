"""One key file for each role: issued, listed, revoked.

Rule: a password is in escrow before its key file stands; the last key file is never removed, nor
the one with which the repository was opened. A run that is killed in between leaves a password in
escrow that opens nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from springtide.errors import GuardRefused, Misconfigured
from springtide.model.object_storage import Store
from springtide.vault.escrow import PREFIX as ESCROW
from springtide.vault.escrow import escrow_name, store_password
from springtide.vault.key_files import (
    PREFIX,
    KeyFile,
    add_key_file,
    find_key,
    list_key_files,
    make_key_file,
)
from springtide.vault.sealing import SealingKey


@dataclass(frozen=True)
class IssuedKey:
    """A key file, and whether its password can be recovered."""

    file: KeyFile
    in_escrow: bool


def first_key(
    store: Store, password: bytes, *, user: tuple[str, str], recipients: Sequence[str]
) -> tuple[SealingKey, str | None]:
    """A new repository's key, and the id of its key file where that was made now.

    Without recipients the password is in no escrow; with them it is on return, that of a creation
    that was cut short, too.

    Raises:
        Misconfigured: as `issue_key`.
        GuardRefused: a creation was cut short that had another password.
    """
    if any(True for _ in store.listing(PREFIX)):
        # With a second key the password would open now the one and now the other.
        key, name = find_key(store, password)
        if recipients and not _stands(store, name):
            store_password(store, name, password, recipients)
        return key, None
    key = SealingKey.random()
    if recipients:
        return key, issue_key(store, key, password, user=user, recipients=recipients)
    return key, add_key_file(store, key, password, user=user, at=store.now())


def issue_key(
    store: Store,
    key: SealingKey,
    password: bytes,
    *,
    user: tuple[str, str],
    recipients: Sequence[str],
) -> str:
    """Have the password open the repository; the id of its key file.

    `user` is the role and who has the password: a person, or a machine.

    Raises:
        Misconfigured: there are too few recipients, or one is no public key of age.
    """
    name, data = make_key_file(key, password, user=user, at=store.now())
    store_password(store, name, password, recipients)
    store.put(PREFIX + name, data)
    return name


def issued_keys(store: Store) -> tuple[IssuedKey, ...]:
    """All key files, oldest first.

    Raises:
        Damaged: one of them is no key file.
    """
    kept = {found.name for found in store.listing(ESCROW)}
    return tuple(
        IssuedKey(file, escrow_name(file.id) in kept or _stands(store, file.id))
        for file in list_key_files(store)
    )


def revoke_key(store: Store, key_file: str, *, own: str) -> KeyFile:
    """Remove the key file that begins so, and its password; what it was.

    `own` is the id of the key file with which the repository was opened.

    Raises:
        Misconfigured: no key file begins so, or several do.
        GuardRefused: it is the only one, or the one in use.
    """
    known = list_key_files(store)
    found = [file for file in known if key_file and file.id.startswith(key_file)]
    if len(found) != 1:
        raise Misconfigured(
            f"{len(found)} key files begin with {key_file!r}",
            field="key",
            allowed="the first digits of one that `springtide vault keys list` shows",
        )
    (file,) = found
    if file.id == own:
        raise GuardRefused(
            "this key file is the one in use here: revoke it with the password of another"
        )
    withdraw_key(store, file.id)
    return file


def withdraw_key(store: Store, key_file: str) -> None:
    """Remove the key file of that id, and its password."""
    store.delete(PREFIX + key_file)
    store.delete(escrow_name(key_file))


def _stands(store: Store, key_file: str) -> bool:
    return store.size(escrow_name(key_file)) is not None
