"""Snapshots: stored, listed, read by restic, and named where they cannot be read."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from springtide.errors import Damaged, Misconfigured, NotFound, SpringtideError
from springtide.vault.repository import Repository
from springtide.vault.snapshots import (
    KIND,
    Snapshot,
    list_snapshots,
    load_snapshot,
    naming,
    read_snapshots,
    save_snapshot,
    unread,
)
from tests.vault.places import a_repository
from tests.vault.vaults import LateStore, Restic, a_snapshot, flip, names, restic_check, save_tree

AT = datetime(2020, 3, 16, 18, 0, tzinfo=UTC)
FULL = Snapshot(
    time=AT,
    tree="ab" * 32,
    paths=("/srv/documents", "/srv/école"),
    hostname="vault-test",
    username="backup",
    uid=1000,
    gid=100,
    parent="cd" * 32,
    excludes=("*.tmp",),
    tags=("nightly", "drilled"),
    original="ef" * 32,
)


@pytest.fixture
def repository(tmp_path: Path) -> Iterator[Repository]:
    """An empty one in a folder."""
    with a_repository(tmp_path) as made:
        yield made


@pytest.mark.parametrize(
    "snapshot",
    [
        pytest.param(FULL, id="with all that it may have"),
        pytest.param(
            Snapshot(time=AT, tree="ab" * 32, paths=("/",), hostname="h"), id="with what it must"
        ),
        pytest.param(
            FULL.model_copy(
                update={"time": AT.replace(microsecond=1, tzinfo=timezone(timedelta(hours=-5)))}
            ),
            id="of another zone",
        ),
    ],
)
def test_it_is_read_as_it_was_saved(repository: Repository, snapshot: Snapshot) -> None:
    """With its id, which is the hash of what is stored."""
    saved = save_snapshot(repository, snapshot)
    assert snapshot.model_copy(update={"id": saved.id}) == saved
    assert ((saved,), saved) == (list_snapshots(repository), load_snapshot(repository, saved.id))
    assert [f"snapshots/{saved.id}"] == names(repository.store, "snapshots/")


def test_what_is_empty_is_not_stored(repository: Repository) -> None:
    """As restic has it: a field that is missing is empty."""
    saved = save_snapshot(repository, a_snapshot(repository))
    stored = repository.load_document(KIND, saved.id)
    assert not {"id", "excludes", "tags", "parent", "original"} & set(stored)


def test_the_oldest_comes_first(repository: Repository) -> None:
    """Whatever the order in which they were saved, and by the instant, whatever the zone."""
    times = [AT, AT + timedelta(hours=1), AT.astimezone(timezone(timedelta(hours=9))), AT]
    times[2] -= timedelta(seconds=1)
    saved = [save_snapshot(repository, FULL.model_copy(update={"time": time})) for time in times]
    first, second = sorted((saved[0], saved[3]), key=lambda snapshot: snapshot.id)
    assert (saved[2], first, second, saved[1]) == list_snapshots(repository)


def test_one_of_restics_own(repository: Repository) -> None:
    """With its nanoseconds, with nulls, and with fields of a later version; it is not ours."""
    document = {
        "time": "2020-03-16T19:00:00.123456789+01:00",
        "tree": "ab" * 32,
        "paths": ["/srv"],
        "hostname": "elsewhere",
        "tags": None,
        "something_new": {"of": ["a", "later", "version"]},
    }
    name = repository.save_document(KIND, document)
    expected = Snapshot(
        id=name,
        time=AT.replace(microsecond=123456),
        tree="ab" * 32,
        paths=("/srv",),
        hostname="elsewhere",
        program_version="",
    )
    assert (expected,) == list_snapshots(repository)


NO_SNAPSHOTS: dict[str, dict[str, object]] = {
    "of nothing": {},
    "without a tree": {"time": AT.isoformat(), "paths": ["/"], "hostname": "h"},
    "of no time": {"time": "today", "tree": "ab", "paths": ["/"], "hostname": "h"},
    "of no zone": {"time": "2020-03-16T18:00:00", "tree": "ab", "paths": ["/"], "hostname": "h"},
    "of no paths": {"time": AT.isoformat(), "tree": "ab", "paths": 7, "hostname": "h"},
}


@pytest.mark.parametrize("document", NO_SNAPSHOTS.values(), ids=NO_SNAPSHOTS.keys())
def test_what_is_no_snapshot_is_named(repository: Repository, document: dict[str, object]) -> None:
    """The others can be read all the same."""
    good = save_snapshot(repository, FULL)
    bad = f"snapshots/{repository.save_document(KIND, document)}"
    assert ((good,), (bad,)) == read_snapshots(repository)
    with pytest.raises(Damaged, match=f"^{bad} cannot be read$") as caught:
        list_snapshots(repository)
    assert (bad,) == caught.value.objects


@pytest.mark.parametrize(
    ("count", "told"),
    [
        pytest.param(0, "", id="none"),
        pytest.param(3, "0, 1, 2 cannot be read", id="three"),
        pytest.param(5, "0, 1, 2, 2 more cannot be read", id="five"),
    ],
)
def test_what_is_told_of_many(count: int, told: str) -> None:
    """The first three by their names."""
    assert told == unread([str(number) for number in range(count)])


@pytest.mark.parametrize(
    "error", [NotFound("nothing"), Misconfigured("none begins so", field="snapshot")], ids=str
)
def test_what_is_not_found_may_be_one_of_the_damaged(error: SpringtideError) -> None:
    """They are named beside it; where all can be read it is told as it is."""
    told = f"^{error}; snapshots/ab cannot be read$"
    with pytest.raises(Damaged, match=told) as damaged, naming(["snapshots/ab"]):
        raise error
    assert (("snapshots/ab",), error) == (damaged.value.objects, damaged.value.__cause__)
    with pytest.raises(type(error), match=f"^{error}$"), naming([]):
        raise error


def test_a_flipped_bit_is_named(repository: Repository, tmp_path: Path) -> None:
    """Anywhere in one of them; the other can be read all the same."""
    damaged, good = (
        save_snapshot(repository, FULL.model_copy(update={"uid": uid})) for uid in range(2)
    )
    name = f"snapshots/{damaged.id}"
    for position in range(0, repository.store.size(name) or 0, 7):
        flip(tmp_path / "repository" / name, position, position % 8)
        assert ((good,), (name,)) == read_snapshots(repository)
        flip(tmp_path / "repository" / name, position, position % 8)
    assert 2 == len(list_snapshots(repository))


def test_one_that_went_since_the_listing(repository: Repository, tmp_path: Path) -> None:
    """Is left out, and is no damage; asked for by its id it is not there."""
    gone, stays = (
        save_snapshot(repository, FULL.model_copy(update={"uid": uid})) for uid in range(2)
    )
    repository.store = LateStore(tmp_path / "repository", gone={f"snapshots/{gone.id}"})
    assert (stays,) == list_snapshots(repository)
    with pytest.raises(NotFound):
        load_snapshot(repository, gone.id)


@pytest.mark.real
def test_restic_reads_ours(repository: Repository, tmp_path: Path) -> None:
    """All of its fields; and what restic makes of it we read."""
    tree = save_tree(repository, {"file": b"text"}).tree
    saved = save_snapshot(repository, FULL.model_copy(update={"tree": tree}))
    restic = Restic(tmp_path)
    (theirs,) = (
        one for one in json.loads(restic.says("snapshots", "--json")) if one["id"] == saved.id
    )
    fields = ("tree", "paths", "hostname", "username", "uid", "gid", "excludes", "tags", "parent")
    dumped = saved.model_dump(mode="json")
    assert {field: dumped[field] for field in fields} == {field: theirs[field] for field in fields}
    restic.says("tag", "--add", "kept", saved.id)
    (tagged,) = (one for one in list_snapshots(repository) if "kept" in one.tags)
    assert saved.tree == tagged.tree
    assert saved.original == tagged.original
    restic_check(tmp_path)
