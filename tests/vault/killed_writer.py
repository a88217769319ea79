"""A backup that ends itself at one of its writes, as if the machine had lost its power.

In a process of its own, which kills itself with SIGKILL at the write of some number below some
prefix: before it, in the middle of it, or after it. The processes are forked of one that has
loaded this and done nothing else: loading takes longer than such a backup.
"""

import os
import signal
import threading
from multiprocessing import get_context
from pathlib import Path

from springtide.errors import Misconfigured
from springtide.model.object_storage import Store
from springtide.vault.adoption import Adoption, adopt_packs
from springtide.vault.blobs import BlobKind
from springtide.vault.locks import session_lock
from springtide.vault.repository import Repository
from tests.vault.economy import packs_of, passwords_at
from tests.vault.folder_store import FolderStore
from tests.vault.places import IDENTITY, PASSWORD
from tests.vault.vaults import KIB, MIB, contents, save_tree

SIZES = {"small": (4, 12, 16 * KIB), "large": (1, 24, 256 * KIB)}
"""How many flushes, how many blobs for each, and of how many bytes."""
PACK_BYTES = MIB
"""So that the large one fills packs before it flushes them, and the small one does not."""
_LONGEST_S = 120.0
_FORKING = get_context("forkserver")
_FORKING.set_forkserver_preload([__name__])


class DeadlyStore(FolderStore):
    """A folder at one of whose writes the process dies."""

    def __init__(self, folder: Path, prefix: str, *, number: int, when: str) -> None:
        """`number` 1 is the first below the prefix; `when` is before, within or after."""
        super().__init__(folder)
        self._folder_of_ours, self._prefix, self._when = folder, prefix, when
        self._left = number
        self._lock = threading.Lock()

    def put(self, name: str, data: bytes) -> None:
        """As `Store.put`, while the process lives."""
        with self._lock:
            self._left -= name.startswith(self._prefix)
            if self._left:
                super().put(name, data)
                return
            if self._when == "within":
                path = self._folder_of_ours / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.with_name(f".{path.name}.0-0.partial").write_bytes(data[: len(data) // 2])
            if self._when == "after":
                super().put(name, data)
            os.kill(os.getpid(), signal.SIGKILL)


def plains(size: str) -> list[list[bytes]]:
    """The contents for each flush."""
    flushes, blobs, length = SIZES[size]
    return [contents(blobs, size=length, seed=number) for number in range(flushes)]


def back_up(folder: Path, store: Store, size: str, *, work: str = "work") -> Adoption:
    """One whole backup into the repository of that folder, which is made where there is none."""
    with _repository(folder, store, work) as repository, session_lock(repository, IDENTITY):
        repository.load_index()
        adopted = adopt_packs(repository)
        for part in plains(size):
            for plain in part:
                repository.save(BlobKind.DATA, plain)
            repository.flush()
        first = [part[0] for part in plains(size)]
        save_tree(repository, {f"file-{number}": plain for number, plain in enumerate(first)})
    return adopted


def _repository(folder: Path, store: Store, work: str) -> Repository:
    try:
        return Repository.open(store, PASSWORD, work_folder=folder / work)
    except Misconfigured:
        return Repository.create(store, PASSWORD, identity=IDENTITY, work_folder=folder / work)


def back_up_killed(folder: Path, kill: tuple[str, int, str], size: str) -> int | None:
    """How the process ended that backs up and dies there; None where it did not end."""
    process = _FORKING.Process(target=_back_up_and_die, args=(folder, kill, size), daemon=True)
    process.start()
    process.join(_LONGEST_S)
    return process.exitcode


def _back_up_and_die(folder: Path, kill: tuple[str, int, str], size: str) -> None:
    prefix, number, when = kill
    store = DeadlyStore(folder / "repository", prefix, number=number, when=when)
    with passwords_at(), packs_of(PACK_BYTES):
        back_up(folder, store, size)
