"""The metrics: what they say of a cloud, and that rules, dashboard and page know them."""

import json
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
import yaml
from prometheus_client import CollectorRegistry, generate_latest, start_http_server

from deployments.deploy import ROOT
from deployments.metrics_exporter.collector import CallTotals, FleetCollector, Readings
from deployments.metrics_exporter.reading import Reader, Reading
from springtide.clouds.openstack.connection import CloudAccess
from springtide.model.api_calls import CallCount, CallsNote
from springtide.model.claim import ClaimBook
from springtide.model.glance import FleetGlance, FlowRun, ShownTable
from springtide.model.snapshot import Observation
from springtide.sandbox.faults import FaultRule
from tests.clouds.stage import Stage, a_fleet, a_sandbox, an_estate, silent_audit
from tests.planning.fleet_world import START, FleetWorld, desired
from tests.planning.test_startup_times import a_note

MONITORING = ROOT / "deployments" / "monitoring"
LABELS = re.compile(r'(\w+)="([^"]*)"')


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """A cloud of three regions, shared by the tests of this file."""
    with a_sandbox() as sandbox:
        path = sandbox.clouds_yaml(tmp_path_factory.mktemp("clouds") / "clouds.yaml")
        access = CloudAccess.open(an_estate(), silent_audit(), clouds_yaml=path)
        yield Stage(sandbox, path, access, a_fleet())


@dataclass
class Told:
    """A reading as it is told, without a reader behind it."""

    last: Reading | None = None
    own: tuple[CallCount, ...] = ()

    def calls_taken(self) -> tuple[CallCount, ...]:
        """Each call is told once."""
        own, self.own = self.own, ()
        return own


def a_reading(world: FleetWorld, **changes: object) -> Reading:
    """A fleet of that world, of which six are desired; changed as asked."""
    book = changes.get("book", ClaimBook())
    observation = Observation(now=world.now, snapshot=world.snapshot(), book=book)
    runs = changes.pop("runs", ())
    glance = FleetGlance(plan=world.plan(desired(6)), observation=observation, runs=runs)
    base: dict[str, object] = {
        "book": book,
        "glances": (glance,),
        "leftovers": None,
        "prefect_answers": True,
        "at": 1000.0,
        "seconds": 0.5,
    }
    return Reading.model_validate(base | changes)


def scraped(readings: Readings) -> dict[str, float]:
    """What a scrape gives: values by series, labels in order of their names."""
    registry = CollectorRegistry()
    registry.register(FleetCollector(readings))
    return series(generate_latest(registry).decode())


def series(text: str) -> dict[str, float]:
    """The same of a text."""
    found = {}
    for line in text.splitlines():
        if not line.startswith("#"):
            name, value = line.rsplit(" ", 1)
            labels = ",".join(f"{k}={v}" for k, v in sorted(LABELS.findall(name)))
            found[f"{name.split('{')[0]} {labels}".strip()] = float(value)
    return found


def settled() -> FleetWorld:
    """Six servers that serve."""
    world = FleetWorld()
    world.settle(desired(6))
    return world


def test_a_cloud_is_told_as_it_stands(stage: Stage) -> None:
    """Four servers of which one is a member, in one of three regions; without Prefect."""
    stage.launch(4)
    stage.joined([1])
    reader = Reader(
        Path("estate.yaml"),
        an_estate(),
        lambda: CloudAccess.open(an_estate(), silent_audit(), clouds_yaml=stage.clouds_yaml),
        environment={},
    )
    assert {} == scraped(reader)
    reader.read()
    found = scraped(reader)
    assert 4 == found["springtide_servers fleet=api,region=GRA11,state=launching"]
    assert 0 == found["springtide_servers fleet=api,region=SBG5,state=serving"]
    assert 0 == found["springtide_desired_servers fleet=api"]
    assert (0, 0) == (found["springtide_claims_readable"], found["springtide_prefect_up"])
    assert found["springtide_api_calls_total region=GRA11,service=compute"] > 0


def test_a_region_that_cannot_be_read_has_no_servers(stage: Stage) -> None:
    """It is told as unreadable; the others are told as they stand."""
    rule = {"service": "compute", "region": "SBG5", "path_regex": "/servers", "status": 400}
    stage.sandbox.add_fault(FaultRule.model_validate(rule))
    reader = Reader(Path("estate.yaml"), an_estate(), lambda: stage.access, environment={})
    reader.read()
    stage.sandbox.clear_faults()
    found = scraped(reader)
    readable = [
        found[f"springtide_region_readable fleet=api,region={name}"]
        for name in ("GRA11", "RBX1", "SBG5")
    ]
    assert [1, 1, 0] == readable
    assert not [k for k in found if k.startswith("springtide_servers ") and "SBG5" in k]


def test_every_state_of_a_server_is_told() -> None:
    """One fails, one drains, one leaves; the rest serves."""
    world = settled()
    failing, leaving, draining = list(world.servers.values())[:3]
    for server, change in (
        (failing, {"status": "ERROR"}),
        (leaving, {"task_state": "deleting"}),
    ):
        world.members[server.region].pop(str(server.address))
        world.servers[server.id] = server.model_copy(update=change)
    member = world.members[draining.region][str(draining.address)]
    drained = member.model_copy(update={"weight": 0})
    world.members[draining.region][member.address] = drained
    found = scraped(Told(a_reading(world)))
    states = ("launching", "serving", "draining", "leaving", "failed")
    totals = [
        sum(v for k, v in found.items() if k.startswith("springtide_servers ") and state in k)
        for state in states
    ]
    assert [0, 3, 1, 1, 1] == totals
    assert 6 == found["springtide_desired_servers fleet=api"]


def test_seconds_until_serving_are_told_by_region_and_image() -> None:
    """Half of them, and 95 % of them, over all notes."""
    book = ClaimBook(startups=(a_note(*range(1, 51)), a_note(*range(51, 101), image_id="image-1")))
    found = scraped(Told(a_reading(settled(), book=book)))
    place = "fleet=api,image=image-1"
    assert (50, 95, 100) == (
        found[f"springtide_serving_after_seconds {place},quantile=0.5,region=GRA11"],
        found[f"springtide_serving_after_seconds {place},quantile=0.95,region=GRA11"],
        found[f"springtide_servers_measured {place},region=GRA11"],
    )


def test_the_newest_run_of_each_flow_counts() -> None:
    """By how it ended; a run that has not begun is none."""
    runs = [
        FlowRun(flow="keep-fleet", name="a", state="Completed", began_at=START),
        FlowRun(
            flow="keep-fleet", name="b", state="Completed", began_at=START - timedelta(hours=1)
        ),
        FlowRun(flow="keep-fleet", name="c", state="Failed", began_at=START - timedelta(hours=2)),
        FlowRun(flow="keep-fleet", name="d", state="Late"),
    ]
    found = scraped(Told(a_reading(settled(), runs=runs)))
    at = {k: v for k, v in found.items() if "last_run" in k}
    name = "springtide_last_run_timestamp_seconds fleet=api,flow=keep-fleet,state="
    assert {
        f"{name}Completed": START.timestamp(),
        f"{name}Failed": START.timestamp() - 7200,
    } == at


def test_leftovers_are_counted_by_verdict() -> None:
    """By the last sweep; where there was none there is no such metric."""
    rows = ({"verdict": "keep"}, {"verdict": "keep"}, {"verdict": "nothing"})
    shown = ShownTable(at=START, summary="2 kept", rows=rows)
    found = scraped(Told(a_reading(settled(), leftovers=shown)))
    assert (2, 0) == (
        found["springtide_leftovers verdict=keep"],
        found["springtide_leftovers verdict=remove"],
    )
    assert START.timestamp() == found["springtide_last_sweep_timestamp_seconds"]
    assert not [k for k in scraped(Told(a_reading(settled()))) if "leftovers" in k]


def calls(key: str, made: int, refused: int = 0) -> CallsNote:
    """A run's calls to compute in GRA11."""
    count = CallCount(region="GRA11", service="compute", calls=made, refused=refused)
    return CallsNote(
        key=key, fleet="api", at=START, counts=(count,), until=START + timedelta(minutes=30)
    )


def totals(adding: CallTotals) -> list[float]:
    """Calls and refusals, as they are scraped."""
    return [sample.value for metric in adding.metrics() for sample in metric.samples]


def test_calls_are_added_up_once() -> None:
    """What was there before counts nothing; a note that is seen again, or is over, neither."""
    adding = CallTotals()
    adding.add([calls("old", 7, 1)])
    assert [0, 0] == totals(adding)
    for _ in range(2):
        adding.add([calls("old", 7, 1), calls("new", 20, 2)])
        assert [20, 2] == totals(adding)
    adding.add([calls("newer", 1)])
    assert [21, 2] == totals(adding)
    adding.add_own(calls("own", 4, 1).counts)
    assert [25, 3] == totals(adding)


def test_it_is_served_on_an_endpoint() -> None:
    """In Prometheus' text format."""
    registry = CollectorRegistry()
    registry.register(FleetCollector(Told(a_reading(settled()))))
    server, thread = start_http_server(0, addr="127.0.0.1", registry=registry)
    try:
        answer = httpx.get(f"http://127.0.0.1:{server.server_port}/metrics", trust_env=False)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
    assert "text/plain" in answer.headers["Content-Type"]
    assert 6 == series(answer.text)["springtide_desired_servers fleet=api"]


def test_a_reader_ends_when_it_is_told_to(stage: Stage) -> None:
    """And reads at least once before."""
    reader = Reader(Path("estate.yaml"), an_estate(), lambda: stage.access, environment={})
    ended = threading.Event()
    thread = threading.Thread(target=reader.keep_reading, args=(ended,), kwargs={"every_s": 0.01})
    thread.start()
    ended.set()
    thread.join(timeout=30)
    assert not thread.is_alive()


def names() -> Iterator[str]:
    """Every metric that there is."""
    book = ClaimBook(startups=(a_note(1),), calls=(calls("a", 1),))
    shown = ShownTable(at=START, summary="")
    runs = [FlowRun(flow="keep-fleet", name="a", state="Completed", began_at=START)]
    told = Told(a_reading(settled(), book=book, leftovers=shown, runs=runs))
    yield from {name.split()[0] for name in scraped(told)}


@pytest.mark.parametrize("file", ["alerts.yaml", "dashboard.json"])
def test_rules_and_dashboard_name_metrics_that_there_are(file: str) -> None:
    """A metric that is renamed would leave an alert silent for ever."""
    text = (MONITORING / file).read_text("utf-8")
    wanted = set(re.findall(r"springtide_\w+", text)) - {"springtide_"}
    assert wanted
    assert set() == wanted - set(names())


def test_the_page_tells_of_every_metric_and_alert() -> None:
    """An operator finds each by its name."""
    page = (ROOT / "docs" / "metrics.md").read_text("utf-8")
    assert set() == {name for name in names() if f"`{name}" not in page}
    (group,) = yaml.safe_load((MONITORING / "alerts.yaml").read_text("utf-8"))["groups"]
    assert set() == {r["alert"] for r in group["rules"] if f"`{r['alert']}`" not in page}


def test_the_dashboards_panels_do_not_overlap() -> None:
    """Each has its place, a query, and a sentence that says what it shows."""
    panels = json.loads((MONITORING / "dashboard.json").read_text("utf-8"))["panels"]
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        at = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(at["x"], at["x"] + at["w"])
            for y in range(at["y"], at["y"] + at["h"])
        }
        assert not cells & taken
        taken |= cells
        assert panel["description"]
        assert all(target["expr"] for target in panel["targets"])
    assert max(x for x, _ in taken) < 24
