"""What has state and what has none are told apart by type, whichever flow is asked."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from prefect import Flow

from flows.core_watch import watch_core
from flows.database_change import (
    repair_database_member,
    resize_database_cluster,
    restart_database_cluster,
    switch_over_database,
)
from flows.emergency_surge import emergency_surge
from flows.evening_window import close_evening_window, keep_fleet, open_evening_window
from tests.environment import environment
from tests.estates import an_estate, written
from tests.planning.clusters import a_cluster


@pytest.fixture
def estate(tmp_path: Path) -> Iterator[Path]:
    """An estate with the fleet `api` and the cluster `school`, neither of which is there."""
    cluster = a_cluster().model_dump(mode="json", exclude_defaults=True)
    cluster |= {"backup_source": None, "waivers": {"backup": "the source is not there yet"}}
    path = written(tmp_path, an_estate() | {"database_clusters": [cluster]})
    with environment(SPRINGTIDE_ESTATE=str(path)):
        yield path


async def _ended(flow: Flow[..., Any], parameters: dict[str, Any]) -> Any:  # noqa: ANN401 - a state
    return await flow(**parameters, return_state=True)


SURGE = {"servers": 2, "hours": 1, "owner": "operations", "reason": "a test"}
SIZE = {"vcpus": 16, "ram_gib": 64}


@pytest.mark.usefixtures("prefect_server", "estate")
@pytest.mark.parametrize(
    ("flow", "parameters", "why"),
    [
        pytest.param(emergency_surge, {"fleet": "school", **SURGE}, "has state", id="surge"),
        pytest.param(open_evening_window, {"fleet": "school"}, "has state", id="open"),
        pytest.param(close_evening_window, {"fleet": "school"}, "has state", id="close"),
        pytest.param(keep_fleet, {"fleet": "school"}, "has state", id="keep"),
        pytest.param(resize_database_cluster, {"cluster": "api", **SIZE}, "a fleet", id="resize"),
        pytest.param(restart_database_cluster, {"cluster": "api"}, "a fleet", id="restart"),
        pytest.param(switch_over_database, {"cluster": "api"}, "a fleet", id="switchover"),
        pytest.param(
            repair_database_member, {"cluster": "api", "member": "db1"}, "a fleet", id="repair"
        ),
    ],
)
def test_the_wrong_kind_is_refused(
    flow: Flow[..., Any], parameters: dict[str, Any], why: str
) -> None:
    """Before any call to a cloud or a cluster: none is there."""
    state = asyncio.run(_ended(flow, parameters))
    assert state.is_failed()
    assert why in str(state.message)


@pytest.mark.usefixtures("prefect_server", "estate")
@pytest.mark.parametrize(
    ("changes", "why"),
    [
        pytest.param({"vcpus": 0}, "vcpus", id="no core"),
        pytest.param({"ram_gib": 0.001}, "ram_mib", id="no memory"),
        pytest.param({"ram_gib": 1e9}, "ram_mib", id="absurd"),
    ],
)
def test_a_size_that_is_none(changes: dict[str, Any], why: str) -> None:
    """The field is named, and nothing is asked."""
    state = asyncio.run(_ended(resize_database_cluster, {"cluster": "school", **SIZE, **changes}))
    assert state.is_failed()
    assert why in str(state.message)


@pytest.mark.usefixtures("prefect_server", "estate")
def test_a_cluster_is_watched_without_a_private_cloud() -> None:
    """It is what is red, and no private cloud is missed."""
    state = asyncio.run(_ended(watch_core, {"dry_run": True}))
    assert str(state.message).startswith("1 red: school: it could not be looked at")
