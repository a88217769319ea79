"""A path as a word that says nothing: sealed with the vault's key, for forms and databases."""

import base64
import binascii

from springtide.errors import Damaged, Misconfigured
from springtide.vault.sealing import SealingKey

_MARK = b"path\0"


def sealed_path(key: SealingKey, path: bytes) -> str:
    """The path, for whoever has the vault's key alone; each time another word."""
    return base64.urlsafe_b64encode(key.seal(_MARK + path)).decode()


def opened_path(key: SealingKey, word: str) -> bytes:
    """The path that was sealed.

    Raises:
        Misconfigured: it was not sealed with this vault's key, or is not an absolute path.
    """
    try:
        plain = key.open(base64.urlsafe_b64decode(word.encode()))
    except (Damaged, binascii.Error, ValueError) as error:
        raise _no_reference() from error
    if not plain.startswith(_MARK + b"/"):
        raise _no_reference()
    return plain.removeprefix(_MARK)


def _no_reference() -> Misconfigured:
    return Misconfigured(
        "that is no document of this vault",
        field="document",
        allowed="what `springtide vault reference` prints",
    )
