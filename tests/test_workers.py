"""Which tests share a worker: those that stand on what a machine has once."""

import pytest

from tests.workers import family_of, rank_of


@pytest.mark.parametrize(
    ("nodeid", "family"),
    [
        pytest.param("tests/contracts/test_room.py::test_x[testbed]", "test bed", id="a contract"),
        pytest.param("tests/contracts/test_room.py::test_x[testbed-1]", "test bed", id="its case"),
        pytest.param(
            "tests/contracts/test_room.py::test_x[sandbox]",
            "tests/contracts/test_room.py",
            id="the same contract on the sandbox",
        ),
        pytest.param(
            "tests/real/lifecycle/test_evening_window.py::test_x", "test bed", id="an evening there"
        ),
        pytest.param("tests/deployments/test_stack_orders.py::test_x", "stack", id="a stack"),
        pytest.param(
            "tests/deployments/test_stack_kills.py::test_x", "stack of surges", id="another"
        ),
        pytest.param(
            "tests/deployments/test_schedules.py::test_x",
            "tests/deployments/test_schedules.py",
            id="beside the stack",
        ),
    ],
)
def test_the_family_of_a_test(nodeid: str, family: str) -> None:
    """What stands on one thing goes to one worker; everything else goes by its file."""
    assert family == family_of(nodeid)


def test_the_longest_families_begin() -> None:
    """In the order of their list; whatever is not in it comes after them, in its own order."""
    ids = ["tests/test_house.py::test_x", "tests/ui/test_x.py::test_x"]
    ids += [f"tests/contracts/test_x.py::test_x[{ground}]" for ground in ("sandbox", "testbed")]
    ordered = [family_of(nodeid) for nodeid in sorted(ids, key=rank_of)]
    unranked = ["tests/test_house.py", "tests/contracts/test_x.py"]
    assert ["test bed", "browser", *unranked] == ordered
