"""The sandbox that the tests of the convergence share; empty at the start of each test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from springtide.sandbox.process import Sandbox
from tests.convergence.stage import Stage, a_sandbox
from tests.environment import environment


@pytest.fixture(scope="module", autouse=True)
def _at_once(short_back_off: None) -> None:
    """What fails in passing is asked for again without a pause."""


@pytest.fixture(scope="package")
def sandbox() -> Iterator[Sandbox]:
    """A running sandbox."""
    with a_sandbox() as running:
        yield running


@pytest.fixture
def stage(sandbox: Sandbox, tmp_path: Path) -> Iterator[Stage]:
    """An empty cloud with a foreign member in each pool, and an estate file on it."""
    sandbox.reset()
    clouds_yaml = sandbox.clouds_yaml(tmp_path / "clouds.yaml")
    with environment(OS_CLIENT_CONFIG_FILE=str(clouds_yaml)):
        stage = Stage(sandbox, clouds_yaml, tmp_path / "estate.yaml")
        stage.write()
        for number, region in enumerate(("GRA11", "RBX1", "SBG5"), start=1):
            stage.add_foreign_member(region, number=number)
        yield stage
