"""Zstandard at level 1, as restic's repositories of version 2 have it."""

import threading

import zstandard

from springtide.errors import Damaged

LEVEL = 1
"""Levels below zero are quicker and much larger; 3 takes twice the time for a few per cent."""
MOST_BYTES = 512 * 1024 * 1024
"""No blob and no document is larger than this when it is unpacked."""
_MANY = 4
"""Below that a compressor of its own costs more than it saves."""
_local = threading.local()


def compressed(plain: bytes | memoryview) -> bytes:
    """One frame that says its own size."""
    # A compressor is not for two threads at once, and costs more than a small blob.
    tool: zstandard.ZstdCompressor | None = getattr(_local, "compressor", None)
    if tool is None:
        tool = _local.compressor = zstandard.ZstdCompressor(level=LEVEL)
    return tool.compress(plain)


def compressed_many(plains: list[bytes]) -> list[bytes]:
    """A frame of each; other threads run meanwhile, once for all and not once for each."""
    if len(plains) < _MANY:
        return [compressed(plain) for plain in plains]
    tool = zstandard.ZstdCompressor(level=LEVEL)
    given: list[bytes | bytearray | memoryview] = [*plains]
    frames = tool.multi_compress_to_buffer(given)
    return [frames[number].tobytes() for number in range(len(frames))]


def decompressed(frame: bytes | memoryview) -> bytes:
    """What was compressed.

    Raises:
        Damaged: it is no frame, or larger than anything that is stored.
    """
    tool: zstandard.ZstdDecompressor | None = getattr(_local, "decompressor", None)
    if tool is None:
        tool = _local.decompressor = zstandard.ZstdDecompressor()
    try:
        size = zstandard.frame_content_size(frame)
        if size > MOST_BYTES:
            raise Damaged("larger than anything that is stored")
        # -1: the frame does not say; restic's streams are of that kind.
        return tool.decompress(frame, max_output_size=MOST_BYTES if size < 0 else 0)
    except zstandard.ZstdError as error:
        raise Damaged("not as it was compressed") from error
