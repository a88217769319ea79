"""Puts everything that Springtide needs onto a Prefect server: `python -m deployments.deploy`.

Work pool, deployments with their schedules, a turn for each fleet, automations. Doing it again
changes nothing. The server is the one of `PREFECT_API_URL`.
"""

import asyncio
import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

import yaml
from prefect import get_client
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.actions import (
    DeploymentUpdate,
    GlobalConcurrencyLimitCreate,
    WorkPoolCreate,
)
from prefect.client.schemas.filters import WorkPoolFilter, WorkPoolFilterName
from prefect.exceptions import ObjectAlreadyExists, ObjectNotFound

from deployments.automations import put_automations
from springtide.estate import estate_path, load_estate
from springtide.model.estate import Estate

ROOT = Path(__file__).resolve().parent.parent
POOL = "springtide"
SECOND_SITE_POOL = "springtide-second-site"
"""Of the worker that has the second site's credential, and no writer's."""
POOLS = (POOL, SECOND_SITE_POOL)
SECOND_SITE_TAG = "second_site"
DATABASE_TAG = "database_change"
STORAGE_TAGS = (
    *("object_storage_backup", "storage_restore", "wal_archive", SECOND_SITE_TAG),
    *("document_offload", "document_erasure"),
)
CORE_TAGS = ("core_watch", "datastore_extension", "virtual_machine_change")
WATCHED_TAGS = (
    "cost_report",
    *("evening_window", "emergency_surge", "image_distribution", "readiness", "traffic"),
    *("audit_log", "leftover_sweep", DATABASE_TAG),
    *STORAGE_TAGS,
    *CORE_TAGS,
    "fleet_healing",
    "image_rollout",
)
FILE = ROOT / "deployments" / "prefect.yaml"


async def deploy() -> None:
    """Make the server hold what `prefect.yaml`, `automations.py` and the estate say."""
    estate = load_estate(estate_path())
    async with get_client() as client:
        wanted = wanted_deployments(_unwanted_tags(estate))
        for pool in sorted({each["work_pool"]["name"] for each in wanted["deployments"]}):
            with suppress(ObjectAlreadyExists):
                await client.create_work_pool(WorkPoolCreate(name=pool, type="process"))
        for fleet in estate.fleets:
            await _put_turn(client, f"fleet-{fleet.name}")
        _deploy_flows(wanted)
        await _close_forms(client)
        await put_automations(client, WATCHED_TAGS)


async def _close_forms(client: PrefectClient) -> None:
    """Have a parameter that its flow does not know be refused (409).

    Prefect's own schema lets it through, and the run would crash before it could say why.
    """
    ours = WorkPoolFilter(name=WorkPoolFilterName(any_=list(POOLS)))
    for deployment in await client.read_deployments(work_pool_filter=ours, limit=200):
        form = {**(deployment.parameter_openapi_schema or {}), "additionalProperties": False}
        change = DeploymentUpdate(parameter_openapi_schema=form)
        await client.update_deployment(deployment.id, change)


async def _put_turn(client: PrefectClient, name: str) -> None:
    try:
        await client.read_global_concurrency_limit_by_name(name)
    except ObjectNotFound:
        limit = GlobalConcurrencyLimitCreate(name=name, limit=1)
        await client.create_global_concurrency_limit(limit)


def _unwanted_tags(estate: Estate) -> set[str]:
    """Of deployments whose schedules would find nothing of theirs in the estate."""
    unwanted = set() if estate.core else set(CORE_TAGS)
    if not estate.database_clusters:
        unwanted.add(DATABASE_TAG)
    if estate.audit is None:
        unwanted.add("audit_log")
    if estate.cost_report is None:
        unwanted.add("cost_report")
    if not estate.sources:
        return unwanted | set(STORAGE_TAGS)
    copied = any(vault.copy_of for vault in estate.vaults)
    return unwanted if copied else unwanted | {SECOND_SITE_TAG}


def _deploy_flows(wanted: dict[str, Any]) -> None:
    # Set while deploying, the variable would be baked in; unset, each worker resolves its own.
    env = {k: v for k, v in os.environ.items() if k != "SPRINGTIDE_HOME"}
    with NamedTemporaryFile("w", encoding="utf-8", suffix=".yaml") as file:
        yaml.safe_dump(wanted, file)
        file.flush()
        command = ["prefect", "--no-prompt", "deploy", "--all", "--prefect-file", file.name]
        subprocess.run([sys.executable, "-m", *command], check=True, cwd=ROOT, env=env)  # noqa: S603 - our own


def wanted_deployments(unwanted: set[str]) -> dict[str, Any]:
    """What `prefect.yaml` says, without the deployments that have such a tag."""
    said: dict[str, Any] = yaml.safe_load(FILE.read_text("utf-8"))
    kept = [each for each in said["deployments"] if unwanted.isdisjoint(each["tags"])]
    return said | {"deployments": kept}


if __name__ == "__main__":
    asyncio.run(deploy())
