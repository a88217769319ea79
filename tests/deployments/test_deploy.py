"""Deploying again, on a real Prefect server: what is wanted no more ticks no more, pauses stay."""

import asyncio
import io
from collections.abc import Iterator
from contextlib import redirect_stdout
from dataclasses import dataclass
from typing import Any

import pytest
import yaml
from prefect import get_client
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.actions import DeploymentScheduleCreate, WorkPoolCreate
from prefect.client.schemas.responses import DeploymentResponse
from prefect.client.schemas.schedules import CronSchedule
from prefect.events.schemas.automations import Automation
from prefect.settings import PREFECT_API_URL, temporary_settings

from deployments.automations import NOTICE, put_automations
from deployments.deploy import POOL, main, put_flows
from deployments.wanted import FILE, title
from springtide.sandbox.sockets import free_port
from tests.prefect_servers import a_prefect_server

SAID: dict[str, Any] = yaml.safe_load(FILE.read_text("utf-8"))
WATCH, CORE, READINESS, LISTING = (
    next(d for d in SAID["deployments"] if d["entrypoint"].endswith(f":{function}"))
    for function in ("watch_traffic", "watch_core", "check_readiness", "list_entries")
)
CHANGED = {"slug": "watch-traffic-evening", "cron": "*/3 15-22 * * *", "timezone": "Europe/Paris"}
WAITED = "and what waited to run by schedule"
NOBODYS = DeploymentScheduleCreate(schedule=CronSchedule(cron="0 3 * * *"), active=True)
"""As somebody may add one in the UI: without a slug."""


@dataclass(frozen=True)
class Standing:
    """What the server has after the second time, and what was told then."""

    deployments: dict[str, DeploymentResponse]
    told: list[str]
    automations: list[dict[str, Automation]]
    """By name, after each of three times: the third time over fewer tags."""
    told_off: list[str]
    """What was told of them."""

    def ticks(self, name: str) -> dict[str | None, bool]:
        """By slug: whether the deployment's schedule is active."""
        return {each.slug: each.active for each in self.deployments[name].schedules}


@pytest.fixture(scope="module")
def standing() -> Iterator[Standing]:
    """Three deployments are put there, people do what they do, and two of them are put again."""
    with a_prefect_server(), pytest.MonkeyPatch.context() as environment:
        environment.setenv("PREFECT_API_URL", str(PREFECT_API_URL.value()))
        told = io.StringIO()
        with redirect_stdout(told):
            deployments = asyncio.run(deployed_twice())
        told_off: list[str] = []
        automations = asyncio.run(automations_put_thrice(told_off))
        yield Standing(deployments, told.getvalue().splitlines(), automations, told_off)


async def deployed_twice() -> dict[str, DeploymentResponse]:
    """What stands in the end."""
    async with get_client() as client:
        await client.create_work_pool(WorkPoolCreate(name=POOL, type="process"))
        await put_flows(client, SAID | {"deployments": [WATCH, CORE, READINESS]})
        await people_do_what_they_do(client, await found(client))
        again = WATCH | {"schedules": [CHANGED]}
        # Nothing below the key, as where somebody has commented its lines out.
        silent = LISTING | {"schedules": None}
        await put_flows(client, SAID | {"deployments": [again, READINESS, silent]})
        return await found(client)


async def automations_put_thrice(told: list[str]) -> list[dict[str, Automation]]:
    """What stands after each time; somebody switches one off after the first."""
    async with get_client() as client:
        flow, name = NOTICE.split("/")
        await client.create_deployment(await client.create_flow_from_name(flow), name)
        stood = []
        for tags in (("orders", "traffic"), ("orders", "traffic"), ("traffic",)):
            await put_automations(client, tags, tell=told.append)
            read = await client.read_automations()
            stood.append({each.name: each for each in read})
            if len(stood) == 1:
                await client.pause_automation(stood[0]["springtide: tell failures"].id)
        return stood


async def found(client: PrefectClient) -> dict[str, DeploymentResponse]:
    """The server's deployments by their titles."""
    read = await client.read_deployments()
    return {title(each.entrypoint or "", each.name): each for each in read}


async def people_do_what_they_do(
    client: PrefectClient, stand: dict[str, DeploymentResponse]
) -> None:
    """A schedule is paused, another one added, a deployment paused; and a stranger deploys."""
    watch = stand["watch_traffic/api"]
    assert {True} == {each.active for one in stand.values() for each in one.schedules}
    (evening,) = (each for each in watch.schedules if each.slug == CHANGED["slug"])
    await client.update_deployment_schedule(watch.id, evening.id, active=False)
    await client.create_deployment_schedules(watch.id, [NOBODYS])
    await client.pause_deployment(stand["check_readiness/api"].id)
    await client.create_deployment(
        await client.create_flow_from_name("nightly-report"),
        "elsewhere",
        entrypoint="reports/nightly.py:nightly_report",
        work_pool_name=POOL,
        schedules=[NOBODYS],
    )


def test_a_paused_schedule_stays_paused(standing: Standing) -> None:
    """Though its hours have changed, which are taken over."""
    (evening,) = standing.deployments["watch_traffic/api"].schedules
    assert {CHANGED["slug"]: False} == standing.ticks("watch_traffic/api")
    assert isinstance(evening.schedule, CronSchedule)
    assert CHANGED["cron"] == evening.schedule.cron


def test_a_paused_deployment_stays_paused(standing: Standing) -> None:
    """With all of its schedules, which are as they were."""
    assert standing.deployments["check_readiness/api"].paused
    assert {"readiness-evening", "readiness-daily"} == set(standing.ticks("check_readiness/api"))


def test_what_is_wanted_no_more_does_not_tick(standing: Standing) -> None:
    """Its deployment stays, with its runs; a stranger's is none of ours."""
    assert {} == standing.ticks("watch_core/core") == standing.ticks("list_entries/any")
    assert {None: True} == standing.ticks("nightly_report/elsewhere")


def test_what_was_removed_and_what_stays_paused_is_told(standing: Standing) -> None:
    """A line each, the first time none."""
    assert [
        f"removed: the schedule 0 3 * * * of watch_traffic/api, {WAITED}",
        f"removed: the schedule watch-core of watch_core/core, {WAITED}",
        f"removed: the schedule watch-traffic of watch_traffic/api, {WAITED}",
        "stays paused: check_readiness/api, with all of its schedules",
        "stays paused: the schedule watch-traffic-evening of watch_traffic/api",
    ] == sorted(standing.told)


def test_an_automation_that_stands_is_left_alone(standing: Standing) -> None:
    """By the server's own id of it hang the runs that are silent just now."""
    first, second, _ = ({n: each.id for n, each in s.items()} for s in standing.automations)
    assert (4, first) == (len(first), second)


def test_an_automation_that_is_wanted_otherwise_is_replaced(standing: Standing) -> None:
    """The one about budgets is the same whatever the tags; what was switched off stays so."""
    _, second, third = standing.automations
    same = {name for name in second if second[name].id == third[name].id}
    assert ({"springtide: tell budgets"}, set(second)) == (same, set(third))
    off = [{name for name in each if not each[name].enabled} for each in (second, third)]
    assert [{"springtide: tell failures"}] * 2 == off
    assert ["stays off: the automation springtide: tell failures"] * 2 == standing.told_off


def test_a_server_that_does_not_answer_is_told() -> None:
    """In a line: which variable says where it is."""
    nowhere = {PREFECT_API_URL: f"http://127.0.0.1:{free_port()}/api"}
    with temporary_settings(nowhere), pytest.raises(SystemExit) as ended:
        main()
    assert str(ended.value).startswith("Prefect's server (PREFECT_API_URL) does not answer: ")
