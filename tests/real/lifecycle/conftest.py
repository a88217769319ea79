"""A stack on the test bed: Prefect's server on PostgreSQL, a worker, the fleet's estate."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from deployments.stack import down, up
from deployments.stack_clouds import GivenCloud
from tests.real.lifecycle.evening import EveningRig
from tests.real.openstack.estate import write_estate
from tests.real.openstack.testbed import Testbed
from tests.real.postgres import PostgresCluster

DATABASE = "prefect"


@pytest.fixture(scope="package")
def postgres() -> Iterator[PostgresCluster]:
    """A PostgreSQL with an empty database for Prefect."""
    # Not below pytest's own folder: that lets nobody through, and PostgreSQL's account is another.
    with tempfile.TemporaryDirectory(prefix="springtide-postgres-") as name:
        cluster = PostgresCluster(Path(name))
        try:
            cluster.start()
            yield cluster
        finally:
            cluster.end()


@pytest.fixture(scope="package")
def running(
    testbed: Testbed, postgres: PostgresCluster, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[EveningRig]:
    """Server and worker in processes of their own, ended with the folder's last test."""
    folder = tmp_path_factory.mktemp("stack")
    estate = write_estate(folder, testbed.control_url)
    variables = {"PREFECT_API_DATABASE_CONNECTION_URL": postgres.create_database(DATABASE)}
    try:
        stack = up(folder, cloud=GivenCloud(estate, testbed.clouds_yaml), variables=variables)
        yield EveningRig(stack, variables)
    finally:
        down(folder)


@pytest.fixture
def rig(running: EveningRig) -> EveningRig:
    """The stack with an open evening, an empty store, and nothing of the fleet in the cloud."""
    running.begin()
    return running
