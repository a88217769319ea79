"""A Prefect server for flows that run in the tests' own process."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from prefect import get_client
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterKey
from prefect.client.schemas.objects import Artifact
from prefect.client.schemas.sorting import ArtifactSort
from prefect.events.worker import EventsWorker
from prefect.settings import (
    PREFECT_CLIENT_CSRF_SUPPORT_ENABLED,
    PREFECT_LOGGING_TO_API_ENABLED,
    PREFECT_SERVER_REGISTER_BLOCKS_ON_START,
    PREFECT_SERVER_SERVICES_EVENT_PERSISTER_FLUSH_INTERVAL,
    PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_BATCH_SIZE,
    PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_FLUSH_INTERVAL,
    PREFECT_SERVER_SERVICES_TRIGGERS_ENABLED,
    temporary_settings,
)
from prefect.testing.utilities import prefect_test_harness

_START_S = 240
_PART_S = 20.0
_FRUGAL = {
    # Each client would ask for a token first, which this server does not give out.
    PREFECT_CLIENT_CSRF_SUPPORT_ENABLED: False,
    PREFECT_SERVER_REGISTER_BLOCKS_ON_START: False,
    # Nobody reads the logs there, nor has automations that an event could set off.
    PREFECT_LOGGING_TO_API_ENABLED: False,
    PREFECT_SERVER_SERVICES_TRIGGERS_ENABLED: False,
    # One transaction for many ends of tasks; recorded and told within a second all the same.
    PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_BATCH_SIZE: 50,
    PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_FLUSH_INTERVAL: 1,
    PREFECT_SERVER_SERVICES_EVENT_PERSISTER_FLUSH_INTERVAL: 1,
}
"""What tests do not need of a server: a flow's run takes it much of its time."""


@contextmanager
def a_prefect_server() -> Iterator[None]:
    """Prefect on a database of its own, within the context."""
    _part()
    # The harness hands what is set on to its server.
    with temporary_settings(_FRUGAL), prefect_test_harness(server_startup_timeout=_START_S):
        yield
        _part()


def newest_artifact(key: str) -> Artifact | None:
    """The newest artifact of that key."""
    return asyncio.run(_newest(key))


async def _newest(key: str) -> Artifact | None:
    async with get_client() as client:
        found = await client.read_artifacts(
            artifact_filter=ArtifactFilter(key=ArtifactFilterKey(any_=[key])),
            sort=ArtifactSort.CREATED_DESC,
            limit=1,
        )
    return found[0] if found else None


def _part() -> None:
    # What sends events keeps to the server that it began with, and once that is gone tries to reach
    # it for seconds with each event: the harness waits for all of them, and so for ever.
    EventsWorker.drain_all(timeout=_PART_S)
