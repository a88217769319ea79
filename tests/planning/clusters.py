"""Database clusters to plan with: three members, one of them primary, one synchronous."""

from datetime import UTC, datetime, timedelta
from typing import Any

from springtide.model.approval import Approval, Proposal, Signer
from springtide.model.cluster_view import (
    ClusterSettings,
    ClusterView,
    MachineFacts,
    MemberView,
    Role,
    StoreView,
)
from springtide.model.database import ClusterLimits, DatabaseCluster
from springtide.model.database_plan import ChangeRecord, ClusterPlan
from springtide.planning.database_change import Sight

NOW = datetime(2026, 11, 30, 9, 0, tzinfo=UTC)
MIB = 1024 * 1024
WRITTEN = 1000 * MIB
NAMES = ("db1", "db2", "db3")
SMALL, LARGE = "8 vCPU, 32768 MiB", "16 vCPU, 65536 MiB"


def a_cluster(**changes: Any) -> DatabaseCluster:  # noqa: ANN401 - whatever a field takes
    """Three members with all that is required; the store is elsewhere."""
    members = [
        {
            "name": name,
            "url": f"http://127.0.0.1:{8001 + number}",
            "address": f"127.0.0.1:{5432 + number}",
            "virtual_machine": f"database-{number + 1}",
        }
        for number, name in enumerate(NAMES)
    ]
    base: dict[str, Any] = {
        "name": "school",
        "scope": "school",
        "members": members,
        "store": {"urls": ["http://127.0.0.1:2379"]},
        "backup_source": "school",
        "watchdog": True,
    }
    return DatabaseCluster.model_validate(base | changes)


def a_replica(name: str, **changes: Any) -> MemberView:  # noqa: ANN401 - as above
    """One that streams and has all."""
    base: dict[str, Any] = {
        "name": name,
        "role": Role.REPLICA,
        "state": "running",
        "streaming": True,
        "timeline": 1,
        "system": "7713",
        "received": WRITTEN,
        "replayed": WRITTEN,
        "started_at": NOW - timedelta(days=9),
    }
    return MemberView.model_validate(base | changes)


def a_primary(name: str, **changes: Any) -> MemberView:  # noqa: ANN401 - as above
    """One that leads."""
    gone = {"streaming": False, "received": None, "replayed": None}
    return a_replica(name, **{"role": Role.PRIMARY, "written": WRITTEN, **gone, **changes})


def a_view(*members: MemberView, **changes: Any) -> ClusterView:  # noqa: ANN401 - as above
    """All is well: db2 leads, db1 is synchronous; `members` stand in for theirs."""
    usual = (a_replica("db1", synchronous=True), a_primary("db2"), a_replica("db3"))
    given = {member.name: member for member in members}
    base: dict[str, Any] = {
        "at": NOW,
        "members": tuple(given.get(member.name, member) for member in usual),
        "settings": ClusterSettings(synchronous_mode=True, failsafe_mode=True),
        "store": StoreView(members=3, healthy=3),
    }
    return ClusterView.model_validate(base | changes)


def machines(*resized: str, off: tuple[str, ...] = ()) -> dict[str, MachineFacts]:
    """Each member's machine, on a host of its own."""
    return {
        name: MachineFacts(
            member=name,
            size=LARGE if name in resized else SMALL,
            on=name not in off,
            host=f"esx-{number}",
        )
        for number, name in enumerate(NAMES)
    }


def a_sight(
    view: ClusterView | None = None, *, found: dict[str, MachineFacts] | None = None
) -> Sight:
    """What is seen of it."""
    return Sight(view or a_view(), found or machines(), ClusterLimits())


def a_record(plan: ClusterPlan, *, until: datetime = NOW) -> ChangeRecord:
    """What a run of that plan has left behind."""
    proposal = Proposal.of(plan.kind.value, plan.cluster, plan)
    approval = Approval(
        digest=proposal.digest,
        until=until,
        statement="a line",
        signatures=("a signature",),
        signers=(Signer(name="anna@example.org", key=f"SHA256:{'k' * 43}"),),
    )
    return ChangeRecord(proposal=proposal, approval=approval, run="r", began_at=NOW)
