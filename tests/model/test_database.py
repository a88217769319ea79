"""Database clusters in the estate: what is consistent, and that they are no fleets."""

from pathlib import Path
from typing import Any

import pytest

from springtide.errors import GuardRefused, Misconfigured
from springtide.estate import load_estate
from springtide.model.estate import Estate
from tests.estates import an_estate, trouble, written
from tests.planning.clusters import a_cluster


def a_document(**changes: Any) -> dict[str, Any]:  # noqa: ANN401 - whatever a field takes
    """The cluster as YAML has it, without a source of backups."""
    waived = {"backup_source": None, "waivers": {"backup": "the source is not there yet"}}
    return a_cluster().model_dump(mode="json", exclude_defaults=True) | waived | changes


def with_cluster(folder: Path, document: dict[str, Any], **more: Any) -> Path:  # noqa: ANN401 - YAML
    """An estate file with that cluster."""
    return written(folder, an_estate() | {"database_clusters": [document]} | more)


def member(number: int, **changes: str) -> dict[str, Any]:
    """One of its members, changed."""
    return {**a_document()["members"][number], **changes}


def both(estate: Estate) -> tuple[str, str]:
    """Why a cluster is no fleet, and a fleet no cluster."""
    told = []
    for ask, name in ((estate.fleet, "school"), (estate.database_cluster, "api")):
        with pytest.raises(GuardRefused) as error:
            ask(name)
        told.append(str(error.value))
    return told[0], told[1]


def test_a_cluster_is_no_fleet_and_a_fleet_is_no_cluster(tmp_path: Path) -> None:
    """Refused by type, both ways; a name that is neither is a mistake."""
    estate = load_estate(with_cluster(tmp_path, a_document()))
    assert "school" == estate.database_cluster("school").name
    assert both(estate) == (
        "fleet: school is a database cluster: it has state, nothing of it is killed",
        "cluster: api is a fleet: its servers are replaced, and not changed one by one",
    )
    with pytest.raises(Misconfigured, match="no database cluster 'shop'"):
        estate.database_cluster("shop")


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        pytest.param({"name": "api"}, "each name stands once, and is no fleet's", id="name"),
        pytest.param(
            {"members": [member(0)]}, "members: given 1, a cluster has two or", id="one member"
        ),
        pytest.param({"members": [member(0), member(1, name="db1")]}, "a name of its own", id="m"),
        pytest.param(
            {"members": [member(0), member(1, virtual_machine="database-1")]},
            "a virtual_machine of its own",
            id="machine",
        ),
        pytest.param(
            {"store": {"urls": ["http://127.0.0.1:1"], "on_members": ["db9"]}},
            "store.on_members: no member db9 (allowed: db1, db2, db3)",
            id="store",
        ),
        pytest.param({"backup_source": "absent"}, "no source absent", id="source"),
        pytest.param({"waivers": {}}, "backup_source is missing: name one, or say why", id="none"),
        pytest.param({"waivers": {"backup": "no"}}, "waivers.backup", id="no reason"),
        pytest.param({"limits": {"lag_mib": 0}}, "limits.lag_mib", id="limit"),
    ],
)
def test_what_is_inconsistent(tmp_path: Path, changes: dict[str, Any], why: str) -> None:
    """The mistake is named before anything is asked."""
    lines = trouble(with_cluster(tmp_path, a_document(**changes)))
    assert [line for line in lines if why in line], lines


def test_a_members_machine_belongs_to_its_cluster(tmp_path: Path) -> None:
    """The flow for other machines must not touch it."""
    core = {
        "host": "vcenter.example.org",
        "ca_file": "/etc/ca.pem",
        "clusters": ["Cluster1"],
        "virtual_machines": ["www-1", "database-2"],
    }
    lines = trouble(with_cluster(tmp_path, a_document(), core=core))
    assert [line for line in lines if "database-2 is a member of the database cluster" in line]
