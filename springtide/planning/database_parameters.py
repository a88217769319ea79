"""PostgreSQL's own settings beside a change: what has to be restarted first, what memory is for.

As an operator reads it: a machine with more memory serves nobody until PostgreSQL is told. Some
settings of a replica must not be below its primary's, else it stops replaying: raised, the replicas
are restarted first; lowered, the primary first. Both at once is two changes.

Example: max_connections waits to go from 200 to 400: replicas first. shared_buffers alone has no
order, so replicas go first as well, and writes stop for a switchover only.
Source: PostgreSQL 15, "Hot Standby", 27.4.3 Administrator's Overview.
"""

from collections.abc import Iterable
from enum import StrEnum

from springtide.errors import GuardRefused
from springtide.model.cluster_view import ClusterView, PendingParameter

STANDBY_LIMITED = (
    "max_connections",
    "max_locks_per_transaction",
    "max_prepared_transactions",
    "max_wal_senders",
    "max_worker_processes",
)
"""What a replica needs at least as much of as its primary."""

_MEMORY = {"shared_buffers": 0.25, "effective_cache_size": 0.75, "maintenance_work_mem": 0.0625}
"""The customary share of a machine's memory; the database's own measurements overrule it.

Source: PostgreSQL 15, "Resource Consumption" (shared_buffers); the others by custom.
"""


class RestartOrder(StrEnum):
    """Who is restarted first."""

    REPLICAS_FIRST = "replicas first"
    PRIMARY_FIRST = "primary first"


def parameter_plan(pending: Iterable[PendingParameter]) -> RestartOrder:
    """In which order members are restarted for what waits for their restart.

    Raises:
        GuardRefused: some limits are raised and others lowered: no order serves both.
    """
    limited = [p for p in pending if p.name in STANDBY_LIMITED and p.now != p.then]
    raised = sorted({p.name for p in limited if _number(p.then) > _number(p.now)})
    lowered = sorted({p.name for p in limited if _number(p.then) < _number(p.now)})
    if raised and lowered:
        raise GuardRefused(
            f"{', '.join(raised)} would be raised and {', '.join(lowered)} lowered: raising goes"
            " replicas first, lowering primary first; change them one after another"
        )
    return RestartOrder.PRIMARY_FIRST if lowered else RestartOrder.REPLICAS_FIRST


def pending_parameters(view: ClusterView) -> tuple[PendingParameter, ...]:
    """All that waits for a restart on any member, each once, in order."""
    found = {(p.name, p.now, p.then): p for member in view.members for p in member.pending}
    return tuple(found[key] for key in sorted(found))


def memory_advice(ram_mib: int) -> dict[str, str]:
    """What PostgreSQL's settings for memory would customarily be on a machine of that size."""
    return {name: f"{round(ram_mib * share)}MB" for name, share in _MEMORY.items()}


def _number(text: str) -> int:
    try:
        return int(text)
    except ValueError as error:
        raise GuardRefused(f"a limit waits to become {text!r}, which is no number") from error
