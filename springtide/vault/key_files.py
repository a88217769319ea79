"""Key files: the repository's key, sealed with a password; one for each role or person.

A password is taken away by removing its file. That stops whoever has the password alone; who has
read the key itself, or kept a copy of the file, keeps it: then the data goes into a new repository.

Source: restic, "Design", section "Keys, Encryption and MAC".
"""

import base64
import hashlib
import json
import os
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from springtide.errors import Damaged, GuardRefused, Misconfigured, NotFound
from springtide.model.object_storage import Store
from springtide.vault.sealing import KEY_BYTES, SealingKey

PREFIX = "keys/"
_COST, _BLOCK, _PARALLEL = 2**15, 8, 1
"""32 MiB of memory and a tenth of a second for each try."""
_MOST_BLOCKS, _MOST_PARALLEL = 2**23, 16
"""A gibibyte: a file that asks for more is there to harm whoever tries it."""
_SALT_BYTES = 64


@dataclass(frozen=True)
class KeyFile:
    """What a key file tells to everybody who sees it."""

    id: str
    """64 hexadecimal digits."""
    username: str
    """The role, or whatever restic was told."""
    hostname: str
    """Who has the password: a person, or a machine."""
    created: datetime


def add_key_file(
    store: Store, key: SealingKey, password: bytes, *, user: tuple[str, str], at: datetime
) -> str:
    """Store the key under one more password; the file's id. `user` is a name and a machine's."""
    name, data = make_key_file(key, password, user=user, at=at)
    store.put(PREFIX + name, data)
    return name


def make_key_file(
    key: SealingKey, password: bytes, *, user: tuple[str, str], at: datetime
) -> tuple[str, bytes]:
    """The id and content of a key file that is not stored yet."""
    salt = os.urandom(_SALT_BYTES)
    by_password = _derived(password, salt, (_COST, _BLOCK, _PARALLEL))
    secret = {
        "mac": {"k": _text(key.mac_nonce_key), "r": _text(key.mac_multiplier)},
        "encrypt": _text(key.encryption),
    }
    file = {
        "created": at.isoformat(),
        "username": user[0],
        "hostname": user[1],
        "kdf": "scrypt",
        "N": _COST,
        "r": _BLOCK,
        "p": _PARALLEL,
        "salt": _text(salt),
        "data": _text(by_password.seal(json.dumps(secret).encode())),
    }
    data = json.dumps(file).encode()
    return hashlib.sha256(data).hexdigest(), data


def list_key_files(store: Store) -> tuple[KeyFile, ...]:
    """All key files, oldest first.

    Raises:
        Damaged: one of them is no key file; it names which.
    """
    found = []
    for listed in store.listing(PREFIX):
        try:
            found.append(_described(listed.name.removeprefix(PREFIX), store.get(listed.name)))
        except NotFound:
            continue  # a listing may name what has gone
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise Damaged(f"{listed.name} is no key file", objects=(listed.name,)) from error
    return tuple(sorted(found, key=lambda each: (each.created, each.id)))


def find_key(store: Store, password: bytes) -> tuple[SealingKey, str]:
    """The repository's key, and the id of the file that the password opens.

    Raises:
        Misconfigured: there is no key file: no repository stands here.
        GuardRefused: the password opens none of them.
        Damaged: the password opens none that can be read; it names those that cannot.
    """
    names = [found.name for found in store.listing(PREFIX)]
    if not names:
        raise Misconfigured("no repository stands here: it has no key file", field="vault")
    damaged: list[str] = []
    for name in names:
        try:
            if (key := _tried(store, name, password)) is not None:
                return key, name.removeprefix(PREFIX)
        except Damaged:
            damaged.append(name)
        except NotFound:
            continue  # a listing may name what has gone
    if damaged:
        raise Damaged("the password opens no key file that can be read", objects=tuple(damaged))
    raise GuardRefused(f"the password opens none of the repository's {len(names)} key files")


def _described(name: str, data: bytes) -> KeyFile:
    file = json.loads(data)
    created = datetime.fromisoformat(file["created"])
    return KeyFile(name, file.get("username", ""), file.get("hostname", ""), created)


def _tried(store: Store, name: str, password: bytes) -> SealingKey | None:
    """The key of that file; None where another password opens it."""
    data = store.get(name)
    try:
        return _opened(json.loads(data), password)
    except (Damaged, KeyError, TypeError, ValueError) as error:
        if hashlib.sha256(data).hexdigest() == name.removeprefix(PREFIX):
            return None
        raise Damaged(f"{name} has another hash", objects=(name,)) from error


def _opened(file: dict[str, Any], password: bytes) -> SealingKey:
    costs = n, r, p = file["N"], file["r"], file["p"]
    sane = min(costs) > 0 and n * r <= _MOST_BLOCKS and p <= _MOST_PARALLEL
    if file["kdf"] != "scrypt" or not sane:
        raise ValueError("not a key file that is safe to try")
    by_password = _derived(password, base64.b64decode(file["salt"]), costs)
    secret = json.loads(by_password.open(base64.b64decode(file["data"])))
    parts = (secret["encrypt"], secret["mac"]["k"], secret["mac"]["r"])
    return SealingKey.from_bytes(b"".join(base64.b64decode(part) for part in parts))


def _derived(password: bytes, salt: bytes, costs: tuple[int, int, int]) -> SealingKey:
    n, r, p = costs
    return SealingKey.from_bytes(Scrypt(salt, KEY_BYTES, n, r, p).derive(password))


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode()
