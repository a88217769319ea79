"""A store as prune has to fear it: it lags, its clock moves by hand, and calls can be stopped."""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from enum import Enum
from pathlib import Path

from springtide.errors import Damaged, GuardRefused, NotFound
from springtide.model.object_storage import Store, StoredObject
from springtide.model.retention import PrunePolicy
from springtide.vault.blobs import BlobKind
from springtide.vault.packs import OpenPack
from springtide.vault.repository import Identity, Repository
from springtide.vault.sealing import SealingKey
from springtide.vault.sessions import write_session
from springtide.vault.snapshots import Snapshot, list_snapshots, save_snapshot
from springtide.vault.usage import find_usage

LAG_S = 10
GRACE_S = 100
SESSION_S = 300
POLICY = PrunePolicy(
    listing_lag=timedelta(seconds=LAG_S),
    grace=timedelta(seconds=GRACE_S),
    session_age=timedelta(seconds=SESSION_S),
    resume_within=timedelta(0),
    waste_share=0.4,
)
IDENTITY = Identity("backup", "prune-test")
BEGINNING = datetime(2026, 3, 1, 12, tzinfo=UTC)
_KEY = SealingKey.random()


class Lag(Enum):
    """How a listing is late; by as much as the world's lag at most."""

    NONE = "it shows what is there"
    ALL = "it shows what was there a lag ago"
    NEW = "it misses what is new, and knows what is gone"
    GONE = "it shows what is new, and names what is gone"


class Killed(BaseException):
    """The process is dead: whatever it tries from now on has no effect."""


class World:
    """Objects in memory, a clock, and what became of each name."""

    def __init__(self) -> None:
        """Empty."""
        self.objects: dict[str, bytes] = {}
        self.clock_s = 0
        self.lag = Lag.NONE
        self._put: dict[str, int] = {}
        self._deleted: dict[str, tuple[int, int]] = {}

    def put(self, name: str, data: bytes) -> None:
        """As `Store.put`."""
        there = self.objects.setdefault(name, data)
        if len(there) != len(data):
            raise Damaged(name, objects=(name,))
        self._put.setdefault(name, self.clock_s)

    def get(self, name: str, *, start: int = 0, length: int | None = None) -> bytes:
        """As `Store.get`."""
        if name not in self.objects:
            raise NotFound(name)
        data = self.objects[name]
        return data[start:] if length is None else data[start : start + length]

    def size(self, name: str) -> int | None:
        """As `Store.size`."""
        return len(self.objects[name]) if name in self.objects else None

    def listing(self, prefix: str) -> Iterator[StoredObject]:
        """As `Store.listing`; as late as `lag` says."""
        since = self.clock_s - LAG_S
        misses, names_gone = self.lag in {Lag.ALL, Lag.NEW}, self.lag in {Lag.ALL, Lag.GONE}
        found = {
            name: len(data)
            for name, data in self.objects.items()
            if not misses or self._put[name] < since
        }
        if names_gone:
            gone = self._deleted.items()
            found |= {name: size for name, (at, size) in gone if at >= since}
        for name in sorted(found):
            if name.startswith(prefix):
                yield StoredObject(name, found[name])

    def delete(self, name: str) -> None:
        """As `Store.delete`."""
        data = self.objects.pop(name, None)
        if data is not None and self._put.pop(name) is not None:
            self._deleted[name] = (self.clock_s, len(data))

    def now(self) -> datetime:
        """As `Store.now`."""
        return BEGINNING + timedelta(seconds=self.clock_s)

    def names(self, kind: str) -> list[str]:
        """All that stands below `kind/`."""
        return sorted(name for name in self.objects if name.startswith(f"{kind}/"))


class GuardedStore:
    """A store each of whose calls waits for leave; who is killed gets none."""

    def __init__(self, store: Store, leave: Callable[[str, str], None]) -> None:
        """`leave` is asked before each call, with the call's name and the object's."""
        self._store, self._leave = store, leave

    def put(self, name: str, data: bytes) -> None:
        """As `Store.put`."""
        self._leave("put", name)
        self._store.put(name, data)

    def get(self, name: str, *, start: int = 0, length: int | None = None) -> bytes:
        """As `Store.get`."""
        self._leave("get", name)
        return self._store.get(name, start=start, length=length)

    def size(self, name: str) -> int | None:
        """As `Store.size`."""
        self._leave("size", name)
        return self._store.size(name)

    def listing(self, prefix: str) -> Iterator[StoredObject]:
        """As `Store.listing`, read at once."""
        self._leave("listing", prefix)
        return iter(list(self._store.listing(prefix)))

    def delete(self, name: str) -> None:
        """As `Store.delete`."""
        self._leave("delete", name)
        self._store.delete(name)

    def now(self) -> datetime:
        """As `Store.now`."""
        self._leave("now", "")
        return self._store.now()


def killing_at(number: int) -> Callable[[str, str], None]:
    """Leave for so many calls, and for none after."""
    left = [number]

    def leave(_call: str, _name: str) -> None:
        if left[0] <= 0:
            raise Killed
        left[0] -= 1

    return leave


def opened(store: Store, machine: Path) -> Repository:
    """The world's repository as a machine with that folder opens it, without its password."""
    return Repository(store, _KEY, id_="0" * 64, work_folder=machine)


def content(name: str) -> bytes:
    """A file's content: three hundred bytes that don't shrink."""
    return b"".join(hashlib.sha256(f"{name}{n}".encode()).digest() for n in range(10))


def put_pack(repository: Repository, kind: BlobKind, *plains: bytes) -> bytes:
    """Store these in one pack, named by an index; the pack's id."""
    pack = OpenPack()
    for plain in plains:
        blob = hashlib.sha256(plain).digest()
        pack.add(kind, blob, repository.key.seal(plain), (len(plain), False))
    finished = pack.finish(repository.key)
    repository.store.put(f"data/{finished.id.hex()[:2]}/{finished.id.hex()}", finished.data)
    repository.add_to_index({finished.id: finished.entries})
    return finished.id


def tree_of(*names: str) -> bytes:
    """A tree with one file of each content."""
    ids = {name: hashlib.sha256(content(name)).hexdigest() for name in names}
    nodes = [{"name": name, "type": "file", "content": [id_]} for name, id_ in ids.items()]
    return json.dumps({"nodes": nodes}).encode()


def store_tree(repository: Repository, names: Iterable[str]) -> Snapshot:
    """Have a tree with those contents stored, each blob in a pack of its own; its snapshot."""
    named = sorted(names)
    for name in named:
        if repository.save(BlobKind.DATA, content(name)).new:
            repository.flush()
    tree = repository.save(BlobKind.TREE, tree_of(*named)).id
    repository.flush()
    time = repository.store.now()
    return Snapshot(time=time, tree=tree.hex(), paths=("/srv",), hostname="web-1")


def back_up(repository: Repository, names: Iterable[str]) -> Snapshot:
    """A backup as it has to be: in a session, and committed only while that lasts."""
    with write_session(repository, identity=IDENTITY, policy=POLICY) as session:
        snapshot = store_tree(repository, names)
        session.refuse_if_expired()
        return save_snapshot(repository, snapshot)


def missing_blobs(world: World, machine: Path) -> list[str]:
    """What cannot be loaded of all committed snapshots, by a reader who knows nothing yet."""
    lag, world.lag = world.lag, Lag.NONE
    try:
        with opened(world, machine) as reader:
            reader.index.clear()
            reader.load_index()
            return list(_unloadable(reader))
    finally:
        world.lag = lag


def _unloadable(reader: Repository) -> Iterator[str]:
    for snapshot in list_snapshots(reader):
        try:
            with find_usage(reader, [snapshot.tree]) as usage:
                for kind, blob in usage:
                    reader.load(kind, blob)
        except (NotFound, GuardRefused) as error:
            yield str(error)
