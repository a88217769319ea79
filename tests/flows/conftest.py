"""A Prefect server of the tests' own, and a sandbox cloud with the real estate's rehearsal."""

import asyncio
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from prefect.testing.utilities import prefect_test_harness

from deployments.rehearsal import write_rehearsal
from springtide.sandbox.config import BootTime, SandboxConfig
from springtide.sandbox.process import Sandbox
from tests.flows.evening import ESTATE, MONDAY_16H, Evening, clear_store, fast_estate


@pytest.fixture(scope="session")
def prefect_server() -> Iterator[None]:
    """Prefect on a database of its own, for all tests of flows."""
    with prefect_test_harness(server_startup_timeout=90):
        yield


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Sandbox, Path]]:
    """A running sandbox with quick boots, and the estate file that leads to it."""
    folder = tmp_path_factory.mktemp("estate")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        server_port = probe.getsockname()[1]
    config = SandboxConfig(
        boot=BootTime(least_s=0.1, most_s=0.4, answer_s=0.1),
        balancer_update_s=0.05,
        server_port=server_port,
        starts_at=MONDAY_16H,
    )
    with Sandbox(config) as running:
        estate = write_rehearsal(
            ESTATE, folder / "estate.yaml", sandbox_url=running.url, server_port=server_port
        )
        fast_estate(estate)
        before = dict(os.environ)
        os.environ["OS_CLIENT_CONFIG_FILE"] = str(running.clouds_yaml(folder / "clouds.yaml"))
        os.environ["SPRINGTIDE_ESTATE"] = str(estate)
        yield running, estate
        os.environ.clear()
        os.environ.update(before)


@pytest.fixture
def evening(prefect_server: None, sandbox: tuple[Sandbox, Path]) -> Evening:  # noqa: ARG001 - must run
    """An empty cloud on a Monday at 16:00, and an empty store."""
    running, estate = sandbox
    running.reset()
    running.clear_faults()
    running.set_clock(MONDAY_16H)
    asyncio.run(clear_store())
    running.forget_calls()
    return Evening(running, estate)
