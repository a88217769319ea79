"""The contract's two grounds: the sandbox always, real services where they are asked for."""

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Literal

import pytest

from tests.contracts.grounds import REGIONS, Ground, TestbedGround, on_sandbox
from tests.contracts.stage import Contract, PoolStage, cleared_pool


@pytest.fixture(
    scope="session", params=["sandbox", pytest.param("testbed", marks=pytest.mark.real)]
)
def ground_of_all(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Contract]:
    """One ground for all tests, and nothing of ours on it in the end."""
    kind: Literal["sandbox", "testbed"] = request.param
    with ExitStack() as until_the_end:
        if kind == "sandbox":
            folder = tmp_path_factory.mktemp("contract")
            running: Ground = until_the_end.enter_context(on_sandbox(folder))
        else:
            testbed = request.getfixturevalue("testbed")
            running = TestbedGround(testbed.clouds_yaml, testbed.control_url)
        contract = Contract.on(running)
        yield contract
        contract.control.clear_faults()
        for name in REGIONS:
            contract.clear_servers(name)
            PoolStage(contract, name).clear()


@pytest.fixture
def contract(ground_of_all: Contract) -> Iterator[Contract]:
    """That ground without faults, before and after."""
    ground_of_all.control.clear_faults()
    yield ground_of_all
    ground_of_all.control.clear_faults()


@pytest.fixture
def shared_pool(contract: Contract) -> Iterator[PoolStage]:
    """The pool that others use too, without members of ours before and after."""
    with cleared_pool(contract, "GRA11") as pool:
        yield pool


@pytest.fixture
def own_pool(contract: Contract) -> Iterator[PoolStage]:
    """The pool that is ours alone, without members before and after."""
    with cleared_pool(contract, "SBG5") as pool:
        yield pool
