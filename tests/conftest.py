"""What several folders' tests share: the real OpenStack, and the time that it may take."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from tests.real.openstack.testbed import Testbed

# An example may take long on a busy machine, and is none the worse for it.
settings.register_profile("springtide", deadline=None)
settings.load_profile("springtide")

STARTING_S = 900
"""The first test of real services waits for their start."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give tests of real services the time that those need to start."""
    for item in items:
        if item.get_closest_marker("real"):
            item.add_marker(pytest.mark.timeout(STARTING_S))


@pytest.fixture(scope="session")
def testbed() -> Iterator["Testbed"]:
    """One real OpenStack for all tests; see tests/real/openstack/running.py."""
    # Not above: the SDK takes a second to load, and most tests need neither.
    from tests.real.openstack.running import running_testbed  # noqa: PLC0415 - as said

    with running_testbed() as found:
        yield found
