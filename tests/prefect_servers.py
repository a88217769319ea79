"""A Prefect server for flows that run in the tests' own process."""

from collections.abc import Iterator
from contextlib import contextmanager

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


def _part() -> None:
    # What sends events keeps to the server that it began with, and once that is gone tries to reach
    # it for seconds with each event: the harness waits for all of them, and so for ever.
    EventsWorker.drain_all(timeout=_PART_S)
