"""Changes of database clusters, which have state: proposed, approved, one step at a time.

The cluster heals itself; nothing here competes with that. Each flow shows its plan first (its form
begins with `dry_run`), waits for the signature, asks all guards again, stops at the first doubt.
"""

from prefect import State, flow

from flows.guarded import guarded
from springtide.estate import estate_path
from springtide.model.change import ChangeOutcome
from springtide.model.core import VirtualMachineSize
from springtide.model.database_plan import PlanKind, Wish
from tasks.database_change import DatabaseChange


@flow(name="resize-database-cluster", flow_run_name="resize {cluster}")
async def resize_database_cluster(
    cluster: str, vcpus: int, ram_gib: float, *, emergency: str = "", dry_run: bool = True
) -> State[ChangeOutcome]:
    """Give every member's machine another size: replicas first, a switchover, the old primary last.

    Args:
        cluster: Name of the database cluster in the estate file.
        vcpus: How many virtual cores each member is to have.
        ram_gib: How much memory each member is to have, in GiB.
        emergency: Why it cannot wait for a better hour; empty: it can.
        dry_run: Show the plan and what speaks against it; change nothing.
    """
    size = VirtualMachineSize(vcpus=vcpus, ram_mib=round(ram_gib * 1024))
    wish = Wish(kind=PlanKind.RESIZE, cluster=cluster, size=size, emergency=emergency)
    return await guarded(DatabaseChange(estate_path(), wish), dry_run=dry_run)


@flow(name="restart-database-cluster", flow_run_name="restart {cluster}")
async def restart_database_cluster(
    cluster: str, *, emergency: str = "", dry_run: bool = True
) -> State[ChangeOutcome]:
    """Restart every member, one at a time, for settings that wait for it.

    Args:
        cluster: Name of the database cluster in the estate file.
        emergency: Why it cannot wait for a better hour; empty: it can.
        dry_run: Show the plan and what speaks against it; change nothing.
    """
    wish = Wish(kind=PlanKind.RESTART, cluster=cluster, emergency=emergency)
    return await guarded(DatabaseChange(estate_path(), wish), dry_run=dry_run)


@flow(name="switch-over-database", flow_run_name="switch {cluster} over")
async def switch_over_database(
    cluster: str, *, to: str = "", emergency: str = "", dry_run: bool = True
) -> State[ChangeOutcome]:
    """Have another member lead, without losing what was acknowledged.

    Args:
        cluster: Name of the database cluster in the estate file.
        to: Who is to lead; empty: whichever the primary waits for.
        emergency: Why it cannot wait for a better hour; empty: it can.
        dry_run: Show the plan and what speaks against it; change nothing.
    """
    wish = Wish(kind=PlanKind.SWITCHOVER, cluster=cluster, member=to or None, emergency=emergency)
    return await guarded(DatabaseChange(estate_path(), wish), dry_run=dry_run)


@flow(name="repair-database-member", flow_run_name="repair {member} of {cluster}")
async def repair_database_member(
    cluster: str, member: str, *, emergency: str = "", dry_run: bool = True
) -> State[ChangeOutcome]:
    """Throw a broken replica's data away and copy it anew from the primary; never the leader's.

    Args:
        cluster: Name of the database cluster in the estate file.
        member: Which member is broken.
        emergency: Why it cannot wait for a better hour; empty: it can.
        dry_run: Show the plan and what speaks against it; change nothing.
    """
    wish = Wish(kind=PlanKind.REPAIR, cluster=cluster, member=member, emergency=emergency)
    return await guarded(DatabaseChange(estate_path(), wish), dry_run=dry_run)
