"""deployments/prefect.yaml says what the estate's windows and the code around it say."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from deployments.automations import NOTICE, NOTICE_TAG
from deployments.deploy import POOL, ROOT, SECOND_SITE_POOL
from deployments.stack import ESTATE
from springtide.estate import load_estate
from springtide.planning.evening_schedules import Edge, estate_schedules

FLOWS = {
    Edge.OPEN: "flows/evening_window.py:open_evening_window",
    Edge.KEEP: "flows/evening_window.py:keep_fleet",
    Edge.CLOSE: "flows/evening_window.py:close_evening_window",
}
FILE: dict[str, Any] = yaml.safe_load((ROOT / "deployments" / "prefect.yaml").read_text("utf-8"))
DEPLOYMENTS: list[dict[str, Any]] = FILE["deployments"]
SECOND_SITE_TAG = "second_site"
STORAGE_TAGS = {
    *("object_storage_backup", "storage_restore", "wal_archive", SECOND_SITE_TAG),
    *("document_offload", "document_erasure"),
}


def test_the_schedules_are_those_of_the_windows() -> None:
    """Each edge of each window wakes its flow for its fleet, by the window's own clock."""
    estate = load_estate(ESTATE)
    expected = [
        (FLOWS[edge.edge], edge.fleet, edge.slug, edge.cron, edge.timezone)
        for edge in estate_schedules(estate)
    ]
    actual = [
        (
            deployment["entrypoint"],
            # A schedule's own parameters override the deployment's.
            (deployment["parameters"] | schedule.get("parameters", {}))["fleet"],
            schedule["slug"],
            schedule["cron"],
            schedule["timezone"],
        )
        for deployment in DEPLOYMENTS
        for schedule in deployment.get("schedules", ())
        if deployment["entrypoint"] in FLOWS.values()
    ]
    assert sorted(expected) == sorted(actual)


def test_no_schedule_says_whether_it_is_active() -> None:
    """New ones are; and one that somebody has paused is not woken by the next deployment."""
    schedules = [s for d in DEPLOYMENTS for s in d.get("schedules", ())]
    assert schedules
    assert [] == [each["slug"] for each in schedules if "active" in each]


def test_a_scheduled_flow_is_given_the_fleet_alone() -> None:
    """No schedule opens with a number of its own or as a dry run."""
    given = [
        parameters
        for deployment in DEPLOYMENTS
        if "schedules" in deployment and "leftover_sweep" not in deployment["tags"]
        if "fleet" in (parameters := deployment.get("parameters", {}))
    ]
    assert given
    assert [] == [each for each in given if each != {"fleet": "api"}]


def test_only_the_schedule_sweeps_leftovers_away() -> None:
    """Whoever starts the sweep by hand is shown at first what it would do."""
    (sweep,) = (d for d in DEPLOYMENTS if "leftover_sweep" in d["tags"])
    assert {"dry_run": True} == sweep["parameters"]
    assert [{"dry_run": False}] == [schedule["parameters"] for schedule in sweep["schedules"]]


def _of_storage(deployment: dict[str, Any]) -> bool:
    return bool(set(deployment["tags"]) & STORAGE_TAGS)


def test_what_is_backed_up_is_in_the_estate() -> None:
    """Every deployment of storage names a source or a vault that is there."""
    estate = load_estate(ESTATE)
    known = {"source": {s.name for s in estate.sources}, "vault": {v.name for v in estate.vaults}}
    given = [d["parameters"] for d in DEPLOYMENTS if _of_storage(d)]
    assert given
    unknown = [(k, v) for each in given for k, v in each.items() if v not in known[k]]
    assert [] == unknown


def test_storage_is_not_touched_in_the_hour_that_comes_twice() -> None:
    """From 02:00 to 03:00 clocks are set; a run then would come twice, or never."""
    hours = {
        schedule["cron"].split()[1]
        for deployment in DEPLOYMENTS
        if _of_storage(deployment)
        for schedule in deployment.get("schedules", ())
        if schedule["timezone"] != "UTC"  # which has no hour twice
    }
    assert {"4", "6", "7", "8", "9", "10", "13", "22", "23"} == hours


@pytest.mark.parametrize(
    ("edge", "collision"),
    [
        pytest.param(Edge.OPEN, "ENQUEUE", id="a person's opening waits for the scheduled one"),
        pytest.param(Edge.CLOSE, "ENQUEUE", id="so does a closing"),
        pytest.param(Edge.KEEP, "CANCEL_NEW", id="a keeping is superfluous beside another"),
    ],
)
def test_runs_that_collide(edge: Edge, collision: str) -> None:
    """One run at a time for each deployment, and what becomes of the next."""
    (deployment,) = (d for d in DEPLOYMENTS if d["entrypoint"] == FLOWS[edge])
    expected = {"limit": 1, "collision_strategy": collision}
    assert expected == deployment["concurrency_limit"]


def test_the_worker_says_where_the_checkout_is() -> None:
    """The pull step takes the worker's SPRINGTIDE_HOME and bakes no path in."""
    step = "prefect.deployments.steps.set_working_directory"
    assert [{step: {"directory": "{{ $SPRINGTIDE_HOME }}"}}] == FILE["pull"]
    assert [] == [d["name"] for d in DEPLOYMENTS if "pull" in d]


def test_all_deployments_are_in_the_pool_that_deploy_makes() -> None:
    """No run waits in a pool that no worker serves; what needs another identity has its own."""
    apart = [d for d in DEPLOYMENTS if d["work_pool"]["name"] != POOL]
    assert {SECOND_SITE_POOL} == {d["work_pool"]["name"] for d in apart}
    of_second_site = [d for d in DEPLOYMENTS if SECOND_SITE_TAG in d["tags"]]
    (copy,) = (d for d in apart if d not in of_second_site)
    assert "copy-audit-log" == flow_name(copy["entrypoint"])
    assert [] == [d["name"] for d in of_second_site if d not in apart]


def test_every_flow_is_watched_and_of_the_notice_nobody_is_told() -> None:
    """Each has a tag by which the server's automations know it; the notice has its own alone."""
    of_notice = {NOTICE_TAG}
    by_name = {f"{flow_name(d['entrypoint'])}/{d['name']}": set(d["tags"]) for d in DEPLOYMENTS}
    assert of_notice == by_name.pop(NOTICE)
    assert [] == [name for name, tags in by_name.items() if not tags or tags & of_notice]


def test_a_deployment_is_found_by_one_name() -> None:
    """Flow and deployment name together are unique, and each entrypoint is a file's function."""
    names = [f"{flow_name(d['entrypoint'])}/{d['name']}" for d in DEPLOYMENTS]
    assert sorted(set(names)) == sorted(names)
    files = [ROOT / Path(d["entrypoint"].split(":")[0]) for d in DEPLOYMENTS]
    assert [] == [file for file in files if not file.is_file()]


def flow_name(entrypoint: str) -> str:
    """The flow's name in Prefect: its function's, with dashes."""
    return entrypoint.split(":")[1].replace("_", "-")
