"""Troubles of a backup on Debian's Swift: it is killed, the store is full, lies, or is damaged.

Each ends with restic's word that nothing is wrong, or that just that is wrong which was done.
"""

import re
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from springtide.clouds.swift.store import SwiftStore
from springtide.errors import Damaged, GuardRefused, Retryable
from springtide.model.object_storage import StoredObject
from springtide.model.retention import PrunePolicy
from springtide.sandbox.object_store import ObjectStore
from springtide.vault.adoption import adopt_packs
from springtide.vault.blobs import BlobId, BlobKind, blob_id, pack_name
from springtide.vault.locks import KIND
from springtide.vault.pruning import prune
from springtide.vault.repository import Repository
from springtide.vault.snapshots import list_snapshots
from springtide.vault.verification import verify_repository
from tests.faulty_proxy import Fault, FaultyProxy, Kind
from tests.object_stores import QUICK, RESIDENCY, a_place, restic_on
from tests.vault.killed_writer import back_up, plains
from tests.vault.places import EVERYTHING, IDENTITY, PASSWORD
from tests.vault.vaults import Restic, loaded, named_by_headers, names, opened

pytestmark = pytest.mark.real

ROOT = Path(__file__).parents[3]
START_S = 60.0
KILLS = {
    f"{when} {what}": (path, number, kind)
    for what, path, number in (
        ("the key file", "/keys/", 1),
        ("the config", "/config$", 1),
        ("the lock", "/locks/", 1),
        ("the first pack", "/data/", 1),
        ("the first index", "/index/", 1),
        ("the fourth pack", "/data/", 4),
        ("the third index", "/index/", 3),
        ("the snapshot", "/snapshots/", 1),
    )
    for when, kind in (
        ("before", Kind.HANG),
        ("within", Kind.STALL_REQUEST),
        ("after", Kind.HANG_AFTER),
    )
}
DAY = timedelta(days=1)


class OddStore(SwiftStore):
    """A store whose clock and listings can be wrong."""

    off = timedelta(0)
    unlisted: frozenset[str] = frozenset()
    """Are there, and in no listing."""
    gone: frozenset[str] = frozenset()
    """Are in the listings, and not there any more."""

    def now(self) -> datetime:
        """As wrong as it is set."""
        return super().now() + self.off

    def listing(self, prefix: str) -> Iterator[StoredObject]:
        """As the store has it, but for those."""
        yield from (found for found in super().listing(prefix) if found.name not in self.unlisted)
        yield from (
            StoredObject(name, 1000) for name in sorted(self.gone) if name.startswith(prefix)
        )


@dataclass(frozen=True)
class Vault:
    """A repository's place on the Swift, reached by way of the proxy."""

    store: OddStore
    swift: ObjectStore
    proxy: FaultyProxy
    folder: Path

    def back_up(self, work: str = "work") -> None:
        """A whole backup, by a machine that has its index in that folder."""
        back_up(self.folder, self.store, "small", work=work)

    def killed(self, path: str, number: int, kind: Kind) -> None:
        """A backup in a process of its own that dies at the write of that number."""
        fault = self.proxy.add(Fault("PUT", path, kind, spared=number - 1))
        place = self.store.place.model_dump_json()
        arguments = (self.proxy.url, self.swift.token, place, str(self.folder))
        with subprocess.Popen(
            [sys.executable, "-m", "tests.clouds.swift.writer", *arguments], cwd=ROOT
        ) as process:
            assert fault.hanging.wait(START_S)
            process.kill()
        assert -signal.SIGKILL == process.returncode
        self.proxy.clear()

    def sent(self, kind: str = "data") -> list[str]:
        """The names of the packs that were sent, in their order."""
        calls = self.proxy.calls("PUT", f"/{kind}/")
        return [f"{kind}/" + call.path.partition(f"/{kind}/")[2] for call in calls]

    def opened(self, work: str = "reader") -> Repository:
        """The repository, for one who has not seen it before."""
        return opened(self.folder, self.store, work=work)

    def a_pack_of_files(self) -> str:
        """The name of one with contents: one with a tree would take its snapshot with it."""
        with self.opened("chooser") as repository:
            repository.load_index()
            packs = repository.index.by_pack()
            return next(pack_name(p) for p, found in packs if found[0].kind is BlobKind.DATA)

    def restic(self) -> Restic:
        """Its view of it."""
        return restic_on(self.swift, self.store.place, self.folder)

    def assert_whole(self, snapshots: int | None = None, *, twice: bool = False) -> None:
        """All is there, once unless it may be twice, and restic finds no error."""
        with self.opened("judge") as repository:
            repository.load_index()
            wanted = {blob_id(plain): plain for part in plains("small") for plain in part}
            assert wanted == loaded(repository, wanted)
            stored = Counter(named_by_headers(repository))
            assert twice or {1} == set(stored.values())
            assert wanted.keys() == {blob for kind, blob in stored if kind is BlobKind.DATA}
            found = len(list_snapshots(repository))
            assert found >= 1 if snapshots is None else found == snapshots
            for lock, _ in list(repository.documents(KIND)):  # of one that was killed
                repository.remove_document(KIND, lock)
        self.restic().check()


@pytest.fixture
def vault(debians_swift: ObjectStore, tmp_path: Path) -> Iterator[Vault]:
    """An empty place."""
    place = a_place(prefix="school/a")
    with FaultyProxy(debians_swift.url) as proxy:
        access = (proxy.url, debians_swift.token)
        with OddStore(place, lambda: access, residency=RESIDENCY, policy=QUICK) as store:
            store.make_container()
            yield Vault(store, debians_swift, proxy, tmp_path)


@pytest.mark.parametrize(("path", "number", "kind"), KILLS.values(), ids=KILLS.keys())
def test_a_killed_backup_is_taken_over(vault: Vault, path: str, number: int, kind: Kind) -> None:
    """Sent is what had not arrived, and nothing else."""
    vault.killed(path, number, kind)
    arrived = names(vault.store, "data/")
    vault.back_up()
    assert sorted([*arrived, *vault.sent()]) == names(vault.store, "data/")
    vault.assert_whole()


def test_a_full_store_is_told_and_gone_on_from(vault: Vault) -> None:
    """Swift answers 507 from the second pack on; once there is room, no pack goes twice."""
    full = vault.proxy.add(Fault("PUT", "/data/", Kind.ANSWER, times=99, status=507, spared=1))
    with pytest.raises(Retryable, match="507"):
        vault.back_up()
    assert 1 == len(names(vault.store, "data/"))
    full.times = 0
    vault.proxy.clear()
    vault.back_up()
    assert 1 + len(vault.sent()) == len(names(vault.store, "data/"))
    vault.assert_whole(1)


def test_two_writers_at_once(vault: Vault) -> None:
    """Each saves a snapshot; what both have may be stored by both."""
    Repository.create(
        vault.store, PASSWORD, identity=IDENTITY, work_folder=vault.folder / "maker"
    ).close()
    with ThreadPoolExecutor(2) as writers:
        list(writers.map(vault.back_up, ("first", "second")))
    vault.assert_whole(2, twice=True)


def test_a_lost_index(vault: Vault) -> None:
    """Another machine writes it anew, and sends no pack."""
    vault.back_up()
    for name in names(vault.store, "index/"):
        vault.store.delete(name)
    vault.proxy.clear()
    vault.back_up("another")
    assert [] == vault.sent()
    vault.assert_whole(2)


LISTINGS = {
    "misses the packs": lambda names: {"unlisted": names("data/")},
    "misses the indexes": lambda names: {"unlisted": names("index/")},
    "misses one of each": lambda names: {
        "unlisted": frozenset(min(names(kind)) for kind in ("data/", "index/", "snapshots/"))
    },
    "names packs that are gone": lambda _: {"gone": frozenset({f"data/ab/{'ab' * 32}"})},
    "names an index that is gone": lambda _: {"gone": frozenset({f"index/{'cd' * 32}"})},
}


@pytest.mark.parametrize("lie", LISTINGS.values(), ids=LISTINGS.keys())
def test_a_listing_that_lies(
    vault: Vault, lie: Callable[[Callable[[str], frozenset[str]]], dict[str, frozenset[str]]]
) -> None:
    """A second backup under it loses nothing, and damages nothing."""
    vault.back_up()
    for field, value in lie(lambda prefix: frozenset(names(vault.store, prefix))).items():
        setattr(vault.store, field, value)
    vault.back_up("another")
    vault.store.unlisted = vault.store.gone = frozenset()
    vault.assert_whole(2, twice=True)


def test_a_wrong_key_changes_nothing(vault: Vault) -> None:
    """It is told, and nothing was written."""
    vault.back_up()
    before = names(vault.store)
    vault.proxy.clear()
    with pytest.raises(GuardRefused, match="the password opens none"):
        Repository.open(vault.store, b"wrong", work_folder=vault.folder / "wrong")
    assert ([], before) == (vault.proxy.calls("PUT|POST|DELETE"), names(vault.store))
    vault.assert_whole(1)


def test_a_clock_that_goes_backwards(vault: Vault) -> None:
    """Backups and prunes while the store's time jumps about: what a snapshot needs stays."""
    policy = PrunePolicy(resume_within=timedelta(0))
    for off in (timedelta(0), -DAY, 3 * DAY, timedelta(0), 9 * DAY, -DAY):
        vault.store.off = off
        vault.back_up()
        with vault.opened("pruner") as repository:
            prune(repository, identity=IDENTITY, policy=policy, dry_run=False)
    vault.assert_whole(6, twice=True)  # what was about to go was stored anew


@pytest.mark.parametrize("kind", ["data/", "index/", "snapshots/"])
def test_a_flipped_bit_is_named(vault: Vault, kind: str) -> None:
    """By us and by restic, and nothing else is; all other blobs can still be read."""
    vault.back_up()
    name = vault.a_pack_of_files() if kind == "data/" else names(vault.store, kind)[0]
    damaged = bytearray(vault.store.get(name))
    damaged[40] ^= 1
    vault.store.delete(name)
    vault.store.put(name, bytes(damaged))
    named: set[str] = set()
    with vault.opened() as repository:
        try:
            repository.load_index()
        except Damaged as error:
            named |= set(error.objects)
        adopt_packs(repository)
        named |= {finding.name for finding in verify_repository(repository, EVERYTHING).findings}
        wanted = {blob_id(plain): plain for part in plains("small") for plain in part}
        read = {blob: plain for blob, plain in wanted.items() if reads(repository, blob) == plain}
    assert {name} == named
    assert len(wanted) - (kind == "data/") == len(read)
    said = vault.restic().run("check", "--read-data")
    assert said.returncode != 0
    told = (said.stdout + said.stderr).decode()
    assert name.rpartition("/")[2][:8] in re.findall(r"[0-9a-f]{8}", told), told


def reads(repository: Repository, blob: BlobId) -> bytes | None:
    """The blob's content; None where it is damaged."""
    try:
        return repository.load(BlobKind.DATA, blob)
    except Damaged:
        return None
