"""One vCenter for the tests of this folder, as it was at its start before each of them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from springtide.clouds.audit import AuditLog
from springtide.clouds.vcenter.access import VCenter
from tests.real.vcenter.inventory import small_core
from tests.real.vcenter.simulator import Simulator, running_simulator


@pytest.fixture
def simulator(tmp_path: Path) -> Iterator[Simulator]:
    """A vCenter of its own: one starts within a fifth of a second."""
    with running_simulator(tmp_path / "vcenter", small_core()) as found:
        yield found


@pytest.fixture
def audit(tmp_path: Path) -> AuditLog:
    """A log in `audit.jsonl`."""
    return AuditLog(tmp_path / "audit.jsonl", run="run", who="tests")


@pytest.fixture
def vcenter(simulator: Simulator, audit: AuditLog) -> Iterator[VCenter]:
    """The access to it, with short time-outs."""
    core = simulator.core(shutdown_timeout_s=3, task_timeout_s=3, call_timeout_s=15)
    with VCenter.open(core, audit, environment=simulator.environment) as found:
        yield found
