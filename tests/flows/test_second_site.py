"""The second site as flows, on two Swifts with two Keystones: neither lets the other's users in."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from pydantic import SecretStr
from typer.testing import CliRunner

from flows.object_storage_backup import back_up_to_object_storage, verify_backups
from flows.second_site import copy_to_second_site
from flows.storage_restore import drill_restore, restore_from_object_storage
from springtide.cli import app
from springtide.clouds.swift.store import SwiftStore
from springtide.commands.vault_hand import open_store
from springtide.errors import Misconfigured
from springtide.estate import load_estate
from springtide.model.backup import Vault
from springtide.sandbox.config import SandboxConfig, SandboxIdentity
from springtide.sandbox.process import Sandbox
from tasks.cloud import read_estate
from tests.flows.storage import SECRET, Storage, packs_of
from tests.object_stores import QUICK, skip_where_it_cannot_run
from tests.vault.places import seen_in

PULLER = SandboxIdentity(username="puller", password=SecretStr("another"))


@pytest.fixture(scope="module")
def second_cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Another provider's Keystone and Swift; the folder of their clouds.yaml."""
    folder = tmp_path_factory.mktemp("second")
    skip_where_it_cannot_run(folder)
    config = SandboxConfig(data_plane=False, object_store=True, identity=PULLER)
    with Sandbox(config) as sandbox:
        sandbox.clouds_yaml(folder / "clouds.yaml", cloud="second")
        yield folder


@pytest.fixture
def sites(storage: Storage, second_cloud: Path, tmp_path: Path) -> Storage:
    """The vault's second site stands, and this machine has the credentials of both."""
    clouds = {}
    for path in (Path(os.environ["OS_CLIENT_CONFIG_FILE"]), second_cloud / "clouds.yaml"):
        clouds |= yaml.safe_load(path.read_text("utf-8"))["clouds"]
    # Of each an entry under which it is only read: another identity, at a real provider.
    clouds |= {f"{name}-reader": entry for name, entry in clouds.items()}
    both = tmp_path / "clouds.yaml"
    both.write_text(yaml.safe_dump({"clouds": clouds}), "utf-8")
    os.environ["OS_CLIENT_CONFIG_FILE"] = str(both)
    estate = yaml.safe_load(storage.estate_file.read_text("utf-8"))
    estate["vaults"][0]["read_cloud"] = "sandbox-reader"
    estate["vaults"].append(
        {
            "name": "documents-second",
            "copy_of": "documents",
            "cloud": "second",
            "read_cloud": "second-reader",
            "region": "SBG5",
            "container": estate["vaults"][0]["container"],
            "password_file": str(tmp_path / "second.password"),
        }
    )
    storage.estate_file.write_text(yaml.safe_dump(estate), "utf-8")
    read_estate.cache_clear()
    made = CliRunner().invoke(app, ["vault", "create", "documents-second"])
    assert 0 == made.exit_code, made.output
    return storage


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


def test_what_is_no_copy(sites: Storage) -> None:
    """Refused by name, with those that are."""
    state = sites.run(copy_to_second_site, vault="documents")
    assert state.is_failed()
    assert "vault: documents is no copy (allowed: documents-second)" in (state.message or "")
    state = sites.run(restore_from_object_storage, source="documents", vault="films")
    assert "documents is not backed up to films" in (state.message or "")
