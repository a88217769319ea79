"""The watcher as Prefect runs it, on the sandbox: one ask, by the deployment that people use."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
import yaml
from prefect import State, get_client
from prefect.client.schemas.filters import (
    DeploymentFilter,
    DeploymentFilterName,
    FlowFilter,
    FlowFilterName,
)
from prefect.client.schemas.objects import FlowRun
from prefect.exceptions import ObjectNotFound
from prefect.variables import Variable

from flows.emergency_surge import emergency_surge
from flows.traffic import watch_traffic
from springtide.model.traffic import BALANCERS, PROMETHEUS, TrafficAnswer
from springtide.planning.claim_book import entry_name
from springtide.sandbox.balancer_resources import seeded_id
from springtide.sandbox.faults import FaultRule
from tests.clouds.scripted_server import scripted_server
from tests.environment import environment
from tests.flows.evening import THURSDAY, Evening, stored
from tests.planning.traffic_history import a_note, points

NOTE = "springtide_traffic_api"
REGIONS = ("GRA11", "SBG5", "RBX1")


@pytest.fixture
def watched(evening: Evening) -> Iterator[Evening]:
    """The evening's fleet, watched: fifty sessions a server; a Thursday, without a window."""
    evening.sandbox.set_clock(THURSDAY)
    with policy(evening, {"sessions_per_server": 100, "utilisation": 0.5}):
        yield evening
    asyncio.run(undeploy())


@contextmanager
def policy(evening: Evening, traffic: dict[str, Any] | None, *more_regions: str) -> Iterator[None]:
    """Have an estate of that policy, and of more regions."""
    estate = yaml.safe_load(evening.estate_file.read_text("utf-8"))
    fleet = estate["fleets"][0]
    fleet["traffic"] = traffic
    fleet["regions"] += [{**fleet["regions"][0], "name": name} for name in more_regions]
    estate["residency"] += more_regions
    name = "-".join(["watched" if traffic else "unwatched", *more_regions])
    path = evening.estate_file.with_name(f"{name}.yaml")
    path.write_text(yaml.safe_dump(estate, sort_keys=False), "utf-8")
    with environment(SPRINGTIDE_ESTATE=str(path)):
        yield


async def deploy() -> UUID:
    """Have a deployment of the surge, as the lead's file has one."""
    async with get_client() as client:
        flow_id = await client.create_flow(emergency_surge)
        return await client.create_deployment(flow_id=flow_id, name="api", parameters={})


async def undeploy() -> None:
    """Have none, and no run of it."""
    for run in await surges():
        async with get_client() as client:
            await client.delete_flow_run(run.id)
    async with get_client() as client:
        try:
            found = await client.read_deployment_by_name("emergency-surge/api")
        except ObjectNotFound:
            return
        await client.delete_deployment(found.id)


async def surges() -> list[FlowRun]:
    """The runs of it that were started."""
    async with get_client() as client:
        return await client.read_flow_runs(
            deployment_filter=DeploymentFilter(name=DeploymentFilterName(any_=["api"])),
            flow_filter=FlowFilter(name=FlowFilterName(any_=[emergency_surge.name])),
        )


def set_sessions(evening: Evening, *sessions: int) -> None:
    """So many in each region."""
    for region, count in zip(REGIONS, sessions, strict=True):
        evening.sandbox.set_connections(seeded_id(region, "pool", "api"), count)


def remember(sessions: int) -> None:
    """Have a history of so many for half an hour until two minutes ago."""
    series = points(*(sessions,) * 15, now=THURSDAY, last_s=120)
    note = a_note(series, until=THURSDAY + timedelta(hours=2))
    asyncio.run(Variable.aset(entry_name(note), note.model_dump(mode="json"), overwrite=True))


def watch(evening: Evening, **parameters: Any) -> State[Any]:  # noqa: ANN401 - a form's
    """The state in which the watching ends."""
    return evening.run(watch_traffic, fleet="api", **parameters)


def test_it_asks_once_by_the_surges_deployment(watched: Evening) -> None:
    """Run after run is one ask; the surge that it starts serves, and is then reckoned with."""
    asyncio.run(deploy())
    remember(450)
    set_sessions(watched, 200, 150, 100)
    state = watch(watched)
    assert state.is_completed(), state.message
    assert TrafficAnswer.ASK == state.result().answer
    (run,) = asyncio.run(surges())
    assert (9, "watch-traffic") == (run.parameters["servers"], run.parameters["owner"])
    assert run.parameters["key"].startswith("traffic-api-2026")
    watched.sandbox.advance_clock(120)
    assert TrafficAnswer.COOLING == watch(watched).result().answer
    assert [run.id] == [each.id for each in asyncio.run(surges())]
    assert watched.run(emergency_surge, **run.parameters).is_completed()
    assert 9 == watched.serving()
    watched.sandbox.advance_clock(120)
    calm = watch(watched)
    assert TrafficAnswer.CALM == calm.result().answer
    shown = watched.artifact("traffic-api")
    assert [] == [word for word in ("GREEN", "450", "servers that serve") if word not in shown]


def test_a_lost_note_makes_no_second_surge(watched: Evening) -> None:
    """The key of the quarter of an hour is the idempotency key of the run."""
    asyncio.run(deploy())
    set_sessions(watched, 450, 0, 0)
    for _ in range(2):
        remember(450)
        assert TrafficAnswer.ASK == watch(watched).result().answer
    assert 1 == len(asyncio.run(surges()))


def test_samples_are_remembered_from_run_to_run(watched: Evening) -> None:
    """Each run adds one; the first ones know too little."""
    set_sessions(watched, 1, 2, 3)
    for minute in (2, 4):
        watched.sandbox.advance_clock(120)
        state = watch(watched)
        assert (True, "unknown") == (state.is_completed(), state.result().answer), minute
    kept = asyncio.run(stored())[NOTE]["series"][BALANCERS]
    assert [6, 6] == [sessions for _, sessions in kept]
    assert 120 <= kept[1][0] - kept[0][0] <= 150


def test_a_region_that_does_not_answer_makes_the_total_unknown(watched: Evening) -> None:
    """It is told and not guessed, and nothing is asked for."""
    remember(450)
    set_sessions(watched, 450, 450, 450)
    rule = FaultRule(service="load-balancer", region="SBG5", path_regex="/stats$", status=404)
    watched.sandbox.add_fault(rule)
    state = watch(watched)
    assert (True, TrafficAnswer.UNKNOWN) == (state.is_completed(), state.result().answer)
    assert "balancers: SBG5:" in str(state.message)
    assert "AMBER" in watched.artifact("traffic-api")
    assert 15 == len(asyncio.run(stored())[NOTE]["series"][BALANCERS])


def test_a_region_that_the_cloud_has_not_silences_the_balancers_alone(evening: Evening) -> None:
    """It makes their total unknown; Prometheus is listened to all the same."""
    told = {"resultType": "scalar", "result": [0, "42"]}
    with scripted_server() as prometheus:
        query = {"url": prometheus.url, "query": "sessions", "timeout_s": 5}
        asked = "GET /api/v1/query?query=sessions&timeout=5s"
        prometheus.answers[asked] = (200, {"status": "success", "data": told})
        with policy(evening, {"sessions_per_server": 100, "prometheus": query}, "WAW1"):
            state = watch(evening)
    assert (True, TrafficAnswer.UNKNOWN) == (state.is_completed(), state.result().answer)
    assert "balancers: WAW1: " in str(state.message)
    series = asyncio.run(stored())[NOTE]["series"]
    assert ([], [42]) == tuple([n for _, n in series[each]] for each in (BALANCERS, PROMETHEUS))


def test_a_dry_run_asks_and_remembers_nothing(watched: Evening) -> None:
    """It shows what it would ask for."""
    asyncio.run(deploy())
    remember(450)
    set_sessions(watched, 450, 0, 0)
    before = asyncio.run(stored())
    assert TrafficAnswer.ASK == watch(watched, dry_run=True).result().answer
    assert (before, [], 0) == (asyncio.run(stored()), asyncio.run(surges()), watched.changes())
    assert "asked for" in watched.artifact("traffic-api")


def test_an_ask_that_failed_is_made_again(watched: Evening) -> None:
    """Where the surge is not deployed the run fails, and no cool-down begins."""
    remember(450)
    set_sessions(watched, 450, 0, 0)
    state = watch(watched)
    assert state.is_failed()
    assert "emergency-surge/api is not deployed" in str(state.message)
    note = asyncio.run(stored())[NOTE]
    assert (16, None) == (len(note["series"][BALANCERS]), note["asked_at"])


def test_what_no_surge_may_give_is_told_to_a_person_once(watched: Evening) -> None:
    """More than is authorised is needed: asked for is what is, and the run fails to be told."""
    asyncio.run(deploy())
    remember(9000)
    set_sessions(watched, 9000, 0, 0)
    state = watch(watched)
    assert (True, 12) == (state.is_failed(), asyncio.run(surges())[0].parameters["servers"])
    assert "180 needed, 12 asked for" in str(state.message)


def test_a_fleet_that_is_not_watched_is_refused(evening: Evening) -> None:
    """The estate says which fleets ask by themselves."""
    with policy(evening, None):
        state = watch(evening)
    assert state.is_failed()
    assert "its estate entry lacks `traffic`" in str(state.message)
