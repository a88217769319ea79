"""A cluster's plan and its end in words: room for its log, and how long nobody took writes."""

import pytest

from springtide.model.cluster_view import WriteLook
from springtide.model.database_plan import PlanKind, Wish
from springtide.planning.database_change import plan_of
from springtide.planning.database_telling import plan_rows, writes_fact
from tests.planning.clusters import a_cluster, a_sight, a_view

RESTART = Wish(kind=PlanKind.RESTART, cluster="school")


def test_room_that_is_measured_and_room_that_is_declared() -> None:
    """Whoever approves reads which of the two it is."""
    view = a_view(wal_room_mib={"db1": 51_300})
    cluster = a_cluster(wal_disk="/var/lib/postgresql")
    rows = plan_rows(plan_of(RESTART, a_sight(view)), RESTART, view, cluster, None)
    told = {str(row["measure"]): row["value"] for row in rows}
    assert (
        "50 GiB are free on /var/lib/postgresql, measured by VMware Tools",
        "8192 MiB, as the estate says; nothing measures it",
    ) == (told["room for WAL on db1"], told["room for WAL on db2"])


def looks(*said: tuple[float, float, bool]) -> list[WriteLook]:
    """From when to when each was, and whether anybody took writes."""
    return [WriteLook(asked_s=a, answered_s=b, took_writes=took) for a, b, took in said]


BOUND, UNKNOWN = "seconds without writes, at most", "seconds without writes"


@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        pytest.param([], (), id="nobody looked"),
        pytest.param(
            looks((0, 0.1, True), (1, 1.1, False), (3, 3.2, True)),
            ((BOUND, "3.2"),),
            id="from the last that found somebody asking to the first that found somebody again",
        ),
        pytest.param(
            looks((0, 0.1, True), (0.5, 0.6, True), (3, 3.1, True), (3.3, 3.4, True)),
            ((BOUND, "2.6"),),
            id="the longest",
        ),
        pytest.param(
            looks((0, 0.1, True), (1, 1.1, False)), ((UNKNOWN, "not known"),), id="nobody came"
        ),
        pytest.param(
            looks((0, 0.1, False), (1, 1.1, True)), ((UNKNOWN, "not known"),), id="nobody was there"
        ),
        pytest.param(looks((0, 0.1, True)), ((BOUND, "0.0"),), id="one look"),
    ],
)
def test_how_long_nobody_took_writes(
    seen: list[WriteLook], expected: tuple[tuple[str, str], ...]
) -> None:
    """A bound from above: between two looks nobody may have been there."""
    assert expected == writes_fact(seen)
