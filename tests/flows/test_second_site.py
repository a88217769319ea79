"""The second site as flows, on two Swifts with two Keystones: neither lets the other's users in."""

import os
import shutil
from datetime import timedelta
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from flows.object_storage_backup import back_up_to_object_storage, verify_backups
from flows.second_site import copy_to_second_site
from flows.storage_restore import drill_restore, restore_from_object_storage
from springtide.cli import app
from springtide.clouds.swift.store import SwiftStore
from springtide.errors import Misconfigured
from springtide.estate import load_estate
from springtide.model.backup import Vault
from springtide.model.retention import PrunePolicy
from springtide.model.wal import Segment
from springtide.stores.vaults import open_store
from springtide.vault.sessions import write_session
from springtide.vault.wal_archive import WalArchive
from tasks.cloud import read_estate
from tests.flows.storage import SECRET, Storage, packs_of
from tests.object_stores import QUICK
from tests.vault.places import IDENTITY, seen_in
from tests.vault.vaults import MIB


def test_everything_is_deleted_with_the_writers_credential_and_comes_back(sites: Storage) -> None:
    """It cannot touch the second site, from which all is restored, to the last attribute."""
    assert sites.run(back_up_to_object_storage, source="documents").is_completed()
    copied = sites.run(copy_to_second_site, vault="documents-second")
    assert copied.is_completed(), copied.message
    before = seen_in(sites.source)
    estate = load_estate(sites.estate_file)
    first, second = estate.vaults
    with open_store(estate, first) as store:
        for found in list(store.listing("")):
            store.delete(found.name)
        assert [] == list(store.listing(""))
        token = store.access().token
    with open_store(estate, second) as store:
        url = store.access().url
        there = [found.name for found in store.listing("")]
    with a_store_by(url, token, second) as store, pytest.raises(Misconfigured):
        store.delete(there[0])
    shutil.rmtree(sites.source)
    lost = sites.run(restore_from_object_storage, source="documents", folder="first")
    assert lost.is_failed()
    state = sites.run(
        restore_from_object_storage, source="documents", folder="again", vault="documents-second"
    )
    assert state.is_completed(), state.message
    assert before == seen_in((sites.restores / "again").joinpath(*sites.source.parts[1:]))
    assert sites.run(verify_backups, vault="documents-second", everything=True).is_completed()
    drilled = sites.run(drill_restore, source="documents", vault="documents-second")
    assert drilled.is_completed(), drilled.message
    report = ["vault", "report", "documents-second", drilled.result()[0].snapshot]
    assert "reports are not copied" in CliRunner().invoke(app, report).output
    shown = sites.artifact("copy-documents-second")
    assert "1 of 1" in shown
    assert SECRET not in shown + (copied.message or "")


def a_store_by(url: str, token: str, vault: Vault) -> SwiftStore:
    """The vault's store, as who has that token sees it."""
    return SwiftStore(vault.place, lambda: (url, token), residency=(vault.region,), policy=QUICK)


def test_the_second_copy_sends_what_is_new_and_names_what_is_lost(sites: Storage) -> None:
    """What cannot be copied fails the run; what is there already stays."""
    sites.run(back_up_to_object_storage, source="documents")
    sites.run(copy_to_second_site, vault="documents-second")
    again = sites.run(copy_to_second_site, vault="documents-second").result()
    assert (0, 1, 0) == (again.copied, again.present, again.packs)
    with sites.opened() as repository:
        before = set(packs_of(repository))
    (sites.source / "new.bin").write_bytes(os.urandom(1_000_000))
    sites.run(back_up_to_object_storage, source="documents")
    with sites.opened() as repository:
        new = set(packs_of(repository)) - before
        lost = max(new, key=lambda name: repository.store.size(name) or 0)
        repository.store.delete(lost)
    state = sites.run(copy_to_second_site, vault="documents-second")
    assert state.is_failed()
    assert "needs what is not there" in (state.message or "")
    failed = state.result(raise_on_failure=False)
    assert (0, 1) == (failed.copied, failed.present)
    assert sites.run(verify_backups, vault="documents-second", everything=True).is_completed()


def test_a_log_is_copied_and_looked_at(sites: Storage, tmp_path: Path) -> None:
    """Where it never came, or no more, the second site's verification says so."""
    estate = yaml.safe_load(sites.estate_file.read_text("utf-8"))
    folders = {f"{name}_folder": str(tmp_path / name) for name in ("spool", "restore")}
    estate["sources"].append(
        {"name": "core", "kind": "postgresql", "vault": "documents", "service": "core", **folders}
    )
    sites.estate_file.write_text(yaml.safe_dump(estate), "utf-8")
    read_estate.cache_clear()
    state = sites.run(verify_backups, vault="documents-second")
    assert "core: the log has not been archived completely ever" in (state.message or "")
    with (
        sites.opened() as repository,
        write_session(repository, identity=IDENTITY, policy=PrunePolicy()) as session,
    ):
        archive = WalArchive(repository, "core", ())
        segment = tmp_path / Segment(1, 7).name()
        segment.write_bytes(b"changes")
        archive.note(system=7, segment_bytes=16 * MIB, complete_at=repository.store.now())
        archive.add(segment)
        archive.commit(session, username="springtide", lag=timedelta(minutes=10))
    assert sites.run(copy_to_second_site, vault="documents-second").is_completed()
    state = sites.run(verify_backups, vault="documents-second")
    (log,) = state.result(raise_on_failure=False).logs
    assert (segment.name, False) == (log.newest, log.overdue)


def test_what_is_no_copy(sites: Storage) -> None:
    """Refused by name, with those that are."""
    state = sites.run(copy_to_second_site, vault="documents")
    assert state.is_failed()
    assert "vault: documents is no copy (allowed: documents-second)" in (state.message or "")
    state = sites.run(restore_from_object_storage, source="documents", vault="films")
    assert "documents is not backed up to films" in (state.message or "")
