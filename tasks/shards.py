"""Shards of a source: each backed up by a flow run of its own, wherever a worker has room."""

import os
import time
from collections import Counter

from prefect import State, task
from prefect.deployments import arun_deployment
from prefect.tasks import exponential_backoff

from springtide.model.backup import BackupSource, PartOutcome
from springtide.stores.vaults import machine, opened_vault, writer_identity
from springtide.vault.reports import load_report, save_report
from springtide.vault.sessions import write_session
from springtide.vault.sharding import (
    joined_summary,
    joined_tree,
    newest_snapshot,
    refuse_if_replaced,
    remove_shards,
    shards_of,
)
from springtide.vault.snapshots import Snapshot, read_snapshots, save_snapshot, unread
from springtide.vault.troubles import TroubleKind
from tasks.retrying import may_pass
from tasks.vaults import VaultOrder, refuse_emptied

SHARD_FLOW = "back-up-shard"
_SHARD_S = 6 * 24 * 3600.0
"""Shorter than a writer's session: what takes longer could not be committed."""
_POLL_S = 2.0


def worker_name() -> str:
    """Who runs this flow: the machine, and the worker's process, which is the flow's parent."""
    return f"{machine()}, worker {os.getppid()}"


async def run_shard(source: str, part: int, number: int, of: int, run: str) -> str | None:
    """Have a worker back up the shard, and wait for its end; why it failed, or None.

    Asked for again by the same run it is the same flow run.
    """
    parameters = {"source": source, "part": part, "shard": number, "of": of, "run": run}
    started = await arun_deployment(
        f"{SHARD_FLOW}/{source}",
        parameters=parameters,
        timeout=_SHARD_S,
        poll_interval=_POLL_S,
        idempotency_key=f"{run}-{part}-{number}",
    )
    state: State | None = started.state
    if state is not None and state.is_completed():
        return None
    told = (state.message or state.name) if state else "was never started"
    return f"shard {number} of {of}: {told}"


@task(
    task_run_name="join the {source.shards} shards of {source.name}, part {part}",
    retries=3,
    retry_delay_seconds=exponential_backoff(20),
    retry_condition_fn=may_pass,
)
def join_shards(order: VaultOrder, source: BackupSource, part: int, run: str) -> PartOutcome:
    """One snapshot of the whole part of the shards that this run has made; those go then."""
    began = time.monotonic()
    path, vault = source.paths[part - 1], order.estate.vault(order.vault)
    with (
        opened_vault(order.estate, vault) as repository,
        write_session(repository, identity=writer_identity(), policy=vault.prune) as session,
    ):
        known, damaged = read_snapshots(repository)
        shards = shards_of(known, source.name, path, run, source.shards)
        troubles = load_report(repository, *shards)
        summary = joined_summary(shards)
        before = newest_snapshot(known, source.name, path)
        refuse_emptied(summary.total_files_processed, before)
        whole = Snapshot(
            time=repository.store.now(),
            tree=joined_tree(repository, shards).hex(),
            paths=(path,),
            hostname=source.name,
            username=writer_identity().username,
            excludes=source.excludes,
            summary=summary,
        )
        session.refuse_if_expired()
        refuse_if_replaced(repository, shards)
        whole = save_snapshot(repository, whole)
        save_report(repository, troubles, snapshot=whole.id, at=whole.time)
        remove_shards(repository, known, whole, source.name)
    kinds = Counter(trouble.kind for trouble in troubles)
    return PartOutcome(
        part=part,
        snapshot=whole.id,
        files=summary.total_files_processed,
        unchanged_files=summary.files_unmodified,
        bytes=summary.total_bytes_processed,
        new_bytes=summary.data_added,
        unreadable=kinds[TroubleKind.UNREADABLE],
        changed=kinds[TroubleKind.CHANGED] + kinds[TroubleKind.GONE],
        took_s=time.monotonic() - began,
        failure=unread(damaged) or None,
    )
