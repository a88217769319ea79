"""A document that was offloaded, back in its place: whole, its own, and never half of it."""

import errno
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from springtide.errors import Damaged, Misconfigured
from springtide.model.backup import BackupSource
from springtide.model.retention import OFFLOADED
from springtide.vault.blobs import BlobId, BlobKind
from springtide.vault.fetching import Fetched, fetch_path
from springtide.vault.nodes import parse_tree, tree_bytes
from springtide.vault.offloading import (
    newest_offloaded,
    offload_host,
    save_manifest,
    store_documents,
)
from springtide.vault.repository import Repository
from springtide.vault.snapshots import Snapshot, list_snapshots
from tests.vault.places import a_repository
from tests.vault.vaults import a_snapshot, flip

CONTENT = b"marks of martin\n" * 1000


@dataclass(frozen=True)
class Stand:
    """A document that was offloaded and removed; what is restored is on another file system."""

    repository: Repository
    source: BackupSource
    document: Path
    state: os.stat_result
    """As it was."""
    tree: BlobId
    """Of all that was offloaded."""

    def fetch(self) -> Fetched:
        """Bring it back."""
        return fetch_path(self.repository, self.source, bytes(self.document))

    def standing(self) -> list[str]:
        """All names in its folder."""
        return sorted(each.name for each in self.document.parent.iterdir())


@pytest.fixture
def stand(tmp_path: Path) -> Iterator[Stand]:
    """The repository is opened."""
    document = tmp_path / "documents" / "martin.txt"
    document.parent.mkdir()
    document.write_bytes(CONTENT)
    document.chmod(0o640)
    os.utime(document, ns=(1, 1_234_567_890_123_456_789))
    state = document.stat()
    with (
        TemporaryDirectory(dir="/dev/shm") as restores,  # another file system
        a_repository(tmp_path) as repository,
    ):
        source = BackupSource(
            name="documents",
            vault="documents",
            paths=(str(document.parent),),
            restore_folder=restores,
        )
        tree, _ = store_documents(repository, [bytes(document)], earlier=None)
        keep_manifest(repository, source, tree)
        document.unlink()
        yield Stand(repository, source, document, state, tree)


def keep_manifest(repository: Repository, source: BackupSource, tree: BlobId) -> Snapshot:
    """The tree is the newest manifest."""
    update = {"hostname": offload_host("documents"), "paths": source.paths, "tags": (OFFLOADED,)}
    manifest = a_snapshot(repository, tree.hex()).model_copy(update=update)
    earlier = newest_offloaded(list_snapshots(repository), source.name, source.paths[0])
    return save_manifest(repository, manifest, earlier=earlier)


def test_a_document_comes_back_across_file_systems(stand: Stand) -> None:
    """As it was, and alone in its folder."""
    assert Fetched(len(CONTENT), was_there=False) == stand.fetch()
    found = stand.document.stat()
    assert CONTENT == stand.document.read_bytes()
    assert (found.st_mode, found.st_mtime_ns) == (stand.state.st_mode, stand.state.st_mtime_ns)
    assert ["martin.txt"] == stand.standing()
    assert Fetched(len(CONTENT), was_there=True) == stand.fetch()


def test_it_is_the_workers_alone_until_it_is_whole(
    stand: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever its own mode is; a run that is stopped there leaves nothing."""
    modes = []

    def stopped(_content: object, _file: object) -> None:
        modes.extend(oct(each.stat().st_mode & 0o777) for each in stand.document.parent.iterdir())
        raise KeyboardInterrupt

    monkeypatch.setattr(shutil, "copyfileobj", stopped)
    with pytest.raises(KeyboardInterrupt):
        stand.fetch()
    assert (["0o600"], []) == (modes, stand.standing())


def test_what_a_killed_run_has_left_is_removed(stand: Stand) -> None:
    """Of this document alone."""
    other = stand.document.parent / ".0123456789abcdef.7.fetching"
    other.touch()
    left = stand.document.parent / ".6a469865dd1fa419.7.fetching"  # the hash of its name
    left.write_bytes(b"marks of")
    stand.fetch()
    assert [other.name, "martin.txt"] == stand.standing()


def test_a_document_that_lacks_an_attribute(stand: Stand) -> None:
    """It is back, and what it lacks is told."""
    tree = marked(stand.repository, stand.tree, stand.document.parts[1:])
    stand.repository.flush()
    for listed in list(stand.repository.store.listing("snapshots/")):
        stand.repository.store.delete(listed.name)
    keep_manifest(stand.repository, stand.source, tree)
    fetched = stand.fetch()
    lacking = errno.errorcode[errno.EOPNOTSUPP]
    assert (lacking, CONTENT) == (fetched.lacking, stand.document.read_bytes())


def marked(repository: Repository, tree: BlobId, parts: tuple[str, ...]) -> BlobId:
    """The tree, the document at that path with an attribute of a kind that no system has."""
    nodes = []
    for node in parse_tree(repository.load(BlobKind.TREE, tree)):
        if node.name != os.fsencode(parts[0]):
            nodes.append(node)
        elif node.subtree is None:
            nodes.append(node._replace(xattrs=(("nobodys.tag", b"value"),)))
        else:
            nodes.append(node._replace(subtree=marked(repository, node.subtree, parts[1:])))
    return repository.save(BlobKind.TREE, tree_bytes(nodes)).id


def test_another_snapshot_that_cannot_be_read(stand: Stand) -> None:
    """It stops nothing, and is named: it may tell of the document, or of a newer one."""
    bad = f"snapshots/{stand.repository.save_document('snapshots', {'of': 'nothing'})}"
    told = f"{bad} cannot be read"
    assert Fetched(len(CONTENT), was_there=False, unread=told) == stand.fetch()
    assert Fetched(len(CONTENT), was_there=True) == stand.fetch()
    stand.document.rename(stand.document.with_name("another.txt"))
    other = replace(stand, document=stand.document.with_name("third.txt"))
    with pytest.raises(Damaged, match=told):
        other.fetch()


def test_a_newer_manifest_that_cannot_be_read(stand: Stand, tmp_path: Path) -> None:
    """What was offloaded before comes back, and is not taken for what was offloaded last."""
    stand.fetch()
    stand.document.write_bytes(b"marks of the second term\n")
    tree, _ = store_documents(stand.repository, [bytes(stand.document)], earlier=stand.tree)
    newer = f"snapshots/{keep_manifest(stand.repository, stand.source, tree).id}"
    stand.document.unlink()
    flip(tmp_path / "repository" / newer, 40, 0)
    assert f"{newer} cannot be read" == stand.fetch().unread
    assert CONTENT == stand.document.read_bytes()


def test_a_place_where_nothing_can_be_made(stand: Stand) -> None:
    """Told with the system's word, and without the path, not even as what it comes from."""
    stand.document.parent.rmdir()
    stand.document.parent.write_bytes(b"no folder")
    with pytest.raises(Misconfigured, match=r"EEXIST|ENOTDIR") as told:
        stand.fetch()
    assert stand.document.name not in str(told.value)
    assert told.value.__suppress_context__
