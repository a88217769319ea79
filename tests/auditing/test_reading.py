"""Lines read back: which ones, from where, and what is no line."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from springtide.auditing.reading import archived_lines, local_lines, run_lines
from springtide.errors import Damaged
from tests.auditing.journals import LONG_AGO, aged, sealed, write
from tests.vault.folder_store import FolderStore

EVER = LONG_AGO - timedelta(days=1)


class AgingStore(FolderStore):
    """A store whose clock is set by hand."""

    at = LONG_AGO + timedelta(minutes=10)

    def now(self) -> datetime:
        """That moment."""
        return self.at


@pytest.fixture
def journals(tmp_path: Path) -> Path:
    """Two runs of long ago, two changes each."""
    for run in ("evening", "surge"):
        write(tmp_path / "journals", run, 2)
        aged(tmp_path / "journals", run, LONG_AGO)
    return tmp_path / "journals"


@pytest.fixture
def store(tmp_path: Path, journals: Path) -> AgingStore:
    """Where they were archived; and afterwards a run of now, in two pieces."""
    store = AgingStore(tmp_path / "site")
    sealed(journals, store)
    store.at = datetime.now(UTC)
    for _ in range(2):
        write(journals, "repair", 1)
        sealed(journals, store)
    return store


def runs_of(lines: object) -> list[tuple[str, int]]:
    """Run and number of each line."""
    return [(line.run, line.number) for line in lines]  # type: ignore[attr-defined]


WORKERS = ("worker-1", "worker-2")
NOW = [("repair", number) for number in (1, 2, 3, 4)]
THEN = [(run, number) for run in ("evening", "surge") for number in (1, 2, 3, 4)]


def test_all_lines_since_then(store: AgingStore) -> None:
    """Of every run, in its order, whatever its objects."""
    assert sorted(NOW + THEN) == sorted(runs_of(archived_lines(store, EVER)))


def test_runs_that_were_sealed_before_are_not_read(store: AgingStore) -> None:
    """Nothing of them is fetched: they may even be gone."""
    for name in [each.name for each in store.listing("runs/") if "repair" not in each.name]:
        store.delete(name)
    assert NOW == runs_of(archived_lines(store, LONG_AGO + timedelta(hours=1)))


def test_earlier_lines_of_a_run_that_went_on_are_left_out(
    journals: Path, store: AgingStore
) -> None:
    """A run of two days: only what it did since then."""
    write(journals, "evening", 1)
    sealed(journals, store)
    found = runs_of(archived_lines(store, LONG_AGO + timedelta(hours=1)))
    assert sorted([*NOW, ("evening", 5), ("evening", 6)]) == sorted(found)


def test_an_empty_site(tmp_path: Path) -> None:
    """Nobody has archived anything."""
    assert [] == list(archived_lines(FolderStore(tmp_path / "nothing"), EVER))


def test_lines_of_this_machine(journals: Path) -> None:
    """Also what is not archived; a line that is being written is left to the next look."""
    path = journals / "surge.jsonl"
    path.write_bytes(path.read_bytes().removesuffix(b"\n"))
    assert THEN[:-1] == runs_of(local_lines(journals, EVER))
    long_ago = EVER.timestamp() - 1
    os.utime(journals / "evening.jsonl", (long_ago, long_ago))
    assert THEN[4:-1] == runs_of(local_lines(journals, EVER))


def test_a_run_s_lines_of_all_its_workers(journals: Path, store: AgingStore) -> None:
    """By their time, also those of before chains had a worker's name; another run's are not."""
    hour = timedelta(hours=1)
    write(journals, "evening.worker-1")
    aged(journals, "evening.worker-1", LONG_AGO - hour, LONG_AGO + hour)
    write(journals, "evening.worker-2")
    aged(journals, "evening.worker-2", LONG_AGO + 2 * hour)
    write(journals, "evening-2")
    sealed(journals, store)
    first, last = [[(f"evening.{worker}", number) for number in (1, 2)] for worker in WORKERS]
    expected = [first[0], *[("evening", number) for number in (1, 2, 3, 4)], first[1], *last]
    assert expected == runs_of(run_lines(store, "evening"))
    assert last == runs_of(run_lines(store, "evening.worker-2"))
    assert [] == runs_of(run_lines(store, "even"))


def test_a_whole_chain_s_name_is_that_chain(journals: Path, store: AgingStore) -> None:
    """Though another worker's name goes on where its worker's ends."""
    for chain in ("night.gra", "night.gra.example.org"):
        write(journals, chain)
    sealed(journals, store)
    assert [("night.gra", 1), ("night.gra", 2)] == runs_of(run_lines(store, "night.gra"))
    assert 4 == len(list(run_lines(store, "night")))


def test_what_is_no_line_is_named(journals: Path, store: AgingStore) -> None:
    """By its file, or its run."""
    (journals / "surge.jsonl").write_bytes(b"{}\n")
    with pytest.raises(Damaged, match=r"surge\.jsonl: line 1"):
        list(local_lines(journals, EVER))
    name = next(each.name for each in store.listing("runs/") if "/evening/" in each.name)
    store.delete(name)
    store.put(name, b"nonsense\n")
    with pytest.raises(Damaged, match="run evening: line 1"):
        list(archived_lines(store, EVER))
