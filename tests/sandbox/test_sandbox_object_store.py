"""The sandbox's object store as clients find it: by Keystone's token and catalogue."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from springtide.clouds.swift.opening import open_swift_store
from springtide.errors import Misconfigured
from springtide.model.object_storage import StorePlace
from springtide.sandbox.config import SandboxConfig
from springtide.sandbox.object_store import ObjectStoreError
from springtide.sandbox.process import Auth, Sandbox
from tests.object_stores import skip_where_it_cannot_run

PLACE = StorePlace(region="SBG5", container="backups", prefix="documents")


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """One with an object store."""
    skip_where_it_cannot_run(tmp_path_factory.mktemp("probe"))
    with Sandbox(SandboxConfig(data_plane=False, object_store=True)) as running:
        yield running


@pytest.mark.parametrize("auth", ["password", "v3applicationcredential"])
def test_it_is_found_by_the_catalogue(sandbox: Sandbox, tmp_path: Path, auth: Auth) -> None:
    """In every region, with either credential; what is put there is there."""
    clouds = sandbox.clouds_yaml(tmp_path / "clouds.yaml", auth=auth)
    with open_swift_store("sandbox", PLACE, residency=("SBG5",), clouds_yaml=clouds) as store:
        store.make_container()
        store.put(f"data/{auth}", b"sealed")
        assert b"sealed" == store.get(f"data/{auth}")
        assert [f"data/{auth}"] == [found.name for found in store.listing(f"data/{auth}")]


def test_a_sandbox_without_it_has_none_in_its_catalogue(tmp_path: Path) -> None:
    """And the error says so."""
    with Sandbox(SandboxConfig(data_plane=False)) as running:
        clouds = running.clouds_yaml(tmp_path / "clouds.yaml")
        with (
            open_swift_store("sandbox", PLACE, residency=("SBG5",), clouds_yaml=clouds) as store,
            pytest.raises(Misconfigured, match="no object-store in region SBG5"),
        ):
            store.make_container()


def test_a_folder_that_cannot_be_used_is_told(tmp_path: Path) -> None:
    """Then nothing of the sandbox stays behind."""
    config = SandboxConfig(data_plane=False, object_store=True, object_store_folder=Path("/proc"))
    sandbox = Sandbox(config)
    with pytest.raises((ObjectStoreError, OSError)), sandbox:
        pass
    assert sandbox.object_store is None
    del tmp_path
