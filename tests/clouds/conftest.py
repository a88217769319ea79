"""The sandbox that the tests of the clouds share; empty at the start of each test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from springtide.clouds.openstack.connection import CloudAccess
from springtide.sandbox.process import Sandbox
from tests.clouds.stage import Stage, a_fleet, a_sandbox, an_estate, clouds_file, silent_audit


@pytest.fixture(scope="module", autouse=True)
def _at_once(request: pytest.FixtureRequest) -> None:
    """What fails in passing is asked for again without a pause, but where that is proved."""
    if request.path.name != "test_servers.py":
        request.getfixturevalue("short_back_off")


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    """A running sandbox."""
    with a_sandbox() as running:
        yield running


@pytest.fixture(scope="module")
def clouds_yaml(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Its clouds.yaml, which the SDK reads."""
    path = sandbox.clouds_yaml(tmp_path_factory.mktemp("clouds") / "clouds.yaml")
    with clouds_file(path):
        yield path


@pytest.fixture
def stage(sandbox: Sandbox, clouds_yaml: Path) -> Stage:
    """A fresh access to an empty cloud; the calls so far are forgotten."""
    sandbox.reset()
    access = CloudAccess.open(an_estate(), silent_audit())
    sandbox.forget_calls()
    return Stage(sandbox, clouds_yaml, access, a_fleet())
