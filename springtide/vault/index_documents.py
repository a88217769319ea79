"""An index as it is stored: which blobs each pack holds.

Source: restic, "Design", section "Indexing".
"""

from collections.abc import Iterator, Mapping
from typing import Any

from springtide.vault.blobs import BlobKind, BlobPlace, PackEntry
from springtide.vault.sealing import OVERHEAD

_BLOBS_A_DOCUMENT = 50_000
"""As restic has it: so many stay below 8 MiB."""


def parted(
    packs: Mapping[bytes, tuple[PackEntry, ...]],
) -> Iterator[dict[bytes, tuple[PackEntry, ...]]]:
    """Those packs in parts, each for a document of its own; a pack is never cut."""
    part: dict[bytes, tuple[PackEntry, ...]] = {}
    blobs = 0
    for pack, entries in packs.items():
        if part and blobs + len(entries) > _BLOBS_A_DOCUMENT:
            yield part
            part, blobs = {}, 0
        part[pack] = entries
        blobs += len(entries)
    if part:
        yield part


def index_document(packs: Mapping[bytes, tuple[PackEntry, ...]]) -> dict[str, Any]:
    """The document that names the blobs of those packs."""
    named = [
        {"id": pack.hex(), "blobs": [_blob(entry) for entry in entries]}
        for pack, entries in packs.items()
    ]
    return {"packs": named}


def parse_index(document: Mapping[str, Any]) -> Iterator[PackEntry]:
    """The blobs that a document names.

    Raises:
        KeyError, TypeError, ValueError: it is no index.
    """
    for pack in document["packs"] or ():
        number = bytes.fromhex(pack["id"])
        for blob in pack["blobs"]:
            length = blob["length"]
            raw_length = blob.get("uncompressed_length", 0)
            place = BlobPlace(
                pack=number,
                offset=blob["offset"],
                length=length,
                raw_length=raw_length or length - OVERHEAD,
                compressed=raw_length > 0,
            )
            yield PackEntry(BlobKind(blob["type"]), bytes.fromhex(blob["id"]), place)


def _blob(entry: PackEntry) -> dict[str, Any]:
    place = entry.place
    named = {
        "id": entry.id.hex(),
        "type": str(entry.kind),
        "offset": place.offset,
        "length": place.length,
    }
    return named | ({"uncompressed_length": place.raw_length} if place.compressed else {})
