"""Puts everything that Springtide needs onto a Prefect server: `python -m deployments.deploy`.

Work pool, deployments with their schedules, a turn for each fleet, automations. Doing it again
takes over what has changed in `prefect.yaml` and in the estate: schedules that are wanted no more
are removed, and what somebody has paused or switched off stays so; both are told, a line each. The
server is the one of `PREFECT_API_URL`.
"""

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

import httpx
import yaml
from prefect import get_client
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.actions import (
    DeploymentUpdate,
    GlobalConcurrencyLimitCreate,
    WorkPoolCreate,
)
from prefect.client.schemas.filters import WorkPoolFilter, WorkPoolFilterName
from prefect.client.schemas.responses import DeploymentResponse
from prefect.exceptions import ObjectAlreadyExists, ObjectNotFound

from deployments.automations import put_automations
from deployments.schedules import pauses_told, remove_unwanted_schedules, with_pauses
from deployments.wanted import all_tags, left_out, wanted_deployments
from springtide.errors import SpringtideError
from springtide.estate import estate_path, load_estate

ROOT = Path(__file__).resolve().parent.parent
POOL = "springtide"
SECOND_SITE_POOL = "springtide-second-site"
"""Of the worker that has the second site's credential, and no writer's."""
POOLS = (POOL, SECOND_SITE_POOL)


def main() -> None:
    """Deploy; what keeps it from that is told in a line."""
    try:
        asyncio.run(deploy())
    except (RuntimeError, SpringtideError) as error:
        sys.exit(str(error))
    except httpx.TransportError as error:
        sys.exit(f"Prefect's server (PREFECT_API_URL) does not answer: {error}")


async def deploy() -> None:
    """Make the server hold what `prefect.yaml`, `automations.py` and the estate say.

    Raises:
        RuntimeError: Prefect does not take a deployment.
        Misconfigured: the estate is wrong.
    """
    estate = load_estate(estate_path())
    for lacking, titles in left_out(estate).items():
        _tell(f"not deployed, as the estate has {lacking}: {', '.join(titles)}")
    async with get_client() as client:
        wanted = wanted_deployments(estate)
        for pool in sorted(_pools_of(wanted)):
            with suppress(ObjectAlreadyExists):
                await client.create_work_pool(WorkPoolCreate(name=pool, type="process"))
        for fleet in estate.fleets:
            await _put_turn(client, f"fleet-{fleet.name}")
        await put_flows(client, wanted)
        await put_automations(client, all_tags(), tell=_tell)


async def put_flows(client: PrefectClient, wanted: dict[str, Any]) -> None:
    """The server has these deployments with their schedules, and no schedules beside them.

    Deployments that are not among them stay, with their history, and tick no more.
    """
    pools = {*POOLS, *_pools_of(wanted)}
    before = await _deployed(client, pools)
    await remove_unwanted_schedules(client, before, wanted["deployments"], tell=_tell)
    _deploy_flows(wanted | {"deployments": with_pauses(wanted["deployments"], before)})
    after = await _deployed(client, pools)
    await _close_forms(client, after)
    for line in pauses_told(after):
        _tell(line)


def _pools_of(wanted: dict[str, Any]) -> set[str]:
    return {each["work_pool"]["name"] for each in wanted["deployments"]}


async def _deployed(client: PrefectClient, pools: Iterable[str]) -> list[DeploymentResponse]:
    ours = WorkPoolFilter(name=WorkPoolFilterName(any_=sorted(pools)))
    return await client.read_deployments(work_pool_filter=ours, limit=200)


async def _close_forms(client: PrefectClient, deployments: Iterable[DeploymentResponse]) -> None:
    """Have a parameter that its flow does not know be refused (409).

    Prefect's own schema lets it through, and the run would crash before it could say why.
    """
    for deployment in deployments:
        form = {**(deployment.parameter_openapi_schema or {}), "additionalProperties": False}
        change = DeploymentUpdate(parameter_openapi_schema=form)
        await client.update_deployment(deployment.id, change)


async def _put_turn(client: PrefectClient, name: str) -> None:
    try:
        await client.read_global_concurrency_limit_by_name(name)
    except ObjectNotFound:
        limit = GlobalConcurrencyLimitCreate(name=name, limit=1)
        await client.create_global_concurrency_limit(limit)


def _deploy_flows(wanted: dict[str, Any]) -> None:
    # Set while deploying, the variable would be baked in; unset, each worker resolves its own.
    env = {k: v for k, v in os.environ.items() if k != "SPRINGTIDE_HOME"}
    with NamedTemporaryFile("w", encoding="utf-8", suffix=".yaml") as file:
        yaml.safe_dump(wanted, file)
        file.flush()
        command = ["prefect", "--no-prompt", "deploy", "--all", "--prefect-file", file.name]
        done = subprocess.run([sys.executable, "-m", *command], check=False, cwd=ROOT, env=env)  # noqa: S603 - our own
    if done.returncode:
        raise RuntimeError("`prefect deploy` failed: what it says of that stands above")


def _tell(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
