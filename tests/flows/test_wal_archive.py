"""The flows of a PostgreSQL cluster: refusals; and a real server under load, on a real Swift."""

import asyncio
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from prefect import Flow, State

from flows.object_storage_backup import (
    back_up_to_object_storage,
    expire_backups,
    verify_backups,
)
from flows.storage_restore import drill_restore, restore_from_object_storage
from flows.wal_archive import archive_wal, watch_recovery_point
from springtide.model.postgres import BASE, DUMPS
from springtide.model.wal_state import WalOutcome
from tasks.cloud import read_estate
from tests.environment import environment
from tests.flows.evening import ESTATE
from tests.flows.storage import Storage
from tests.real.clusters import Ground, Writer, a_ground, numbers_in


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


@pytest.mark.real
def test_a_cluster_is_restored_to_a_named_time(database: Storage, ground: Ground) -> None:
    """Written to all the while: just the lines acknowledged before that time are there."""
    with Writer(ground.primary) as writer, archiving(database) as states:
        backup = database.run(back_up_to_object_storage, source="core")
        assert backup.is_completed(), backup.message
        moment, acknowledged = writer.moment()
        wait_until_archived(database, after=moment)
    # Before the restore, which on a busy machine takes longer than the archive may lag behind.
    watched = database.run(watch_recovery_point, source="core")
    assert watched.is_completed(), watched.message
    verified = database.run(verify_backups, vault="documents", everything=True)
    assert verified.is_completed(), verified.message
    assert [] == [state.message for state in states if not state.is_completed()]
    assert acknowledged < writer.acknowledged
    restore = database.run(
        restore_from_object_storage, source="core", folder="at", target_time=moment
    )
    assert restore.is_completed(), restore.message
    outcome = restore.result()
    assert outcome.restored_to <= moment
    assert list(range(1, acknowledged + 1)) == numbers_in(Path(outcome.target))
    expired = database.run(expire_backups, vault="documents")
    assert expired.is_completed(), expired.message
    drill = database.run(drill_restore, source="core")
    assert drill.is_completed(), drill.message
    expected = [("springtide", BASE), ("restic", BASE), ("springtide", DUMPS)]
    assert expected == [(each.by, each.part) for each in drill.result()]
    assert "put into an empty server; roles: 1, databases: 2, " in drill.result()[-1].checked
    assert "no errors were found" in database.checked_by_restic()


@pytest.fixture
def estate(prefect_server: None) -> Iterator[None]:  # noqa: ARG001 - must run
    """The estate that is delivered, with a cluster and with directories."""
    with environment(SPRINGTIDE_ESTATE=str(ESTATE)):
        yield


@pytest.mark.parametrize(
    ("flow", "parameters", "said"),
    [
        pytest.param(
            archive_wal, {"source": "films"}, "source: no source 'films' in the estate", id="source"
        ),
        pytest.param(
            archive_wal, {"source": "documents"}, "documents is no PostgreSQL cluster", id="kind"
        ),
        pytest.param(
            archive_wal, {"source": "core-db", "minutes": 0}, "minutes: given 0", id="no time"
        ),
        pytest.param(
            archive_wal,
            {"source": "core-db", "minutes": 1441},
            "minutes: given 1441",
            id="too long",
        ),
        pytest.param(
            watch_recovery_point, {"source": "documents"}, "is no PostgreSQL cluster", id="watch"
        ),
        pytest.param(
            back_up_to_object_storage,
            {"source": "core-db", "parts": (3,)},
            "parts: core-db has no part 3",
            id="the log is no part to be backed up",
        ),
        pytest.param(
            restore_from_object_storage,
            {"source": "core-db", "target_time": datetime(2026, 3, 16, 18, 3)},  # noqa: DTZ001 - that is it
            "target_time: it has no time zone",
            id="a time without its zone",
        ),
    ],
)
def test_refusals(
    estate: None,  # noqa: ARG001 - must run
    flow: Flow[Any, Any],
    parameters: dict[str, object],
    said: str,
) -> None:
    """With the field and what is allowed, before anything is reached."""
    state = asyncio.run(flow(**parameters, return_state=True))
    assert state.is_failed()
    assert said in (state.message or "")
