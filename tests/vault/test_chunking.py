"""Chunks: what goes in comes out, cuts stay where they were, sizes have their bounds."""

import random
from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from springtide.model.cutting import Cutting
from springtide.vault.chunking import LEAST, chunks

MIB = 1024 * 1024
NOISE = random.Random(5).randbytes(24 * MIB)  # noqa: S311 - data


class Trickle(BytesIO):
    """A file that gives less than it is asked for, as pipes do."""

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override] # narrower, for here
        """At most 1,000 bytes."""
        return super().readinto(buffer[:1000])


@pytest.mark.parametrize("cutting", Cutting)
@pytest.mark.parametrize("size", [0, 1, LEAST - 1, LEAST, LEAST + 1, 9 * MIB + 5])
def test_nothing_is_lost(cutting: Cutting, size: int) -> None:
    """The chunks together are the file, at every size."""
    assert NOISE[:size] == b"".join(chunks(BytesIO(NOISE[:size]), cutting))


def test_an_empty_file_has_no_chunk() -> None:
    """As restic has it."""
    assert [[], []] == [list(chunks(BytesIO(), cutting)) for cutting in Cutting]


def test_sizes_by_content() -> None:
    """Between half a MiB and eight, but for the last."""
    sizes = [len(chunk) for chunk in chunks(BytesIO(NOISE), Cutting.CONTENT)]
    assert (True, True) == (LEAST <= min(sizes[:-1]), max(sizes) <= 8 * MIB)


def test_an_insert_moves_no_later_cut() -> None:
    """By content: one byte more costs a chunk or two, of sixteen."""
    before = set(chunks(BytesIO(NOISE), Cutting.CONTENT))
    after = set(chunks(BytesIO(NOISE[:MIB] + b"!" + NOISE[MIB:]), Cutting.CONTENT))
    assert len(after - before) in {1, 2}


def test_a_changed_page_costs_one_block() -> None:
    """In blocks: whatever changes in place stays in place."""
    changed = bytearray(NOISE)
    changed[5 * MIB : 5 * MIB + 8192] = bytes(8192)
    before = list(chunks(BytesIO(NOISE), Cutting.BLOCKS))
    after = list(chunks(BytesIO(changed), Cutting.BLOCKS))
    assert 1 == sum(old != new for old, new in zip(before, after, strict=True))


@given(st.binary(max_size=5000))
def test_short_reads_make_no_short_blocks(plain: bytes) -> None:
    """A block ends where it is full, or where the file ends."""
    assert [plain] * bool(plain) == list(chunks(Trickle(plain), Cutting.BLOCKS))
