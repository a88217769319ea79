"""A pack: sealed blobs one after another, then a sealed header that names them, then its length.

Source: restic, "Design", section "Pack Format".
"""

import hashlib
import struct
from collections.abc import Iterator
from dataclasses import dataclass

from springtide.errors import Damaged
from springtide.model.object_storage import Store
from springtide.vault.blobs import BlobId, BlobKind, BlobPlace, PackEntry, pack_name
from springtide.vault.sealing import OVERHEAD, SealingKey

_PLAIN = struct.Struct("<BI32s")
_COMPRESSED = struct.Struct("<BII32s")
_LENGTH = struct.Struct("<I")
_TYPES = {
    (BlobKind.DATA, False): 0,
    (BlobKind.TREE, False): 1,
    (BlobKind.DATA, True): 2,
    (BlobKind.TREE, True): 3,
}
_KINDS = {number: kind for kind, number in _TYPES.items()}
_EAGER_BYTES = 16 * 1024
"""So much of a pack's end is read at once: most headers lie within."""


@dataclass(frozen=True, slots=True)
class FinishedPack:
    """A pack as it is stored."""

    id: bytes
    data: bytes
    entries: tuple[PackEntry, ...]


class OpenPack:
    """A pack that is being filled; for one thread at a time."""

    def __init__(self) -> None:
        """Empty."""
        self._parts: list[bytes] = []
        self._blobs: list[tuple[BlobKind, BlobId, int, int, bool]] = []
        self.size = 0
        """What it holds so far, in bytes."""

    def add(self, kind: BlobKind, blob: BlobId, sealed: bytes, raw: tuple[int, bool]) -> None:
        """Append a sealed blob; `raw` is its plain length and whether it was compressed."""
        self._blobs.append((kind, blob, len(sealed), *raw))
        self._parts.append(sealed)
        self.size += len(sealed)

    def finish(self, key: SealingKey) -> FinishedPack:
        """The pack with its header; nothing can be added any more."""
        header = key.seal(b"".join(self._header()))
        self._parts += (header, _LENGTH.pack(len(header)))
        data = b"".join(self._parts)
        self._parts.clear()  # they are as large as the whole
        pack = hashlib.sha256(data).digest()
        return FinishedPack(pack, data, tuple(self._entries(pack)))

    def _header(self) -> Iterator[bytes]:
        for kind, blob, length, raw_length, compressed in self._blobs:
            number = _TYPES[kind, compressed]
            if compressed:
                yield _COMPRESSED.pack(number, length, raw_length, blob)
            else:
                yield _PLAIN.pack(number, length, blob)

    def _entries(self, pack: bytes) -> Iterator[PackEntry]:
        offset = 0
        for kind, blob, length, raw_length, compressed in self._blobs:
            place = BlobPlace(pack, offset, length, raw_length, compressed)
            yield PackEntry(kind, blob, place)
            offset += length


def overhead(blobs: int, compressed: int) -> int:
    """How many bytes a pack of so many blobs, so many of them compressed, has beside them."""
    entries = _COMPRESSED.size * compressed + _PLAIN.size * (blobs - compressed)
    return entries + OVERHEAD + _LENGTH.size


def header_of(key: SealingKey, pack: bytes, data: bytes) -> tuple[PackEntry, ...]:
    """The blobs of a pack that has been read wholly, by its own header.

    Raises:
        Damaged: the header is not as it was sealed, or does not fit the pack.
    """
    end = len(data) - _LENGTH.size
    length = _LENGTH.unpack(data[end:])[0] if end >= OVERHEAD else end + 1
    if length > end:
        raise Damaged(f"{pack_name(pack)} is too short", objects=(pack_name(pack),))
    return parse_header(key, pack, data[end - length : end], blobs_size=end - length)


def read_header(key: SealingKey, store: Store, pack: bytes, size: int) -> tuple[PackEntry, ...]:
    """The blobs of a pack of `size` bytes, by its own header.

    Raises:
        Damaged: the header is not as it was sealed, or does not fit the pack.
        NotFound: there is no such pack.
    """
    name = pack_name(pack)
    if size < _LENGTH.size + OVERHEAD:
        raise Damaged(f"{name} is too short to be a pack", objects=(name,))
    eager = min(size, _EAGER_BYTES)
    end = store.get(name, start=size - eager, length=eager)
    (length,) = _LENGTH.unpack(end[-_LENGTH.size :])
    if length + _LENGTH.size > size:
        raise Damaged(f"the header of {name} is longer than the pack", objects=(name,))
    if length + _LENGTH.size > len(end):
        whole = length + _LENGTH.size
        end = store.get(name, start=size - whole, length=whole)
    sealed = end[len(end) - _LENGTH.size - length : -_LENGTH.size]
    return parse_header(key, pack, sealed, blobs_size=size - _LENGTH.size - length)


def parse_header(
    key: SealingKey, pack: bytes, sealed: bytes, *, blobs_size: int
) -> tuple[PackEntry, ...]:
    """The blobs that a sealed header names; `blobs_size` is what they fill, in bytes.

    Raises:
        Damaged: the header is not as it was sealed, or does not fit the pack.
    """
    name = pack_name(pack)
    try:
        entries = tuple(_parse(pack, key.open(sealed)))
    except (Damaged, KeyError, struct.error) as error:
        raise Damaged(f"the header of {name} cannot be read", objects=(name,)) from error
    if sum(entry.place.length for entry in entries) != blobs_size:
        raise Damaged(f"the header of {name} does not fit the pack", objects=(name,))
    return entries


def _parse(pack: bytes, header: bytes) -> Iterator[PackEntry]:
    position = offset = 0
    while position < len(header):
        kind, compressed = _KINDS[header[position]]
        if compressed:
            _, length, raw_length, blob = _COMPRESSED.unpack_from(header, position)
            position += _COMPRESSED.size
        else:
            _, length, blob = _PLAIN.unpack_from(header, position)
            raw_length = length - OVERHEAD
            position += _PLAIN.size
        yield PackEntry(kind, blob, BlobPlace(pack, offset, length, raw_length, compressed))
        offset += length
