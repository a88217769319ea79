"""One step of ours in a process of its own, as the flows' tasks do it, without Prefect.

`python -m tests.bench.backup.ours init|backup|restore|check FOLDER`; the store is told by the
environment, as for the other programs.
"""

import os
import sys
from pathlib import Path

from springtide.clouds.swift.store import SwiftStore
from springtide.model.object_storage import StorePlace
from springtide.model.retention import PrunePolicy
from springtide.vault.adoption import adopt_packs
from springtide.vault.repository import Identity, Repository
from springtide.vault.sessions import write_session
from springtide.vault.snapshots import Snapshot, list_snapshots, save_snapshot
from springtide.vault.tree_backup import TreeSource, back_up_tree
from springtide.vault.tree_restore import restore_tree
from springtide.vault.verification import verify_repository
from tests.vault.places import EVERYTHING

_IDENTITY = Identity("bench", "bench")


def main() -> None:
    """Do the step; it ends with 1 where anything is wrong."""
    step, folder = sys.argv[1], Path(sys.argv[2])
    place = StorePlace(region="bench", container=os.environ["BENCH_CONTAINER"])
    access = (os.environ["OS_STORAGE_URL"], os.environ["OS_AUTH_TOKEN"])
    password = Path(os.environ["RESTIC_PASSWORD_FILE"]).read_bytes().strip()
    cache = Path(os.environ["BENCH_CACHE"])
    with SwiftStore(place, lambda: access, residency=("bench",)) as store:
        if step == "init":
            store.make_container()
            Repository.create(store, password, identity=_IDENTITY, work_folder=cache).close()
            return
        with (
            Repository.open(store, password, work_folder=cache) as repository,
            write_session(repository, identity=_IDENTITY, policy=PrunePolicy()) as session,
        ):
            steps = {"backup": _back_up, "restore": _restore, "check": _check}
            steps[step](repository, folder)
            session.refuse_if_expired()


def _back_up(repository: Repository, folder: Path) -> None:
    adopt_packs(repository)
    earlier = _newest(repository)
    backup = back_up_tree(
        repository,
        TreeSource((folder,)),
        earlier=bytes.fromhex(earlier.tree) if earlier else None,
    )
    repository.flush()
    if backup.troubles:
        sys.exit(f"{len(backup.troubles)} troubles")
    snapshot = Snapshot(
        time=repository.store.now(),
        tree=backup.tree.hex(),
        paths=(str(folder),),
        hostname=_IDENTITY.hostname,
    )
    save_snapshot(repository, snapshot)


def _restore(repository: Repository, folder: Path) -> None:
    newest = _newest(repository)
    if newest is None:
        sys.exit("no snapshot")
    restored = restore_tree(repository, bytes.fromhex(newest.tree), folder)
    if restored.troubles:
        sys.exit(f"{len(restored.troubles)} troubles")


def _check(repository: Repository, folder: Path) -> None:
    del folder
    found = verify_repository(repository, EVERYTHING)
    if found.findings:
        sys.exit(f"{len(found.findings)} findings")


def _newest(repository: Repository) -> Snapshot | None:
    known = list_snapshots(repository)
    return known[-1] if known else None


if __name__ == "__main__":
    main()
