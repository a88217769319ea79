"""Background processes: started, found again, ended; nobody else's are touched."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from deployments.processes import Processes

STUBBORN = """
import signal, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
open(sys.argv[1], "w").close()
time.sleep(60)
"""
PARENT = """
import subprocess, sys, time
subprocess.Popen([sys.executable, "-c", sys.argv[1], sys.argv[2]], start_new_session=True)
time.sleep(60)
"""

UNMARKED_PARENT = """
import subprocess, sys, time
subprocess.Popen([sys.executable, "-c", sys.argv[1], sys.argv[2]], env={})
time.sleep(60)
"""


@pytest.fixture
def processes(tmp_path: Path) -> Iterator[Processes]:
    """No processes yet; what a test leaves behind is ended."""
    made = Processes(tmp_path, patience_s=0.5)
    yield made
    made.end_all()


def start(processes: Processes, source: str, *arguments: str, name: str = "one") -> None:
    """Start a Python program of that source."""
    processes.start(name, [sys.executable, "-c", source, *arguments], os.environ, Path.cwd())


def until(path: Path) -> None:
    """Return when the file is there, at most after ten seconds."""
    deadline = time.monotonic() + 10
    while not path.exists():
        assert time.monotonic() < deadline, path
        time.sleep(0.02)


def test_a_process_lives_from_start_to_end(processes: Processes) -> None:
    """It is alive once started, in whoever's eyes, and gone when it was ended."""
    start(processes, "import time; time.sleep(60)")
    assert processes.alive("one")
    processes.end("one")
    assert (False, None) == (processes.alive("one"), processes.pid("one"))


def test_another_program_finds_it_again(processes: Processes, tmp_path: Path) -> None:
    """`down` is another process than `up`: what stands in the folder is enough."""
    start(processes, "import time; time.sleep(60)")
    Processes(tmp_path).end_all()
    assert not processes.alive("one")


def test_what_was_never_started_is_not_alive(processes: Processes) -> None:
    """Ending it is fine as well."""
    processes.end("one")
    assert not processes.alive("one")


@pytest.mark.parametrize("source", ["", "raise SystemExit(3)"], ids=["well", "badly"])
def test_one_that_ended_by_itself_is_not_alive(processes: Processes, source: str) -> None:
    """However it ended, and though nobody has waited for it."""
    start(processes, source)
    deadline = time.monotonic() + 10
    while processes.alive("one") and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not processes.alive("one")
    processes.end("one")


def test_its_output_is_kept(processes: Processes) -> None:
    """What it wrote is in its log, also after it was started again."""
    for _ in range(2):
        start(processes, "print('here', flush=True); import time; time.sleep(60)")
        deadline = time.monotonic() + 10
        before = processes.log("one").read_text()
        while processes.log("one").read_text() == before and time.monotonic() < deadline:
            time.sleep(0.02)
        processes.end("one")
    assert "here\nhere\n" == processes.log("one").read_text()


@pytest.mark.parametrize(
    "born", [None, "1"], ids=["record without a birth", "record of another birth"]
)
def test_somebody_elses_process_is_left_alone(
    processes: Processes, tmp_path: Path, born: str | None
) -> None:
    """A pid of the past may have been given to a stranger: he is neither ours nor ended."""
    stranger = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    try:
        (tmp_path / "one.pid").write_text(json.dumps({"pid": stranger.pid, "born": born}))
        assert not processes.alive("one")
        processes.end("one")
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


@pytest.mark.parametrize("text", ["", "{", "{}", "[]", "null"])
def test_a_spoilt_record_is_nobodys(processes: Processes, tmp_path: Path, text: str) -> None:
    """A record that was cut off half-way names no process."""
    (tmp_path / "one.pid").write_text(text)
    assert not processes.alive("one")
    processes.end_all()
    assert [] == list(tmp_path.glob("*.pid"))


def test_a_child_that_ignores_the_request_is_made_to(processes: Processes, tmp_path: Path) -> None:
    """A child in a session of its own, deaf to SIGTERM, does not outlive its parent's end."""
    start(processes, PARENT, STUBBORN, str(tmp_path / "deaf"))
    until(tmp_path / "deaf")
    processes.end("one")
    assert [] == processes.running("one")


def test_a_child_whose_parent_was_killed_is_ended(processes: Processes, tmp_path: Path) -> None:
    """The flow of a worker that was killed goes with the rest of the stack."""
    start(processes, PARENT, STUBBORN, str(tmp_path / "deaf"))
    until(tmp_path / "deaf")
    os.kill(processes.pid("one") or 0, signal.SIGKILL)
    processes.end("one")
    assert [] == processes.running("one")


def test_a_signal_reaches_the_children(processes: Processes, tmp_path: Path) -> None:
    """Killed together, none is left."""
    start(processes, PARENT, STUBBORN, str(tmp_path / "deaf"))
    until(tmp_path / "deaf")
    processes.signal("one", signal.SIGKILL)
    deadline = time.monotonic() + 10
    while processes.running("one") and time.monotonic() < deadline:
        time.sleep(0.02)
    assert ([], False) == (processes.running("one"), processes.alive("one"))


def test_waiting_ends_when_it_is_ready(processes: Processes, tmp_path: Path) -> None:
    """The caller goes on as soon as the condition holds."""
    start(processes, STUBBORN, str(tmp_path / "ready"))
    processes.wait_until("one", (tmp_path / "ready").exists, 10)
    assert (tmp_path / "ready").exists()
    processes.signal("one", signal.SIGKILL)


def test_waiting_for_one_that_ended_fails_at_once(processes: Processes) -> None:
    """The error names the log, and says what it ends with."""
    start(processes, "raise SystemExit('no such file')")
    with pytest.raises(RuntimeError, match=r"one ended at its start: see .*one\.log\nno such file"):
        processes.wait_until("one", lambda: False, 30)


def test_waiting_is_bounded(processes: Processes) -> None:
    """One that lives and never becomes ready is given up."""
    start(processes, "import time; time.sleep(60)")
    with pytest.raises(RuntimeError, match=r"one was not ready within 0\.2 s: see .*one\.log"):
        processes.wait_until("one", lambda: False, 0.2)


def test_children_that_lost_their_mark_end_too(processes: Processes, tmp_path: Path) -> None:
    """A program that changes its title loses it; its parent ends first, and it is stubborn."""
    begun = tmp_path / "begun"
    start(processes, UNMARKED_PARENT, STUBBORN, str(begun))
    until(begun)
    before = processes.running("one")
    processes.end("one")
    assert 2 == len(before)
    assert [] == [pid for pid in before if lives(pid)]


def lives(pid: int) -> bool:
    """Whether it runs: an orphan that ended may wait for somebody to take note of it."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
