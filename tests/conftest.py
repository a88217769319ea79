"""What several folders' tests share: the real OpenStack, and the time that it may take."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

from tests.workers import FamilyScheduling, rank_of

if TYPE_CHECKING:
    from xdist.remote import Producer

    from tests.real.openstack.testbed import Testbed

# What a folder's tests share asserts as well, and is to say what it saw.
pytest.register_assert_rewrite(
    *(f"tests.{folder.name}" for folder in Path(__file__).parent.iterdir() if folder.is_dir())
)

# Prefect makes a client for nearly each thing it does; each reads all authorities anew, in 20 ms.
# Its server is on loopback here, without TLS, so that one of them is as good as all.
os.environ.setdefault("PREFECT_API_SSL_CERT_FILE", str(Path(__file__).with_name("authority.pem")))

# An example may take long on a busy machine, and is none the worse for it.
settings.register_profile("springtide", deadline=None)
settings.load_profile("springtide")

STARTING_S = 900
"""The first test of real services waits for their start."""


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: "Producer") -> FamilyScheduling | None:
    """With `--dist loadfile`, which every run here has, whole families go to a worker."""
    return FamilyScheduling(config, log) if config.getvalue("dist") == "loadfile" else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Have what takes longest begin, and give real services the time that they need to start."""
    items.sort(key=lambda item: rank_of(item.nodeid))
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
