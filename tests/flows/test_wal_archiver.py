"""One archiver, beside a server that tells just where it stands: what is let go, and when."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from struct import Struct

import pytest

from springtide.errors import GuardRefused, Retryable
from springtide.model.postgres import PostgresSource
from springtide.model.retention import PrunePolicy
from springtide.model.wal import WalContents, lsn_text, parse_segment
from springtide.vault.sessions import write_session
from springtide.vault.snapshots import list_snapshots
from springtide.vault.wal_archive import WalArchive
from tasks.wal_archiver import Archiver
from tests.vault.places import IDENTITY, a_repository
from tests.vault.vaults import MIB, Failing, WatchedStore, opened

LAG = timedelta(minutes=10)
SYSTEM = 7
AWAY = Retryable("object store: PUT: 503")
_HEADER = Struct("<HHIQI4xQII")
_PSQL = """#!/bin/sh
# What the server says: its position stands in a file.
here=$(dirname "$0")
for statement; do :; done
case $statement in
*pg_is_in_recovery*)
  read -r timeline position <"$here/stands"
  printf 'f\\t%s\\t%s\\t%08d\\t7\\t150018\\t1048576\\n' "$(date +%s.%N)" "$position" "$timeline" ;;
*TIMELINE_HISTORY*) cat "$here/history" ;;
*advance*) echo "$statement" >>"$here/released" ;;
*coalesce*) echo 0/500000 ;;
esac
"""
_RECEIVER = """#!/bin/sh
# Receives nothing; what is to happen meanwhile stands in a file.
here=$(dirname "$0")
[ -e "$here/meanwhile" ] && mv "$here/meanwhile" "$here/stands"
exec sleep 60
"""


class Machine:
    """A worker's spool, a vault, and the programs that lead to the server."""

    def __init__(self, folder: Path) -> None:
        """Nothing is archived, and the server stands at the beginning of segment 5."""
        self._folder = folder
        a_repository(folder).close()
        self.spool, self._programs = folder / "spool", folder / "programs"
        for made in (self.spool, self._programs):
            made.mkdir()
        for name, text in (("psql", _PSQL), ("pg_receivewal", _RECEIVER)):
            (self._programs / name).write_text(text, "ascii")
            (self._programs / name).chmod(0o755)
        (self._programs / "history").write_text(
            f"2.history\t1\t{lsn_text(6 * MIB + 100)}\n", "ascii"
        )
        self.stands_at(5 * MIB)

    def stands_at(self, lsn: int, *, timeline: int = 1, once_it_receives: bool = False) -> None:
        """How far the server has written its log."""
        name = "meanwhile" if once_it_receives else "stands"
        (self._programs / name).write_text(f"{timeline} {lsn_text(lsn)}\n", "ascii")

    def receive(self, *numbers: int) -> None:
        """What pg_receivewal has left in the spool."""
        for number in numbers:
            header = _HEADER.pack(0xD110, 2, 1, number * MIB, 0, SYSTEM, MIB, 8192)
            (self.spool / _name(number)).write_bytes(header.ljust(MIB, b"\0"))

    @contextmanager
    def archiver(self, store: WatchedStore | None = None) -> Iterator[Archiver]:
        """One that has not run yet."""
        source = PostgresSource(
            kind="postgresql",
            name="core",
            vault="documents",
            service="core",
            programs_folder=str(self._programs),
            spool_folder=str(self.spool),
            restore_folder="/srv/restored",
        )
        with (
            opened(self._folder, store, work="archiver") as repository,
            write_session(repository, identity=IDENTITY, policy=PrunePolicy()) as session,
        ):
            archive = WalArchive(repository, "core", list_snapshots(repository))
            yield Archiver(source, archive, session, lag=LAG, log=logging.getLogger(__name__))

    def contents(self) -> WalContents:
        """What another machine finds in the vault."""
        with opened(self._folder, work="reader") as repository:
            repository.load_index()
            return WalArchive(repository, "core", list_snapshots(repository)).contents()

    def archived(self) -> list[int]:
        """The numbers of the segments that are in the vault."""
        return sorted(segment.number for segment in self.contents().segments)

    def received(self) -> list[int]:
        """The numbers of the whole segments that are in the spool."""
        found = (parse_segment(path.name, MIB) for path in self.spool.iterdir())
        return sorted(segment.number for segment in found if segment is not None)

    def released(self) -> int:
        """How many times the server was told to let go of its log."""
        told = self._programs / "released"
        return len(told.read_text("ascii").splitlines()) if told.exists() else 0

    def store(self, *failing: int) -> WatchedStore:
        """The vault's, where the writes of snapshots of those numbers fail."""
        store = WatchedStore(self._folder / "repository")
        store.before = Failing(AWAY, "snapshots/", frozenset(failing))
        return store


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """A new one."""
    return Machine(tmp_path)


def _name(number: int) -> str:
    return f"{1:08X}{0:08X}{number:08X}"


def run(archiver: Archiver) -> str | None:
    """Two looks; why it did not go as it should."""
    return archiver.run(timedelta(seconds=0.2))


def test_what_a_killed_run_received_is_archived(machine: Machine) -> None:
    """And only then let go of, here and on the server."""
    machine.receive(5, 6)
    machine.stands_at(7 * MIB)
    with machine.archiver() as archiver:
        assert None is run(archiver)
    assert ([5, 6], []) == (machine.archived(), machine.received())
    assert archiver.complete_at == machine.contents().complete_at
    assert 1 == machine.released()


def test_a_commit_that_failed_is_made_up_for(machine: Machine) -> None:
    """The store did not take the snapshot when the spool was emptied first: it is asked again."""
    machine.receive(5, 6)
    machine.stands_at(7 * MIB + 100)
    with machine.archiver(machine.store(1)) as archiver:
        assert None is run(archiver)
    assert ([5, 6], []) == (machine.archived(), machine.received())


def test_what_no_snapshot_names_stays_in_the_spool(machine: Machine) -> None:
    """The store takes no snapshot at all: the run says so, and nothing is let go of."""
    machine.receive(5, 6)
    machine.stands_at(7 * MIB + 100)
    with machine.archiver(machine.store(*range(1, 9))) as archiver, pytest.raises(Retryable):
        run(archiver)
    assert ([], [5, 6], 0) == (machine.archived(), machine.received(), machine.released())


@pytest.fixture
def ahead(machine: Machine) -> Machine:
    """One whose vault has segments 5 to 8, and whose server stands at their end."""
    machine.receive(5, 6, 7, 8)
    machine.stands_at(9 * MIB)
    with machine.archiver() as archiver:
        assert None is run(archiver)
    return machine


@pytest.mark.parametrize("meanwhile", [False, True], ids=["before-the-run", "within-it"])
def test_a_server_that_was_set_back_is_refused(ahead: Machine, *, meanwhile: bool) -> None:
    """It stands before the end of what it wrote once: nothing is complete, nothing is let go of."""
    before, released = ahead.contents(), ahead.released()
    ahead.stands_at(9 * MIB - 1, once_it_receives=meanwhile)
    with ahead.archiver() as archiver, pytest.raises(GuardRefused, match="was set back"):
        run(archiver)
    assert meanwhile or before == ahead.contents()
    assert before.segments == ahead.contents().segments
    assert released == ahead.released()


def test_a_server_at_the_end_of_its_archive_is_not(ahead: Machine) -> None:
    """So it stands right after a segment was closed."""
    with ahead.archiver() as archiver:
        assert None is run(archiver)


def test_a_promoted_server_behind_what_the_old_one_wrote_is_not(ahead: Machine) -> None:
    """It left the old timeline in segment 6, and is in 7 of its own."""
    ahead.stands_at(7 * MIB + 100, timeline=2)
    with ahead.archiver() as archiver:
        assert None is run(archiver)
    assert [5, 6, 7, 8] == ahead.archived()
