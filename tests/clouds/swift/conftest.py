"""The Swift that these tests share, and a faulty way to it."""

from collections.abc import Iterator

import pytest

from springtide.sandbox.object_store import ObjectStore
from tests.faulty_proxy import FaultyProxy
from tests.object_stores import running_object_store


@pytest.fixture(scope="session")
def swift(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ObjectStore]:
    """A running Swift; each test has a container of its own there."""
    with running_object_store(tmp_path_factory.mktemp("swift")) as running:
        yield running


@pytest.fixture
def proxy(swift: ObjectStore) -> Iterator[FaultyProxy]:
    """A proxy before it that does nothing wrong yet."""
    with FaultyProxy(swift.url) as running:
        yield running
