"""How a file is cut into chunks: where its content says so, or into blocks of one size.

Cut by content, an insert moves no later cut: for documents and dumps. Databases and disks change
in place, a page here and there: there blocks aligned to pages send a tenth of it.
"""

from collections.abc import Iterator
from typing import Protocol

from pyfastcdc import FastCDC

from springtide.model.cutting import Cutting

LEAST = 512 * 1024
"""In bytes: a file up to this size is one chunk."""
_AVERAGE = 1024 * 1024
_MOST = 8 * 1024 * 1024
_BLOCK = 128 * 1024
"""Sixteen pages of PostgreSQL. Of 64 KiB it would send half, and name twice as many chunks."""


class Readable(Protocol):
    """A file that fills a buffer that it is given."""

    def readinto(self, buffer: memoryview, /) -> int | None:
        """How many bytes it put there; 0 at its end."""


def chunks(file: Readable, cutting: Cutting) -> Iterator[bytes]:
    """The file's chunks from where it stands to its end; none of an empty file."""
    if cutting is Cutting.BLOCKS:
        yield from _blocks(file)
        return
    for chunk in FastCDC(_AVERAGE, min_size=LEAST, max_size=_MOST).cut_stream(file):  # type: ignore[arg-type] # a file's buffer is wider
        yield bytes(chunk.data)


def _blocks(file: Readable) -> Iterator[bytes]:
    buffer = memoryview(bytearray(_BLOCK))
    while True:
        filled = 0
        while filled < _BLOCK and (count := file.readinto(buffer[filled:])):
            filled += count
        if filled:
            yield bytes(buffer[:filled])
        if filled < _BLOCK:
            return
