"""One vCenter for the tests of this folder, as it was at its start before each of them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from springtide.clouds.audit import AuditLog
from springtide.clouds.vcenter.access import VCenter
from tests.prefect_servers import a_prefect_server
from tests.real.vcenter.inventory import small_core
from tests.real.vcenter.simulator import Simulator, running_simulator
from tests.real.vcenter.stage import Stage, make_stage


@pytest.fixture
def simulator(tmp_path: Path) -> Iterator[Simulator]:
    """A vCenter of its own: one starts within a fifth of a second."""
    with running_simulator(tmp_path / "vcenter", small_core()) as found:
        yield found


@pytest.fixture
def audit(tmp_path: Path) -> AuditLog:
    """A log in `audit/run.jsonl`."""
    return AuditLog(tmp_path / "audit", run="run", who="tests")


@pytest.fixture
def vcenter(simulator: Simulator, audit: AuditLog) -> Iterator[VCenter]:
    """The access to it, with short time-outs."""
    core = simulator.core(shutdown_timeout_s=3, task_timeout_s=3, call_timeout_s=15)
    with VCenter.open(core, audit, environment=simulator.environment) as found:
        yield found


@pytest.fixture(scope="package")
def prefect_server() -> Iterator[None]:
    """Prefect on a database of its own, for all tests of flows here."""
    with a_prefect_server():
        yield


@pytest.fixture
def stage(prefect_server: None, simulator: Simulator, tmp_path: Path) -> Stage:  # noqa: ARG001 - must run
    """An estate with that vCenter, where the two of `web` may be resized."""
    return make_stage(
        simulator,
        tmp_path,
        virtual_machines=["web-1", "web-2", "database-1"],
        shutdown_timeout_s=4,
        task_timeout_s=10,
    )
