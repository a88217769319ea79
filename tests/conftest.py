"""What several folders' tests share: the real OpenStack, and the time that it may take."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import pytest_timeout
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
        slow = any(item.get_closest_marker(name) for name in ("real", "chromium"))
        starting = slow or "/test_stack_" in item.nodeid
        # A marker put here would win over the one of the test's file.
        if starting and item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(STARTING_S))


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Give a second try its time-out: the first try's ended with its failure."""
    if getattr(item, "execution_count", 1) > 1:
        marker = item.get_closest_marker("timeout")
        settings = pytest_timeout.get_env_settings(item.config)
        if marker and marker.args:
            settings = settings._replace(timeout=float(marker.args[0]))
        item.config.hook.pytest_timeout_set_timer(item=item, settings=settings)


@pytest.fixture(scope="module")
def short_back_off() -> Iterator[None]:
    """Calls to OpenStack that fail in passing are repeated as often as ever, and at once.

    tests/clouds/test_servers.py proves them at their own pace; elsewhere nothing comes of waiting.
    """
    # Not above: most tests need neither.
    from tenacity import wait_fixed  # noqa: PLC0415 - as said

    from springtide.clouds.openstack import service  # noqa: PLC0415 - as said

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(service, "_BACK_OFF", wait_fixed(0.02))
        yield


@pytest.fixture(scope="session")
def testbed() -> Iterator["Testbed"]:
    """One real OpenStack for all tests; see tests/real/openstack/running.py."""
    # Not above: the SDK takes a second to load, and most tests need neither.
    from tests.real.openstack.running import running_testbed  # noqa: PLC0415 - as said

    with running_testbed() as found:
        yield found
