"""Packs: what a header names, and what is said of one that was changed."""

import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from springtide.errors import Damaged, NotFound
from springtide.vault.blobs import BlobKind, blob_id, pack_name
from springtide.vault.packs import FinishedPack, OpenPack, parse_header, read_header
from springtide.vault.sealing import OVERHEAD, SealingKey
from tests.vault.folder_store import FolderStore
from tests.vault.vaults import a_pack, contents, flip

KEY = SealingKey.random()
PLAINS = contents(5, size=64)
PACK = a_pack(KEY, PLAINS)
HEADER = struct.unpack("<I", PACK.data[-4:])[0]
EAGER = 16 * 1024
"""So much of a pack's end is read at once."""


def stored(folder: Path, pack: FinishedPack) -> FolderStore:
    """A store with that pack."""
    store = FolderStore(folder)
    store.put(pack_name(pack.id), pack.data)
    return store


def mixed(kind: BlobKind) -> FinishedPack:
    """Plain and compressed blobs of one kind in turn."""
    pack = OpenPack()
    for number, plain in enumerate(PLAINS):
        pack.add(
            kind, blob_id(plain), KEY.seal(plain), (len(plain) * (number % 2 + 1), number % 2 == 1)
        )
    return pack.finish(KEY)


@pytest.mark.parametrize(
    "pack",
    [
        pytest.param(a_pack(KEY, PLAINS), id="plain data"),
        pytest.param(a_pack(KEY, PLAINS, raw=5000), id="compressed data"),
        pytest.param(a_pack(KEY, PLAINS, kind=BlobKind.TREE), id="plain trees"),
        pytest.param(a_pack(KEY, PLAINS, kind=BlobKind.TREE, raw=5000), id="compressed trees"),
        pytest.param(mixed(BlobKind.DATA), id="plain and compressed data"),
        pytest.param(a_pack(KEY, [b""]), id="an empty blob"),
        pytest.param(a_pack(KEY, [bytes(100_000)]), id="a blob larger than what is read eagerly"),
    ],
)
def test_a_header_is_read_as_it_was_written(tmp_path: Path, pack: FinishedPack) -> None:
    """With every place, length and kind; and each blob stands where it says."""
    found = read_header(KEY, stored(tmp_path, pack), pack.id, len(pack.data))
    assert pack.entries == found
    for entry in found:
        sealed = pack.data[entry.place.offset :][: entry.place.length]
        assert entry.id == blob_id(KEY.open(sealed))


@pytest.mark.parametrize(
    ("blobs", "size"),
    [
        # A blob of 32 bytes is 64 sealed, and 37 in the header.
        pytest.param((EAGER - 4 - OVERHEAD) // 37, 4 + OVERHEAD, id="just within what is read"),
        pytest.param((EAGER - 4 - OVERHEAD) // 37 + 1, 4 + OVERHEAD, id="one more"),
        pytest.param(3000, 4 + OVERHEAD, id="many times that"),
    ],
)
def test_a_header_of_any_length(tmp_path: Path, blobs: int, size: int) -> None:
    """One larger than what is read at once is read a second time, whole."""
    pack = a_pack(KEY, [number.to_bytes(32) for number in range(blobs)])
    assert blobs * 37 + size == len(pack.data) - blobs * 64
    assert pack.entries == read_header(KEY, stored(tmp_path, pack), pack.id, len(pack.data))


def test_every_bit_of_a_header_counts(tmp_path: Path) -> None:
    """Wherever it or its length is changed, the pack is named; in a blob it is not looked at."""
    store = stored(tmp_path, PACK)
    file = tmp_path / pack_name(PACK.id)
    for position in range(1, HEADER + 5):
        for bit in (0, 7):
            flip(file, -position, bit)
            with pytest.raises(Damaged) as caught:
                read_header(KEY, store, PACK.id, len(PACK.data))
            assert (pack_name(PACK.id),) == caught.value.objects
            flip(file, -position, bit)
    flip(file, -HEADER - 5)
    assert PACK.entries == read_header(KEY, store, PACK.id, len(PACK.data))


def lengthened(data: bytes) -> bytes:
    """A byte too many at the end."""
    return data + b"\0"


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "one byte less": lambda data: data[:-1],
    "one byte more": lengthened,  # unseen by a listing of before: that much is as it was
    "half of it": lambda data: data[: len(data) // 2],
    "three bytes": lambda data: data[:3],
    "nothing": lambda _: b"",
    "the header alone": lambda data: data[-HEADER - 4 :],
    "a header of no length": lambda data: data[:-4] + bytes(4),
    "a header as long as the pack": lambda data: data[:-4] + struct.pack("<I", len(data) - 4),
    "a header longer by one": lambda data: data[:-4] + struct.pack("<I", len(data) - 3),
    "the longest header": lambda data: data[:-4] + b"\xff" * 4,
    "without its first byte": lambda data: data[1:],
}


@pytest.mark.parametrize("listed", ["before", "after"])
@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES.keys())
def test_a_pack_of_another_size(
    tmp_path: Path, damage: Callable[[bytes], bytes], listed: str
) -> None:
    """Named, whether the listing was made before or after the damage."""
    store = stored(tmp_path, PACK)
    data = damage(PACK.data)
    (tmp_path / pack_name(PACK.id)).write_bytes(data)
    size = len(PACK.data) if listed == "before" else len(data)
    if damage is lengthened and listed == "before":
        assert PACK.entries == read_header(KEY, store, PACK.id, size)
        return
    with pytest.raises(Damaged) as caught:
        read_header(KEY, store, PACK.id, size)
    assert (pack_name(PACK.id),) == caught.value.objects


def test_a_large_pack_cut_short(tmp_path: Path) -> None:
    """So short that what the listing promises lies beyond its end."""
    pack = a_pack(KEY, [bytes(100_000)])
    store = stored(tmp_path, pack)
    (tmp_path / pack_name(pack.id)).write_bytes(pack.data[:100])
    with pytest.raises(Damaged) as caught:
        read_header(KEY, store, pack.id, len(pack.data))
    assert (pack_name(pack.id),) == caught.value.objects


def test_a_pack_that_is_gone(tmp_path: Path) -> None:
    """Is not damaged: a listing may name what has gone."""
    with pytest.raises(NotFound):
        read_header(KEY, FolderStore(tmp_path), PACK.id, len(PACK.data))


@pytest.mark.parametrize(
    "header",
    [
        pytest.param(b"\x04" + bytes(36), id="a type that is none"),
        pytest.param(b"\xff" + bytes(36), id="another"),
        pytest.param(bytes(36), id="one byte less"),
        pytest.param(bytes(38), id="one byte more"),
        pytest.param(b"\x02" + bytes(36), id="a compressed one of a plain one's length"),
        pytest.param(bytes(37), id="of blobs that don't fill the pack"),
    ],
)
def test_a_header_that_is_none(header: bytes) -> None:
    """Sealed with the right key, and still no header of this pack."""
    with pytest.raises(Damaged) as caught:
        parse_header(KEY, PACK.id, KEY.seal(header), blobs_size=100)
    assert (pack_name(PACK.id),) == caught.value.objects


def test_another_key_reads_no_header(tmp_path: Path) -> None:
    """Then nothing is known of it."""
    with pytest.raises(Damaged, match="cannot be read"):
        read_header(SealingKey.random(), stored(tmp_path, PACK), PACK.id, len(PACK.data))
