"""What a file is stored as while it is read: the ids of its chunks, and those under way.

Of a chunk that is stored only its id is held, 32 bytes, until the file's node is made: a file of
terabytes has millions, and what a worker hands back for each takes fifty times as much.
"""

from collections import deque
from concurrent.futures import Future
from typing import NamedTuple

from springtide.vault.blobs import BlobId

_ID_BYTES = 32


class SavedChunk(NamedTuple):
    """What became of a chunk."""

    id: bytes
    """Its blob's; empty of an empty one."""
    new: int
    """How many bytes the repository did not hold."""


class FileContent:
    """The chunks of one file, in their order."""

    def __init__(self) -> None:
        """None yet."""
        self._ids = bytearray()
        self._new = 0
        self._under_way: deque[Future[SavedChunk]] = deque()

    def add(self, chunk: Future[SavedChunk]) -> None:
        """The next one.

        Raises:
            Retryable, Damaged, Misconfigured: an earlier one could not be saved.
        """
        self._under_way.append(chunk)
        while self._under_way and self._under_way[0].done():
            self._take()

    def result(self) -> tuple[bytes, int]:
        """The ids of all, joined, once they are saved; how many bytes of them were new.

        Raises:
            Retryable, Damaged, Misconfigured: one could not be saved.
        """
        while self._under_way:
            self._take()
        return bytes(self._ids), self._new

    def _take(self) -> None:
        saved = self._under_way.popleft().result()
        self._ids += saved.id
        self._new += saved.new


def parted_ids(joined: bytes) -> tuple[BlobId, ...]:
    """The ids one by one, as a node has them."""
    return tuple(joined[at : at + _ID_BYTES] for at in range(0, len(joined), _ID_BYTES))
