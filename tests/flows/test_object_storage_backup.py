"""Backup and verification as flows, on a real Swift and the sandbox's Keystone."""

import asyncio
import logging
import os
import shutil
import time
from typing import Any

import pytest
from prefect import State, flow
from typer.testing import CliRunner

from flows.object_storage_backup import (
    back_up_shard,
    back_up_to_object_storage,
    expire_backups,
    sweep_vault,
    verify_backups,
)
from flows.storage_restore import drill_restore, restore_from_object_storage
from springtide.cli import app
from springtide.estate import load_estate
from springtide.model.backup import PartOutcome
from springtide.vault.repository import Repository
from springtide.vault.snapshots import list_snapshots
from tasks.shards import join_shards
from tasks.vaults import VaultOrder
from tests.flows.storage import SECRET, Storage, packs_of, wait_until_due
from tests.vault.places import seen_in


def test_back_up_lose_restore_compare(storage: Storage, caplog: pytest.LogCaptureFixture) -> None:
    """The main path; and no log line and no artifact names a file or holds of its content."""
    caplog.set_level(logging.INFO)
    state = storage.run(back_up_to_object_storage, source="documents")
    assert state.is_completed(), state.message
    before = seen_in(storage.source)
    shutil.rmtree(storage.source)
    state = storage.run(restore_from_object_storage, source="documents", folder="again")
    assert state.is_completed(), state.message
    again = (storage.restores / "again").joinpath(*storage.source.parts[1:])
    assert before == seen_in(again)
    shown = storage.artifact("backup-documents") + storage.artifact("backup-documents-1")
    assert "confirmed" in shown
    assert SECRET not in shown + caplog.text


def test_the_second_backup_sends_what_is_new(storage: Storage) -> None:
    """One file of sixty-one is read."""
    storage.run(back_up_to_object_storage, source="documents")
    (storage.source / "2025" / "new.txt").write_text("new")
    state = storage.run(back_up_to_object_storage, source="documents")
    (outcome,) = state.data if isinstance(state.data, tuple) else state.result()
    assert (62, 61, 3) == (outcome.files, outcome.unchanged_files, outcome.read_bytes)


def test_what_a_killed_run_has_sent_is_taken_over(storage: Storage) -> None:
    """Packs that no index names count as stored."""
    with storage.opened() as repository:
        repository.load_index()
        for number in range(5):
            repository.save("data", os.urandom(1000) + bytes([number]))  # type: ignore[arg-type] # its value
        repository.flush()
        sent = len(repository.stored)
        for found in list(repository.store.listing("index/")):
            repository.store.delete(found.name)
    state = storage.run(back_up_to_object_storage, source="documents")
    (outcome,) = state.result()
    assert sent == outcome.adopted_packs
    assert storage.run(verify_backups, vault="documents", everything=True).is_completed()


def test_a_file_that_cannot_be_read_fails_the_run_and_costs_nothing_else(storage: Storage) -> None:
    """The snapshot stands; the report in the vault names the file, the run does not."""
    # Not even root may read it: nothing is mapped at its beginning.
    unreadable = f"/proc/{os.getpid()}/mem"
    storage.change("sources", paths=[str(storage.source), unreadable])
    state = storage.run(back_up_to_object_storage, source="documents")
    assert state.is_failed()
    assert "1 of its files and directories could not be read" in (state.message or "")
    outcomes = state.result(raise_on_failure=False)
    assert [0, 1] == [outcome.unreadable for outcome in outcomes]
    told = CliRunner().invoke(app, ["vault", "report", "documents", outcomes[1].snapshot])
    assert f"{unreadable}: could not be read EIO" in told.output
    assert unreadable not in (state.message or "") + storage.artifact("backup-documents")


def test_a_source_whose_mount_is_gone_is_not_backed_up_as_nothing(storage: Storage) -> None:
    """Neither whole nor of shards; where it is empty on purpose, any file says so."""
    storage.run(back_up_to_object_storage, source="documents")
    storage.source.rename(storage.source.with_name("what was mounted"))
    storage.source.mkdir()
    state = storage.run(back_up_to_object_storage, source="documents")
    assert state.is_failed()
    assert "part 1: there is no file in it that can be read" in (state.message or "")
    shard = storage.run(back_up_shard, source="documents", part=1, shard=1, of=1, run="a")
    assert shard.is_completed(), shard.message
    assert "it held 61 files" in (joined(storage, "a").message or "")
    with storage.opened() as repository:
        assert ["documents", "documents/shards"] == sorted(
            each.hostname for each in list_snapshots(repository)
        )
    (storage.source / "empty since 2026").touch()
    state = storage.run(back_up_to_object_storage, source="documents")
    assert state.is_completed(), state.message


def joined(storage: Storage, run: str) -> State[Any]:
    """The state in which the run's shards are joined, or not."""
    order = VaultOrder(estate_file=storage.estate_file, vault="documents")
    source = load_estate(storage.estate_file).directories("documents")

    @flow(name="join-for-a-test")
    async def join_it() -> PartOutcome:
        return await asyncio.to_thread(join_shards.submit(order, source, 1, run).result)

    return storage.run(join_it)


def test_verification_is_whole_and_notices_age(storage: Storage) -> None:
    """Without a backup it is an alarm; with one it is not."""
    state = storage.run(verify_backups, vault="documents")
    assert state.is_failed()
    assert "documents: documents, part 1, is overdue" == state.message
    storage.run(back_up_to_object_storage, source="documents")
    state = storage.run(verify_backups, vault="documents", everything=True)
    assert state.is_completed(), state.message
    assert "whole snapshots: 1" in storage.artifact("verification-documents")


def test_a_lost_pack_is_an_alarm_that_names_it(storage: Storage) -> None:
    """By verification, by drill, and by restore, which restores the rest."""
    storage.run(back_up_to_object_storage, source="documents")
    with storage.opened() as repository:
        lost = _pack_with_data(repository)
        repository.store.delete(lost)
    state = storage.run(verify_backups, vault="documents")
    assert state.is_failed()
    assert f"{lost} is not there" in (state.message or "")
    drilled = storage.run(drill_restore, source="documents")
    assert drilled.is_failed()
    state = storage.run(restore_from_object_storage, source="documents", folder="rest")
    assert state.is_failed()
    assert "a list is beside it" in (state.message or "")
    assert (storage.restores / "rest.troubles").stat().st_mode & 0o777 == 0o600
    assert SECRET not in (state.message or "")


def _pack_with_data(repository: Repository) -> str:
    sizes = {name: repository.store.size(name) or 0 for name in packs_of(repository)}
    return max(sizes, key=lambda name: sizes[name])


def test_one_snapshot_that_cannot_be_read_stops_no_other(storage: Storage) -> None:
    """Backups, shards, restores and drills do all they would; each fails, and names it."""
    storage.run(back_up_to_object_storage, source="documents")
    with storage.opened() as repository:
        repository.store.put("snapshots/bad", b"rotten")
    told = "snapshots/bad cannot be read"
    state = storage.run(back_up_to_object_storage, source="documents")
    assert (True, f"documents: part 1: {told}") == (state.is_failed(), state.message)
    (outcome,) = state.result(raise_on_failure=False)
    shard = storage.run(back_up_shard, source="documents", part=1, shard=1, of=1, run="b")
    assert shard.is_completed(), shard.message
    assert told == joined(storage, "b").result().failure
    with storage.opened() as repository:
        repository.store.put("locks/bad", b"rotten")
    before = seen_in(storage.source)
    state = storage.run(
        restore_from_object_storage,
        source="documents",
        snapshot=outcome.snapshot,
        folder="again",
    )
    assert (True, True) == (state.is_failed(), told in (state.message or ""))
    assert before == seen_in((storage.restores / "again").joinpath(*storage.source.parts[1:]))
    drilled = storage.run(drill_restore, source="documents")
    assert (True, f"documents: {told}") == (drilled.is_failed(), drilled.message)
    listed = CliRunner().invoke(app, ["vault", "snapshots", "documents"])
    assert (0, True) == (listed.exit_code, told in listed.output)
    assert outcome.snapshot[:8] in listed.output
    report = CliRunner().invoke(app, ["vault", "report", "documents", "bad"])
    assert (True, True) == (report.exit_code != 0, told in report.output)


SOON = {"listing_lag": "PT0S", "grace": "PT16S", "resume_within": "PT0S"}
"""A store that is never late; a run of prune must be done within half of the grace."""
_RUNS = 12


def test_expiry_shows_first_and_then_removes(storage: Storage) -> None:
    """A dry run changes nothing; the real one removes what no rule keeps, and says why."""
    storage.change("vaults", retention={"keep_last": 1, "minimum_copies": 1})
    for number in range(3):
        (storage.source / "scan.bin").write_bytes(os.urandom(200_000) + bytes([number]))
        storage.run(back_up_to_object_storage, source="documents")
        time.sleep(1)  # the store's clock tells seconds
    shown = storage.run(expire_backups, vault="documents")
    assert [True, False, False] == [each.kept for each in shown.result().verdicts]
    assert "dry run: 2 of 3 snapshots would go" in (shown.message or "")
    done = storage.run(expire_backups, vault="documents", dry_run=False)
    assert "2 of 3 snapshots removed" in (done.message or "")
    assert "last snapshot" in storage.artifact("expiry-documents")
    again = storage.run(expire_backups, vault="documents")
    assert [True] == [each.kept for each in again.result().verdicts]


def test_what_nobody_needs_is_priced_and_goes(storage: Storage) -> None:
    """Over several runs; what is needed is whole all the while, and restic agrees in the end."""
    retention = {"keep_last": 1, "minimum_copies": 1}
    storage.change("vaults", retention=retention, prune=SOON, price_per_gb_month="0.01")
    storage.run(back_up_to_object_storage, source="documents")
    (storage.source / "scan.bin").unlink()
    time.sleep(1)
    storage.run(back_up_to_object_storage, source="documents")
    deleted = 0
    for _ in range(_RUNS):
        state = storage.run(expire_backups, vault="documents", dry_run=False)
        assert state.is_completed(), state.message
        deleted += state.result().deleted_packs
        if deleted:
            break
        wait_until_due(state.result())
    assert deleted > 0, storage.artifact("expiry-documents")
    swept = storage.run(sweep_vault, vault="documents").result()
    assert (0, "0.00") == (swept.freed, str(swept.freed_per_month))
    state = storage.run(verify_backups, vault="documents", everything=True)
    assert state.is_completed(), state.message
    drilled = storage.run(drill_restore, source="documents")
    assert drilled.is_completed(), drilled.message


def test_a_retention_that_says_nothing_is_refused(storage: Storage) -> None:
    """All would go: that is no wish anybody has."""
    storage.change("vaults", retention={"minimum_copies": 1})
    storage.run(back_up_to_object_storage, source="documents")
    state = storage.run(expire_backups, vault="documents", dry_run=False)
    assert state.is_failed()
    assert "no rule says what to keep" in (state.message or "")
