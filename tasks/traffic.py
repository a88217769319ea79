"""The traffic of a fleet: read from its sources, shown, and followed by an ask for a surge."""

import asyncio
import os

from prefect import State, get_run_logger, task
from prefect.artifacts import acreate_table_artifact
from prefect.deployments import arun_deployment
from prefect.exceptions import ObjectNotFound, PrefectException
from prefect.states import Completed

from springtide.clouds.prometheus import query_sessions
from springtide.errors import Misconfigured, SpringtideError
from springtide.model.fleet import Fleet
from springtide.model.surge import SurgeRequest
from springtide.model.traffic import (
    BALANCERS,
    MOST_SESSIONS,
    PROMETHEUS,
    BalancerStatistics,
    PrometheusQuery,
    TrafficSample,
    TrafficSilence,
    TrafficVerdict,
)
from springtide.planning.traffic import Reading, traffic_rows, watched
from tasks.cloud import Order, cloud_access
from tasks.flow_names import SURGE


@task(task_run_name="read traffic of {order.fleet}")
async def read_traffic(order: Order) -> tuple[Reading, ...]:
    """What each source of the fleet counts; one that tells nothing says why, and raises nothing."""
    fleet = order.estate.fleet(order.fleet)
    query = watched(fleet).prometheus
    asked = [_ask_balancers(fleet, order)]
    if query is not None:
        asked.append(_ask_prometheus(query, order))
    return tuple(await asyncio.gather(*asked))


async def _ask_balancers(fleet: Fleet, order: Order) -> Reading:
    """The sum over all regions; where one is silent the total is unknown."""
    access = cloud_access(order.estate_file)
    names = [region.name for region in fleet.regions]

    def ask(name: str) -> BalancerStatistics:
        return access.region(name).balancer_statistics(fleet)

    asked = (asyncio.to_thread(ask, name) for name in names)
    told = await asyncio.gather(*asked, return_exceptions=True)
    counts, troubles = {}, []
    for name, each in zip(names, told, strict=True):
        if isinstance(each, SpringtideError):
            troubles.append(f"{name}: {each}")
        elif isinstance(each, BaseException):
            raise each
        else:
            counts[name] = each.active_connections
    total = sum(counts.values())
    if total > MOST_SESSIONS:
        troubles.append(f"{total} connections are no count of sessions")
    if troubles:
        return TrafficSilence(source=BALANCERS, why="; ".join(troubles))
    return TrafficSample(source=BALANCERS, at=order.at, sessions=total, by_region=counts)


async def _ask_prometheus(query: PrometheusQuery, order: Order) -> Reading:
    token = os.environ.get(query.token_env) if query.token_env else None
    try:
        sessions = await query_sessions(query, token)
    except SpringtideError as error:
        return TrafficSilence(source=PROMETHEUS, why=str(error))
    return TrafficSample(source=PROMETHEUS, at=order.at, sessions=sessions)


@task(
    task_run_name="ask for {request.servers} servers of {request.fleet}",
    retries=2,
    retry_delay_seconds=1,
)
async def ask_for_surge(request: SurgeRequest) -> State[str]:
    """Start the fleet's surge by its deployment, as people do; the name of its run.

    It does not wait for it. The same request again is the same run. It is started as a run of its
    own: it must go on when the watcher's run has ended.

    Raises:
        Misconfigured: the fleet's surge is not deployed.
    """
    deployment = f"{SURGE}/{request.fleet}"
    asked = request.model_dump(mode="json", exclude={"regions"})
    try:
        run = await arun_deployment(
            deployment,
            parameters=asked,
            timeout=0,
            idempotency_key=request.key,
            as_subflow=False,
        )
    except ObjectNotFound as error:
        raise Misconfigured(f"{deployment} is not deployed", field="fleet") from error
    get_run_logger().warning(
        "surge=asked run=%s key=%s servers=%d why=%s",
        run.name,
        request.key,
        request.servers,
        request.reason,
    )
    return Completed(message=f"{run.name}: {request.reason}", data=str(run.name))


async def asking_failure(request: SurgeRequest) -> str | None:
    """Why the surge could not be asked for; None where it was."""
    try:
        await ask_for_surge(request)
    except (SpringtideError, PrefectException) as error:
        return f"not asked for: {error}"
    return None


@task(task_run_name="show traffic of {verdict.fleet}")
async def show_traffic(verdict: TrafficVerdict) -> None:
    """Show what was seen, what is expected, and what follows."""
    light = "AMBER" if verdict.amber else "GREEN"
    await acreate_table_artifact(
        traffic_rows(verdict),
        key=f"traffic-{verdict.fleet}",
        description=f"**{light}**, {verdict.answer}: {verdict.reason}",
    )
