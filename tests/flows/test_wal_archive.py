"""A PostgreSQL under load, backed up and restored by the flows: real servers, on a real Swift."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import pytest
import yaml
from prefect import State

from flows.object_storage_backup import (
    back_up_to_object_storage,
    expire_backups,
    verify_backups,
)
from flows.storage_restore import drill_restore, restore_from_object_storage
from flows.wal_archive import archive_wal, watch_recovery_point
from springtide.model.wal_state import WalOutcome
from tasks.cloud import read_estate
from tests.flows.storage import Storage
from tests.real.clusters import Ground, Writer, a_ground, numbers_in

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def ground() -> Iterator[Ground]:
    """A running primary."""
    with a_ground() as found:
        yield found


@pytest.fixture
def database(storage: Storage, ground: Ground) -> Storage:
    """The estate's one source is the cluster `core`."""
    estate = yaml.safe_load(storage.estate_file.read_text("utf-8"))
    estate["sources"] = [ground.source().model_dump(mode="json")]
    storage.estate_file.write_text(yaml.safe_dump(estate), "utf-8")
    read_estate.cache_clear()
    return storage


@contextmanager
def archiving(database: Storage) -> Iterator[list[State[WalOutcome]]]:
    """One run of the archiver after another, as a schedule would have it; how they ended."""
    ended = threading.Event()
    states: list[State[WalOutcome]] = []

    def archive() -> None:
        while not ended.is_set():
            states.append(database.run(archive_wal, source="core", minutes=0.1))

    thread = threading.Thread(target=archive)
    thread.start()
    try:
        yield states
    finally:
        ended.set()
        thread.join()


def wait_until_archived(database: Storage, *, after: datetime) -> None:
    """Return once the vault has all that was written before."""
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline:
        state = database.run(watch_recovery_point, source="core").result(raise_on_failure=False)
        if state.complete_at is not None and state.complete_at > after:
            return
        time.sleep(1)
    raise AssertionError("the log is not archived")


def test_a_cluster_is_restored_to_a_named_time(database: Storage, ground: Ground) -> None:
    """Written to all the while: just the lines acknowledged before that time are there."""
    with Writer(ground.primary) as writer, archiving(database) as states:
        backup = database.run(back_up_to_object_storage, source="core")
        assert backup.is_completed(), backup.message
        moment, acknowledged = writer.moment()
        wait_until_archived(database, after=moment)
    assert all(state.is_completed() for state in states)
    assert acknowledged < writer.acknowledged
    restore = database.run(
        restore_from_object_storage, source="core", folder="at", target_time=moment
    )
    assert restore.is_completed(), restore.message
    outcome = restore.result()
    assert outcome.restored_to <= moment
    assert list(range(1, acknowledged + 1)) == numbers_in(Path(outcome.target))
    watched = database.run(watch_recovery_point, source="core")
    assert watched.is_completed(), watched.message
    drill = database.run(drill_restore, source="core")
    assert drill.is_completed(), drill.message
    verified = database.run(verify_backups, vault="documents", everything=True)
    assert verified.is_completed(), verified.message
    expired = database.run(expire_backups, vault="documents")
    assert expired.is_completed(), expired.message
