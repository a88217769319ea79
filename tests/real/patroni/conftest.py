"""One cluster with its vCenter for the tests of this folder; Prefect's server beside it."""

import os
from collections.abc import Iterator

import pytest
from prefect.testing.utilities import prefect_test_harness

from tests.real.patroni.bed import running_bed
from tests.real.patroni.machines import bound, database_core
from tests.real.patroni.stage import Stage
from tests.real.vcenter.simulator import running_simulator


@pytest.fixture(scope="package")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """Three healthy members, each on a machine of its own."""
    folder = tmp_path_factory.mktemp("database")
    before = dict(os.environ)
    with (
        prefect_test_harness(server_startup_timeout=90),
        running_simulator(folder / "vcenter", database_core()) as simulator,
        running_bed() as bed,
        bound(simulator, bed),
    ):
        yield Stage.of(bed, simulator, folder)
    os.environ.clear()
    os.environ.update(before)
