"""A change anywhere in what is stored: it is named, and everything else can be read."""

import json
import random
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from springtide.errors import Damaged, NotFound
from springtide.vault.adoption import adopt_packs
from springtide.vault.blobs import BlobId, BlobKind, pack_name
from springtide.vault.packs import read_header
from springtide.vault.repository import Repository
from springtide.vault.snapshots import read_snapshots
from tests.vault.folder_store import FolderStore
from tests.vault.places import a_repository
from tests.vault.vaults import (
    Restic,
    contents,
    entries_of,
    flip,
    names,
    opened,
    pack_id,
    restic_check,
    save_tree,
)

KINDS = ("data/", "index/", "snapshots/")
Key = tuple[BlobKind, BlobId]


@dataclass
class Findings:
    """What a look at everything found."""

    blobs: dict[Key, bytes] = field(default_factory=dict)
    snapshots: set[str] = field(default_factory=set)
    damaged: set[str] = field(default_factory=set)
    """Object names."""


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Findings]:
    """A repository of three backups, and what is in it."""
    folder = tmp_path_factory.mktemp("vault")
    with a_repository(folder) as repository:
        for seed in range(3):
            plains = contents(6, size=512, seed=seed)
            save_tree(repository, {f"file-{seed}-{n}": plain for n, plain in enumerate(plains)})
        found = look(repository)
    assert (set(), 3, 21) == (found.damaged, len(found.snapshots), len(found.blobs))
    return folder, found


@pytest.fixture
def folder(whole: tuple[Path, Findings], tmp_path: Path) -> Path:
    """A copy of that repository."""
    shutil.copytree(whole[0] / "repository", tmp_path / "repository")
    return tmp_path


def look(repository: Repository) -> Findings:
    """Everything, read: index, headers, blobs, snapshots."""
    found = Findings()
    try:
        repository.load_index()
    except Damaged as error:
        found.damaged |= set(error.objects)
    found.damaged |= set(adopt_packs(repository).damaged)
    for name in names(repository.store, "data/"):
        try:
            size = repository.store.size(name) or 0
            read_header(repository.key, repository.store, pack_id(name), size)
        except Damaged as error:
            found.damaged |= set(error.objects)
    for pack in repository.index.packs():
        for entry in entries_of(repository.index, pack):
            try:
                found.blobs[entry.kind, entry.id] = repository.load(entry.kind, entry.id)
            except Damaged as error:
                found.damaged |= set(error.objects)
            except NotFound:
                found.damaged.add(pack_name(pack))
    snapshots, damaged = read_snapshots(repository)
    found.snapshots |= {snapshot.id for snapshot in snapshots}
    found.damaged |= set(damaged)
    return found


def assert_just_that(folder: Path, name: str, whole: Findings) -> Findings:
    """It alone is named; what is lost is no more than what it held, and what is read is right."""
    with opened(folder) as repository:
        found = look(repository)
        repository.index.clear()
    assert {name} == found.damaged
    assert found.blobs.items() <= whole.blobs.items()
    assert found.snapshots == whole.snapshots - {name.removeprefix("snapshots/")}
    return found


def positions(store: FolderStore, name: str) -> list[int]:
    """Where to change it: both ends, and at random in between."""
    size = store.size(name) or 0
    chance = random.Random(name)  # noqa: S311 - others for other names
    return [0, size - 1, *(chance.randrange(size) for _ in range(6))]


@pytest.mark.parametrize("kind", KINDS)
def test_a_flipped_bit(folder: Path, whole: tuple[Path, Findings], kind: str) -> None:
    """In each object, at each of some places: one blob is lost at most, mostly none."""
    store = FolderStore(folder / "repository")
    with opened(folder) as repository:
        for name in names(store, kind):
            for position in positions(store, name):
                flip(folder / "repository" / name, position, position % 8)
                repository.index.clear()
                found = look(repository)
                flip(folder / "repository" / name, position, position % 8)
                assert ({name}, True) == (
                    found.damaged,
                    found.blobs.items() <= whole[1].blobs.items(),
                )
                lost = len(whole[1].blobs) - len(found.blobs)
                assert lost <= (1 if kind == "data/" else 0)
                assert found.snapshots == whole[1].snapshots - {name.removeprefix("snapshots/")}
                for index in set(names(store, "index/")) - set(names(whole_store(whole), "index/")):
                    store.delete(index)


def whole_store(whole: tuple[Path, Findings]) -> FolderStore:
    """Where the repository stands that is copied."""
    return FolderStore(whole[0] / "repository")


CHANGES: dict[str, Callable[[bytes], bytes]] = {
    "cut short by one": lambda data: data[:-1],
    "cut in half": lambda data: data[: len(data) // 2],
    "emptied": lambda _: b"",
    "of zeros": lambda data: bytes(len(data)),
    "with a block of zeros": lambda data: data[:16] + bytes(64) + data[80:],
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_a_changed_object(
    folder: Path, whole: tuple[Path, Findings], change: Callable[[bytes], bytes], kind: str
) -> None:
    """As a failed disk or a failed copy leaves it."""
    name = names(FolderStore(folder / "repository"), kind)[0]
    file = folder / "repository" / name
    file.write_bytes(change(file.read_bytes()))
    found = assert_just_that(folder, name, whole[1])
    if kind != "data/":
        assert whole[1].blobs == found.blobs


@pytest.mark.parametrize("kind", KINDS)
def test_an_object_in_anothers_place(folder: Path, whole: tuple[Path, Findings], kind: str) -> None:
    """Rightly sealed, and not what belongs there: an attacker needs no key for that."""
    first, second, *_ = names(FolderStore(folder / "repository"), kind)
    shutil.copy(folder / "repository" / second, folder / "repository" / first)
    assert_just_that(folder, first, whole[1])


def test_a_blob_in_anothers_place(folder: Path) -> None:
    """Of the same length, in the same pack, sealed with the right key: its hash tells."""
    with opened(folder) as repository:
        repository.load_index()
        for pack in repository.index.packs():
            entries = [e for e in entries_of(repository.index, pack) if e.place.length == 512 + 32]
            if len(entries) > 1:
                break
        file = folder / "repository" / pack_name(pack)
        data = bytearray(file.read_bytes())
        first, second = (entry.place for entry in entries[:2])
        moved = data[second.offset : second.offset + second.length]
        data[first.offset : first.offset + first.length] = moved
        file.write_bytes(data)
        with pytest.raises(Damaged, match="another hash") as caught:
            repository.load(BlobKind.DATA, entries[0].id)
        assert (pack_name(pack),) == caught.value.objects
        assert repository.load(BlobKind.DATA, entries[1].id)


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_a_changed_config(folder: Path, change: Callable[[bytes], bytes]) -> None:
    """Nothing can be opened, and it is said why; restic says so, too."""
    file = folder / "repository" / "config"
    file.write_bytes(change(file.read_bytes()))
    with pytest.raises(Damaged) as caught:
        opened(folder)
    assert ("config",) == caught.value.objects


def test_a_flipped_bit_in_the_config(folder: Path) -> None:
    """Anywhere in it."""
    for position in (0, 15, 16, 50, -17, -16, -1):
        flip(folder / "repository" / "config", position)
        with pytest.raises(Damaged) as caught:
            opened(folder)
        assert ("config",) == caught.value.objects
        flip(folder / "repository" / "config", position)
    opened(folder).close()


def test_a_repository_whose_indexes_are_all_damaged(
    folder: Path, whole: tuple[Path, Findings]
) -> None:
    """Each is named, and all that was stored is found by the packs themselves."""
    indexes = names(FolderStore(folder / "repository"), "index/")
    for name in indexes:
        flip(folder / "repository" / name, 40)
    with opened(folder) as repository:
        found = look(repository)
    assert (set(indexes), whole[1].blobs) == (found.damaged, found.blobs)


@pytest.mark.real
@pytest.mark.usefixtures("whole")
@pytest.mark.parametrize("kind", KINDS)
def test_restic_names_the_same(folder: Path, kind: str) -> None:
    """Of a flipped bit; once it is flipped back nothing is wrong."""
    name = names(FolderStore(folder / "repository"), kind)[0]
    flip(folder / "repository" / name, 40)
    said = Restic(folder).run("check", "--read-data")
    short = re.escape(name.rpartition("/")[2][:8].encode())
    assert said.returncode != 0
    assert re.search(short, said.stderr + said.stdout), (said.stderr + said.stdout).decode()
    flip(folder / "repository" / name, 40)
    restic_check(folder)
    assert json.loads(Restic(folder).says("snapshots", "--json"))
