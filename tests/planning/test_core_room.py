"""Guards over what vCenter shows that other changes ask, too."""

import pytest

from springtide.model.inventory import Power
from springtide.planning.core_room import apart_limitation, snapshot_limitation
from tests.planning.cores import machine


@pytest.mark.parametrize(
    ("hosts", "expected"),
    [
        pytest.param(("esx-1", "esx-2", "esx-3"), None, id="apart"),
        pytest.param(("esx-1", "esx-2", "esx-1"), "db-1 and db-3 run on one host", id="together"),
        pytest.param(("esx-1", None, None), None, id="unknown hosts are no meeting"),
        pytest.param((), None, id="none at all"),
    ],
)
def test_members_stand_apart(hosts: tuple[str | None, ...], expected: str | None) -> None:
    """One host that fails takes one member along and no more."""
    members = [machine(f"db-{n}", host=name) for n, name in enumerate(hosts, 1)]
    told = apart_limitation(reversed(members))
    assert (expected is None) == (told is None)
    assert expected is None or expected in str(told)


def test_a_member_that_is_off_meets_nobody() -> None:
    """It is counted again when it runs."""
    members = (machine("db-1"), machine("db-2", power=Power.OFF))
    assert apart_limitation(members) is None


def test_snapshots_are_named() -> None:
    """The first three of them, as vCenter names them."""
    assert snapshot_limitation(machine()) is None
    told = str(snapshot_limitation(machine(snapshots=("a", "b", "c", "d"))))
    assert ("(a, b, c)" in told, "web-1" in told) == (True, True)
