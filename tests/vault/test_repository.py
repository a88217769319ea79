"""A repository: made, opened, written and read; by restic, too."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from springtide.errors import GuardRefused, Misconfigured, NotFound, Retryable
from springtide.vault.blobs import BlobKind, SavedBlob, blob_id
from springtide.vault.key_files import find_key
from springtide.vault.repository import Repository
from springtide.vault.snapshots import list_snapshots
from springtide.vault.trees import TreeReader
from tests.vault.places import IDENTITY, PASSWORD, a_repository
from tests.vault.vaults import (
    MIB,
    Failing,
    LateStore,
    Restic,
    WatchedStore,
    contents,
    entries_of,
    loaded,
    named_by_headers,
    names,
    opened,
    restic_check,
    save_tree,
    saved,
)

DATA, TREE = BlobKind.DATA, BlobKind.TREE
BUSY = Retryable("the store is busy")
SHAPES = {
    "empty": b"",
    "one byte": b"x",
    "of zeros": bytes(MIB),
    "that cannot be compressed": contents(2, size=MIB)[1],
    "a little larger than a pack": contents(2, size=33 * MIB)[1],
}


@pytest.fixture
def repository(tmp_path: Path) -> Iterator[Repository]:
    """An empty one in a folder."""
    with a_repository(tmp_path) as made:
        yield made


def test_a_second_one_is_refused(repository: Repository, tmp_path: Path) -> None:
    """Nothing is changed."""
    before = names(repository.store)
    with pytest.raises(Misconfigured, match="stands there already"):
        a_repository(tmp_path)
    assert before == names(repository.store)


@pytest.mark.parametrize("at", ["keys/", "config"])
def test_a_creation_that_was_cut_short_is_ended(tmp_path: Path, at: str) -> None:
    """By the next one with the same password; the first key file is the only one."""
    failing = WatchedStore(tmp_path / "repository", Failing(BUSY, at, frozenset({1})))
    with pytest.raises(Retryable):
        a_repository(tmp_path, failing)
    a_repository(tmp_path, failing).close()
    opened(tmp_path).close()
    assert 1 == len(names(failing, "keys/"))


def test_a_creation_that_was_cut_short_had_another_password(tmp_path: Path) -> None:
    """Then whoever knows it ends it."""
    failing = WatchedStore(tmp_path / "repository", Failing(BUSY, "config", frozenset({1})))
    with pytest.raises(Retryable):
        a_repository(tmp_path, failing)
    with pytest.raises(GuardRefused):
        Repository.create(failing, b"other", identity=IDENTITY, work_folder=tmp_path)


def test_two_creations_at_once(tmp_path: Path) -> None:
    """One is told that the other was quicker; the repository that stands is a whole one."""
    folder = tmp_path / "repository"

    def meanwhile(name: str) -> None:
        if name == "config":
            slow.before = lambda _: None
            for key in names(slow, "keys/"):
                hidden.add(key)
            a_repository(tmp_path, LateStore(folder, unlisted=hidden)).close()

    hidden: set[str] = set()
    slow = WatchedStore(folder, meanwhile)
    with pytest.raises(Misconfigured, match="meanwhile"):
        a_repository(tmp_path, slow)
    assert 1 == len(names(slow, "keys/"))
    with opened(tmp_path) as found:
        assert saved(found, [b"text"]) == loaded(found, {blob_id(b"text"): b""})


def test_a_repository_without_its_config_is_not_made_anew(
    repository: Repository, tmp_path: Path
) -> None:
    """Its blobs would be there, and another repository around them."""
    saved(repository, [b"text"])
    repository.store.delete("config")
    with pytest.raises(Misconfigured, match="lost its config"):
        a_repository(tmp_path)


@pytest.mark.parametrize("version", [1, 3])
def test_another_version_is_refused(repository: Repository, tmp_path: Path, version: int) -> None:
    """Both an older one and one to come."""
    config = json.loads(repository.key.open(repository.store.get("config"))) | {"version": version}
    (tmp_path / "repository" / "config").write_bytes(
        repository.key.seal(json.dumps(config).encode())
    )
    with pytest.raises(Misconfigured, match=f"of version {version}"):
        opened(tmp_path)


def test_nothing_to_open(repository: Repository, tmp_path: Path) -> None:
    """No key file, no config, the wrong password: each has its own word."""
    with pytest.raises(Misconfigured, match="no key file"):
        opened(tmp_path / "elsewhere")
    with pytest.raises(GuardRefused):
        Repository.open(repository.store, b"wrong", work_folder=tmp_path)
    repository.store.delete("config")
    with pytest.raises(Misconfigured, match="no config"):
        opened(tmp_path)


@pytest.mark.parametrize("plain", SHAPES.values(), ids=SHAPES.keys())
@pytest.mark.parametrize("kind", BlobKind)
def test_what_is_saved_is_there(
    repository: Repository, tmp_path: Path, kind: BlobKind, plain: bytes
) -> None:
    """For this run, and for another one that opens it."""
    blob = repository.save(kind, plain).id
    repository.flush()
    with opened(tmp_path) as other:
        other.load_index()
        place = other.place(kind, blob)
        assert (plain, plain) == (repository.load(kind, blob), other.load(kind, blob))
    assert (len(plain), plain == bytes(MIB)) == (place.raw_length, place.compressed)


@pytest.mark.real
@pytest.mark.parametrize("plain", SHAPES.values(), ids=SHAPES.keys())
def test_restic_reads_what_was_saved(repository: Repository, tmp_path: Path, plain: bytes) -> None:
    """Every blob and the tree, with `restic cat`, `ls` and `check`."""
    snapshot = save_tree(repository, {"one": plain, "two": b"second"})
    blob = repository.save(DATA, plain).id
    repository.flush()
    restic = Restic(tmp_path)
    restic_check(tmp_path)
    assert plain == restic.says("cat", "blob", blob.hex())
    assert [b"/one", b"/two"] == restic.says("ls", "-q", snapshot.id).splitlines()[-2:]
    listed = json.loads(restic.says("snapshots", "--json"))
    assert [(snapshot.id, snapshot.tree)] == [(one["id"], one["tree"]) for one in listed]


@pytest.mark.real
def test_what_restic_wrote_is_read(tmp_path: Path) -> None:
    """Its key file, its config, its index, its snapshot, its trees, its chunks; then written to."""
    source = tmp_path / "source"
    (source / "folder").mkdir(parents=True)
    plains = {"large": contents(2, size=9 * MIB)[1], "zeros": bytes(3 * MIB), "empty": b""}
    for name, plain in plains.items():
        (source / "folder" / name).write_bytes(plain)
    restic = Restic(tmp_path)
    restic.says("init", "--repository-version", "2")
    restic.says("backup", str(source), "--tag", "of-restic", "--host", "elsewhere")
    with opened(tmp_path) as repository:
        repository.load_index()
        (snapshot,) = list_snapshots(repository)
        assert (("of-restic",), "elsewhere") == (snapshot.tags, snapshot.hostname)
        assert (str(source),) == snapshot.paths
        found = _files(repository, bytes.fromhex(snapshot.tree))
        assert plains == found
        ours = save_tree(repository, {"ours": b"text"})
        assert [snapshot, ours] == sorted(
            list_snapshots(repository), key=lambda one: one.id != snapshot.id
        )
    restic_check(tmp_path)
    assert b"text" == restic.says("dump", ours.id, "/ours")


def _files(repository: Repository, tree: bytes) -> dict[str, bytes]:
    """The files below that tree, whatever the folder."""
    found: dict[str, bytes] = {}
    for node in json.loads(repository.load(TREE, tree))["nodes"]:
        if node["type"] == "dir":
            found |= _files(repository, bytes.fromhex(node["subtree"]))
        else:
            chunks = (repository.load(DATA, bytes.fromhex(blob)) for blob in node["content"] or ())
            found[node["name"]] = b"".join(chunks)
    return found


def test_saved_twice_is_stored_once(repository: Repository, tmp_path: Path) -> None:
    """Before the flush, after it, and by another run; of another kind it is another blob."""
    blob = blob_id(b"text")
    new, known = SavedBlob(blob, new=True), SavedBlob(blob, new=False)
    assert [new, known] == [repository.save(DATA, b"text") for _ in range(2)]
    repository.flush()
    assert known == repository.save(DATA, b"text")
    assert new == repository.save(TREE, b"text")
    repository.flush()
    with opened(tmp_path) as other:
        other.load_index()
        assert [known, known] == [other.save(kind, b"text") for kind in (DATA, TREE)]
    assert [(DATA, blob), (TREE, blob)] == sorted(named_by_headers(repository))


def test_it_has_what_is_on_its_way(repository: Repository) -> None:
    """Saved counts, for whoever asks in the same run; loaded it can be only once it is stored."""
    blob = repository.save(DATA, b"text").id
    assert (True, False) == (repository.has(DATA, blob), repository.has(TREE, blob))
    with pytest.raises(NotFound, match=blob.hex()):
        repository.load(DATA, blob)
    repository.flush()
    assert repository.has(DATA, blob)


def test_nothing_to_flush(repository: Repository) -> None:
    """Leaves nothing behind."""
    before = names(repository.store)
    repository.flush()
    assert before == names(repository.store)


def test_not_flushed_is_not_stored(repository: Repository, tmp_path: Path) -> None:
    """Whoever closes it without a flush has stored nothing, and nothing says otherwise."""
    repository.save(DATA, b"text")
    repository.close()
    with opened(tmp_path) as other:
        other.load_index()
        assert not other.has(DATA, blob_id(b"text"))
        assert [] == names(other.store, "data/")


def test_documents_are_found_by_their_ids(repository: Repository) -> None:
    """Two of the same content have two ids: nobody sees that they are the same."""
    document = {"text": "école", "number": 7}
    ids = {repository.save_document("sessions", document) for _ in range(2)}
    assert dict.fromkeys(ids, document) == dict(repository.documents("sessions"))
    for one in ids:
        repository.remove_document("sessions", one)
        repository.remove_document("sessions", one)
    assert [] == list(repository.documents("sessions"))
    with pytest.raises(NotFound):
        repository.load_document("sessions", "00" * 32)


def test_a_document_that_went_since_the_listing(repository: Repository, tmp_path: Path) -> None:
    """Is left out; the others come."""
    gone, stays = (repository.save_document("sessions", {"number": n}) for n in range(2))
    repository.store = LateStore(tmp_path / "repository", gone={f"sessions/{gone}"})
    assert {stays: {"number": 1}} == dict(repository.documents("sessions"))


def test_nothing_readable_leaves_the_house(tmp_path: Path) -> None:
    """No content, no name, no password in any object, and no key; names are hashes."""
    with a_repository(tmp_path) as repository:
        save_tree(repository, {"marks-of-the-pupils": b"the best of all marks " * 10})
        key = find_key(repository.store, PASSWORD)[0]
        every = b"".join(repository.store.get(name) for name in names(repository.store))
        listed = "".join(names(repository.store))
    secrets = (b"marks-of-the-pupils", b"best of all", b"documents", PASSWORD, key.encryption)
    assert [] == [secret for secret in secrets if secret in every]
    assert set(listed) <= set("0123456789abcdef/configdataindexkeyssnapshots")


def test_trees_are_blobs_of_their_own_packs(repository: Repository) -> None:
    """Restic wants trees and data apart."""
    snapshot = save_tree(repository, {f"file-{n}": bytes([n]) * 100 for n in range(9)})
    kinds = [
        {entry.kind for entry in entries_of(repository.index, pack)}
        for pack in repository.index.packs()
    ]
    assert {DATA} in kinds
    assert all(len(kind) == 1 for kind in kinds)
    assert TreeReader(repository).nodes(bytes.fromhex(snapshot.tree))


def test_many_small_blobs_at_once(repository: Repository) -> None:
    """As one by one: each stored once, whether it comes twice, is known, or is on its way."""
    plains = contents(40, size=200)
    first = repository.save(DATA, plains[0])
    again = [*plains, plains[5], plains[0]]
    found = repository.save_many(DATA, again)
    assert [blob_id(plain) for plain in again] == [each.id for each in found]
    assert (first.new, 39) == (True, sum(each.new for each in found))
    assert not any(each.new for each in repository.save_many(DATA, plains))
    repository.flush()
    assert sorted((DATA, blob_id(plain)) for plain in plains) == sorted(
        named_by_headers(repository)
    )
    assert plains == [repository.load(DATA, blob_id(plain)) for plain in plains]
    assert [] == repository.save_many(DATA, [])


def test_many_that_cannot_be_stored_are_not_taken_for_known(tmp_path: Path) -> None:
    """What was not put into a pack is new the next time; what was, goes with the next flush."""
    failing = Failing(Retryable("away"), "data/", frozenset({1}))
    with a_repository(tmp_path, WatchedStore(tmp_path / "repository", failing)) as made:
        plains = contents(9, size=20 * MIB)[1::2]
        try:
            made.save_many(DATA, plains)
            made.flush()
        except Retryable:
            made.save_many(DATA, plains)
            made.flush()
        assert {blob_id(plain) for plain in plains} == {blob for _, blob in named_by_headers(made)}
