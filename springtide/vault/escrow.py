"""Passwords for the day when every machine of ours is lost: encrypted by age, kept in the vault.

Each key file has its password beside it as `escrow/<id of the key file>.age`, encrypted to public
keys whose other halves lie offline. Whoever may read the container and has one of those opens the
vault with tools that everybody has: `age -d`, then restic.

Source: age, "The age file encryption format" (C2SP, v1).
"""

from collections.abc import Sequence

import pyrage  # type: ignore[import-untyped]  # it has no types

from springtide.errors import Damaged, GuardRefused, Misconfigured, NotFound
from springtide.model.object_storage import Store
from springtide.model.vault_keys import LEAST_RECIPIENTS

PREFIX = "escrow/"
_SUFFIX = ".age"


def store_password(store: Store, key_file: str, password: bytes, recipients: Sequence[str]) -> None:
    """Store the password of that key file, for any one of the recipients to read.

    Raises:
        Misconfigured: there are fewer than two recipients, or one of them is no public key of age.
    """
    if len(set(recipients)) < LEAST_RECIPIENTS:
        raise Misconfigured(
            "a password is encrypted to at least two people who keep their keys offline",
            field="recipients",
            allowed="two or more public keys from age-keygen",
        )
    keys = [_recipient(text) for text in recipients]
    store.put(escrow_name(key_file), pyrage.encrypt(password + b"\n", keys))


def recovered_password(store: Store, key_file: str, identities: Sequence[str]) -> bytes:
    """The password of that key file, read with one of the offline keys.

    Raises:
        NotFound: no password is kept for that key file.
        Misconfigured: an identity is none of age's.
        GuardRefused: it was encrypted to none of the identities.
    """
    try:
        sealed = store.get(escrow_name(key_file))
    except NotFound as error:
        raise NotFound(f"no password is kept for the key file {key_file[:8]}") from error
    try:
        keys = [pyrage.x25519.Identity.from_str(text) for text in identities]
    except pyrage.IdentityError as error:
        raise Misconfigured(
            "that is no identity of age", field="identity", allowed="AGE-SECRET-KEY-1…"
        ) from error
    try:
        plain: bytes = pyrage.decrypt(sealed, keys)
    except pyrage.DecryptError as error:
        if not sealed.startswith(b"age-encryption.org/v1\n"):
            name = escrow_name(key_file)
            raise Damaged(f"{name} is not what was stored", objects=(name,)) from error
        raise GuardRefused("the password was not encrypted to that key, or was changed") from error
    return plain.removesuffix(b"\n")


def escrow_name(key_file: str) -> str:
    """The object's name of the password of that key file."""
    return f"{PREFIX}{key_file}{_SUFFIX}"


def _recipient(text: str) -> pyrage.x25519.Recipient:
    try:
        return pyrage.x25519.Recipient.from_str(text)
    except pyrage.RecipientError as error:
        raise Misconfigured("that is no public key of age", field="recipients") from error
