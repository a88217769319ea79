"""Which blobs the snapshots need: every tree below them, and all that these name."""

import sqlite3
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Self

from springtide.errors import GuardRefused, NotFound
from springtide.vault.blobs import BlobId, BlobKind
from springtide.vault.repository import Repository
from springtide.vault.trees import links_of

_READERS = 4
_TREES_AT_ONCE = 64


class Usage:
    """A set of blobs in a temporary file; for one thread. Use it as a context, or `close` it."""

    def __init__(self) -> None:
        """Empty."""
        # An empty name is a file that SQLite removes by itself, and keeps in memory while small.
        self._database = sqlite3.connect("")
        self._database.executescript(
            "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -65536;"
            "CREATE TABLE blobs (id BLOB, kind TEXT, PRIMARY KEY (id, kind)) WITHOUT ROWID;"
        )

    def __enter__(self) -> Self:
        """As it is."""
        return self

    def __exit__(self, *_: object) -> None:
        """Let go of the file."""
        self.close()

    def close(self) -> None:
        """Let go of the file."""
        self._database.close()

    def add(self, kind: BlobKind, blob: BlobId) -> bool:
        """Take it in; whether it is new here."""
        return self._database.execute(_INSERT, (blob, kind)).rowcount > 0

    def has(self, kind: BlobKind, blob: BlobId) -> bool:
        """Whether a snapshot needs it."""
        query = "SELECT 1 FROM blobs WHERE id = ? AND kind = ?"
        return self._database.execute(query, (blob, kind)).fetchone() is not None

    def __iter__(self) -> Iterator[tuple[BlobKind, BlobId]]:
        """All of them."""
        for blob, kind in self._database.execute("SELECT id, kind FROM blobs"):
            yield BlobKind(kind), blob


_INSERT = "INSERT OR IGNORE INTO blobs VALUES (?, ?)"


def find_usage(repository: Repository, trees: Iterable[str]) -> Usage:
    """What the trees of those ids need, themselves included; each tree is read once.

    Raises:
        GuardRefused: no index names one of the trees, or its pack is gone.
        Damaged: one of them is not what was saved.
    """
    usage = Usage()
    try:
        with ThreadPoolExecutor(_READERS, "springtide-usage") as readers:
            waiting = [root for tree in trees if usage.add(BlobKind.TREE, root := _id(tree))]
            while waiting:
                waiting, now = waiting[:-_TREES_AT_ONCE], waiting[-_TREES_AT_ONCE:]
                for found in readers.map(lambda tree: _load(repository, tree), now):
                    waiting.extend(_taken(usage, found))
    except BaseException:
        usage.close()
        raise
    return usage


def _load(repository: Repository, tree: BlobId) -> bytes:
    try:
        return repository.load(BlobKind.TREE, tree)
    except NotFound as error:
        raise GuardRefused(
            f"a snapshot needs the tree {tree.hex()}, which is not found: the listing of the index"
            " is late, or the repository is damaged; so nothing is known of what is not needed"
        ) from error


def _taken(usage: Usage, tree: bytes) -> Iterator[BlobId]:
    """Take in what the tree names; the trees below it that are new here."""
    below, content = links_of(tree)
    for blob in content:
        usage.add(BlobKind.DATA, blob)
    for subtree in below.values():
        if usage.add(BlobKind.TREE, subtree):
            yield subtree


def _id(text: str) -> BlobId:
    return bytes.fromhex(text)
