"""Database clusters as whoever watches the private cloud sees them: looked at, never changed."""

from datetime import UTC, datetime
from pathlib import Path

from prefect import task

from springtide.errors import SpringtideError
from springtide.model.core_watch import CoreFinding
from springtide.planning.database_watch import judge_database, unasked
from tasks.cloud import read_estate
from tasks.database_clusters import cluster_desk


@task(task_run_name="look at the database clusters")
async def look_at_databases(estate_file: Path) -> tuple[CoreFinding, ...]:
    """What is found of every cluster of the estate; one that cannot be asked is a finding."""
    found: list[CoreFinding] = []
    for cluster in read_estate(estate_file).database_clusters:
        try:
            async with cluster_desk(estate_file, cluster.name, None) as desk:
                view, changes = await desk.view(), await desk.manager.leader_changes()
        except SpringtideError as error:
            found += unasked(cluster.name, str(error))
        else:
            found += judge_database(cluster, view, changes, datetime.now(UTC))
    return tuple(found)
