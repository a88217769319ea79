"""A source in shards, backed up by two workers of a pool at once, into one repository."""

import asyncio
import os
import re
import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from prefect import get_client
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.client.schemas.filters import FlowFilter, FlowFilterName
from prefect.client.schemas.objects import FlowRun
from prefect.settings import PREFECT_API_URL
from prefect.workers.process import ProcessWorker

from deployments.processes import Processes
from flows.object_storage_backup import (
    back_up_shard,
    back_up_to_object_storage,
    verify_backups,
)
from flows.storage_restore import restore_from_object_storage
from springtide.vault.snapshots import list_snapshots
from tests.flows.storage import SECRET, Storage
from tests.vault.places import seen_in

ROOT = Path(__file__).parents[2]
POOL = "shards"
WORKERS = 2
_START_S = 240.0


@pytest.fixture
def workers(storage: Storage, tmp_path: Path) -> Iterator[Storage]:
    """Two workers, one run at a time each, each with an index cache of its own."""
    command = [sys.executable, "-m", "prefect", "worker", "start", "--pool", POOL]
    command += ["--type", "process", "--limit", "1"]
    known = {
        **os.environ,
        "PREFECT_API_URL": PREFECT_API_URL.value() or "",
        "PREFECT_WORKER_QUERY_SECONDS": "1",
    }
    processes = Processes(tmp_path / "workers")
    asyncio.run(_make_pool())
    try:
        for number in range(WORKERS):
            name = f"{tmp_path.name}-{number}"
            cache = {"SPRINGTIDE_CACHE": str(tmp_path / f"cache-{number}")}
            processes.start(name, [*command, "--name", name], known | cache, ROOT)
        asyncio.run(_deploy(f"{tmp_path.name}-"))
        storage.change("sources", shards=WORKERS)
        yield storage
    finally:
        # A worker that has lost its server while it ends may wait for it without an end.
        processes.end_all()


async def _make_pool() -> None:
    """Before its workers start: on SQLite, of two that make it at once one is turned away."""
    async with get_client() as client:
        template = ProcessWorker.get_default_base_job_template()
        pool = WorkPoolCreate(name=POOL, type="process", base_job_template=template)
        await client.create_work_pool(pool, overwrite=True)


async def _deploy(workers: str) -> None:
    """Once all workers whose names begin so are at work: one alone would do all of it."""
    async with get_client() as client:
        deadline = time.monotonic() + _START_S
        while await _at_work(client, workers) < WORKERS:
            assert time.monotonic() < deadline
            await asyncio.sleep(0.5)
    found = await back_up_shard.from_source(
        source=str(ROOT), entrypoint="flows/object_storage_backup.py:back_up_shard"
    )
    await found.deploy(
        name="documents",
        work_pool_name=POOL,
        job_variables={"command": f"{sys.executable} -m prefect.engine"},
        build=False,
        push=False,
        print_next_steps=False,
    )


async def _at_work(client: PrefectClient, workers: str) -> int:
    found = await client.read_workers_for_work_pool(POOL)
    return sum(each.name.startswith(workers) for each in found)


async def _shard_runs(run_id: str) -> list[FlowRun]:
    async with get_client() as client:
        name = FlowFilter(name=FlowFilterName(any_=["back-up-shard"]))
        runs = await client.read_flow_runs(flow_filter=name)
    return [run for run in runs if run.parameters["run"] == run_id]


@pytest.mark.timeout(600)  # two workers and two flow runs start anew, on a machine that may be busy
def test_two_workers_back_up_one_source(workers: Storage) -> None:
    """Each a shard, in flow runs of their own; one snapshot of the whole, and none of shards."""
    state = workers.run(back_up_to_object_storage, source="documents")
    assert state.is_completed(), state.message
    (outcome,) = state.result()
    assert 61 == outcome.files
    runs = asyncio.run(_shard_runs(str(state.state_details.flow_run_id)))
    told = [str(run.state.message) for run in runs if run.state]
    by = [found[1] for text in told if (found := re.search(r", worker (\d+)$", text))]
    assert (WORKERS, WORKERS) == (len(by), len(set(by)))
    assert SECRET not in "".join(told)
    with workers.opened() as repository:
        assert ["documents"] == [each.hostname for each in list_snapshots(repository)]
    before = seen_in(workers.source)
    shutil.rmtree(workers.source)
    restored = workers.run(restore_from_object_storage, source="documents", folder="again")
    assert restored.is_completed(), restored.message
    assert before == seen_in((workers.restores / "again").joinpath(*workers.source.parts[1:]))
    assert workers.run(verify_backups, vault="documents", everything=True).is_completed()
