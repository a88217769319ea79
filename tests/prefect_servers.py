"""A Prefect server for flows that run in the tests' own process."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from prefect import get_client
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterKey
from prefect.client.schemas.objects import Artifact
from prefect.client.schemas.sorting import ArtifactSort
from prefect.events.worker import EventsWorker
from prefect.testing.utilities import prefect_test_harness

_START_S = 240
_PART_S = 20.0


@contextmanager
def a_prefect_server() -> Iterator[None]:
    """Prefect on a database of its own, within the context."""
    _part()
    with prefect_test_harness(server_startup_timeout=_START_S):
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
