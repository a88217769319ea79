"""Which deployments an estate has work for: what would find nothing is left out, and told."""

from collections.abc import Callable
from typing import Any

import pytest
import yaml

from deployments.stack import ESTATE
from deployments.wanted import FILE, estate_limitation, left_out, title, wanted_deployments
from springtide.estate import load_estate
from springtide.model.estate import Estate
from tests.estates import an_estate
from tests.planning.clusters import a_cluster

Change = Callable[[dict[str, Any]], object]
DEPLOYMENTS: list[dict[str, Any]] = yaml.safe_load(FILE.read_text("utf-8"))["deployments"]


def shipped(change: Change) -> Estate:
    """The estate as it is delivered, changed."""
    estate = yaml.safe_load(ESTATE.read_text("utf-8"))
    change(estate)
    return Estate.model_validate(estate)


def named(entry: dict[str, Any]) -> str:
    """The deployment's title."""
    return title(entry["entrypoint"], entry["name"])


def bound(parameter: str, name: str) -> list[str]:
    """The titles of the deployments whose parameters name that fleet, source or vault."""
    return [named(d) for d in DEPLOYMENTS if d.get("parameters", {}).get(parameter) == name]


def another_fleet_watches(estate: dict[str, Any]) -> None:
    """The policy of the traffic is of a fleet that no deployment is about."""
    (api,) = estate["fleets"]
    estate["fleets"] = [{**api, "traffic": None}, {**api, "name": "web"}]


def rename_fleet(estate: dict[str, Any]) -> None:
    """The estate's fleet is not the one of `prefect.yaml`."""
    estate["fleets"][0]["name"] = estate["windows"][0]["fleet"] = "web"


def directories_only(estate: dict[str, Any]) -> None:
    """Of the sources the documents stay."""
    estate["sources"] = estate["sources"][:1]
    estate["database_clusters"] = []


def directories_by_that_name(estate: dict[str, Any]) -> None:
    """What `prefect.yaml` takes for a database is a folder of dumps."""
    directories_only(estate)
    documents = {key: estate["sources"][0][key] for key in ("paths", "restore_folder")}
    estate["sources"].append({**documents, "name": "core-db", "vault": "databases"})


def one_site(estate: dict[str, Any]) -> None:
    """Backups and audit log have no second site."""
    estate["vaults"] = [vault for vault in estate["vaults"] if "copy_of" not in vault]
    estate["audit"]["second"] = None


def test_the_shipped_estate_has_work_for_all() -> None:
    """Nothing of `prefect.yaml` is left out of it."""
    estate = load_estate(ESTATE)
    assert {} == left_out(estate)
    assert DEPLOYMENTS == wanted_deployments(estate)["deployments"]


def test_what_a_fleet_alone_has_work_for() -> None:
    """Neither a schedule nor a form for backups, databases, a core, an audit log, or reports."""
    kept = wanted_deployments(Estate.model_validate(an_estate()))["deployments"]
    assert {
        *("evening_window", "fleet_healing", "image_rollout", "image_distribution", "readiness"),
        *("emergency_surge", "surge_rehearsal", "leftover_sweep", "orders", "notices"),
    } == {tag for each in kept for tag in each["tags"]}


def test_database_clusters_are_watched_without_a_core() -> None:
    """It is the only watch that they have."""
    cluster = a_cluster(backup_source=None, waivers={"backup": "the source is not there yet"})
    said = cluster.model_dump(mode="json", exclude_defaults=True)
    estate = Estate.model_validate(an_estate() | {"database_clusters": [said]})
    tags = {tag for each in wanted_deployments(estate)["deployments"] for tag in each["tags"]}
    assert {"core_watch", "database_change"} < tags
    assert not {"virtual_machine_change", "datastore_extension"} & tags


@pytest.mark.parametrize(
    ("change", "lacking", "expected"),
    [
        pytest.param(
            lambda estate: estate["fleets"][0].update(traffic=None),
            "no fleet with `traffic`",
            ["watch_traffic/api"],
            id="no fleet is watched",
        ),
        pytest.param(
            another_fleet_watches,
            "no fleet with `traffic`",
            ["watch_traffic/api"],
            id="another fleet is watched",
        ),
        pytest.param(rename_fleet, "no fleet api", bound("fleet", "api"), id="no such fleet"),
        pytest.param(
            directories_only, "no source core-db", bound("source", "core-db"), id="no such source"
        ),
        pytest.param(
            directories_by_that_name,
            "no PostgreSQL cluster as a source",
            ["archive_wal/databases", "watch_recovery_point/databases"],
            id="a source of another kind",
        ),
        pytest.param(
            one_site, "no vault documents-second", bound("vault", "documents-second"), id="no copy"
        ),
        pytest.param(
            one_site,
            "no `audit.second`",
            ["copy_audit_log/second-site"],
            id="no second site of the audit log",
        ),
    ],
)
def test_what_is_left_out(change: Change, lacking: str, expected: list[str]) -> None:
    """What would find nothing at each tick; what is wanted stays, and nothing is lost of sight."""
    estate = shipped(change)
    told, kept = left_out(estate), wanted_deployments(estate)["deployments"]
    assert expected
    assert expected == told[lacking]
    gone = [one for titles in told.values() for one in titles]
    assert sorted(map(named, DEPLOYMENTS)) == sorted([*gone, *map(named, kept)])


@pytest.mark.parametrize("parameters", [{"fleet": "*"}, {"vault": ""}, {"vault": None}])
def test_whoever_names_none_is_about_all(parameters: dict[str, Any]) -> None:
    """A freeze of every fleet, or a restore from the source's own vault, is deployed."""
    freeze = {"tags": ["orders"], "parameters": parameters}
    assert estate_limitation(freeze, shipped(lambda _: None)) is None


def test_documents_come_back_though_no_more_are_offloaded() -> None:
    """Without a policy of offloading, one that was offloaded before is fetched all the same."""
    estate = shipped(lambda estate: estate["sources"][0].update(offload=None))
    assert {} == left_out(estate)
