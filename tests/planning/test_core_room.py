"""Guards over what vCenter shows that other changes ask, too."""

from springtide.planning.core_room import snapshot_limitation
from tests.planning.cores import machine


def test_snapshots_are_named() -> None:
    """The first three of them, as vCenter names them."""
    assert snapshot_limitation(machine()) is None
    told = str(snapshot_limitation(machine(snapshots=("a", "b", "c", "d"))))
    assert ("(a, b, c)" in told, "web-1" in told) == (True, True)
