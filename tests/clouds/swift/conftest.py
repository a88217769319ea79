"""The Swifts that these tests share, and a faulty way to them."""

from collections.abc import Iterator
from typing import cast

import pytest

from springtide.sandbox.object_store import ObjectStore
from tests.faulty_proxy import FaultyProxy
from tests.object_stores import DEBIANS, running_object_store


@pytest.fixture(scope="session")
def sandboxes_swift(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ObjectStore]:
    """A running Swift, as the sandbox has it."""
    with running_object_store(tmp_path_factory.mktemp("swift")) as running:
        yield running


@pytest.fixture(scope="session")
def debians_swift(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ObjectStore]:
    """A running Swift of Debian's packages."""
    with running_object_store(tmp_path_factory.mktemp("swift"), python=DEBIANS) as running:
        yield running


@pytest.fixture(
    scope="session",
    params=[
        pytest.param("sandboxes_swift", id="sandbox"),
        pytest.param("debians_swift", id="debian", marks=pytest.mark.real),
    ],
)
def swift(request: pytest.FixtureRequest) -> ObjectStore:
    """Each of them; a test has a container of its own there."""
    return cast("ObjectStore", request.getfixturevalue(request.param))


@pytest.fixture
def proxy(swift: ObjectStore) -> Iterator[FaultyProxy]:
    """A proxy before it that does nothing wrong yet."""
    with FaultyProxy(swift.url) as running:
        yield running
