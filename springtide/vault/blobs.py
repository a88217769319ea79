"""What packs hold: blobs, known by the SHA-256 of their plain content."""

import hashlib
from enum import StrEnum
from typing import NamedTuple

BlobId = bytes
"""32 bytes: the SHA-256 of the plain content."""


class BlobKind(StrEnum):
    """What a blob is; the two kinds stand in different packs."""

    DATA = "data"
    TREE = "tree"


class BlobPlace(NamedTuple):
    """Where a blob stands."""

    pack: bytes
    """32 bytes: the pack's id."""
    offset: int
    """Of the sealed blob in the pack, in bytes."""
    length: int
    """Of the sealed blob, in bytes."""
    raw_length: int
    """Of the plain content, in bytes."""
    compressed: bool
    """Whether the plain content was compressed before it was sealed."""


class PackEntry(NamedTuple):
    """One blob of a pack, as the pack's header and the index name it."""

    kind: BlobKind
    id: BlobId
    place: BlobPlace


class SavedBlob(NamedTuple):
    """What became of a blob that was given to the repository."""

    id: BlobId
    new: bool
    """Whether it had to be stored; else it was there already."""


def blob_id(plain: bytes | memoryview) -> BlobId:
    """The name of that content."""
    return hashlib.sha256(plain).digest()


def pack_name(pack: bytes) -> str:
    """The object's name of a pack: in 256 folders, as restic has it."""
    name = pack.hex()
    return f"data/{name[:2]}/{name}"
