"""restic itself finds no error in what the vault wrote through a store on Debian's Swift."""

import json
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from springtide.clouds.swift.store import SwiftStore
from springtide.model.object_storage import Store
from springtide.model.retention import PrunePolicy
from springtide.sandbox.object_store import ObjectStore
from springtide.vault.blobs import BlobKind
from springtide.vault.pruning import prune
from springtide.vault.repository import Repository
from springtide.vault.snapshot_copy import TreeCopier, save_copy
from springtide.vault.snapshots import Snapshot, list_snapshots, save_snapshot
from tests.faulty_proxy import Fault, FaultyProxy, Kind
from tests.object_stores import QUICK, RESIDENCY, a_place, a_store, restic_on
from tests.vault.places import IDENTITY, PASSWORD
from tests.vault.pruned_world import POLICY as POLICY_OF_PRUNE
from tests.vault.pruned_world import back_up

pytestmark = pytest.mark.real

CONTENTS = {f"file-{number}": os.urandom(100_000) + bytes(50_000) for number in range(20)}
POLICY = QUICK.model_copy(update={"timeout_s": 3.0})


def fault(kind: Kind, *, method: str = "PUT", **settings: Any) -> Callable[[], Fault]:  # noqa: ANN401 - a fault's fields
    """A fault of packs, indexes and snapshots on their way."""
    return lambda: Fault(method, "/(data|index|snapshots)/", kind, **({"times": 2} | settings))


FAULTS = [
    pytest.param(None, id="none"),
    pytest.param(fault(Kind.ANSWER, status=401, times=1), id="401"),
    pytest.param(fault(Kind.ANSWER, status=408), id="408"),
    pytest.param(fault(Kind.ANSWER, status=429, headers={"Retry-After": "1"}), id="429"),
    pytest.param(fault(Kind.ANSWER, status=500), id="500"),
    pytest.param(fault(Kind.ANSWER, status=503), id="503"),
    pytest.param(fault(Kind.CUT_REQUEST), id="cut request"),
    pytest.param(fault(Kind.SHORTEN_REQUEST), id="shortened request"),
    pytest.param(fault(Kind.FLIP_REQUEST), id="flipped bit"),
    pytest.param(fault(Kind.LOSE_REPLY), id="lost reply"),
    pytest.param(fault(Kind.HANG_AFTER), id="hang"),
]


READ_FAULTS = [
    pytest.param(fault(Kind.ANSWER, method="GET", status=401, times=1), id="401"),
    pytest.param(fault(Kind.ANSWER, method="GET", status=408), id="408"),
    pytest.param(
        fault(Kind.ANSWER, method="GET", status=429, headers={"Retry-After": "1"}), id="429"
    ),
    pytest.param(fault(Kind.ANSWER, method="GET", status=500), id="500"),
    pytest.param(fault(Kind.ANSWER, method="GET", status=503), id="503"),
    pytest.param(fault(Kind.CUT_REPLY, method="GET"), id="cut reply"),
    pytest.param(fault(Kind.SHORTEN_REPLY, method="GET"), id="shortened reply"),
    pytest.param(fault(Kind.LOSE_REPLY, method="GET"), id="lost reply"),
    pytest.param(fault(Kind.HANG, method="GET", times=1), id="hang"),
]


@pytest.fixture(scope="module")
def swift(debians_swift: ObjectStore) -> ObjectStore:
    """Debian's alone: the store's own tests are run on both."""
    return debians_swift


@pytest.mark.parametrize("faults", FAULTS)
def test_restic_finds_no_error_despite(
    swift: ObjectStore,
    proxy: FaultyProxy,
    tmp_path: Path,
    faults: Callable[[], Fault] | None,
) -> None:
    """It reads all data by its own Swift client, and restores it as it was."""
    place = a_place(prefix="school/a")
    with a_store(proxy.url, swift.token, place, policy=POLICY) as store:
        if faults is not None:
            proxy.add(faults())
        write(store, tmp_path / "work")
    restic = restic_on(swift, place, tmp_path)
    restic.check()
    restic.says("restore", "latest", "--target", str(tmp_path / "restored"))
    restored = {path.name: path.read_bytes() for path in (tmp_path / "restored").rglob("file-*")}
    assert CONTENTS == restored


@pytest.mark.parametrize("faults", READ_FAULTS)
def test_a_copy_and_a_prune_despite(
    swift: ObjectStore,
    proxy: FaultyProxy,
    tmp_path: Path,
    faults: Callable[[], Fault],
) -> None:
    """What is read wrongly is read again: all of it is at the second site, and restic agrees."""
    first, second = a_place(prefix="school/a"), a_place(prefix="school/b")
    with (
        a_store(proxy.url, swift.token, first, policy=POLICY) as store,
        a_store(proxy.url, swift.token, second, policy=POLICY) as other,
    ):
        write(store, tmp_path / "work")
        opened = {"work_folder": tmp_path / "reader"}
        with (
            Repository.open(store, PASSWORD, **opened) as source,
            Repository.create(other, PASSWORD, identity=IDENTITY, **opened) as target,
        ):
            proxy.add(faults())
            source.load_index()
            (snapshot,) = list_snapshots(source)
            TreeCopier(source, target).copy(bytes.fromhex(snapshot.tree))
            save_copy(source, target, snapshot)
            prune(target, identity=IDENTITY, policy=PrunePolicy(), dry_run=False)
    restic_on(swift, second, tmp_path).check()


class LaterStore(SwiftStore):
    """A store whose clock can be put forward."""

    later = timedelta(0)

    def now(self) -> datetime:
        """As much later."""
        return super().now() + self.later


def test_a_writer_and_a_pruner_at_once(swift: ObjectStore, tmp_path: Path) -> None:
    """Each time a snapshot goes and a like one is written while its packs are about to go."""
    place = a_place(prefix="school/a")
    access = (swift.url, swift.token)
    with LaterStore(place, lambda: access, residency=RESIDENCY, policy=QUICK) as store:
        store.make_container()
        work = {"work_folder": tmp_path / "work"}
        Repository.create(store, PASSWORD, identity=IDENTITY, **work).close()
        deleted = 0
        with ThreadPoolExecutor(1) as beside:
            for contents in ("abc", "xyz", "abd", "ab", "xb", "ab", "xa", "ab"):
                pruned = beside.submit(prune_once, store, tmp_path / "pruner")
                with Repository.open(store, PASSWORD, **work) as repository:
                    for earlier in list_snapshots(repository):
                        repository.remove_document("snapshots", earlier.id)
                    back_up(repository, contents)
                deleted += pruned.result()
                store.later += POLICY_OF_PRUNE.grace + timedelta(seconds=1)
    assert deleted
    restic_on(swift, place, tmp_path).check()


def prune_once(store: Store, work_folder: Path) -> int:
    """How many packs are deleted now."""
    with Repository.open(store, PASSWORD, work_folder=work_folder) as repository:
        return len(
            prune(repository, identity=IDENTITY, policy=POLICY_OF_PRUNE, dry_run=False).deleted
        )


def write(store: Store, work_folder: Path) -> None:
    """A repository with one snapshot of one folder."""
    with Repository.create(
        store, PASSWORD, identity=IDENTITY, work_folder=work_folder
    ) as repository:
        at = store.now()
        nodes = [
            {
                "name": name,
                "type": "file",
                "mode": 0o644,
                "mtime": at.isoformat(),
                "size": len(content),
                "content": [repository.save(BlobKind.DATA, content).id.hex()],
            }
            for name, content in sorted(CONTENTS.items())
        ]
        tree = json.dumps({"nodes": nodes}).encode() + b"\n"
        root = repository.save(BlobKind.TREE, tree).id.hex()
        repository.flush()
        save_snapshot(
            repository, Snapshot(time=at, tree=root, paths=("/documents",), hostname="backup-1")
        )
