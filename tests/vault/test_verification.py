"""Verification: what is damaged, missing or incomplete is found, and named by its object."""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from springtide.model.object_storage import StoredObject
from springtide.vault.blobs import BlobKind, pack_name
from springtide.vault.repository import Repository
from springtide.vault.snapshots import Snapshot, save_snapshot
from springtide.vault.tree_backup import TreeSource, back_up_tree
from springtide.vault.tree_comparison import compare_tree
from springtide.vault.tree_restore import restore_tree
from springtide.vault.troubles import Trouble, TroubleKind
from springtide.vault.verification import (
    Fault,
    Finding,
    Part,
    Verification,
    verify_repository,
)
from tests.vault.folder_store import FolderStore
from tests.vault.places import EVERYTHING, IDENTITY, PASSWORD, a_repository
from tests.vault.vaults import opened, save_tree

NOTHING = Part(2, 1)
"""No pack is one of it."""


@dataclass(frozen=True)
class Place:
    """A repository with one snapshot, and where it stands."""

    repository: Repository
    folder: Path
    snapshot: Snapshot
    source: Path

    def path(self, name: str) -> Path:
        """The file of an object."""
        return self.folder / "repository" / name

    def pack_of(self, kind: BlobKind) -> str:
        """The object's name of a pack that holds such blobs."""
        index = self.repository.index
        return next(
            pack_name(pack)
            for pack, entries in index.by_pack()
            if any(entry.kind is kind for entry in entries)
        )


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    """A directory of a few files, backed up."""
    source = tmp_path / "source"
    (source / "below").mkdir(parents=True)
    for number in range(20):
        (source / "below" / f"{number}.txt").write_bytes(f"pupil {number}\n".encode() * 500)
    with a_repository(tmp_path) as repository:
        backup = back_up_tree(repository, TreeSource((source,)))
        repository.flush()
        snapshot = Snapshot(
            time=repository.store.now(),
            tree=backup.tree.hex(),
            paths=(str(source),),
            hostname=IDENTITY.hostname,
        )
        yield Place(repository, tmp_path, save_snapshot(repository, snapshot), source)


def test_nothing_is_wrong(place: Place) -> None:
    """Every pack is there and was read, every snapshot is whole."""
    found = verify_repository(place.repository, EVERYTHING)
    packs = len(place.repository.index.packs())
    assert (set(), packs, packs, 1) == (
        found.findings,
        found.packs,
        found.read_packs,
        len(found.snapshots),
    )


def flip(path: Path, at: int) -> None:
    """One bit is another."""
    data = bytearray(path.read_bytes())
    data[at] ^= 4
    path.write_bytes(data)


@dataclass(frozen=True)
class Harm:
    """What is done to an object, and what is found then."""

    do: Callable[[Path], object]
    fault: Fault
    unread: int
    """How many findings there are without reading packs."""


HARMS = [
    pytest.param(Harm(lambda path: path.unlink(), Fault.MISSING, 1), id="gone"),
    pytest.param(
        Harm(lambda path: path.write_bytes(path.read_bytes()[:-1]), Fault.SIZE, 1), id="cut"
    ),
    pytest.param(Harm(lambda path: path.write_bytes(b""), Fault.SIZE, 1), id="emptied"),
    pytest.param(Harm(lambda path: flip(path, 20), Fault.CONTENT, 0), id="bit in a blob"),
    pytest.param(Harm(lambda path: flip(path, -30), Fault.CONTENT, 0), id="bit in the header"),
    pytest.param(Harm(lambda path: flip(path, -1), Fault.CONTENT, 0), id="bit in the length"),
]


@pytest.mark.parametrize("harm", HARMS)
def test_a_harmed_pack_is_named(place: Place, harm: Harm) -> None:
    """By presence and size at once; by content when it is read."""
    name = place.pack_of(BlobKind.DATA)
    harm.do(place.path(name))
    quick = verify_repository(place.repository, NOTHING).findings
    assert [Finding(name, harm.fault)] * harm.unread == list(quick)
    thorough = verify_repository(place.repository, EVERYTHING).findings
    assert Finding(name, harm.fault) in thorough
    assert {name} == {finding.name for finding in thorough}


def test_an_index_that_says_something_else_is_named(place: Place) -> None:
    """Of a pack that is whole: what it says of one blob's place is not so."""
    pack, entries = next(iter(place.repository.index.by_pack()))
    place.repository.index.clear()
    wrong = entries[0].place._replace(raw_length=entries[0].place.raw_length + 1)
    place.repository.index.add([entries[0]._replace(place=wrong), *entries[1:]])
    found = verify_repository(place.repository, EVERYTHING).findings
    assert Finding(pack_name(pack), Fault.INDEX) in found


def test_a_lost_tree_makes_its_snapshot_incomplete(place: Place) -> None:
    """Though the index names it."""
    place.path(place.pack_of(BlobKind.TREE)).unlink()
    found = verify_repository(place.repository, NOTHING)
    assert Finding(f"snapshots/{place.snapshot.id}", Fault.INCOMPLETE) in found.findings


def test_a_chunk_that_no_index_names_makes_its_snapshot_incomplete(place: Place) -> None:
    """A lost index is not silent."""
    for path in place.path("index").iterdir():
        path.unlink()
    place.repository.load_index()
    found = verify_repository(place.repository, EVERYTHING)
    assert {Finding(f"snapshots/{place.snapshot.id}", Fault.INCOMPLETE)} == found.findings


def test_a_damaged_snapshot_is_named(place: Place) -> None:
    """And the others are verified all the same."""
    flip(place.path(f"snapshots/{place.snapshot.id}"), 30)
    found = verify_repository(place.repository, EVERYTHING)
    assert {Finding(f"snapshots/{place.snapshot.id}", Fault.CONTENT)} == found.findings


def test_parts_are_everything_together(place: Place) -> None:
    """Each pack is in exactly one part."""
    packs = place.repository.index.packs()
    parts = [{pack for pack in packs if Part(number, 7).holds(pack)} for number in range(1, 8)]
    assert (packs, len(packs)) == (set().union(*parts), sum(map(len, parts)))


class LateStore(FolderStore):
    """A store whose listings miss what is there."""

    def listing(self, prefix: str) -> Iterator[StoredObject]:
        """Nothing of the packs."""
        return iter(()) if prefix == "data/" else super().listing(prefix)


def test_a_listing_that_is_late(place: Place) -> None:
    """The object's own answer counts: nothing is missing."""
    late = LateStore(place.folder / "repository")
    with Repository.open(late, PASSWORD, work_folder=place.folder / "late") as repository:
        repository.load_index()
        assert set() == verify_repository(repository, NOTHING).findings


def test_a_restored_tree_is_compared(place: Place) -> None:
    """Nothing differs; then each kind of difference is told."""
    tree, target = bytes.fromhex(place.snapshot.tree), place.folder / "target"
    restore_tree(place.repository, tree, target)
    assert [] == list(compare_tree(place.repository, tree, target))
    below = target.joinpath(*place.source.parts[1:]) / "below"
    (below / "0.txt").unlink()
    (below / "1.txt").chmod(0o600)
    flip(below / "2.txt", 10)
    (below / "new").write_text("new")
    for path in (below / "2.txt", below):
        before = Path("/", *path.relative_to(target).parts).stat()
        os.utime(path, ns=(before.st_mtime_ns, before.st_mtime_ns))
    root = bytes(below)
    expected = [
        Trouble(root + b"/new", TroubleKind.DIFFERENT, "is not in the snapshot"),
        Trouble(root + b"/0.txt", TroubleKind.DIFFERENT, "is missing"),
        Trouble(root + b"/1.txt", TroubleKind.DIFFERENT, "mode"),
        Trouble(root + b"/2.txt", TroubleKind.DIFFERENT, "content"),
    ]
    assert expected == list(compare_tree(place.repository, tree, target))


def test_what_another_machine_stores_meanwhile_is_no_finding(place: Place, tmp_path: Path) -> None:
    """Its snapshot needs what the index did not name when the packs were read."""
    kept: list[Snapshot] = []

    def back_up(_: Verification) -> None:
        if not kept:
            with opened(tmp_path, work="elsewhere") as writer:
                kept.append(save_tree(writer, {"a": b"text"}))

    found = verify_repository(place.repository, EVERYTHING, progress=back_up)
    assert set() == found.findings
    assert {place.snapshot.id, kept[0].id} == {snapshot.id for snapshot in found.snapshots}


def test_an_index_that_comes_meanwhile_and_cannot_be_read_is_found(place: Place) -> None:
    """What the others name is known all the same."""

    def harm(_: Verification) -> None:
        place.path(f"index/{'ab' * 32}").write_bytes(b"no index")

    found = verify_repository(place.repository, EVERYTHING, progress=harm)
    assert {Finding(f"index/{'ab' * 32}", Fault.CONTENT)} == found.findings
