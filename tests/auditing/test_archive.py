"""Archiving: all that was written arrives once and is sealed, wherever a run of it was killed."""

import os
import time
from pathlib import Path

import pytest

from springtide.auditing.objects import read_seal
from springtide.errors import Damaged, GuardRefused, Retryable
from springtide.model.object_storage import StoredObject
from tests.auditing.journals import WORKER, doubts, sealed, signature_of, verified, write
from tests.vault.folder_store import FolderStore


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the worker's runs write."""
    return tmp_path / "audit"


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    """The site."""
    return FolderStore(tmp_path / "site")


def names(store: FolderStore) -> list[str]:
    """All objects at the site."""
    return [each.name for each in store.listing("")]


def test_runs_are_stored_and_sealed(folder: Path, store: FolderStore) -> None:
    """A seal names each run that has grown since the one before; without any there is none."""
    write(folder, "one", 2)
    write(folder, "two")
    first = sealed(folder, store)
    assert sealed(folder, store) is None
    write(folder, "two")
    second = sealed(folder, store)
    assert first is not None
    assert second is not None
    assert [("one", 4), ("two", 2)] == [(run.run, run.lines) for run in first.runs]
    assert [("two", 4)] == [(run.run, run.lines) for run in second.runs]
    assert [
        "runs/one/00000001-00000004.jsonl",
        "runs/two/00000001-00000002.jsonl",
        "runs/two/00000003-00000004.jsonl",
        "seals/worker-1/00000001.json",
        "seals/worker-1/00000002.json",
    ] == names(store)
    assert (8, 2, 2, ()) == (
        verified(store).lines,
        verified(store).runs,
        verified(store).seals,
        verified(store).findings,
    )


def test_a_line_that_is_being_written_waits(folder: Path, store: FolderStore) -> None:
    """Only what has its line end is stored."""
    write(folder, "one")
    with (folder / "one.jsonl").open("ab") as file:
        file.write(b'{"act": 3, ')
    seal = sealed(folder, store)
    assert seal is not None
    assert 2 == seal.runs[0].lines


class Dying(FolderStore):
    """A site whose `at`-th change is the last thing that an archiving does."""

    def __init__(self, folder: Path, at: int) -> None:
        """Count from the first."""
        super().__init__(folder)
        self.left = at

    def put(self, name: str, data: bytes) -> None:
        """As `FolderStore.put`, until it is over."""
        if self.left == 0:
            raise Retryable("killed")
        self.left -= 1
        super().put(name, data)


@pytest.mark.parametrize("puts", range(4))
def test_a_killed_archiving_is_made_good(tmp_path: Path, folder: Path, puts: int) -> None:
    """Whatever arrived counts, and the runs have grown meanwhile: nothing is missing or doubted."""
    write(folder, "one")
    write(folder, "two")
    if puts < 3:
        with pytest.raises(Retryable):
            sealed(folder, Dying(tmp_path / "site", puts))
    else:
        sealed(folder, Dying(tmp_path / "site", puts))
    write(folder, "one", 2)
    store = FolderStore(tmp_path / "site")
    sealed(folder, store)
    assert (8, []) == (verified(store).lines, doubts(store))


def test_what_is_sealed_is_told_by_the_seals(folder: Path, store: FolderStore) -> None:
    """Without the worker's own memory of it nothing is sealed twice."""
    write(folder, "one")
    sealed(folder, store)
    (folder / "sealed.json").unlink()
    assert sealed(folder, store) is None
    write(folder, "one")
    (folder / "sealed.json").write_text("{", "utf-8")
    seal = sealed(folder, store)
    assert seal is not None
    assert "runs/one/00000003-00000004.jsonl" in names(store)


class Late(FolderStore):
    """A site whose listing has not heard of the last seals."""

    def listing(self, prefix: str) -> list[StoredObject]:  # type: ignore[override]
        """Only the first of them."""
        found = super().listing(prefix)
        return [each for each in found if not each.name.endswith(("2.json", "3.json"))]


def test_a_late_listing_costs_no_seal(tmp_path: Path, folder: Path) -> None:
    """Seals beyond the listed ones are asked for by name."""
    store = Late(tmp_path / "site")
    for _ in range(3):
        write(folder, "one")
        sealed(folder, store)
        (folder / "sealed.json").unlink()
    assert (3, []) == (verified(store).seals, doubts(store))


def test_another_machine_of_the_same_name_is_noticed(tmp_path: Path, folder: Path) -> None:
    """Its seal stands already: of another size or of the same, it is not taken for ours."""

    class Forgetful(FolderStore):
        """A site that hides what another machine has just stored."""

        def size(self, name: str) -> int | None:
            """Nothing is there."""
            return None if name.endswith("1.json") else super().size(name)

        def listing(self, prefix: str) -> list[StoredObject]:  # type: ignore[override]
            """Nothing is listed."""
            return [each for each in super().listing(prefix) if not each.name]

        def put(self, name: str, data: bytes) -> None:
            """As `Store.put`: what stands there with the same size is success."""
            path = tmp_path / "site" / name
            if path.exists():
                path.write_bytes(b"x" * len(data))
                return
            super().put(name, data)

    write(folder, "one")
    sealed(folder, FolderStore(tmp_path / "site"))
    elsewhere = tmp_path / "elsewhere"
    write(elsewhere, "two")
    with pytest.raises(GuardRefused, match="who else archives"):
        sealed(elsewhere, Forgetful(tmp_path / "site"))


def test_lines_changed_before_they_were_sealed_are_refused(
    folder: Path, store: FolderStore
) -> None:
    """The run and the line are named, and nothing is stored."""
    write(folder, "one", 2)
    path = folder / "one.jsonl"
    path.write_text(path.read_text("utf-8").replace("/servers/0", "/servers/9"), "utf-8")
    with pytest.raises(Damaged, match="one: line 2 does not follow"):
        sealed(folder, store)
    assert [] == names(store)


def test_a_bad_run_keeps_no_other_from_being_sealed(folder: Path, store: FolderStore) -> None:
    """Of three bad ones, each in its own way, all are named; the good one stands under its seal."""
    for run in ("changed", "conflict", "cut"):
        write(folder, run, 2)
    sealed(folder, store)
    for run in ("changed", "conflict", "good"):
        write(folder, run)
    path = folder / "changed.jsonl"
    path.write_text(path.read_text("utf-8").replace("/servers/0", "/servers/9"), "utf-8")
    (folder / "cut.jsonl").write_bytes(b"")
    store.put("runs/conflict/00000005-00000006.jsonl", b"another's\n")
    with pytest.raises(Damaged) as caught:
        sealed(folder, store)
    told = str(caught.value)
    assert "changed: line 2 does not follow" in told
    assert "runs/conflict/00000005-00000006.jsonl stands already" in told
    assert "cut: it is sealed to line 4 and ends with 0 here" in told
    seal = read_seal(store, WORKER, 2)
    assert seal is not None
    assert ["good"] == [run.run for run in seal[1].runs]
    with pytest.raises(Damaged, match=r"changed: .*; .*; cut: "):
        sealed(folder, store)
    write(folder, "good")
    with pytest.raises(Damaged):
        sealed(folder, store)
    assert (3, []) == (
        verified(store).seals,
        [each for each in verified(store).findings if each.subject == "run good"],
    )


def test_sealed_lines_that_left_the_folder_are_missed(folder: Path, store: FolderStore) -> None:
    """A run that is shorter than what was sealed of it was cut."""
    write(folder, "one", 2)
    sealed(folder, store)
    path = folder / "one.jsonl"
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:2]))
    with pytest.raises(Damaged, match="one: it is sealed to line 4 and ends with 2 here"):
        sealed(folder, store)


def test_two_archivings_at_once_are_one(folder: Path, store: FolderStore) -> None:
    """The second is refused; so is none afterwards."""
    write(folder, "one")
    refused = []

    def sign_meanwhile(text: str) -> str:
        with pytest.raises(GuardRefused, match="by another program"):
            sealed(folder, store)
        refused.append(1)
        return signature_of(text)

    from springtide.auditing.archive import archive  # noqa: PLC0415 - beside what it is called with

    archive(folder, store, worker="worker-1", sign=sign_meanwhile, keep_days=1)
    assert [1] == refused
    assert sealed(folder, store) is None


def test_old_runs_leave_the_folder_once_they_are_sealed(folder: Path, store: FolderStore) -> None:
    """A run of 31 days ago goes, one of 29 and one without a seal stay."""
    for run, days in (("old", 31), ("young", 29)):
        write(folder, run)
        at = time.time() - days * 86_400
        os.utime(folder / f"{run}.jsonl", (at, at))
    sealed(folder, store)
    sealed(folder, store)
    assert ["young"] == [path.stem for path in folder.glob("*.jsonl")]
    assert [] == doubts(store)
