"""How it stands with a database cluster, for whoever watches the private cloud. Nothing is changed.

As an operator reads it: red is what hurts now: a member that is away, does not stream or is too far
behind, no primary, a store without its quorum, a cluster that nobody could ask. Amber is what no
change would be begun with, and a change of leader within the last day: the cluster has healed
itself, or somebody has switched it over, and it is told from whom to whom and when.

Example: db2 dies at 21:03. At 21:05: red, "db2 does not answer", and amber, "db1 leads since 21:03
UTC instead of db2 (timeline 5)".
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, timedelta

from springtide.model.base import Moment
from springtide.model.cluster_view import ClusterView, LeaderChange
from springtide.model.core_watch import CoreCheck, CoreFinding
from springtide.model.database import DatabaseCluster
from springtide.model.readiness import Readiness
from springtide.planning.database_guards import ailments, cluster_limitation

_TOLD = timedelta(days=1)


def judge_database(
    cluster: DatabaseCluster, view: ClusterView, changes: Sequence[LeaderChange], now: Moment
) -> tuple[CoreFinding, ...]:
    """Every finding of one cluster, the red ones first; green where there is none."""
    found = [
        # Each by a name of its own: what gets worse while people know of one thing is news.
        _finding(f"{cluster.name}: {what}", Readiness.RED, why)
        for what, why in ailments(view, cluster)
    ]
    if not found and (why_not := cluster_limitation(view, cluster)) is not None:
        found.append(_finding(cluster.name, Readiness.AMBER, why_not))
    found += [_finding(cluster.name, Readiness.AMBER, told) for told in _changes(changes, now)]
    if found:
        return tuple(found)
    leader = view.leader.name if view.leader else "nobody"
    return (_finding(cluster.name, Readiness.GREEN, f"{leader} leads, all others stream"),)


def unasked(cluster: str, why: str) -> tuple[CoreFinding, ...]:
    """That nobody could be asked."""
    return (_finding(cluster, Readiness.RED, f"it could not be looked at: {why}"),)


def _changes(changes: Sequence[LeaderChange], now: Moment) -> Iterator[str]:
    for before, change in zip([None, *changes], changes, strict=False):
        if change.at is None or now - change.at > _TOLD:
            continue
        instead = f" instead of {before.leader}" if before and before.leader else ""
        yield (
            f"{change.leader or 'another member'} leads since"
            f" {change.at.astimezone(UTC):%H:%M} UTC{instead} (timeline {change.timeline})"
        )


def _finding(subject: str, verdict: Readiness, detail: str) -> CoreFinding:
    return CoreFinding(
        check=CoreCheck.DATABASE, subject=subject, verdict=verdict, detail=detail[:500]
    )
