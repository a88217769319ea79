"""A real Swift for tests of any folder, and the stores on it."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import pytest

from springtide.clouds.swift.backoff import StorePolicy
from springtide.clouds.swift.store import SwiftStore
from springtide.model.object_storage import StorePlace
from springtide.sandbox.object_store import ObjectStore, ObjectStoreError
from tests.vault.vaults import Restic

DEBIANS = "/usr/bin/python3"
"""The interpreter that has the Swift of Debian's packages."""
REGION = "GRA"
RESIDENCY = ("GRA", "SBG")
QUICK = StorePolicy(attempts=4, first_pause_s=0.01, longest_pause_s=0.05, timeout_s=30)
"""Patient with a busy machine, and not with faults."""


@contextmanager
def running_object_store(
    folder: Path,
    *,
    token: str | None = None,
    keystone_url: str | None = None,
    python: str = sys.executable,
) -> Iterator[ObjectStore]:
    """A Swift in that folder; skips where none can be run here, which in CI is a failure."""
    skip_where_it_cannot_run(folder, python=python)
    with ObjectStore(folder, token=token, keystone_url=keystone_url, python=python) as store:
        yield store


def skip_where_it_cannot_run(folder: Path, *, python: str = sys.executable) -> None:
    """Skip the test where no Swift can be run in that folder, which in CI is a failure."""
    try:
        ObjectStore(folder, python=python).check()
    except ObjectStoreError as error:
        if os.environ.get("CI") == "true":
            pytest.fail(str(error))
        pytest.skip(str(error))


def a_place(**changes: str) -> StorePlace:
    """A container that no other test has, changed as asked."""
    base = {"region": REGION, "container": f"vault-{uuid4().hex[:12]}"}
    return StorePlace.model_validate(base | changes)


def a_store(
    url: str, token: str, place: StorePlace | None = None, *, policy: StorePolicy = QUICK
) -> SwiftStore:
    """A store with a fixed token, by way of `url`; its container is made there."""
    store = SwiftStore(place or a_place(), lambda: (url, token), residency=RESIDENCY, policy=policy)
    store.make_container()
    return store


def restic_on(swift: ObjectStore, place: StorePlace, folder: Path) -> Restic:
    """What restic says of the repository of that place, by its own Swift client."""
    environment = {"OS_STORAGE_URL": swift.url, "OS_AUTH_TOKEN": swift.token, "HOME": str(folder)}
    return Restic(folder, f"swift:{place.container}:/{place.prefix}", environment)
