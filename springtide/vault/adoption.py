"""What a killed run has stored and no index names: read by its own headers, and kept."""

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from springtide.errors import Damaged, NotFound
from springtide.model.object_storage import StoredObject
from springtide.vault.blobs import PackEntry
from springtide.vault.packs import read_header
from springtide.vault.repository import Repository

_READERS = 4
_PACK = re.compile(r"data/[0-9a-f]{2}/[0-9a-f]{64}")


@dataclass(frozen=True)
class Adoption:
    """What was found that no index named."""

    packs: int
    """Taken into the index."""
    size: int
    """Of those, in bytes."""
    damaged: tuple[str, ...]
    """Object names of those that cannot be read; left as they are."""


def adopt_packs(repository: Repository, *, except_for: frozenset[bytes] = frozenset()) -> Adoption:
    """Name in an index the packs that no index names; `load_index` comes before it.

    `except_for` are packs that are about to go. A writer that is at work elsewhere may name the
    same packs, too: that does no harm.
    """
    known = repository.index.packs() | except_for
    found: dict[bytes, tuple[PackEntry, ...]] = {}
    damaged, size = [], 0
    with ThreadPoolExecutor(_READERS, "springtide-adopt") as readers:
        unknown = list(_unknown(repository, known))
        for listed, entries in zip(
            unknown, readers.map(lambda one: _header(repository, one), unknown), strict=True
        ):
            if isinstance(entries, Damaged):
                damaged.append(listed.name)
            elif entries:
                found[_pack(listed)] = entries
                size += listed.size
    repository.add_to_index(found)
    return Adoption(len(found), size, tuple(damaged))


def _unknown(
    repository: Repository, known: frozenset[bytes] | set[bytes]
) -> Iterator[StoredObject]:
    for listed in repository.store.listing("data/"):
        if _PACK.fullmatch(listed.name) and _pack(listed) not in known:
            yield listed


def _pack(listed: StoredObject) -> bytes:
    return bytes.fromhex(listed.name.rpartition("/")[2])


def _header(repository: Repository, listed: StoredObject) -> tuple[PackEntry, ...] | Damaged:
    try:
        return read_header(repository.key, repository.store, _pack(listed), listed.size)
    except NotFound:
        return ()  # a listing may name what has gone
    except Damaged as error:
        return error
