"""A cluster's plan and its end in words: what people approve, and what they do where it stopped."""

from collections.abc import Iterable

from springtide.model.cluster_view import ClusterView
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


def failover_facts(first: ClusterView, last: ClusterView) -> tuple[tuple[str, str | int], ...]:
    """Who led before and who leads now, and how often that changed meanwhile."""
    before, after = first.leader, last.leader
    lines = (before.timeline if before else None, after.timeline if after else None)
    changes = lines[1] - lines[0] if None not in lines else None  # type: ignore[operator]
    return (
        ("led before", before.name if before else "nobody"),
        ("leads now", after.name if after else "nobody"),
        ("changes of leader", changes if changes is not None else "not known"),
    )


def unexpected_failovers(facts: Iterable[tuple[str, str | int]], switchovers: int) -> str | None:
    """That the cluster changed its leader more often than the plan did; None where it did not."""
    changes = dict(facts).get("changes of leader")
    if isinstance(changes, int) and changes > switchovers:
        return f"{changes - switchovers} failovers of the cluster's own happened meanwhile"
    return None
