"""Which blob stands where: an SQLite file of this machine, made anew from what the store holds.

Nothing is lost with it. It keeps memory flat: fifteen million chunks are two gigabytes of disk.
"""

import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import NamedTuple

from springtide.vault.blobs import BlobId, BlobKind, BlobPlace, PackEntry

_SCHEMA = """
PRAGMA journal_mode = WAL;
PRAGMA synchronous = OFF;
PRAGMA cache_size = -65536;
BEGIN IMMEDIATE;
CREATE TABLE IF NOT EXISTS documents (id TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS packs (
  number INTEGER PRIMARY KEY, id BLOB NOT NULL UNIQUE
);
CREATE TABLE IF NOT EXISTS blobs (
  id BLOB NOT NULL, kind TEXT NOT NULL, pack INTEGER NOT NULL,
  start INTEGER NOT NULL, length INTEGER NOT NULL, raw_length INTEGER NOT NULL,
  compressed INTEGER NOT NULL, PRIMARY KEY (id, kind, pack)
) WITHOUT ROWID;
PRAGMA user_version = 2;
COMMIT;
CREATE TEMPORARY TABLE IF NOT EXISTS staged (
  id BLOB, kind TEXT, pack INTEGER, start INTEGER, length INTEGER, raw_length INTEGER,
  compressed INTEGER, pack_id BLOB
);
"""
_VERSION = 2
"""Of the tables; a file with others is made anew."""
_FOREIGN = {sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT}
_PATIENCE_S = 60
"""Another run on this machine may be at work on the same file."""
_STAGE = "INSERT INTO staged VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
_TAKE_IN = """
INSERT OR IGNORE INTO packs (id) SELECT DISTINCT pack_id FROM staged;
INSERT OR IGNORE INTO blobs
  SELECT s.id, kind, packs.number, start, length, raw_length, compressed
  FROM staged AS s JOIN packs ON packs.id = s.pack_id ORDER BY s.id, kind;
DELETE FROM staged
"""
_PLACES = """
SELECT blobs.id, packs.id, start, length, raw_length, compressed
FROM blobs JOIN packs ON packs.number = blobs.pack
WHERE kind = ? AND blobs.id IN ({})
"""
_ENTRIES = """
SELECT packs.id, kind, blobs.id, start, length, raw_length, compressed
FROM blobs JOIN packs ON packs.number = blobs.pack
"""
_KINDS = {str(kind): kind for kind in BlobKind}
_MOST_ASKED = 256
"""Well below the parameters that a statement may have."""
_ReadDocuments = Callable[[Iterable[str]], Iterable[tuple[str, Iterable[PackEntry]]]]
"""Those of the ids that can be read, each with what it names."""


class PackContents(NamedTuple):
    """What a pack holds, in sum."""

    pack: bytes
    """Its id."""
    size: int
    """Of its sealed blobs, in bytes."""
    blobs: int
    compressed: int
    """So many of the blobs are."""


class BlobIndex:
    """Blobs and where they stand; safe to be used by several threads at once."""

    def __init__(self, path: Path) -> None:
        """Opened where it is, or made; a file that is no index of ours is made anew."""
        path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = threading.Lock()
        self._retired: frozenset[bytes] = frozenset()
        if not _is_usable(path):
            path.unlink()
        self._database = _connected(path)
        self._database.executescript(_SCHEMA)

    def has(self, kind: BlobKind, blob: BlobId) -> bool:
        """Whether a writer may count on it: packs that are about to go don't count."""
        place = self.place(kind, blob)
        return place is not None and place.pack not in self._retired

    def having(self, kind: BlobKind, blobs: Sequence[BlobId]) -> set[BlobId]:
        """Those of the blobs on which a writer may count, as `has` says of each."""
        places = self.places(kind, blobs)
        return {blob for blob, place in places.items() if place.pack not in self._retired}

    def place(self, kind: BlobKind, blob: BlobId) -> BlobPlace | None:
        """Where it stands; rather in a pack that is to stay."""
        return self.places(kind, (blob,)).get(blob)

    def places(self, kind: BlobKind, blobs: Sequence[BlobId]) -> dict[BlobId, BlobPlace]:
        """Where those of the blobs stand that it names, as `place` says of each; in less time."""
        found: dict[BlobId, BlobPlace] = {}
        for start in range(0, len(blobs), _MOST_ASKED):
            asked = blobs[start : start + _MOST_ASKED]
            query = _PLACES.format(", ".join("?" * len(asked)))
            with self._lock:
                rows = self._database.execute(query, (kind, *asked)).fetchall()
            for blob, pack, begin, length, raw_length, compressed in rows:
                place = BlobPlace(pack, begin, length, raw_length, bool(compressed))
                earlier = found.get(blob)
                if earlier is None or self._rank(place) < self._rank(earlier):
                    found[blob] = place
        return found

    def _rank(self, place: BlobPlace) -> tuple[bool, bytes]:
        """Of several places the first: always the same one, as prune counts on it."""
        return place.pack in self._retired, place.pack

    def documents(self) -> set[str]:
        """The ids of the index documents that it was made from."""
        with self._lock:
            return self._documents()

    def packs(self) -> set[bytes]:
        """The ids of all packs that it names."""
        with self._lock:
            return {row[0] for row in self._database.execute("SELECT id FROM packs")}

    def contents(self) -> Iterator[PackContents]:
        """What each pack holds, in sum."""
        query = (
            "SELECT packs.id, sum(length), count(*), sum(compressed) FROM packs"
            " JOIN blobs ON packs.number = blobs.pack GROUP BY packs.number"
        )
        with self._lock:
            rows = self._database.execute(query).fetchall()
        for row in rows:
            yield PackContents(*row)

    def by_pack(self) -> Iterator[tuple[bytes, list[PackEntry]]]:
        """Each pack by its id, with its blobs in their order; meanwhile nothing is to be added.

        One pass over all there is: asked pack by pack, each question would be such a pass.
        """
        with self._lock:
            rows = self._database.execute(f"{_ENTRIES} ORDER BY packs.id, start")
        for pack, found in groupby(rows, key=itemgetter(0)):
            yield pack, [_entry(row) for row in found]

    def names(self, pack: bytes, entries: Sequence[PackEntry]) -> bool:
        """Whether it says of all those blobs that they stand just there in the pack."""
        for start in range(0, len(entries), _MOST_ASKED):
            asked = entries[start : start + _MOST_ASKED]
            marks = ", ".join("?" * len(asked))
            query = f"{_ENTRIES} WHERE packs.id = ? AND blobs.id IN ({marks})"
            with self._lock:
                rows = self._database.execute(query, (pack, *(entry.id for entry in asked)))
                found = {_entry(row) for row in rows}
            if not found.issuperset(asked):
                return False
        return True

    def add(self, entries: Iterable[PackEntry], document: str | None = None) -> None:
        """Take in blobs, e.g. all of an index document; those known already change nothing."""
        with self._lock, self._database:
            numbers: dict[bytes, int] = {}
            rows = (_row(entry, self._number(entry.place.pack, numbers)) for entry in entries)
            self._database.executemany(
                "INSERT OR IGNORE INTO blobs VALUES (?, ?, ?, ?, ?, ?, ?)", rows
            )
            if document is not None:
                self._database.execute("INSERT OR IGNORE INTO documents VALUES (?)", (document,))

    def add_all(self, documents: Iterable[tuple[str, Iterable[PackEntry]]]) -> None:
        """Take in many documents; all of them are known when this returns, and before it none.

        They go in by the order of their ids: one by one, each would touch nearly every page there
        is. Until the last has come nobody else waits for the file.
        """
        with self._lock, self._database:
            self._database.execute("DELETE FROM staged")
            self._take_in(self._stage(documents))

    def follow(
        self, listed: AbstractSet[str], known: AbstractSet[str], read: _ReadDocuments
    ) -> None:
        """Hold what the listed documents name; `known` are those that it held before the listing.

        One of them is not listed any more: what it named may be gone, and all are read. For others
        who read the file it changes at once then. What they have added meanwhile stays.
        """
        if known <= listed:
            self.add_all(read(listed - known))
            return
        with self._lock, self._database:
            self._database.execute("DELETE FROM staged")
            names = self._stage(read(listed))
            self._forget("blobs", "packs")  # from here on nobody else adds
            names += self._stage(read(self._documents() - known - listed))
            self._forget("documents")
            self._take_in(names)

    def _stage(self, documents: Iterable[tuple[str, Iterable[PackEntry]]]) -> list[tuple[str]]:
        names = []
        for name, entries in documents:
            rows = ((*_row(entry, 0), entry.place.pack) for entry in entries)
            self._database.executemany(_STAGE, rows)
            names.append((name,))
        return names

    def _take_in(self, names: list[tuple[str]]) -> None:
        for statement in _TAKE_IN.split(";"):
            self._database.execute(statement)
        self._database.executemany("INSERT OR IGNORE INTO documents VALUES (?)", names)

    def _forget(self, *tables: str) -> None:
        for table in tables:
            self._database.execute(f"DELETE FROM {table}")  # noqa: S608 - our own names

    def retire(self, packs: Iterable[bytes]) -> None:
        """Have writers count no more on those packs, and on no others but those.

        It holds for this object alone: other runs on this machine read the same file, and each
        knows by its own session what is about to go.
        """
        self._retired = frozenset(packs)

    def clear(self) -> None:
        """Forget all."""
        with self._lock, self._database:
            self._forget("blobs", "packs", "documents")

    def count(self) -> int:
        """How many blobs it names."""
        with self._lock:
            return int(self._database.execute("SELECT count(*) FROM blobs").fetchone()[0])

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            self._database.close()

    def _documents(self) -> set[str]:
        return {row[0] for row in self._database.execute("SELECT id FROM documents")}

    def _number(self, pack: bytes, numbers: dict[bytes, int]) -> int:
        if pack not in numbers:
            self._database.execute("INSERT OR IGNORE INTO packs (id) VALUES (?)", (pack,))
            found = self._database.execute("SELECT number FROM packs WHERE id = ?", (pack,))
            numbers[pack] = int(found.fetchone()[0])
        return numbers[pack]


def _connected(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(path, check_same_thread=False, timeout=_PATIENCE_S)


def _is_usable(path: Path) -> bool:
    """Whether it is an index of ours, or nothing as yet."""
    database = _connected(path)
    try:
        # In one statement: another run may be making the tables between two.
        version, tables = database.execute(
            "SELECT user_version, (SELECT count(*) FROM sqlite_master) FROM pragma_user_version"
        ).fetchone()
    except sqlite3.DatabaseError as error:
        # The extended codes have more bits. Whatever else is wrong, e.g. a full disk, is no
        # reason to delete what another run may be reading.
        if error.sqlite_errorcode & 0xFF in _FOREIGN:
            return False
        raise
    finally:
        database.close()
    return version == _VERSION or not tables


def _entry(row: tuple[bytes, str, bytes, int, int, int, int]) -> PackEntry:
    pack, kind, blob, start, length, raw_length, compressed = row
    place = BlobPlace(pack, start, length, raw_length, bool(compressed))
    return PackEntry(_KINDS[kind], blob, place)


def _row(entry: PackEntry, pack: int) -> tuple[object, ...]:
    place = entry.place
    start = (entry.id, entry.kind, pack, place.offset)
    return (*start, place.length, place.raw_length, place.compressed)
