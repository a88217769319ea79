"""Builders for tests of the core: repositories, a known tree, stores that misbehave, and restic."""

import json
import os
import random
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from springtide.errors import NotFound
from springtide.model.object_storage import Store, StoredObject
from springtide.vault.blobs import BlobId, BlobKind, BlobPlace, PackEntry, blob_id
from springtide.vault.index import BlobIndex
from springtide.vault.packs import FinishedPack, OpenPack, read_header
from springtide.vault.repository import Repository
from springtide.vault.sealing import SealingKey
from springtide.vault.snapshots import Snapshot, save_snapshot
from tests.vault.folder_store import FolderStore
from tests.vault.places import PASSWORD

KIB = 1024
MIB = 1024 * KIB
_AN_INSTANT = "2020-03-16T18:00:00Z"


def opened(folder: Path, store: Store | None = None, *, work: str = "other-work") -> Repository:
    """The repository of that folder, on an index of its own, which is not read yet."""
    store = store or FolderStore(folder / "repository")
    return Repository.open(store, PASSWORD, work_folder=folder / work)


def contents(count: int, *, size: int = 2 * KIB, seed: int = 0) -> list[bytes]:
    """So many contents; every second one cannot be compressed."""
    chance = random.Random(seed)  # noqa: S311 - the same at each run
    return [
        chance.randbytes(size) if number % 2 else chance.randbytes(32) * (size // 32)
        for number in range(count)
    ]


def saved(repository: Repository, plains: list[bytes]) -> dict[BlobId, bytes]:
    """Those contents as flushed data blobs."""
    found = {repository.save(BlobKind.DATA, plain).id: plain for plain in plains}
    repository.flush()
    return found


def loaded(repository: Repository, blobs: Mapping[BlobId, bytes]) -> dict[BlobId, bytes]:
    """The same blobs as the repository has them."""
    return {blob: repository.load(BlobKind.DATA, blob) for blob in blobs}


def save_tree(repository: Repository, files: Mapping[str, bytes]) -> Snapshot:
    """A snapshot of a tree of those files, one blob each, with all that it needs."""
    nodes = [
        {
            "name": name,
            "type": "file",
            "mode": 0o644,
            "mtime": _AN_INSTANT,
            "atime": _AN_INSTANT,
            "ctime": _AN_INSTANT,
            "uid": 0,
            "gid": 0,
            "size": len(plain),
            "content": [repository.save(BlobKind.DATA, plain).id.hex()] if plain else [],
        }
        for name, plain in sorted(files.items())
    ]
    document = json.dumps({"nodes": nodes}, separators=(",", ":")) + "\n"
    tree = repository.save(BlobKind.TREE, document.encode()).id
    repository.flush()
    return save_snapshot(repository, a_snapshot(repository, tree.hex()))


def a_snapshot(repository: Repository, tree: str = "ab" * 32) -> Snapshot:
    """A snapshot of that tree, not stored."""
    return Snapshot(
        time=repository.store.now(), tree=tree, paths=("/srv/documents",), hostname="vault-test"
    )


def a_pack(
    key: SealingKey, plains: list[bytes], *, kind: BlobKind = BlobKind.DATA, raw: int = 0
) -> FinishedPack:
    """A pack of blobs as they are; with `raw`, each named as compressed from so many bytes."""
    pack = OpenPack()
    for plain in plains:
        pack.add(kind, blob_id(plain), key.seal(plain), (raw or len(plain), bool(raw)))
    return pack.finish(key)


def an_entry(number: int, *, pack: int = 0, kind: BlobKind = BlobKind.DATA) -> PackEntry:
    """An entry of a made-up blob in a made-up pack, the blobs one after another."""
    place = BlobPlace(bytes([pack]) * 32, number * 100, 100, 68, compressed=False)
    return PackEntry(kind, number.to_bytes(32), place)


def entries_of(index: BlobIndex, pack: bytes) -> list[PackEntry]:
    """The blobs of one pack, in their order, as the index has them."""
    return dict(index.by_pack()).get(pack, [])


def named_by_headers(repository: Repository) -> list[tuple[BlobKind, BlobId]]:
    """Every blob of every pack, as often as it is stored, by the packs' own headers."""
    return [
        (entry.kind, entry.id)
        for listed in repository.store.listing("data/")
        for entry in read_header(
            repository.key, repository.store, pack_id(listed.name), listed.size
        )
    ]


def pack_id(name: str) -> bytes:
    """The id in a pack's object name."""
    return bytes.fromhex(name.rpartition("/")[2])


def names(store: Store, prefix: str = "") -> list[str]:
    """The names of all objects below that."""
    return [listed.name for listed in store.listing(prefix)]


def flip(file: Path, position: int, bit: int = 0) -> None:
    """Change one bit of a file; twice is not at all. A position below 0 counts from the end."""
    data = bytearray(file.read_bytes())
    data[position] ^= 1 << bit
    file.write_bytes(data)


class WatchedStore(FolderStore):
    """A folder that asks before each write, and remembers the writes that were made."""

    def __init__(self, folder: Path, before: Callable[[str], None] = lambda _: None) -> None:
        """What `before` raises goes to the writer."""
        super().__init__(folder)
        self.before = before
        self.written: list[str] = []

    def put(self, name: str, data: bytes) -> None:
        """As `Store.put`."""
        self.before(name)
        super().put(name, data)
        self.written.append(name)


@dataclass
class Failing:
    """What a `WatchedStore` asks: fails the writes of those numbers, below a prefix."""

    error: Exception
    prefix: str
    numbers: frozenset[int]
    """1: the first. Of several threads' writes it is left to chance which comes first."""
    seen: int = 0

    def __call__(self, name: str) -> None:
        """Fail that write, or not."""
        if name.startswith(self.prefix):
            self.seen += 1
            if self.seen in self.numbers:
                raise self.error


class LateStore(FolderStore):
    """A folder of which one sees the state of some minutes ago."""

    def __init__(
        self,
        folder: Path,
        *,
        unlisted: AbstractSet[str] = frozenset(),
        gone: AbstractSet[str] = frozenset(),
    ) -> None:
        """`unlisted` are there and not in a listing; `gone` are in a listing and not there."""
        super().__init__(folder)
        self.unlisted, self.gone = unlisted, gone

    def get(self, name: str, *, start: int = 0, length: int | None = None) -> bytes:
        """As `Store.get`."""
        if name in self.gone:
            raise NotFound(name)
        return super().get(name, start=start, length=length)

    def listing(self, prefix: str) -> Iterator[StoredObject]:
        """As `Store.listing`."""
        return (found for found in super().listing(prefix) if found.name not in self.unlisted)


@dataclass(frozen=True)
class Restic:
    """restic itself, on the repository of a folder, or of another address."""

    folder: Path
    address: str = ""
    """Instead of `repository` in the folder."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """What it needs to know for that address."""

    def run(self, *arguments: str) -> subprocess.CompletedProcess[bytes]:
        """What it said, whether it succeeded or not. Skips where it is missing; in CI it fails."""
        return subprocess.run(
            self._command(arguments),
            env=self._environment(),
            capture_output=True,
            check=False,
            timeout=120,
        )

    @contextmanager
    def working(self, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
        """It is at work, its input open; killed at the end."""
        with subprocess.Popen(
            self._command(arguments),
            env=self._environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        ) as process:
            try:
                yield process
            finally:
                process.kill()

    def says(self, *arguments: str) -> bytes:
        """What it said; it must have succeeded."""
        found = self.run(*arguments)
        assert (0, b"") == (found.returncode, found.stderr)
        return found.stdout

    def check(self, *options: str) -> None:
        """Whoever calls this has its word that nothing is wrong, all data read."""
        found = self.run("check", "--read-data", *options)
        assert (0, b"") == (found.returncode, found.stderr), found.stdout.decode()
        assert b"no errors were found" in found.stdout

    def _command(self, arguments: Sequence[str]) -> list[str]:
        program = shutil.which("restic")
        if program is None and os.environ.get("CI") == "true":
            pytest.fail("restic is not installed")
        if program is None:
            pytest.skip("restic is not installed")
        address = self.address or str(self.folder / "repository")
        return [program, "--no-cache", "-r", address, *arguments]

    def _environment(self) -> dict[str, str]:
        return {**os.environ, "RESTIC_PASSWORD": PASSWORD.decode(), **self.environment}


def restic_check(folder: Path, *options: str) -> None:
    """As `Restic.check`, of that folder's repository."""
    Restic(folder).check(*options)
