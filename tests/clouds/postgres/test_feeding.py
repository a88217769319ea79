"""The log for a recovering server: asked for by a file, given as one."""

import shlex
import subprocess
import threading
from pathlib import Path

from springtide.clouds.postgres.feeding import Feeder
from springtide.errors import Damaged, NotFound
from tests.vault.places import a_repository
from tests.vault.test_wal_archive import Archiving, ClockedStore


class Shelf:
    """What can be fetched, and what was."""

    def __init__(self, *names: str) -> None:
        """So many files, each with its own name in it."""
        self.names = names
        self.fetched: list[str] = []
        self._lock = threading.Lock()

    def fetch(self, name: str, target: Path) -> None:
        """As the vault does it."""
        with self._lock:
            self.fetched.append(name)
        if name == "broken":
            raise Damaged("a chunk has another hash")
        if name not in self.names:
            raise NotFound(name)
        target.write_text(name)

    def following(self, name: str) -> list[str]:
        """Those after it."""
        if name not in self.names:
            return []
        return list(self.names[self.names.index(name) + 1 :])


def asked(feeder: Feeder, name: str, target: Path) -> int:
    """How the server's command ends."""
    command = feeder.command.replace("%f", name).replace("%p", str(target))
    return subprocess.run(shlex.split(command), check=False, timeout=30).returncode


def test_what_is_asked_for_is_given(tmp_path: Path) -> None:
    """In order, each fetched once, some ahead; what is not there ends the log."""
    shelf = Shelf(*(f"segment-{number:02d}" for number in range(10)))
    with Feeder(tmp_path / "feed", shelf.fetch, shelf.following) as feeder:
        for name in shelf.names:
            target = tmp_path / f"at {name}"
            assert 0 == asked(feeder, name, target)
            assert name == target.read_text()
        assert 1 == asked(feeder, "00000002.history", tmp_path / "none")
    assert sorted([*shelf.names, "00000002.history"]) == sorted(shelf.fetched)
    assert set(shelf.names) == feeder.given
    assert not (tmp_path / "none").exists()


def test_what_is_asked_for_again_is_given_again(tmp_path: Path) -> None:
    """As a server does with the segment in which it ends."""
    shelf = Shelf("segment")
    with Feeder(tmp_path / "feed", shelf.fetch, shelf.following) as feeder:
        for target in ("first", "second"):
            assert 0 == asked(feeder, "segment", tmp_path / target)
            assert "segment" == (tmp_path / target).read_text()


def test_what_is_damaged_is_not_taken_for_the_end(tmp_path: Path) -> None:
    """An answer above 125: the recovery ends, and not the log."""
    shelf = Shelf("segment")
    with Feeder(tmp_path / "feed", shelf.fetch, shelf.following) as feeder:
        assert 200 == asked(feeder, "broken", tmp_path / "x")
        assert isinstance(feeder.failure, Damaged)
        assert 200 == asked(feeder, "segment", tmp_path / "x")


def test_a_segment_that_the_vault_has_lost_is_not_taken_for_the_end(tmp_path: Path) -> None:
    """It is archived and one of its packs is gone: the recovery ends, and not the log."""
    store = ClockedStore(tmp_path / "repository")
    a_repository(tmp_path, store).close()
    archiving = Archiving(tmp_path, store, work="archiver")
    for number in (1, 2, 3):
        archiving.add(number)
    archiving.lose(2)
    fetch = archiving.archive.fetch
    with Feeder(tmp_path / "feed", fetch, lambda _: []) as feeder:
        assert 0 == asked(feeder, "000000010000000000000001", tmp_path / "x")
        assert 200 == asked(feeder, "000000010000000000000002", tmp_path / "x")
        assert isinstance(feeder.failure, Damaged)
    with Feeder(tmp_path / "again", fetch, lambda _: []) as feeder:
        assert 1 == asked(feeder, "000000010000000000000004", tmp_path / "x")
    archiving.end()


def test_without_a_feeder_the_recovery_ends(tmp_path: Path) -> None:
    """Its process is gone: an answer above 125, which ends a recovery instead of the log."""
    shelf = Shelf("segment")
    with Feeder(tmp_path / "feed", shelf.fetch, shelf.following) as feeder:
        pass
    script = tmp_path / "feed" / "feed.sh"
    with subprocess.Popen(["/bin/true"]) as gone:
        pass
    text = script.read_text("utf-8")
    own = next(line for line in text.splitlines() if "kill -0" in line)
    pid = own.split("kill -0 ")[1].split()[0]
    script.write_text(text.replace(pid, str(gone.pid)), "utf-8")
    assert 200 == asked(feeder, "segment", tmp_path / "x")
