"""One cluster with its vCenter and a whole stack for the tests of this folder."""

from collections.abc import Iterator

import pytest

from tests.clouds.ovhcloud.fake_api import FakeProvider, fake_provider
from tests.deployments.rig import PrefectRig
from tests.environment import environment
from tests.real.patroni.bed import running_bed
from tests.real.patroni.machines import bound, database_core
from tests.real.patroni.stack import running_stack
from tests.real.patroni.stage import Stage
from tests.real.vcenter.simulator import running_simulator


@pytest.fixture(scope="package")
def provider() -> Iterator[FakeProvider]:
    """Of whom datastores are ordered."""
    with fake_provider() as found:
        yield found


@pytest.fixture(scope="package")
def cluster(
    tmp_path_factory: pytest.TempPathFactory,
    provider: FakeProvider,  # noqa: ARG001 - must run
) -> Iterator[Stage]:
    """Three members, each on a machine of its own; they come up while the stack does."""
    folder = tmp_path_factory.mktemp("database")
    with (
        environment(),
        running_simulator(folder / "vcenter", database_core()) as simulator,
        running_bed() as bed,
        bound(simulator, bed),
    ):
        yield Stage.of(bed, simulator, folder)


@pytest.fixture(scope="package")
def rig(cluster: Stage) -> Iterator[PrefectRig]:
    """A Prefect server with all that is deployed, and a worker."""
    with running_stack(cluster.folder / "stack", cluster.estate_file) as found:
        yield found


@pytest.fixture(scope="package")
def stage(cluster: Stage, rig: PrefectRig) -> Stage:  # noqa: ARG001 - must run
    """The cluster, healthy, with a Prefect server beside it for the flows of this process."""
    cluster.bed.wait_healthy()
    return cluster
