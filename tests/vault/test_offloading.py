"""The manifest of what was offloaded: one goes on from another, and brings back nothing."""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from springtide.errors import Retryable
from springtide.model.retention import OFFLOADED, PrunePolicy
from springtide.vault.erasure import erase, load_order, save_order
from springtide.vault.offloading import (
    Releasing,
    newest_offloaded,
    offload_host,
    remove_documents,
    save_manifest,
    scan,
    store_documents,
)
from springtide.vault.repository import Repository
from springtide.vault.sessions import write_session
from springtide.vault.snapshots import Snapshot, list_snapshots
from springtide.vault.tree_backup import TreeSource, back_up_tree
from springtide.vault.tree_reading import node_of
from tests.vault.places import IDENTITY, a_repository
from tests.vault.test_tree_editing import files_of
from tests.vault.vaults import a_snapshot

POLICY = PrunePolicy()


@pytest.fixture
def documents(tmp_path: Path) -> Path:
    """Three of them."""
    root = tmp_path / "documents"
    root.mkdir()
    for name in ("old", "older", "martin"):
        (root / name).write_text(f"marks of {name}")
    return root


@pytest.fixture
def repository(tmp_path: Path) -> Iterator[Repository]:
    """Nothing is offloaded yet."""
    with a_repository(tmp_path) as made:
        yield made


def a_manifest(repository: Repository, root: Path, tree: bytes) -> Snapshot:
    """A snapshot of what was offloaded, not stored."""
    update = {"hostname": offload_host("documents"), "paths": (str(root),), "tags": (OFFLOADED,)}
    return a_snapshot(repository, tree.hex()).model_copy(update=update)


def newest(repository: Repository, root: Path) -> Snapshot | None:
    """As the next run finds it."""
    return newest_offloaded(list_snapshots(repository), "documents", str(root))


def offloaded(repository: Repository, root: Path, *names: str) -> Snapshot:
    """The manifest with those documents, too."""
    earlier = newest(repository, root)
    tree, _ = stored(repository, root, earlier, *names)
    return save_manifest(repository, a_manifest(repository, root, tree), earlier=earlier)


def stored(
    repository: Repository, root: Path, earlier: Snapshot | None, *names: str
) -> tuple[bytes, object]:
    """The tree of those documents and all earlier ones."""
    before = bytes.fromhex(earlier.tree) if earlier else None
    paths = [bytes(root / name) for name in names]
    return store_documents(repository, paths, earlier=before)


def erased(repository: Repository, path: Path) -> None:
    """An order of it, carried out."""
    order = load_order(repository, save_order(repository, [bytes(path)]))
    with write_session(repository, identity=IDENTITY, policy=POLICY) as session:
        assert 1 == erase(repository, order, session=session).snapshots


def held(repository: Repository) -> list[frozenset[str]]:
    """The names of the documents in each snapshot."""
    return [names_in(repository, each) for each in list_snapshots(repository)]


def names_in(repository: Repository, snapshot: Snapshot) -> frozenset[str]:
    """The names of the documents in it."""
    files = files_of(repository, bytes.fromhex(snapshot.tree))
    return frozenset(path.rpartition("/")[2] for path in files)


def test_what_was_erased_meanwhile_does_not_come_back(
    repository: Repository, documents: Path
) -> None:
    """An offload that went on from what held it is turned away; begun again it goes on."""
    offloaded(repository, documents, "martin", "old")
    earlier = newest(repository, documents)
    tree, _ = stored(repository, documents, earlier, "older")
    erased(repository, documents / "martin")
    with pytest.raises(Retryable, match="meanwhile"):
        save_manifest(repository, a_manifest(repository, documents, tree), earlier=earlier)
    assert [{"old"}] == held(repository)
    offloaded(repository, documents, "older")
    assert {frozenset({"old"}), frozenset({"old", "older"})} == set(held(repository))


def test_what_the_system_does_not_remove_keeps_nothing_else(documents: Path) -> None:
    """It is counted, with the system's word; its path stands nowhere."""
    stuck = Path("/proc/version")  # not even root may remove it
    paths = [bytes(path) for path in (documents / "old", stuck, documents / "older")]
    whole = [(path, node_of(path, b"document", os.lstat(path))) for path in paths]
    found = Releasing(whole)
    assert (2, whole[0][1].size + whole[2][1].size) == remove_documents(found)
    assert (1, ["martin"]) == (found.kept, [each.name for each in documents.iterdir()])
    (told,) = found.failures
    assert re.fullmatch("1 files could not be removed, and stay: (EPERM|EACCES)", told)


def test_times_that_no_calendar_has() -> None:
    """They are those of its edge, and the other documents are found."""
    with TemporaryDirectory(dir="/dev/shm") as folder:  # other file systems have no such times
        for name, at_s in (("past", -(10**12)), ("future", 10**12), ("martin", 10**9)):
            file = Path(folder) / name
            file.touch()
            os.utime(file, (at_s, at_s))
        years = {each.path.rpartition(b"/")[2]: each.touched.year for each in scan(Path(folder))}
    assert {b"past": 1970, b"martin": 2001, b"future": 9999} == years


def test_two_offloads_at_once(repository: Repository, documents: Path) -> None:
    """The later one would leave out what the other has stored: it begins again."""
    tree, _ = stored(repository, documents, None, "older")
    offloaded(repository, documents, "old")
    with pytest.raises(Retryable, match="meanwhile"):
        save_manifest(repository, a_manifest(repository, documents, tree), earlier=None)


def test_a_backup_meanwhile_is_no_matter(repository: Repository, documents: Path) -> None:
    """Only another manifest of the same part is."""
    earlier = offloaded(repository, documents, "old")
    tree, _ = stored(repository, documents, earlier, "older")
    backup = back_up_tree(repository, TreeSource((documents,))).tree
    repository.flush()
    other = a_manifest(repository, documents, backup).model_copy(update={"paths": ("/srv/other",)})
    save_manifest(repository, other, earlier=None)
    made = save_manifest(repository, a_manifest(repository, documents, tree), earlier=earlier)
    assert made in list_snapshots(repository)
    assert {"old", "older"} == names_in(repository, made)
