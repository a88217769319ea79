"""Backups killed with SIGKILL at chosen writes: the next one sends nothing again that arrived."""

import signal
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from springtide.vault.blobs import BlobKind, blob_id
from springtide.vault.locks import KIND
from springtide.vault.snapshots import list_snapshots
from tests.vault.economy import packs_of
from tests.vault.folder_store import FolderStore
from tests.vault.killed_writer import PACK_BYTES, back_up, back_up_killed, plains
from tests.vault.vaults import (
    WatchedStore,
    loaded,
    named_by_headers,
    names,
    opened,
    restic_check,
)

KILLS = {
    "before the key file": ("keys/", 1, "before"),
    "within the key file": ("keys/", 1, "within"),
    "after the key file": ("keys/", 1, "after"),
    "within the config": ("config", 1, "within"),
    "after the config": ("config", 1, "after"),
    "after the lock": ("locks/", 1, "after"),
    "before the first pack": ("data/", 1, "before"),
    "within the first pack": ("data/", 1, "within"),
    "after the first pack": ("data/", 1, "after"),
    "within the first index": ("index/", 1, "within"),
    "before the first index": ("index/", 1, "before"),
    "after the first index": ("index/", 1, "after"),
    "after the fourth pack": ("data/", 4, "after"),
    "before the third index": ("index/", 3, "before"),
    "after the third index": ("index/", 3, "after"),
    "before the trees' index": ("index/", 5, "before"),
    "before the snapshot": ("snapshots/", 1, "before"),
    "within the snapshot": ("snapshots/", 1, "within"),
    "after the snapshot": ("snapshots/", 1, "after"),
}
JUDGES = [False, pytest.param(True, marks=pytest.mark.real)]


@pytest.fixture(autouse=True)
def small_packs() -> Iterator[None]:
    """Whoever takes over fills packs as the killed one did."""
    with packs_of(PACK_BYTES):
        yield


def killed(folder: Path, kill: tuple[str, int, str], size: str = "small") -> None:
    """A backup in a process of its own that dies there."""
    assert -signal.SIGKILL == back_up_killed(folder, kill, size)


def assert_taken_over(folder: Path, size: str, *, work: str, judged: bool) -> None:
    """The same backup again: what arrived is counted on, and in the end all is there once."""
    store = WatchedStore(folder / "repository")
    arrived = names(store, "data/")
    back_up(folder, store, size, work=work)
    with opened(folder, work="a-third-one") as repository:
        repository.load_index()
        wanted = {blob_id(plain): plain for part in plains(size) for plain in part}
        assert wanted == loaded(repository, wanted)
        assert {1} == set(Counter(named_by_headers(repository)).values())
        data = [blob for kind, blob in named_by_headers(repository) if kind is BlobKind.DATA]
        assert set(wanted) == set(data)
        assert list_snapshots(repository)
        for lock, _ in list(repository.documents(KIND)):  # of the one that was killed
            repository.remove_document(KIND, lock)
    sent = [name for name in store.written if name.startswith("data/")]
    assert sorted([*arrived, *sent]) == names(FolderStore(folder / "repository"), "data/")
    if judged:
        restic_check(folder)


@pytest.mark.parametrize("judged", JUDGES, ids=["by ourselves", "by restic"])
@pytest.mark.parametrize("kill", KILLS.values(), ids=KILLS.keys())
def test_a_killed_backup_is_taken_over(
    tmp_path: Path, kill: tuple[str, int, str], *, judged: bool
) -> None:
    """On the same machine, with the index file that the killed one left."""
    killed(tmp_path, kill)
    assert_taken_over(tmp_path, "small", work="work", judged=judged)


@pytest.mark.parametrize("judged", JUDGES, ids=["by ourselves", "by restic"])
@pytest.mark.parametrize(
    "kill",
    [
        pytest.param(("data/", 1, "after"), id="the first pack"),
        pytest.param(("data/", 3, "within"), id="within the third"),
    ],
)
def test_a_backup_killed_while_packs_are_filled(
    tmp_path: Path, kill: tuple[str, int, str], *, judged: bool
) -> None:
    """Of several packs on their way at once; the next one runs on another machine."""
    killed(tmp_path, kill, "large")
    assert_taken_over(tmp_path, "large", work="other-work", judged=judged)


def test_a_backup_killed_again_and_again_ends(tmp_path: Path) -> None:
    """Each run gets a little further, whatever it is that kills it."""
    for kill in (("data/", 1, "after"), ("index/", 2, "before"), ("data/", 2, "after")):
        killed(tmp_path, kill)
    assert_taken_over(tmp_path, "small", work="work", judged=False)


def test_a_backup_that_was_not_killed(tmp_path: Path) -> None:
    """The second one sends not one pack."""
    store = WatchedStore(tmp_path / "repository")
    back_up(tmp_path, store, "small")
    store.written.clear()
    back_up(tmp_path, store, "small")
    assert ["locks", "snapshots"] == [name.partition("/")[0] for name in store.written]
