"""The audit log's flows on a real Swift, with keys of ssh-keygen's own."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner, Result

from flows.audit_log import archive_audit_log, copy_audit_log, verify_audit_log
from springtide.auditing.reading import run_lines
from springtide.cli import app
from springtide.estate import load_estate
from springtide.stores.audit_sites import open_site
from tasks.cloud import open_audit
from tests.auditing.journals import doubts, sealed, write
from tests.clouds.stage import an_estate
from tests.environment import environment
from tests.flows.storage import Storage
from tests.signing import a_person, allow
from tests.vault.folder_store import FolderStore

WORKER = "worker-1"


@pytest.fixture
def audited(storage: Storage, tmp_path: Path) -> Iterator[Storage]:
    """An estate with two sites for the audit log; a run that made two changes; a worker's key."""
    worker = a_person(tmp_path / "keys", WORKER)
    allow(tmp_path / "workers", worker)
    estate = yaml.safe_load(storage.estate_file.read_text("utf-8"))
    estate["audit"] = {
        "site": {"region": "GRA11", "container": f"audit-{tmp_path.name}"},
        "second": {"region": "SBG5", "container": f"audit-copy-{tmp_path.name}"},
        "key_file": str(worker.key),
        "allowed_signers_file": "workers",
    }
    storage.estate_file.write_text(yaml.safe_dump(estate), "utf-8")
    write(tmp_path / "audit", "evening", 2)
    with environment(SPRINGTIDE_AUDIT_LOG=str(tmp_path / "audit"), SPRINGTIDE_WORKER=WORKER):
        yield storage


def command(*words: str) -> Result:
    """What `springtide audit` says."""
    return CliRunner().invoke(app, ["audit", *words])


def test_archived_copied_and_verified(audited: Storage) -> None:
    """The main path: all three flows end well, and the table says what was read at both sites."""
    for flow in (archive_audit_log, copy_audit_log, verify_audit_log):
        state = audited.run(flow)
        assert state.is_completed(), state.message
    assert "nothing was changed" in str(state.message)
    rows, _ = json.loads(audited.artifact("audit-log"))
    expected = [("first", "1 run", "4 lines under 1 seal")]
    expected += [("second", "1 run", "4 lines under 1 seal")]
    assert expected == [(row["site"], row["what"], row["is"]) for row in json.loads(rows)]


def test_what_was_done_to_it_is_an_alarm(audited: Storage) -> None:
    """A first site that somebody emptied: the run fails, and the second site still has all."""
    audited.run(archive_audit_log)
    audited.run(copy_audit_log)
    estate = load_estate(audited.estate_file)
    with open_site(estate, "first") as store:
        for each in list(store.listing("")):
            store.delete(each.name)
    state = audited.run(verify_audit_log, days=None)
    assert state.is_failed()
    assert "the second site has 1 seal, the first 0: it was cut" in str(state.message)
    assert 0 == command("verify", "--site", "second").exit_code


def test_the_command_line_does_the_same(audited: Storage) -> None:
    """Archive, verify, show; a run that is not there, and a site that is not, are errors."""
    assert audited.estate_file.exists()
    assert "seal 1 over 1 run\n" in command("archive").output
    assert "nothing new" in command("archive").output
    verified = command("verify", "--days", "1")
    assert (0, True) == (verified.exit_code, "4 lines, 1 seal:" in verified.output)
    shown = command("show", "evening")
    assert [] == [w for w in ("/servers/1", "outcome", "GRA11 compute") if w not in shown.output]
    for words in (("show", "morning"), ("verify", "--site", "third")):
        assert 2 == command(*words).exit_code


@pytest.mark.parametrize("acts", [2, 3])
def test_a_run_that_is_retried_on_another_worker(tmp_path: Path, acts: int) -> None:
    """It has a chain of each worker, of the same length or not: all is sealed, none in doubt."""
    store = FolderStore(tmp_path / "site")
    for worker, number in ((WORKER, 2), ("worker-2", acts)):
        folder = tmp_path / worker
        with environment(SPRINGTIDE_AUDIT_LOG=str(folder), SPRINGTIDE_WORKER=worker):
            audit = open_audit(an_estate())
        for _ in range(number):
            with audit.change("PUT", "/", region="GRA11", service="compute", why="why"):
                pass
        sealed(folder, store, worker)
    assert [] == doubts(store)
    assert (2 + acts) * 2 == len(list(run_lines(store, "no-flow-run")))


def test_all_of_a_run_is_shown(audited: Storage, tmp_path: Path) -> None:
    """What it did on this worker, before and after chains had their worker's name."""
    assert audited.estate_file.exists()
    write(tmp_path / "audit", "evening.worker-1", 4)
    write(tmp_path / "audit", "evening-2", 6)
    command("archive")
    shown = command("show", "evening").output
    assert (4, 2, 0) == tuple(shown.count(f"/servers/{number}") for number in (1, 3, 5))
    assert 0 == command("show", "evening.worker-1").output.count("/servers/5")


def test_another_worker_s_key_is_an_unsigned_seal(audited: Storage, tmp_path: Path) -> None:
    """A key that counts, under another name than the seal's: told, and the command exits with 1."""
    allow(tmp_path / "workers", a_person(tmp_path / "others", WORKER))
    audited.run(archive_audit_log)
    found = command("verify")
    assert (1, True) == (found.exit_code, "worker worker-1: unsigned" in found.output)


def test_a_key_that_cannot_sign_is_named(audited: Storage, tmp_path: Path) -> None:
    """Open to others: ssh-keygen refuses it, nothing is sealed, and the lines wait for the next."""
    key = tmp_path / "keys" / WORKER
    key.chmod(0o644)
    found = command("archive")
    assert (2, True) == (found.exit_code, "audit.key_file" in found.output)
    key.chmod(0o600)
    state = audited.run(archive_audit_log)
    assert "seal 1 over 1 run" == state.message


@pytest.mark.parametrize("flow", [archive_audit_log, copy_audit_log, verify_audit_log])
def test_without_sites_nothing_is_to_be_done(storage: Storage, flow: object) -> None:
    """An estate that keeps no audit log elsewhere: Completed, and said so."""
    state = storage.run(flow)  # type: ignore[arg-type]
    assert state.is_completed()
    assert "the estate" in str(state.message)
