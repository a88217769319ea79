"""A repository: blobs and documents, over a store; read and written by several threads at once."""

import hashlib
import json
import secrets
import threading
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, Self

from springtide.errors import Damaged, Misconfigured, NotFound
from springtide.model.object_storage import Store
from springtide.vault.blobs import (
    BlobId,
    BlobKind,
    BlobPlace,
    PackEntry,
    SavedBlob,
    blob_id,
    pack_name,
)
from springtide.vault.compression import compressed, compressed_many, decompressed
from springtide.vault.index import BlobIndex
from springtide.vault.index_documents import index_document, parse_index, parted
from springtide.vault.key_files import find_key
from springtide.vault.key_roles import first_key, withdraw_key
from springtide.vault.memory import share_one_heap
from springtide.vault.packs import FinishedPack
from springtide.vault.polynomials import random_irreducible
from springtide.vault.sealing import SealingKey
from springtide.vault.writing import PackWriter

VERSION = 2
_CONFIG = "config"
_COMPRESSED_MARK = b"\x02"
_PACKS_AN_INDEX = 16
"""An index is written after so many packs: what a killed run has stored is mostly named then."""
_READERS = 4


@dataclass(frozen=True)
class Identity:
    """Who writes, as locks, snapshots and key files tell it; sealed but for the key files."""

    username: str
    hostname: str


@dataclass(frozen=True)
class StoredPack:
    """A pack that this run has stored."""

    id: bytes
    size: int
    """In bytes."""


class Repository:
    """One repository, opened with its key. Use it as a context, or `close` it."""

    def __init__(self, store: Store, key: SealingKey, *, id_: str, work_folder: Path) -> None:
        """Rather `create` or `open`."""
        self.store = store
        self.key = key
        self.id = id_
        """64 hexadecimal digits: which repository it is, wherever it stands."""
        self.index = BlobIndex(work_folder / f"{id_}.sqlite")
        self.stored: list[StoredPack] = []
        """What this run has stored, in the order of its confirmation."""
        share_one_heap()
        self._writer = PackWriter(store, key, self._take_pack)
        self._lock = threading.RLock()
        self._flushing = threading.Lock()
        self._added = threading.Condition(self._lock)
        self._in_hand: set[tuple[BlobKind, BlobId]] = set()
        self._pending: set[tuple[BlobKind, BlobId]] = set()
        self._unindexed: list[tuple[bytes, tuple[PackEntry, ...]]] = []
        """Ids and blobs of packs; not their data, which would fill the memory."""

    @classmethod
    def create(
        cls,
        store: Store,
        password: bytes,
        *,
        identity: Identity,
        work_folder: Path,
        recipients: Sequence[str] = (),
    ) -> Self:
        """Make a repository where none stands, or end a creation that was cut short.

        Where there are recipients the password is in escrow for them before anything else stands.

        Raises:
            Misconfigured: one stands there already, or somebody else made one at the same time; or
                as `store_password`.
            GuardRefused: a creation was cut short that had another password.
        """
        if store.size(_CONFIG) is not None:
            raise Misconfigured("a repository stands there already", field="vault")
        if any(True for kind in ("index/", "data/") for _ in store.listing(kind)):
            raise Misconfigured("a repository stands there that has lost its config", field="vault")
        user = (identity.username, identity.hostname)
        key, own = first_key(store, password, user=user, recipients=recipients)
        id_ = secrets.token_hex(32)
        config = {
            "version": VERSION,
            "id": id_,
            "chunker_polynomial": f"{random_irreducible():x}",
        }
        data = key.seal(json.dumps(config).encode())
        with suppress(Damaged):  # another's stands there, which is asked next
            store.put(_CONFIG, data)
        if store.get(_CONFIG) != data:
            if own is not None:
                withdraw_key(store, own)
            raise Misconfigured("a repository was made there meanwhile", field="vault")
        return cls(store, key, id_=id_, work_folder=work_folder)

    @classmethod
    def open(cls, store: Store, password: bytes, *, work_folder: Path) -> Self:
        """Open the repository that stands there; its index is not read yet.

        Raises:
            Misconfigured: there is none, or it is of another version.
            GuardRefused: the password opens none of its key files.
            Damaged: its configuration cannot be read.
        """
        key, _ = find_key(store, password)
        try:
            config = json.loads(key.open(store.get(_CONFIG)))
        except NotFound as error:
            raise Misconfigured("the repository has keys and no config", field="vault") from error
        except (Damaged, ValueError) as error:
            raise Damaged("the configuration cannot be read", objects=(_CONFIG,)) from error
        if config["version"] != VERSION:
            raise Misconfigured(
                f"the repository is of version {config['version']}", field="vault", allowed="2"
            )
        return cls(store, key, id_=config["id"], work_folder=work_folder)

    def __enter__(self) -> Self:
        """As it is."""
        return self

    def __exit__(self, *_: object) -> None:
        """Let go of threads and files; what was not flushed is not stored."""
        self.close()

    def close(self) -> None:
        """Let go of threads and files; what was not flushed is not stored."""
        self._writer.close()
        self.index.close()

    def load_index(self) -> None:
        """Know what the store's index documents name; those read before are not read again.

        Raises:
            Damaged: one of them cannot be read; the others are known all the same.
        """
        known = self.index.documents()
        listed = {found.name.removeprefix("index/") for found in self.store.listing("index/")}
        # Not listed as yet, or superseded: the object's own answer counts.
        listed |= {name for name in known - listed if self.store.size(f"index/{name}") is not None}
        damaged: list[str] = []
        with ThreadPoolExecutor(_READERS, "springtide-index") as readers:
            self.index.follow(listed, known, partial(self._read_indexes, readers, damaged))
        if damaged:
            raise Damaged("an index cannot be read", objects=tuple(damaged))

    def has(self, kind: BlobKind, blob: BlobId) -> bool:
        """Whether the blob need not be saved: it is stored, or on its way by this run."""
        return blob in self.having(kind, (blob,))

    def having(self, kind: BlobKind, blobs: Sequence[BlobId]) -> set[BlobId]:
        """Those of the blobs that need not be saved, as `has` says of each; in less time."""
        with self._lock:
            pending = {blob for blob in blobs if (kind, blob) in self._pending}
            return pending | self.index.having(kind, blobs)

    def place(self, kind: BlobKind, blob: BlobId) -> BlobPlace:
        """Where the blob stands.

        Raises:
            NotFound: no index names it.
        """
        found = self.index.place(kind, blob)
        if found is None:
            raise NotFound(f"no index names the {kind} blob {blob.hex()}")
        return found

    def save(self, kind: BlobKind, plain: bytes) -> SavedBlob:
        """Have the blob stored, unless it is; certain after the next `flush` only.

        Raises:
            Retryable, Damaged, Misconfigured: an earlier pack could not be stored.
        """
        blob = blob_id(plain)
        name = (kind, blob)
        with self._lock:
            if name in self._pending or self.index.has(kind, blob):
                return SavedBlob(blob, new=False)
            self._pending.add(name)
            self._in_hand.add(name)
        sealed = None
        try:
            small = compressed(plain)
            shrunk = len(small) < len(plain)
            sealed = self.key.seal(small if shrunk else plain)
            self._writer.add(kind, blob, sealed, (len(plain), shrunk))
        finally:
            with self._added:
                self._in_hand.discard(name)
                if sealed is None:
                    self._pending.discard(name)
                self._added.notify_all()
        return SavedBlob(blob, new=True)

    def save_many(self, kind: BlobKind, plains: Sequence[bytes]) -> list[SavedBlob]:
        """Have many small blobs stored, unless they are; as `save` does with each, in less time.

        Raises:
            Retryable, Damaged, Misconfigured: an earlier pack could not be stored.
        """
        blobs = [blob_id(plain) for plain in plains]
        with self._lock:
            known = self.having(kind, blobs)
            new = {b: plain for b, plain in zip(blobs, plains, strict=True) if b not in known}
            names = {(kind, blob) for blob in new}
            self._pending |= names
            self._in_hand |= names
        left = set(names)
        try:
            frames = compressed_many(list(new.values()))
            for (blob, plain), small in zip(new.items(), frames, strict=True):
                shrunk = len(small) < len(plain)
                sealed = self.key.seal(small if shrunk else plain)
                self._writer.add(kind, blob, sealed, (len(plain), shrunk))
                left.discard((kind, blob))
        finally:
            with self._added:
                self._in_hand -= names
                self._pending -= left
                self._added.notify_all()
        return [SavedBlob(blob, new=new.pop(blob, None) is not None) for blob in blobs]

    def load(self, kind: BlobKind, blob: BlobId) -> bytes:
        """The blob's plain content; its hash was computed anew.

        Raises:
            NotFound: no index names it, or its pack is gone.
            Damaged: it is not what was saved.
        """
        place = self.place(kind, blob)
        name = pack_name(place.pack)
        sealed = self.store.get(name, start=place.offset, length=place.length)
        return self.unsealed(PackEntry(kind, blob, place), sealed)

    def unsealed(self, entry: PackEntry, sealed: bytes | memoryview) -> bytes:
        """The plain content of a blob whose bytes have been read.

        Raises:
            Damaged: it is not what was saved.
        """
        name = pack_name(entry.place.pack)
        try:
            plain = self.key.open(sealed)
            if entry.place.compressed:
                plain = decompressed(plain)
        except Damaged as error:
            raise Damaged(f"blob {entry.id.hex()} in {name}: {error}", objects=(name,)) from error
        if blob_id(plain) != entry.id:
            raise Damaged(f"blob {entry.id.hex()} in {name} has another hash", objects=(name,))
        return plain

    def flush(self) -> None:
        """Store all that was saved, and name it in an index; after this it is there to stay.

        Raises:
            Retryable, Damaged, Misconfigured: something could not be stored; the next call of this
                tries it again.
        """
        with self._flushing:
            with self._added:
                # Another thread's `save` may have said "not new" for one of these.
                in_hand = set(self._in_hand)
                self._added.wait_for(lambda: in_hand.isdisjoint(self._in_hand))
            self._writer.flush()
            with self._lock:
                finished, self._unindexed = self._unindexed, []
            self._write_index(finished)

    def add_to_index(self, packs: Mapping[bytes, tuple[PackEntry, ...]]) -> None:
        """Write an index of packs that are stored and that no index names."""
        for part in parted(packs):
            document = self.save_document("index", index_document(part))
            self.index.add((entry for entries in part.values() for entry in entries), document)

    def save_document(self, kind: str, document: Mapping[str, Any]) -> str:
        """Store a sealed document below `kind/`; its id."""
        plain = json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode()
        data = self.key.seal(_COMPRESSED_MARK + compressed(plain))
        name = hashlib.sha256(data).hexdigest()
        self.store.put(f"{kind}/{name}", data)
        return name

    def load_document(self, kind: str, document: str) -> dict[str, Any]:
        """A document by its id.

        Raises:
            NotFound: there is no such document.
            Damaged: it is not what was saved.
        """
        name = f"{kind}/{document}"
        data = self.store.get(name)
        if hashlib.sha256(data).hexdigest() != document:
            raise Damaged(f"{name} has another hash", objects=(name,))
        try:
            plain = self.key.open(data)
            if plain[:1] == _COMPRESSED_MARK:
                plain = decompressed(memoryview(plain)[1:])
            found: dict[str, Any] = json.loads(plain)
        except (Damaged, ValueError) as error:
            raise Damaged(f"{name} cannot be read", objects=(name,)) from error
        return found

    def documents(self, kind: str) -> Iterator[tuple[str, dict[str, Any]]]:
        """All documents of a kind with their ids; one that went meanwhile is left out.

        Raises:
            Damaged: some are not what was saved; after all the others.
        """
        damaged: list[str] = []
        for found in self.store.listing(f"{kind}/"):
            document = found.name.removeprefix(f"{kind}/")
            try:
                loaded = self.load_document(kind, document)
            except NotFound:
                continue
            except Damaged:
                damaged.append(found.name)
                continue
            yield document, loaded
        if damaged:
            raise Damaged(f"{', '.join(damaged[:3])} cannot be read", objects=tuple(damaged))

    def remove_document(self, kind: str, document: str) -> None:
        """Remove a document; gone already is success."""
        self.store.delete(f"{kind}/{document}")

    def _take_pack(self, pack: FinishedPack) -> None:
        with self._lock:
            self.stored.append(StoredPack(pack.id, len(pack.data)))
            self._unindexed.append((pack.id, pack.entries))
            if len(self._unindexed) < _PACKS_AN_INDEX:
                return
            finished, self._unindexed = self._unindexed, []
        self._write_index(finished)

    def _write_index(self, finished: list[tuple[bytes, tuple[PackEntry, ...]]]) -> None:
        try:
            self.add_to_index(dict(finished))
        except BaseException:
            with self._lock:
                self._unindexed = finished + self._unindexed
            raise
        with self._lock:
            for _, entries in finished:
                self._pending -= {(entry.kind, entry.id) for entry in entries}

    def _read_indexes(
        self, readers: ThreadPoolExecutor, damaged: list[str], names: Iterable[str]
    ) -> Iterator[tuple[str, list[PackEntry]]]:
        """The documents that can be read, a few of them ahead of who takes them in."""
        ahead: deque[Future[tuple[str, list[PackEntry] | None]]] = deque()
        waiting = iter(sorted(names))
        while True:
            for name in islice(waiting, _READERS - len(ahead)):
                ahead.append(readers.submit(self._read_index, name))
            if not ahead:
                return
            read, entries = ahead.popleft().result()
            if entries is None:
                damaged.append(f"index/{read}")
            elif entries:
                yield read, entries

    def _read_index(self, name: str) -> tuple[str, list[PackEntry] | None]:
        try:
            return name, list(parse_index(self.load_document("index", name)))
        except NotFound:
            return name, []  # superseded since the listing, or not to be seen as yet
        except (Damaged, KeyError, TypeError, ValueError):
            return name, None
