"""A cluster's plan and its end in words: what people approve, and what they do where it stopped."""

from collections.abc import Iterable, Sequence
from itertools import pairwise

from springtide.model.cluster_view import ClusterView, WriteLook
from springtide.model.database import DatabaseCluster
from springtide.model.database_plan import ClusterPlan, PlanKind, Step, StepKind, Wish
from springtide.planning.database_guards import unmet_requirements
from springtide.planning.database_parameters import memory_advice, pending_parameters
from springtide.planning.telling import Row

_ASIDE = "was cut off: it may be down and is brought back first"


def plan_rows(
    plan: ClusterPlan, wish: Wish, view: ClusterView, cluster: DatabaseCluster, aside: str | None
) -> list[Row]:
    """The plan for a person: nothing that changes from minute to minute."""
    leader = view.leader.name if view.leader else "nobody"
    rows: list[Row] = [
        {"measure": "cluster", "value": cluster.name},
        {"measure": "leads now", "value": leader},
        {"measure": "each member becomes", "value": plan.target},
    ]
    rows += [{"measure": f"{name} is now", "value": was} for name, was in plan.before.items()]
    rows += [{"measure": f"step {n}", "value": str(step)} for n, step in enumerate(plan.steps, 1)]
    if aside is not None:
        rows.append({"measure": aside, "value": _ASIDE})
    if wish.kind is not PlanKind.SWITCHOVER:
        rows += [_room_row(member.name, view, cluster) for member in view.members]
    rows += [
        {"measure": f"{pooler} (pooler)", "value": "loses its connections at the switchover"}
        for pooler in cluster.poolers
    ]
    rows += [
        {"measure": f"waits for a restart: {p.name}", "value": f"{p.now} becomes {p.then}"}
        for p in pending_parameters(view)
    ]
    if wish.size is not None:
        rows += [
            {"measure": f"not changed, by custom: {name}", "value": value}
            for name, value in memory_advice(wish.size.ram_mib).items()
        ]
    for name, meaning in unmet_requirements(view, cluster).items():
        reason = getattr(cluster.waivers, name)
        rows.append({"measure": f"waived: {name}", "value": f"{meaning}; {reason}"})
    if plan.why:
        rows.append({"measure": "emergency", "value": plan.why})
    return rows


def _room_row(member: str, view: ClusterView, cluster: DatabaseCluster) -> Row:
    """Room for WAL, and how it is known; in whole GiB, as it changes all the while."""
    measured = view.wal_room_mib.get(member)
    if measured is not None:
        told = f"{measured // 1024} GiB are free on {cluster.wal_disk}, measured by VMware Tools"
    else:
        told = f"{cluster.limits.wal_room_mib} MiB, as the estate says; nothing measures it"
    return {"measure": f"room for WAL on {member}", "value": told}


def what_next(step: Step | None, kind: PlanKind) -> str:
    """What a person does where the change stopped."""
    again = "then start the flow again: it goes on while its approval holds, else it asks anew"
    if step is None:
        return f"look at the cluster (patronictl list), {again}"
    match step.kind:
        case StepKind.SWITCHOVER:
            look = f"see who leads (patronictl list): {step.member} led"
        case StepKind.REINITIALISE:
            look = f"see whether {step.member} is still copied, and why not in Patroni's log"
        case _:
            look = f"bring {step.member} back: its machine on, PostgreSQL streaming"
    doc = "docs/runbooks/database-change-stopped.md"
    return f"{look}; touch no other member; {again} ({doc}, {kind.value})"


def failover_facts(
    first: ClusterView | None, last: ClusterView | None
) -> tuple[tuple[str, str | int], ...]:
    """Who led before and who leads now, and how often that changed; None: nobody could be asked."""
    before, after = first.leader if first else None, last.leader if last else None
    lines = (before.timeline if before else None, after.timeline if after else None)
    changes = lines[1] - lines[0] if None not in lines else None  # type: ignore[operator]
    return (
        ("led before", _named(first)),
        ("leads now", _named(last)),
        ("changes of leader", changes if changes is not None else "not known"),
    )


def _named(view: ClusterView | None) -> str:
    if view is None:
        return "not known"
    return view.leader.name if view.leader else "nobody"


def writes_fact(looks: Sequence[WriteLook]) -> tuple[tuple[str, str], ...]:
    """How long nobody took writes, by looks in their order; empty where nobody looked.

    Between two looks that found somebody nobody may have been there: so it is a bound from above.
    A commit may have waited longer, for a standby that the new primary had to find first.
    """
    if not looks:
        return ()
    # Nobody at the first look or at the last one: when it began, or ended, was not seen.
    if not (looks[0].took_writes and looks[-1].took_writes):
        return (("seconds without writes", "not known"),)
    taken = [look for look in looks if look.took_writes]
    gaps = [after.answered_s - before.asked_s for before, after in pairwise(taken)]
    return (("seconds without writes, at most", f"{max(gaps, default=0.0):.1f}"),)


def unexpected_failovers(facts: Iterable[tuple[str, str | int]], switchovers: int) -> str | None:
    """That the cluster changed its leader more often than the plan did; None where it did not."""
    changes = dict(facts).get("changes of leader")
    if isinstance(changes, int) and changes > switchovers:
        return f"{changes - switchovers} failovers of the cluster's own happened meanwhile"
    return None
