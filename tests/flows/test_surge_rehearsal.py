"""A surge's rehearsal as Prefect runs it: on a sandbox of its own, with nothing else touched."""

import asyncio
import shutil
import threading
from pathlib import Path
from typing import Any

import pytest
import yaml
from prefect import State

from flows.emergency_surge import emergency_surge
from flows.surge_rehearsal import rehearse_surge
from springtide.model.rehearsal import RehearsalReport
from springtide.sandbox.config import SandboxQuota
from springtide.sandbox.control_inputs import RegionChange
from springtide.sandbox.faults import FaultRule
from tests.environment import environment
from tests.flows.evening import ESTATE, THURSDAY, Evening, fast_estate, stored

AT_ONCE: dict[str, Any] = {"boot_least_s": 0, "boot_most_s": 0, "answer_s": 0}
ASKED: dict[str, Any] = {"fleet": "api", "servers": 12, "hours": 2, **AT_ONCE}
NINE_IN_ALL = {"GRA11": 4, "SBG5": 3, "RBX1": 2}


@pytest.fixture(scope="module")
def canary() -> str:
    """As the estate has it: an image that has not served sends one ahead."""
    return "unproven"


def rehearse(evening: Evening, **changes: object) -> State[Any]:
    """The state in which a rehearsal ends."""
    return evening.run(rehearse_surge, **{**ASKED, **changes})


def report(evening: Evening, **changes: object) -> RehearsalReport:
    """How a rehearsal that is no error went."""
    state = rehearse(evening, **changes)
    assert state.is_completed(), state.message
    told: RehearsalReport = state.result()
    return told


def sandbox_threads() -> int:
    """How many sandboxes serve in this process; other tests' among them."""
    return sum(thread.name == "springtide-sandbox" for thread in threading.enumerate())


def test_thirty_serve_where_a_surge_may_be_so_large(evening: Evening) -> None:
    """In seconds, as their boots take none."""
    estate = yaml.safe_load(evening.estate_file.read_text("utf-8"))
    estate["fleets"][0]["max_servers"] = 30
    larger = evening.estate_file.with_name("larger.yaml")
    larger.write_text(yaml.safe_dump(estate), "utf-8")
    with environment(SPRINGTIDE_ESTATE=str(larger)):
        told = report(evening, servers=30)
    assert (30, None) == (told.serving, told.shortfall)
    assert ("servers 30 are more than the 12 authorised",) == told.beyond


def test_what_else_the_estate_has_is_no_part_of_a_rehearsal(
    evening: Evening, tmp_path: Path
) -> None:
    """The example's estate has an audit log, vaults and clusters, in regions of their own."""
    copy = tmp_path / "deployments" / ESTATE.name
    shutil.copytree(ESTATE.parent, copy.parent)
    fast_estate(copy)
    assert {"audit", "core", "cost_report", "database_clusters"} < yaml.safe_load(
        copy.read_text("utf-8")
    ).keys()
    with environment(SPRINGTIDE_ESTATE=str(copy)):
        assert 3 == report(evening, servers=3).serving


def test_all_of_a_surge_serves_and_the_figures_are_shown(evening: Evening) -> None:
    """Times, calls, cost and regions are in the report and in the fleet's artifact."""
    told = report(evening)
    assert (12, None) == (told.serving, told.shortfall)
    times = [told.first_s, told.half_s, told.most_s, told.all_s, told.last_s]
    assert [] == [seconds for seconds in times if seconds is None or not 0 < seconds < 30]
    assert {"GRA11": 6, "SBG5": 3, "RBX1": 3} == {r.region: r.serving for r in told.regions}
    assert {"compute", "identity", "image", "load-balancer", "network"} == told.calls.keys()
    assert told.cost is not None
    assert "12.24" == f"{told.cost.per_hour * 2:.2f}"
    shown = evening.artifact("rehearsal-api")
    assert [] == [word for word in ("all 12 serve after", "12 serve (95 %)") if word not in shown]


def test_nothing_else_is_called_stored_shown_or_written(evening: Evening, tmp_path: Path) -> None:
    """The cloud of the estate hears nothing, the store and the audit log stay as they are."""
    log = tmp_path / "audit"
    before = sandbox_threads()
    with environment(SPRINGTIDE_AUDIT_LOG=str(log)):
        report(evening, servers=6)
    assert 0 == evening.sandbox.call_counts().total()
    assert {} == asyncio.run(stored())
    assert not log.exists()
    assert "This is a rehearsal" not in evening.artifact("plan-api")
    assert "This is a rehearsal" in evening.artifact("plan-rehearsal-api")
    assert before == sandbox_threads()


def test_a_given_quota_gives_its_shortfall(evening: Evening) -> None:
    """As many as have room serve, and which limit bound where is told."""
    told = report(evening, quota=NINE_IN_ALL)
    assert NINE_IN_ALL == {r.region: r.serving for r in told.regions}
    assert (9, None) == (told.serving, told.all_s)
    assert told.shortfall is not None
    bound = "quota of instances"
    assert f"GRA11: {bound}; SBG5: {bound}; RBX1: {bound}" == told.shortfall.reason
    assert "3: GRA11: quota of instances" in evening.artifact("rehearsal-api")


def test_the_order_of_regions_is_kept_and_a_full_one_is_left_out(evening: Evening) -> None:
    """The second of the order takes what the first cannot."""
    told = report(evening, regions=["SBG5", "RBX1"], quota={"SBG5": 0, "RBX1": 8})
    assert {"GRA11": 4, "SBG5": 0, "RBX1": 8} == {r.region: r.serving for r in told.regions}
    assert "quota of instances" == told.regions[1].limit


def test_measured_quotas_bind_and_the_cloud_is_only_read(evening: Evening) -> None:
    """The room of the whole fleet: what is left, and what stands already; its boots are known."""
    evening.sandbox.set_clock(THURSDAY)
    surge = {"servers": 5, "hours": 1, "owner": "operations", "reason": "schools are closed"}
    assert evening.run(emergency_surge, fleet="api", **surge).is_completed()
    for region in ("GRA11", "SBG5", "RBX1"):
        quota = SandboxQuota(cores=16 * 3)
        evening.sandbox.change_region(region, RegionChange(quota=quota))
    evening.sandbox.forget_calls()
    told = report(evening, measured=True, boot_least_s=None, boot_most_s=None)
    assert told.shortfall is not None
    assert (9, 3) == (told.serving, told.shortfall.servers)
    assert "SBG5: quota of cores" in told.shortfall.reason
    assert told.settings.boot_measured
    assert evening.sandbox.call_counts().total() > 0
    assert 0 == evening.changes()


def test_a_region_that_lacks_something_is_left_out_and_told(evening: Evening) -> None:
    """The others take its servers."""
    evening.sandbox.add_fault(FaultRule(region="SBG5", path_regex="^/flavors", status=403))
    told = report(evening, measured=True)
    assert {"GRA11": 8, "SBG5": 0, "RBX1": 4} == {r.region: r.serving for r in told.regions}
    assert "403" in told.regions[1].limit


def test_boots_that_are_run_through_quickly_are_told_at_their_length(evening: Evening) -> None:
    """Boots of 8 s take less than half a second, and the report tells at least 8."""
    told = report(evening, servers=4, boot_least_s=8, boot_most_s=8, speed=20)
    assert told.first_s is not None
    assert told.all_s is not None
    # What the machine itself takes is told as well.
    assert 8 <= told.first_s <= told.all_s <= 8 + told.seconds + 2
    assert told.seconds < told.first_s


def test_an_unproven_image_has_its_canary(evening: Evening) -> None:
    """A region's others boot after it: twice the boot."""
    told = report(evening, servers=4, boot_least_s=8, boot_most_s=8, speed=20, proven=False)
    most_s = 8 + told.seconds + 2
    gra = told.regions[0]
    assert gra.first_s is not None
    assert gra.all_s is not None
    assert 8 <= gra.first_s <= most_s
    assert 16 <= gra.all_s <= most_s + 8


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        pytest.param({"servers": 13}, "servers: given 13, must be 1 to 12", id="above the fleet"),
        pytest.param({"quota": {"LON1": 1}}, "quota: given LON1, must be one of", id="quota's"),
        pytest.param({"quota": {"GRA11": -1}}, "quota.GRA11: given -1", id="negative quota"),
        pytest.param({"speed": 0.5}, "speed: given 0.5", id="too slow"),
        pytest.param({"boot_most_s": 10}, "boot_most_s: given 10, must be below", id="patience"),
        pytest.param({"quota": dict.fromkeys(NINE_IN_ALL, 0)}, "no region has room", id="no room"),
        pytest.param({"fleet": "web"}, "no fleet 'web'", id="fleet"),
    ],
)
def test_bad_input_is_refused_before_anything_is_started(
    evening: Evening, changes: dict[str, Any], why: str
) -> None:
    """The message names the field and what is allowed."""
    state = rehearse(evening, **changes)
    assert state.is_failed()
    assert why in str(state.message)
    assert 0 == evening.sandbox.call_counts().total()
