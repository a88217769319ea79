"""Offload as flows, on two Swifts: stored, at both sites, removed, fetched back."""

import logging
import os
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from flows.document_offload import fetch_offloaded_document, offload_documents
from flows.object_storage_backup import back_up_to_object_storage, expire_backups, verify_backups
from flows.second_site import copy_to_second_site
from flows.storage_restore import restore_from_object_storage
from springtide.cli import app
from springtide.estate import load_estate
from springtide.model.offload import OffloadOutcome
from springtide.stores.vaults import opened_vault
from tests.flows.storage import SECRET, Storage, packs_of

OLD = datetime.now(UTC) - timedelta(days=1000)


@pytest.fixture
def old(sites: Storage) -> Storage:
    """All documents of 2024 were neither changed nor read for a thousand days."""
    sites.change("sources", offload={"untouched_days": 730})
    for file in (sites.source / "2024").iterdir():
        os.utime(file, (OLD.timestamp(), OLD.timestamp()))
    return sites


def standing(folder: Path) -> dict[str, int]:
    """Names and sizes: to read them would be to touch them."""
    return {str(f.relative_to(folder)): f.stat().st_size for f in folder.rglob("*") if f.is_file()}


def offloaded(storage: Storage, *, dry_run: bool = False) -> OffloadOutcome:
    """What a run has done."""
    state = storage.run(offload_documents, source="documents", dry_run=dry_run)
    (outcome,) = state.result(raise_on_failure=False)
    assert SECRET not in (state.message or "") + storage.artifact("offload-documents")
    found: OffloadOutcome = outcome
    return found


def copied(storage: Storage) -> None:
    """The second site has what the first has."""
    assert storage.run(copy_to_second_site, vault="documents-second").is_completed()


def test_stored_copied_removed_and_fetched_back(
    old: Storage, caplog: pytest.LogCaptureFixture
) -> None:
    """The main path; no log, artifact or message names a document."""
    caplog.set_level(logging.INFO)
    assert old.run(back_up_to_object_storage, source="documents").is_completed()
    wanted = old.source / "2024" / f"{SECRET}-7.txt"
    before, content = standing(old.source), f"{SECRET} 2024 7\n".encode() * 50
    shown = offloaded(old, dry_run=True)
    assert (30, 30, 0, "") == (
        *(shown.untouched_files, shown.stored_files, shown.removed_files),
        shown.snapshot,
    )
    done = offloaded(old)
    assert (30, 0, 30) == (done.stored_files, done.removed_files, done.waiting_files + 30)
    again = offloaded(old)
    assert (0, 0, 30) == (again.stored_files, again.removed_files, again.waiting_files)
    assert before == standing(old.source)
    copied(old)
    assert 30 == offloaded(old, dry_run=True).removed_files
    assert before == standing(old.source)
    assert 30 == offloaded(old).removed_files
    assert [] == list((old.source / "2024").iterdir())
    assert 0 == offloaded(old).untouched_files
    listed = CliRunner().invoke(app, ["vault", "offloaded", "documents"]).output
    assert 30 == listed.count(SECRET)
    word = CliRunner().invoke(app, ["vault", "reference", "documents", str(wanted)]).output.strip()
    state = old.run(fetch_offloaded_document, source="documents", document=word)
    assert state.is_completed(), state.message
    assert (content, OLD.timestamp()) == (wanted.read_bytes(), wanted.stat().st_mtime)
    assert time.time() - wanted.stat().st_atime < 3600
    assert state.result().took_s < 10
    assert SECRET not in caplog.text
    assert 0 == offloaded(old).untouched_files


def test_no_rule_removes_what_was_offloaded(old: Storage) -> None:
    """Whatever the estate says; and all of it is restored at once when the machine is lost."""
    retention = {"keep_last": 1, "minimum_copies": 1, "protected_tags": []}
    old.change("vaults", retention=retention)
    before = standing(old.source / "2024")
    offloaded(old)
    copied(old)
    assert 30 == offloaded(old).removed_files
    for _ in range(2):
        old.run(back_up_to_object_storage, source="documents")
        time.sleep(1)
    state = old.run(expire_backups, vault="documents", dry_run=False)
    kept = {each.source: each.kept for each in state.result().verdicts if each.kept}
    assert {"documents": True, "documents/offloaded": True} == kept
    assert old.run(verify_backups, vault="documents", everything=True).is_completed()
    state = old.run(
        restore_from_object_storage, source="documents", snapshot="offloaded", folder="all"
    )
    assert state.is_completed(), state.message
    restored = (old.restores / "all").joinpath(*old.source.parts[1:]) / "2024"
    assert before == standing(restored)


def test_what_was_touched_meanwhile_stays(old: Storage) -> None:
    """Changed or read after it was stored; and a second name is left alone."""
    offloaded(old)
    copied(old)
    folder = old.source / "2024"
    (folder / f"{SECRET}-1.txt").write_text("changed")
    os.utime(folder / f"{SECRET}-2.txt")
    (folder / f"{SECRET}-3.txt").write_text("changed under an old time")
    os.utime(folder / f"{SECRET}-3.txt", (OLD.timestamp(), OLD.timestamp()))
    os.link(folder / f"{SECRET}-4.txt", folder / "another-name.txt")
    done = offloaded(old)
    assert (26, 1) == (done.removed_files, done.stored_files)
    left = {f"{SECRET}-{number}.txt" for number in (1, 2, 3, 4)} | {"another-name.txt"}
    assert left == {file.name for file in folder.iterdir()}


@pytest.mark.parametrize("vault", ["documents", "documents-second"])
def test_nothing_is_removed_that_is_not_whole_at_both_sites(old: Storage, vault: str) -> None:
    """A pack that is lost at either site fails the run, by the pack's name."""
    (old.source / "2024" / "scan.bin").write_bytes(os.urandom(2_000_000))
    os.utime(old.source / "2024" / "scan.bin", (OLD.timestamp(), OLD.timestamp()))
    offloaded(old)
    copied(old)
    estate = load_estate(old.estate_file)
    with opened_vault(estate, estate.vault(vault)) as repository:
        sizes = {name: repository.store.size(name) or 0 for name in packs_of(repository)}
        lost = max(sizes, key=lambda name: sizes[name])
        repository.store.delete(lost)
    before = standing(old.source)
    state = old.run(offload_documents, source="documents", dry_run=False)
    assert state.is_failed()
    assert f"{lost} is not what was stored" in (state.message or "")
    assert (old.source / "2024" / "scan.bin").exists()
    assert before.items() >= standing(old.source).items()


def test_what_cannot_be_offloaded(storage: Storage) -> None:
    """Refused before anything is read: without a policy, and without a second site."""
    for offload, said in (
        (None, "offload: documents says nothing of it"),
        ({}, "has no second site"),
    ):
        storage.change("sources", offload=offload)
        state = storage.run(offload_documents, source="documents", dry_run=False)
        assert state.is_failed()
        assert said in (state.message or "")


def test_a_document_that_may_be_an_older_one(old: Storage) -> None:
    """It is put in place; where a snapshot cannot be read flow and command fail, and name it."""
    offloaded(old)
    path, told = old.source / "2024" / f"{SECRET}-7.txt", "snapshots/bad cannot be read"
    with old.opened() as repository:
        repository.store.put("snapshots/bad", b"rotten")
    path.unlink()
    done = CliRunner().invoke(app, ["vault", "fetch", "documents", str(path)])
    assert (1, True, True) == (done.exit_code, told in done.output, path.exists())
    path.unlink()
    word = CliRunner().invoke(app, ["vault", "reference", "documents", str(path)]).output.strip()
    state = old.run(fetch_offloaded_document, source="documents", document=word)
    assert (True, True, True) == (state.is_failed(), told in (state.message or ""), path.exists())


def test_a_document_that_cannot_be_fetched(old: Storage) -> None:
    """Neither by a made-up word nor one that was never offloaded; what stands there stays."""
    offloaded(old)
    for number, said in ((7, "stands there already"), (99, "not among what was offloaded")):
        path = old.source / "2024" / f"{SECRET}-{number}.txt"
        told = CliRunner().invoke(app, ["vault", "fetch", "documents", str(path)])
        assert said in told.output
    told = CliRunner().invoke(app, ["vault", "fetch", "documents", "/etc/nothing"])
    assert "document: the document is none of documents" in told.output
    state = old.run(fetch_offloaded_document, source="documents", document="bm90aGluZw==")
    assert "document: that is no document of this vault" in (state.message or "")
