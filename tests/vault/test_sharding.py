"""Shards of a source: each entry in just one, and all of them joined are the whole."""

import os
import tempfile
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from springtide.errors import Misconfigured, Retryable
from springtide.model.backup import BackupSource, ShardOrder
from springtide.model.retention import PrunePolicy, Retention
from springtide.planning.snapshot_expiry import plan_expiry
from springtide.vault.dealing import Shard
from springtide.vault.nodes import NodeKind
from springtide.vault.repository import Repository
from springtide.vault.sessions import write_session
from springtide.vault.sharding import (
    as_shard,
    dealt,
    joined_tree,
    newest_for,
    refuse_if_replaced,
    remove_shards,
    shards_of,
)
from springtide.vault.snapshots import Snapshot, Summary, list_snapshots, save_snapshot
from springtide.vault.tree_backup import TreeSource, back_up_tree
from springtide.vault.tree_comparison import compare_tree
from springtide.vault.tree_restore import restore_tree
from springtide.vault.trees import TreeReader
from tests.vault.folder_store import FolderStore
from tests.vault.places import IDENTITY, a_repository
from tests.vault.vaults import a_snapshot, opened, restic_check

RUN = "abc-1"
NAMES = st.binary(min_size=1, max_size=6).filter(lambda name: b"/" not in name)


def a_source(root: Path, **changes: object) -> BackupSource:
    """A source in three shards."""
    base = {"name": "documents", "vault": "documents", "paths": [str(root)], "shards": 3}
    return BackupSource.model_validate(base | {"restore_folder": "/srv/restored"} | changes)


def an_order(number: int, of: int = 3, run: str = RUN) -> ShardOrder:
    """A shard of a run."""
    return ShardOrder(number=number, of=of, run=run)


@pytest.fixture
def documents(tmp_path: Path) -> Path:
    """Directories of two levels, files beside them, a link across, and an empty directory."""
    root = tmp_path / "documents"
    for number in range(30):
        folder = root / f"school-{number % 10}" / f"class-{number % 3}"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{number}.txt").write_bytes(b"marks %d\n" % number * 50)
    (root / "readme").write_bytes(b"at the top")
    (root / "empty").mkdir()
    os.link(root / "readme", root / "school-1" / "same")
    return root


def shard_of(repository: Repository, source: BackupSource, order: ShardOrder) -> Snapshot:
    """A snapshot of one shard."""
    root = Path(source.paths[0])
    tree = back_up_tree(repository, TreeSource((root,), shard=dealt(source, order))).tree
    repository.flush()
    made = a_snapshot(repository, tree.hex())
    named = made.model_copy(update={"hostname": source.name, "paths": source.paths})
    return save_snapshot(repository, as_shard(named, order))


def below(repository: Repository, tree: bytes, path: Path) -> bytes | None:
    """The tree of that directory; those above it, such as /tmp, are changed by everybody."""
    reader, found = TreeReader(repository), tree
    for name in path.parts[1:]:
        (node,) = (each for each in reader.nodes(found) if each.name == os.fsencode(name))
        assert node.subtree is not None
        found = node.subtree
    return found


@given(path=st.lists(NAMES, min_size=1, max_size=4), of=st.integers(1, 9), depth=st.integers(1, 4))
def test_each_entry_is_dealt_to_just_one_shard(path: list[bytes], of: int, depth: int) -> None:
    """Directories above the depth are in all; what is below a dealt one is where that is."""
    whole = b"/".join(path)
    shards = [Shard(number, of, depth) for number in range(1, of + 1)]
    files = [shard.holds(whole, NodeKind.FILE) for shard in shards]
    directories = [shard.holds(whole, NodeKind.DIRECTORY) for shard in shards]
    assert (of if len(path) > depth else 1) == sum(files)
    assert (1 if len(path) == depth else of) == sum(directories)


@pytest.mark.parametrize("depth", [1, 2, 3])
@pytest.mark.parametrize("judged", [pytest.param(True, marks=pytest.mark.real), False])
def test_shards_joined_are_the_whole(
    documents: Path, tmp_path: Path, depth: int, *, judged: bool
) -> None:
    """Written by three writers at once into one repository; the tree is that of one writer."""
    source, vault = a_source(documents, shard_depth=depth), tmp_path / "vault"
    a_repository(vault).close()

    def back_up(number: int) -> None:
        with (
            opened(vault, work=f"worker-{number}") as writer,
            write_session(writer, identity=IDENTITY, policy=PrunePolicy()) as session,
        ):
            shard_of(writer, source, an_order(number))
            session.refuse_if_expired()

    with ThreadPoolExecutor(3) as writers:
        list(writers.map(back_up, (1, 2, 3)))
    with opened(vault) as repository:
        repository.load_index()
        known = list_snapshots(repository)
        tree = joined_tree(repository, shards_of(known, "documents", str(documents), RUN, 3))
        repository.flush()
        alone = back_up_tree(repository, TreeSource((documents,)))
        repository.flush()
        both = [below(repository, each, documents) for each in (alone.tree, tree)]
        assert (both[0], 0) == (both[1], alone.counts.new_bytes)
        assert [] == restore_tree(repository, tree, vault / "restored").troubles
        assert [] == list(compare_tree(repository, tree, vault / "restored"))
        whole = a_snapshot(repository, tree.hex()).model_copy(
            update={"hostname": "documents", "paths": source.paths}
        )
        whole = save_snapshot(repository, whole)
        remove_shards(repository, known, whole, "documents")
        assert [whole] == list(list_snapshots(repository))
    if judged:
        restic_check(vault)


def test_no_shard_holds_everything(documents: Path) -> None:
    """Of ten directories none is dealt to all; each shard has some."""
    names = [os.fsencode(each.name) for each in documents.iterdir()]
    dealt_to = Counter(
        number for name in names for number in (1, 2, 3) if Shard(number, 3).holds(name, _FILE)
    )
    assert (3, len(names)) == (len(dealt_to), sum(dealt_to.values()))


_FILE = NodeKind.FILE


def test_a_missing_shard_is_told(documents: Path, tmp_path: Path) -> None:
    """It may only be late in the listing; nothing whole comes to stand without it."""
    source = a_source(documents)
    with a_repository(tmp_path) as repository:
        for number in (1, 3):
            shard_of(repository, source, an_order(number))
        shard_of(repository, source, an_order(2, run="def-2"))
        known = list_snapshots(repository)
        with pytest.raises(Retryable, match="shards are not listed: 2 of 3"):
            shards_of(known, "documents", str(documents), RUN, 3)


def test_what_a_failed_run_has_left_is_gone_on_from(documents: Path, tmp_path: Path) -> None:
    """By the same shard alone, where it is newer than the whole."""
    source, order = a_source(documents), an_order(2)
    with a_repository(tmp_path) as repository:
        left = shard_of(repository, source, an_order(2, run="def-2"))
        path = str(documents)
        known = list_snapshots(repository)
        assert left == newest_for(known, source, path, order)
        assert newest_for(known, source, path, an_order(1)) is None
        assert newest_for(known, source, path, an_order(2, of=4)) is None
        assert newest_for(known, source, path, None) is None
        update = {"hostname": "documents", "paths": source.paths, "time": left.time}
        later = left.model_copy(update=update | {"time": left.time + timedelta(hours=1)})
        earlier = left.model_copy(update=update | {"time": left.time - timedelta(hours=1)})
        assert later == newest_for([left, later], source, path, order)
        # As of a mount that was gone: all would be read again.
        empty = left.model_copy(update={"summary": Summary()})
        assert earlier == newest_for([earlier, empty], source, path, order)
        assert left == newest_for([earlier, left], source, path, order)
        remove_shards(repository, known, earlier, "documents")
        assert [left] == list(list_snapshots(repository))


def test_no_rule_of_retention_counts_shards(documents: Path, tmp_path: Path) -> None:
    """A backup is under way for days, and expiry runs each morning: all its shards are there."""
    retention = Retention(keep_last=1, minimum_copies=1)
    with a_repository(tmp_path) as repository:
        shards = [shard_of(repository, a_source(documents), an_order(n)) for n in (1, 2, 3)]
        now = repository.store.now() + timedelta(days=6)
        plan = plan_expiry(shards, retention, now, ZoneInfo("Europe/Paris"))
        assert {each.id for each in shards} == {each.id for each in plan.kept}


def test_shards_that_were_stored_anew_meanwhile(documents: Path, tmp_path: Path) -> None:
    """As by an erasure: what was joined of the old ones would bring back what went."""
    with a_repository(tmp_path) as repository:
        shards = [shard_of(repository, a_source(documents), an_order(n)) for n in (1, 2, 3)]
        refuse_if_replaced(repository, shards)
        repository.remove_document("snapshots", shards[1].id)
        with pytest.raises(Retryable, match="meanwhile"):
            refuse_if_replaced(repository, shards)


class OnceDeleting(FolderStore):
    """A folder that lets one object go, and no more."""

    deleted = False

    def delete(self, name: str) -> None:
        """As `Store.delete`."""
        if self.deleted:
            raise Retryable("503")
        self.deleted = True
        super().delete(name)


def test_shards_that_the_store_does_not_let_go(documents: Path, tmp_path: Path) -> None:
    """They are left to the next whole one: this one stands, and is no failure."""
    store = OnceDeleting(tmp_path / "repository")
    with a_repository(tmp_path, store) as repository:
        shards = [shard_of(repository, a_source(documents), an_order(n)) for n in (1, 2, 3)]
        update = {"hostname": "documents", "tags": ()}
        whole = save_snapshot(repository, shards[-1].model_copy(update=update))
        remove_shards(repository, list_snapshots(repository), whole, "documents")
        left = list_snapshots(repository)
        assert (3, True) == (len(left), whole in left)
        for count in (2, 1):
            store.deleted = False
            remove_shards(repository, list_snapshots(repository), whole, "documents")
            assert count == len(list_snapshots(repository))
        assert (whole,) == list_snapshots(repository)


def test_a_shard_is_of_one_path(documents: Path, tmp_path: Path) -> None:
    """Refused, and so is a source without any: that would be all of the machine."""
    with a_repository(tmp_path) as repository:
        for paths, shard in (((documents, tmp_path), Shard(1, 2)), ((), Shard(1, 1))):
            with pytest.raises(Misconfigured, match="paths"):
                back_up_tree(repository, TreeSource(paths, shard=shard))


@settings(max_examples=10, deadline=None)
@given(
    names=st.lists(st.sampled_from("abcdefgh"), min_size=1, max_size=8, unique=True),
    of=st.integers(1, 5),
)
def test_any_number_of_shards(names: list[str], of: int) -> None:
    """More shards than entries leave some empty: joined they are the whole."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "root"
        for name in names:
            (root / name).mkdir(parents=True)
            (root / name / "file").write_text(name)
        source = a_source(root, shards=of)
        with a_repository(Path(folder)) as repository:
            shards = [shard_of(repository, source, an_order(n, of)) for n in range(1, of + 1)]
            tree = joined_tree(repository, shards)
            whole = back_up_tree(repository, TreeSource((root,))).tree
            # What stands above the root may have changed meanwhile, and is stored anew then.
            repository.flush()
            assert below(repository, whole, root) == below(repository, tree, root)
