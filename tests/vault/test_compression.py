"""Compression: there and back, and what is no frame."""

from concurrent.futures import ThreadPoolExecutor

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from springtide.errors import Damaged
from springtide.vault.compression import MOST_BYTES, compressed, compressed_many, decompressed

FRAME = compressed(b"spring tide " * 1000)
_SINGLE_SEGMENT_OF_8_BYTES = bytes.fromhex("28b52ffde0")
"""The begin of a frame that says its size in the next eight bytes."""


@given(plain=st.binary(max_size=20_000))
@settings(deadline=None)
def test_there_and_back(plain: bytes) -> None:
    """Anything, nothing included."""
    assert plain == decompressed(compressed(plain))


def test_a_frame_of_a_stream() -> None:
    """Restic's writers may stream: then the frame does not say its size."""
    stream = zstandard.ZstdCompressor().compressobj()
    frame = stream.compress(b"spring " * 1000) + stream.flush()
    assert zstandard.frame_content_size(frame) == -1
    assert b"spring " * 1000 == decompressed(frame)


@pytest.mark.parametrize(
    "frame",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"no frame at all", id="something else"),
        pytest.param(FRAME[:4], id="its mark alone"),
        pytest.param(FRAME[:-1], id="one byte less"),
        pytest.param(FRAME[: len(FRAME) // 2], id="half of it"),
        pytest.param(FRAME[:5] + b"\xff" * 9 + FRAME[14:], id="its head overwritten"),
    ],
)
def test_what_is_no_frame_is_refused(frame: bytes) -> None:
    """As damaged, not as an error of the library."""
    with pytest.raises(Damaged):
        decompressed(frame)


@pytest.mark.parametrize(
    ("size", "words"),
    [
        pytest.param(MOST_BYTES + 1, "larger than anything", id="one byte too large"),
        pytest.param(2**62, "larger than anything", id="more than any machine has"),
        pytest.param(100, "not as it was compressed", id="small, and empty"),
    ],
)
def test_a_frame_that_lies_of_its_size(size: int, words: str) -> None:
    """No memory is taken for what cannot be."""
    with pytest.raises(Damaged, match=words):
        decompressed(_SINGLE_SEGMENT_OF_8_BYTES + size.to_bytes(8, "little"))


def test_threads_at_once() -> None:
    """Each has tools of its own."""
    plains = [bytes([number]) * 50_000 for number in range(64)]
    with ThreadPoolExecutor(8) as threads:
        assert plains == list(threads.map(lambda plain: decompressed(compressed(plain)), plains))


@pytest.mark.parametrize("count", [0, 1, 3, 4, 300])
def test_many_at_once_are_each_a_frame(count: int) -> None:
    """The same frames as one by one, in their order; a frame says its own size."""
    plains = [bytes([number % 251]) * number for number in range(1, count + 1)]
    frames = compressed_many(plains)
    assert [compressed(plain) for plain in plains] == frames
    assert plains == [decompressed(frame) for frame in frames]
