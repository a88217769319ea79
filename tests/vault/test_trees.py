"""Backup and restore of directories: what comes back is what was there."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from springtide.errors import Misconfigured
from springtide.vault.blobs import BlobId, BlobKind, SavedBlob, blob_id
from springtide.vault.repository import Repository
from springtide.vault.snapshots import Snapshot, save_snapshot
from springtide.vault.tree_backup import Counts, TreeBackup, TreeSource, back_up_tree
from springtide.vault.tree_restore import restore_tree
from springtide.vault.trees import TreeReader
from springtide.vault.troubles import Trouble, TroubleKind
from tests.vault.folder_store import FolderStore
from tests.vault.places import IDENTITY, PASSWORD, a_repository, seen_in

MIB = 1024 * 1024


@pytest.fixture
def repository(tmp_path: Path) -> Iterator[Repository]:
    """An empty one in a folder."""
    with a_repository(tmp_path) as made:
        yield made


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A directory with one of each."""
    root = tmp_path / "source"
    (root / "empty").mkdir(parents=True)
    deep = root / "a" / "b" / "c"
    deep.mkdir(parents=True)
    (deep / "report.txt").write_bytes(b"marks\n" * 100)
    (root / "nothing").write_bytes(b"")
    (root / "large").write_bytes(os.urandom(5 * MIB))
    os.link(root / "large", deep / "same")
    (root / "link").symlink_to("a/b/../nowhere")
    (root / "out").symlink_to("/etc/hostname")
    os.mkfifo(root / "pipe", 0o640)
    (root / "run").write_bytes(b"#!/bin/sh\n")
    (root / "run").chmod(0o4751)
    (root / "sticky").mkdir()
    (root / "sticky").chmod(0o1777)
    with (root / "sparse").open("wb") as file:
        file.write(b"begin")
        file.seek(40 * MIB)
        file.write(b"end")
    (root / os.fsdecode(b"caf\xe9 \xff")).write_bytes(b"no text")
    (root / 'quoted "name"\n\\').write_bytes(b"odd")
    os.utime(deep / "report.txt", ns=(1, 1_234_567_890_123_456_789))
    os.utime(root / "a", ns=(1, -1_000_000_001))
    return root


def backed_up(repository: Repository, root: Path, **options: object) -> TreeBackup:
    """A flushed backup of that directory."""
    found = back_up_tree(repository, TreeSource((root,)), **options)  # type: ignore[arg-type] # as given
    repository.flush()
    return found


def restored_at(repository: Repository, backup: TreeBackup, root: Path, target: Path) -> Path:
    """Where the directory stands again; nothing must have gone wrong."""
    assert [] == restore_tree(repository, backup.tree, target).troubles
    return target.joinpath(*root.parts[1:])


def test_one_of_each(repository: Repository, source: Path, tmp_path: Path) -> None:
    """Files, links, pipes, holes, modes, times and names come back as they were."""
    backup = backed_up(repository, source)
    again = restored_at(repository, backup, source, tmp_path / "target")
    assert () == backup.troubles
    assert seen_in(source) == seen_in(again)
    blocks = [(root / "sparse").stat().st_blocks for root in (source, again)]
    assert blocks[1] <= blocks[0] + 256, "holes are holes again, to 64 KiB"


@pytest.mark.real
def test_an_attribute_whose_name_is_not_utf8(repository: Repository, source: Path) -> None:
    """The file is backed up without it, and that is told; the next backup finds it unchanged."""
    odd = source / "run"
    try:
        os.setxattr(os.fsencode(odd), b"user.\xff", b"value")
    except OSError:
        pytest.skip("the file system has no attributes")
    backup = backed_up(repository, source)
    told = Trouble(os.fsencode(odd), TroubleKind.INCOMPLETE, "(an attribute's name is not UTF-8)")
    assert (told,) == backup.troubles
    assert 0 == backed_up(repository, source, earlier=backup.tree).counts.read_bytes


def test_restic_restores_the_same(repository: Repository, source: Path, tmp_path: Path) -> None:
    """The other program, on what we wrote."""
    backup = backed_up(repository, source)
    save_snapshot(
        repository,
        Snapshot(
            time=repository.store.now(),
            tree=backup.tree.hex(),
            paths=(str(source),),
            hostname=IDENTITY.hostname,
        ),
    )
    restic(tmp_path, "check", "--read-data")
    restic(tmp_path, "restore", "latest", "--target", str(tmp_path / "by-restic"))
    theirs = seen_in((tmp_path / "by-restic").joinpath(*source.parts[1:]))
    assert seen_in(source) == theirs


def restic(folder: Path, *arguments: str) -> None:
    """Run it on the repository of that folder."""
    subprocess.run(
        ["restic", "--no-cache", "-r", str(folder / "repository"), *arguments],  # noqa: S607 - of PATH
        env={**os.environ, "RESTIC_PASSWORD": PASSWORD.decode()},
        check=True,
        capture_output=True,
        timeout=120,
    )


def test_the_second_reads_nothing(repository: Repository, source: Path) -> None:
    """Nothing has changed: no file is opened, and the tree is the same."""
    first = backed_up(repository, source)
    second = backed_up(repository, source, earlier=first.tree)
    counts = first.counts
    expected = Counts(counts.files, counts.files, counts.directories, counts.bytes)
    assert expected == second.counts
    assert tree_at(repository, first, source) == tree_at(repository, second, source)


def tree_at(repository: Repository, backup: TreeBackup, path: Path) -> bytes | None:
    """The tree of a directory; those on the way to it change whenever anybody works beside it."""
    trees, tree = TreeReader(repository), backup.tree
    for part in path.parts[1:]:
        node = next(node for node in trees.nodes(tree) if node.name == os.fsencode(part))
        tree = node.subtree or b""
    return tree


@dataclass(frozen=True)
class Change:
    """Something that is done to a file, and whether it is read again then."""

    do: Callable[[Path], object]
    read: int


def rewrite_under_old_time(path: Path) -> None:
    """Another content of the same size, under the time of before."""
    before = path.stat()
    path.write_bytes(b"sumar\n" * 100)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def replace_with_copy(path: Path) -> None:
    """Another inode with the same content and time."""
    copy = path.with_name("copy")
    shutil.copy2(path, copy)
    copy.replace(path)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(Change(lambda _: None, 0), id="nothing"),
        pytest.param(Change(lambda path: path.write_bytes(b"more"), 1), id="size"),
        pytest.param(Change(os.utime, 1), id="time of modification"),
        pytest.param(Change(rewrite_under_old_time, 1), id="content under an old time"),
        pytest.param(Change(replace_with_copy, 1), id="another file in its place"),
        pytest.param(Change(lambda path: path.chmod(0o600), 1), id="time of change alone"),
        pytest.param(
            Change(lambda path: path.rename(path.with_name("z")), 1), id="another name is new"
        ),
        pytest.param(Change(lambda path: path.unlink(), 0), id="gone"),
    ],
)
def test_what_is_read_again(
    repository: Repository, source: Path, tmp_path: Path, change: Change
) -> None:
    """The stated rule, field by field; and what comes back is what is there now."""
    first = backed_up(repository, source)
    change.do(source / "a" / "b" / "c" / "report.txt")
    second = backed_up(repository, source, earlier=first.tree)
    assert change.read == second.counts.files - second.counts.unchanged_files
    again = restored_at(repository, second, source, tmp_path / "target")
    assert seen_in(source) == seen_in(again)


def test_an_unchanged_file_whose_chunks_are_lost_is_read_again(
    repository: Repository, source: Path, tmp_path: Path
) -> None:
    """The index decides, not the snapshot before."""
    first = backed_up(repository, source)
    repository.index.clear()
    second = backed_up(repository, source, earlier=first.tree)
    assert 0 == second.counts.unchanged_files
    again = restored_at(repository, second, source, tmp_path / "target")
    assert seen_in(source) == seen_in(again)


class Meddling(Repository):
    """A repository beside which somebody else is at work on the files."""

    meddle: Callable[[], object] = staticmethod(lambda: None)
    asked_for: BlobId = b""

    def save(self, kind: BlobKind, plain: bytes) -> SavedBlob:
        """As it is; before the first, something happens."""
        self._happens()
        return super().save(kind, plain)

    def having(self, kind: BlobKind, blobs: Sequence[BlobId]) -> set[BlobId]:
        """As above, before it is asked for that blob."""
        if self.asked_for in blobs:
            self._happens()
        return super().having(kind, blobs)

    def _happens(self) -> None:
        meddle, self.meddle = self.meddle, lambda: None
        meddle()


@pytest.fixture
def meddling(tmp_path: Path) -> Iterator[Meddling]:
    """A repository of that kind, empty."""
    with Meddling.create(
        FolderStore(tmp_path / "r"), PASSWORD, identity=IDENTITY, work_folder=tmp_path / "w"
    ) as made:
        made.load_index()
        yield made


def test_a_file_that_grows_while_it_is_read(meddling: Meddling, tmp_path: Path) -> None:
    """It is told, and the next backup reads it again."""
    file = tmp_path / "source" / "log"
    file.parent.mkdir()
    # More chunks than are under way at once: it grows before the last one is read.
    file.write_bytes(os.urandom(64 * MIB))

    def grow() -> None:
        with file.open("ab") as more:
            more.write(b"line\n")

    meddling.meddle = grow
    first = backed_up(meddling, file.parent)
    assert (Trouble(bytes(file), TroubleKind.CHANGED),) == first.troubles
    second = backed_up(meddling, file.parent, earlier=first.tree)
    assert ((), 0) == (second.troubles, second.counts.unchanged_files)
    again = restored_at(meddling, second, file.parent, tmp_path / "target")
    assert seen_in(file.parent) == seen_in(again)


def test_a_directory_that_goes_before_it_is_entered(meddling: Meddling, tmp_path: Path) -> None:
    """It is a trouble with the system's word for it, and stops nothing."""
    gone = tmp_path / "source" / "gone"
    gone.mkdir(parents=True)
    (gone.parent / "file").write_bytes(b"looked at first, and unchanged")
    (gone / "file").write_bytes(b"gone with it")
    first = backed_up(meddling, gone.parent)
    meddling.meddle, meddling.asked_for = partial(shutil.rmtree, gone), blob_id(b"gone with it")
    backup = backed_up(meddling, gone.parent, earlier=first.tree)
    assert (Trouble(bytes(gone), TroubleKind.GONE, "ENOENT"),) == backup.troubles
    assert 1 == backup.counts.files


def test_excluded_paths(repository: Repository, source: Path, tmp_path: Path) -> None:
    """Patterns are for whole paths; a directory goes with all that is in it."""
    patterns = (f"{source}/a", "*/larg?")
    backup = back_up_tree(repository, TreeSource((source,), excludes=patterns))
    repository.flush()
    again = restored_at(repository, backup, source, tmp_path / "target")
    expected = {
        path for path in seen_in(source) if not path.startswith((b"a/", b"large")) and path != b"a"
    }
    assert expected == set(seen_in(again))


def test_several_paths(repository: Repository, source: Path, tmp_path: Path) -> None:
    """Each comes with the directories on the way to it, and nothing else of them."""
    paths = (source / "a" / "b", source / "run")
    backup = back_up_tree(repository, TreeSource(paths))
    repository.flush()
    again = restored_at(repository, backup, source, tmp_path / "target")
    expected = {path for path in seen_in(source) if path.startswith((b"a/b", b"run"))} | {b"a"}
    assert expected == set(seen_in(again))


def test_one_path_is_fetched_back(repository: Repository, source: Path, tmp_path: Path) -> None:
    """Without the rest of the snapshot."""
    backup = backed_up(repository, source)
    wanted = PurePosixPath(source / "a" / "b")
    restored = restore_tree(repository, backup.tree, tmp_path / "target", paths=(wanted,))
    again = (tmp_path / "target").joinpath(*source.parts[1:])
    assert (2, []) == (restored.files, restored.troubles)
    assert {b"a", b"a/b", b"a/b/c", b"a/b/c/report.txt", b"a/b/c/same"} == set(seen_in(again))


@pytest.mark.parametrize(
    "paths",
    [
        pytest.param(("relative",), id="relative"),
        pytest.param(("/nowhere/at/all",), id="not there"),
        pytest.param(("/tmp/../etc",), id="with .."),  # noqa: S108 - a name
    ],
)
def test_paths_that_are_no_source(repository: Repository, paths: tuple[str, ...]) -> None:
    """The field is named before anything is read."""
    with pytest.raises(Misconfigured, match=r"paths: .* \(allowed: absolute"):
        back_up_tree(repository, TreeSource(tuple(map(Path, paths))))


def test_a_path_that_the_snapshot_lacks(
    repository: Repository, source: Path, tmp_path: Path
) -> None:
    """It is told, though the rest was restored."""
    backup = backed_up(repository, source)
    with pytest.raises(Misconfigured, match="1 of the paths are not in the snapshot"):
        restore_tree(
            repository, backup.tree, tmp_path / "target", paths=(PurePosixPath("/nowhere"),)
        )


@pytest.mark.parametrize("used", ["file", "full", "link"])
def test_a_target_that_is_used(
    repository: Repository, source: Path, tmp_path: Path, used: str
) -> None:
    """Nothing that stands somewhere is written over."""
    backup, target = backed_up(repository, source), tmp_path / "target"
    if used == "file":
        target.write_text("mine")
    elif used == "full":
        target.mkdir()
        (target / "mine").write_text("mine")
    else:
        target.symlink_to(source)
    before = seen_in(tmp_path)
    with pytest.raises(Misconfigured, match="target: something stands there already"):
        restore_tree(repository, backup.tree, target)
    assert before == seen_in(tmp_path)


def test_a_damaged_chunk_costs_its_file_alone(
    repository: Repository, source: Path, tmp_path: Path
) -> None:
    """That is named, left out with its other link, and everything else is restored."""
    backup = backed_up(repository, source)
    content = (source / "large").read_bytes()
    place = next(
        repository.place(BlobKind.DATA, saved) for saved in _blobs_of(repository, backup, b"large")
    )
    pack = tmp_path / "repository" / "data" / place.pack.hex()[:2] / place.pack.hex()
    data = bytearray(pack.read_bytes())
    data[place.offset + 40] ^= 1
    pack.write_bytes(data)
    restored = restore_tree(repository, backup.tree, tmp_path / "target")
    root = bytes(source)[1:]
    expected = [root + b"/a/b/c/same", root + b"/large"]
    assert expected == sorted(trouble.path for trouble in restored.troubles)
    assert {TroubleKind.DAMAGED} == {trouble.kind for trouble in restored.troubles}
    again = (tmp_path / "target").joinpath(*source.parts[1:])
    assert set(seen_in(source)) - {b"large", b"a/b/c/same"} == set(seen_in(again))
    assert 5 * MIB == len(content)


def _blobs_of(repository: Repository, backup: TreeBackup, name: bytes) -> Iterator[bytes]:
    trees = TreeReader(repository)
    trees_left = [backup.tree]
    while trees_left:
        for node in trees.nodes(trees_left.pop()):
            if node.subtree:
                trees_left.append(node.subtree)
            if node.name == name:
                yield from node.content


def test_a_lost_pack_is_told_file_by_file(
    repository: Repository, source: Path, tmp_path: Path
) -> None:
    """All that stood in it is named; directories, links and empty files come back."""
    backup = backed_up(repository, source)
    packs = {
        repository.place(BlobKind.DATA, blob).pack
        for name in (b"large", b"run", b"sparse")
        for blob in _blobs_of(repository, backup, name)
    }
    for pack in packs:
        (tmp_path / "repository" / "data" / pack.hex()[:2] / pack.hex()).unlink()
    restored = restore_tree(repository, backup.tree, tmp_path / "target")
    lost = {trouble.path.rpartition(b"/")[2] for trouble in restored.troubles}
    again = seen_in((tmp_path / "target").joinpath(*source.parts[1:]))
    assert {b"large", b"same", b"run", b"sparse"} <= lost
    assert {b"empty", b"nothing", b"link", b"pipe"} <= set(again)


NAMES = st.binary(min_size=1, max_size=30).filter(
    lambda name: name not in {b".", b".."} and b"/" not in name and b"\0" not in name
)
CONTENTS = st.one_of(
    st.binary(max_size=200),
    st.builds(bytes, st.integers(0, 300_000)),
    st.builds(
        lambda seed, size: (seed * size)[:size], st.binary(min_size=1), st.integers(0, 900_000)
    ),
)
TIMES = st.integers(0, 4 * 10**18)
FILES = st.tuples(st.just("file"), CONTENTS, st.integers(0, 0o7777), TIMES)
LINKS = st.tuples(
    st.just("link"), st.binary(min_size=1, max_size=60).filter(lambda target: b"\0" not in target)
)
TREES = st.recursive(
    st.one_of(FILES, LINKS),
    lambda below: st.dictionaries(NAMES, below, max_size=4),
    max_leaves=12,
)


def plant(path: bytes, tree: object) -> None:
    """Make it so at that path."""
    match tree:
        case ("file", bytes() as content, int() as mode, int() as time):
            Path(os.fsdecode(path)).write_bytes(content)
            os.chmod(path, mode)  # noqa: PTH101 - bytes
            os.utime(path, ns=(time, time))
        case ("link", bytes() as target):
            os.symlink(target, path)  # noqa: PTH211 - bytes
        case dict():
            os.mkdir(path)  # noqa: PTH102 - bytes
            for name, below in tree.items():
                plant(path + b"/" + name, below)


@pytest.fixture(scope="module")
def lasting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Repository]:
    """One repository for many trees."""
    with a_repository(tmp_path_factory.mktemp("lasting")) as made:
        yield made


@settings(max_examples=60, deadline=None)
@given(tree=st.dictionaries(NAMES, TREES, max_size=5))
def test_what_is_restored_is_what_was_backed_up(lasting: Repository, tree: object) -> None:
    """For arbitrary trees: names, contents, modes, times and links."""
    with tempfile.TemporaryDirectory() as name:
        source, target = Path(name) / "source", Path(name) / "target"
        plant(bytes(source), tree)
        backup = backed_up(lasting, source)
        second = backed_up(lasting, source, earlier=backup.tree)
        trees = [tree_at(lasting, each, source) for each in (backup, second)]
        assert (trees[0], ()) == (trees[1], second.troubles)
        again = restored_at(lasting, backup, source, target)
        assert seen_in(source) == seen_in(again)
