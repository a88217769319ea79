"""The index file, and the documents that it is made from."""

import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from springtide.vault.blobs import BlobKind, BlobPlace, PackEntry
from springtide.vault.index import BlobIndex
from springtide.vault.index_documents import index_document, parse_index, parted
from tests.vault.vaults import an_entry, entries_of

DATA, TREE = BlobKind.DATA, BlobKind.TREE
FIRST, SECOND = bytes([1]) * 32, bytes([2]) * 32
KNOWN = an_entry(7, pack=1)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the index is."""
    return tmp_path / "work" / "index.sqlite"


@pytest.fixture
def index(path: Path) -> Iterator[BlobIndex]:
    """An empty one."""
    made = BlobIndex(path)
    yield made
    made.close()


def test_an_empty_index_knows_nothing(index: BlobIndex) -> None:
    """Neither blobs nor packs nor documents."""
    found = (index.has(DATA, KNOWN.id), index.place(DATA, KNOWN.id), index.count())
    assert (False, None, 0, set(), set()) == (*found, index.packs(), index.documents())


@pytest.mark.parametrize("kind", BlobKind)
@pytest.mark.parametrize("compressed", [False, True], ids=["plain", "compressed"])
def test_a_place_is_found_as_it_was_given(
    index: BlobIndex, kind: BlobKind, *, compressed: bool
) -> None:
    """Under its own kind alone."""
    place = BlobPlace(FIRST, 2**32 + 5, 2**31, 2**32 - 1, compressed)
    index.add([PackEntry(kind, KNOWN.id, place)], "document")
    other = TREE if kind is DATA else DATA
    assert (place, None) == (index.place(kind, KNOWN.id), index.place(other, KNOWN.id))
    assert (True, False) == (index.has(kind, KNOWN.id), index.has(other, KNOWN.id))
    assert ({FIRST}, {"document"}) == (index.packs(), index.documents())


def test_what_is_known_changes_nothing(index: BlobIndex) -> None:
    """Two documents may name the same packs."""
    entries = [an_entry(number, pack=1) for number in range(5)]
    index.add(entries, "a")
    index.add(entries, "b")
    index.add(entries)
    assert (5, {"a", "b"}) == (index.count(), index.documents())
    assert entries == entries_of(index, FIRST)


def test_a_pack_has_its_own_blobs(index: BlobIndex) -> None:
    """In their order in the pack, whatever the order in which they were given."""
    first = [an_entry(number, pack=1) for number in range(3)]
    second = [an_entry(number, pack=2) for number in range(2, 5)]
    index.add([*reversed(first), *second])
    assert (first, second) == (entries_of(index, FIRST), entries_of(index, SECOND))
    assert [] == entries_of(index, bytes(32))


@pytest.mark.parametrize(
    ("retired", "has", "pack"),
    [
        pytest.param((), True, FIRST, id="none"),
        pytest.param((FIRST,), True, SECOND, id="one of two"),
        pytest.param((SECOND,), True, FIRST, id="the other"),
        pytest.param((FIRST, SECOND), False, FIRST, id="both"),
        pytest.param((bytes(32),), True, FIRST, id="one that is unknown"),
    ],
)
def test_a_retired_pack_is_read_and_not_counted_on(
    index: BlobIndex, retired: tuple[bytes, ...], pack: bytes, *, has: bool
) -> None:
    """A writer stores the blob anew; a reader takes a pack that is to stay, where there is one."""
    index.add([an_entry(7, pack=1), an_entry(7, pack=2)])
    index.retire((FIRST, SECOND))
    index.retire(retired)
    place = index.place(DATA, KNOWN.id)
    assert place is not None
    assert has is index.has(DATA, KNOWN.id)
    if len(retired) == 1 and retired[0] in (FIRST, SECOND):
        assert pack == place.pack


def test_a_blob_of_a_retired_pack_that_was_stored_anew(index: BlobIndex) -> None:
    """Then it counts again."""
    index.add([KNOWN])
    index.retire([FIRST])
    assert not index.has(DATA, KNOWN.id)
    index.add([an_entry(7, pack=2)])
    place = index.place(DATA, KNOWN.id)
    assert (True, SECOND) == (index.has(DATA, KNOWN.id), place.pack if place else None)


def test_clearing_forgets_all(index: BlobIndex) -> None:
    """But what is about to go: that is known by the session."""
    index.add([KNOWN], "document")
    index.retire([FIRST])
    index.clear()
    assert (0, set(), set()) == (index.count(), index.packs(), index.documents())
    index.add([KNOWN, an_entry(8, pack=2)])
    assert (False, True) == (index.has(DATA, KNOWN.id), index.has(DATA, an_entry(8).id))


def test_it_is_there_after_reopening(path: Path, index: BlobIndex) -> None:
    """With all that it knew."""
    index.add([KNOWN], "document")
    index.close()
    again = BlobIndex(path)
    found = (again.place(DATA, KNOWN.id), again.documents(), entries_of(again, FIRST))
    again.close()
    assert (KNOWN.place, {"document"}, [KNOWN]) == found


def of_another_program(path: Path) -> None:
    """An SQLite file with a table of the same name."""
    database = sqlite3.connect(path)
    database.execute("CREATE TABLE blobs (other)")
    database.commit()
    database.close()


def of_another_version(path: Path) -> None:
    """An index as a later version might have it."""
    BlobIndex(path).close()
    database = sqlite3.connect(path)
    database.execute("PRAGMA user_version = 99")
    database.close()


def half_an_index(path: Path) -> None:
    """Cut off by a disk that failed."""
    whole = BlobIndex(path)
    whole.add(an_entry(number) for number in range(5000))
    whole.close()
    os.truncate(path, 3000)


UNUSABLE: dict[str, Callable[[Path], object]] = {
    "text": lambda path: path.write_bytes(b"no database, and long enough to see that" * 100),
    "a few bytes": lambda path: path.write_bytes(b"few"),
    "empty": lambda path: path.touch(),
    "of another program": of_another_program,
    "of another version": of_another_version,
    "half of it": half_an_index,
}


@pytest.mark.parametrize("make", UNUSABLE.values(), ids=UNUSABLE.keys())
def test_what_is_no_index_is_made_anew(path: Path, make: Callable[[Path], object]) -> None:
    """It is made from the store again, whatever stood there."""
    path.parent.mkdir()
    make(path)
    index = BlobIndex(path)
    index.add([KNOWN], "document")
    found = (index.count(), index.place(DATA, KNOWN.id))
    index.close()
    assert (1, KNOWN.place) == found


def test_another_runs_index_is_not_deleted(path: Path, index: BlobIndex) -> None:
    """While it is being written by somebody else it is waited for."""
    index.add([KNOWN], "document")
    other = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    with ThreadPoolExecutor(1) as threads:
        opening = threads.submit(BlobIndex, path)
        other.execute("INSERT INTO documents VALUES ('of the other')")
        assert not opening.done()
        other.execute("COMMIT")
        second = opening.result(30)
    other.close()
    found = (second.documents(), second.place(DATA, KNOWN.id))
    second.close()
    assert ({"document", "of the other"}, KNOWN.place) == found


def test_a_place_where_no_file_can_be(path: Path) -> None:
    """Is told, and nothing is deleted."""
    path.mkdir(parents=True)
    with pytest.raises(sqlite3.OperationalError, match="unable to open"):
        BlobIndex(path)
    assert path.is_dir()


def test_threads_at_once(index: BlobIndex) -> None:
    """Some add, some ask; in the end all is there."""

    def work(number: int) -> bool:
        entry = an_entry(number, pack=number % 3)
        index.add([entry], f"document-{number % 10}")
        return index.place(DATA, entry.id) == entry.place

    with ThreadPoolExecutor(8) as threads:
        assert [True] * 200 == list(threads.map(work, range(200)))
    assert (200, 10, 3) == (index.count(), len(index.documents()), len(index.packs()))


def test_processes_at_once(path: Path) -> None:
    """Several runs of one machine begin with one file, at the same time."""
    code = (
        "import sys; from pathlib import Path; from springtide.vault.index import BlobIndex;"
        "index = BlobIndex(Path(sys.argv[1])); index.add((), sys.argv[2]); index.close()"
    )
    runs = [
        subprocess.Popen([sys.executable, "-c", code, str(path), f"document-{number}"])
        for number in range(4)
    ]
    assert [0] * 4 == [run.wait(60) for run in runs]
    index = BlobIndex(path)
    found = index.documents()
    index.close()
    assert {f"document-{number}" for number in range(4)} == found


ENTRIES = {
    FIRST: tuple(an_entry(number, pack=1) for number in range(3)),
    SECOND: (
        PackEntry(TREE, bytes(32), BlobPlace(SECOND, 0, 100, 5000, compressed=True)),
        PackEntry(TREE, FIRST, BlobPlace(SECOND, 100, 32, 0, compressed=False)),
    ),
}


def test_a_document_is_read_as_it_was_written() -> None:
    """Of plain, compressed and empty blobs."""
    document = index_document(ENTRIES)
    assert [*ENTRIES[FIRST], *ENTRIES[SECOND]] == list(parse_index(document))
    assert ["packs"] == list(document)


@pytest.mark.parametrize(
    "document",
    [
        pytest.param({}, id="of no packs"),
        pytest.param([], id="a list"),
        pytest.param({"packs": ["ab"]}, id="a pack that is a text"),
        pytest.param({"packs": [{"id": "ab"}]}, id="a pack without blobs"),
        pytest.param({"packs": [{"id": "xy", "blobs": []}]}, id="a pack's id that is none"),
        pytest.param({"packs": [{"id": "ab", "blobs": ["ab"]}]}, id="a blob that is a text"),
        pytest.param({"packs": [{"id": "ab", "blobs": [{"id": "ab"}]}]}, id="a blob of no place"),
        pytest.param(
            {
                "packs": [
                    {"id": "ab", "blobs": [{"id": "a", "length": 9, "offset": 0, "type": "?"}]}
                ]
            },
            id="a blob of no kind",
        ),
    ],
)
def test_what_is_no_index_document(document: dict[str, object]) -> None:
    """Is refused by one of the errors that it says."""
    with pytest.raises((KeyError, TypeError, ValueError)):
        list(parse_index(document))


def test_an_index_document_of_nothing() -> None:
    """Restic writes null where it has no packs."""
    assert [] == list(parse_index({"packs": None}))


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        pytest.param([], [], id="nothing"),
        pytest.param([1], [[1]], id="one"),
        pytest.param([25_000, 25_000], [[25_000, 25_000]], id="just full"),
        pytest.param([25_000, 25_001], [[25_000], [25_001]], id="one blob too many"),
        pytest.param([60_000, 1, 1], [[60_000], [1, 1]], id="a pack larger than a document"),
        pytest.param([1, 60_000], [[1], [60_000]], id="such a pack at the end"),
    ],
)
def test_documents_stay_small(sizes: list[int], expected: list[list[int]]) -> None:
    """A pack is never cut, none is left out, and the order stays."""
    packs = {bytes([number]) * 32: (KNOWN,) * size for number, size in enumerate(sizes)}
    parts = list(parted(packs))
    assert expected == [[len(entries) for entries in part.values()] for part in parts]
    assert list(packs) == [pack for part in parts for pack in part]


@pytest.mark.parametrize("count", [0, 1, 256, 257, 600])
def test_many_are_asked_for_at_once(tmp_path: Path, count: int) -> None:
    """As `has` says of each: by kind, and without packs that are about to go."""
    index = BlobIndex(tmp_path / "index.sqlite")
    entries = [an_entry(number, pack=number % 3) for number in range(count)]
    index.add(entries)
    index.add([an_entry(900, kind=BlobKind.TREE)])
    index.retire([bytes([1]) * 32])
    asked = [entry.id for entry in entries] + [(900).to_bytes(32), (901).to_bytes(32)]
    expected = {blob for blob in asked if index.has(BlobKind.DATA, blob)}
    assert expected == index.having(BlobKind.DATA, asked)
    assert len(expected) == sum(number % 3 != 1 for number in range(count))
