"""What one step of a cluster's change does next, by what is seen now, and why it may not begin.

As an operator reads it: a member is shut down, its machine resized, started, and waited for until
it streams and has caught up; a switchover is waited for until the new leader leads and the old one
streams from it. Whoever takes over in the middle of a step sees how far it is and does the rest.
What begins something (a shutdown, a restart, a switchover, a copy) is done only where all the
others are well; what ends it (a resize of a machine that is off, its start) is done in any case,
because it brings a member back.
"""

from enum import StrEnum
from typing import NamedTuple

from springtide.model.cluster_view import MemberView, Role
from springtide.model.database import DatabaseCluster
from springtide.model.database_plan import ClusterPlan, PlanKind, Step, StepKind
from springtide.planning.database_change import Sight, candidate_for, since
from springtide.planning.database_guards import cluster_limitation, lag_reasons

COPYING = frozenset({"creating replica", "stopping"})
"""States in which a member that is copied anew may be found."""
_RESTARTING = frozenset({"stopping", "restarting", "starting"})
"""States of a member whose PostgreSQL is restarted: until it answers nobody knows since when."""


class ActKind(StrEnum):
    """What is done next."""

    SHUT_DOWN = "shut down"
    RESIZE = "resize"
    POWER_ON = "power on"
    RESTART = "restart"
    SWITCH_OVER = "switch over"
    REINITIALISE = "reinitialise"
    WAIT = "wait"
    DONE = "done"


BEGINNINGS = frozenset(
    {ActKind.SHUT_DOWN, ActKind.RESTART, ActKind.SWITCH_OVER, ActKind.REINITIALISE}
)
"""Before these all guards are asked again."""


class Act(NamedTuple):
    """One thing to do to one member."""

    kind: ActKind
    why: str
    candidate: str = ""
    """Of a switchover: who leads then."""


def next_act(plan: ClusterPlan, step: Step, sight: Sight) -> Act:
    """What the step does next.

    Raises:
        GuardRefused: a switchover has nobody to hand over to.
    """
    if step.kind is StepKind.SWITCHOVER:
        return _switchover(plan, step, sight)
    member = sight.view.member(step.member)
    if plan.kind is PlanKind.RESIZE:
        return _resize(plan, step, sight, member)
    begun = member.started_at is not None and since(member) != plan.before.get(step.member)
    if begun or (step.kind is StepKind.REINITIALISE and member.state in COPYING):
        return _back(sight, member)
    if step.kind is StepKind.REINITIALISE:
        return Act(ActKind.REINITIALISE, f"{step.member} is to be copied anew")
    if member.started_at is None and member.state in _RESTARTING:
        return Act(ActKind.WAIT, f"{step.member} is {member.state}")
    return Act(ActKind.RESTART, f"{step.member} runs since {since(member)}")


def act_limitation(
    act: Act, step: Step, sight: Sight, cluster: DatabaseCluster, *, pending_allowed: bool
) -> str | None:
    """Why the act may not begin now; None where it may."""
    if act.kind not in BEGINNINGS:
        return None
    leader = sight.view.leader
    leads = leader is not None and leader.name == step.member
    if leads and step.kind not in {StepKind.SWITCHOVER, StepKind.IN_PLACE}:
        return f"{step.member} leads: a leader is never stopped"
    aside = step.member if step.kind is StepKind.REINITIALISE else None
    return cluster_limitation(sight.view, cluster, aside=aside, pending_allowed=pending_allowed)


def _resize(plan: ClusterPlan, step: Step, sight: Sight, member: MemberView) -> Act:
    machine = sight.machines[step.member]
    resized = machine.size == plan.target
    if machine.on and resized:
        return _back(sight, member)
    if machine.on:
        return Act(ActKind.SHUT_DOWN, f"{step.member} has {machine.size}")
    if not resized:
        return Act(ActKind.RESIZE, f"{machine.size} becomes {plan.target}")
    return Act(ActKind.POWER_ON, f"{step.member} has {machine.size} and is off")


def _back(sight: Sight, member: MemberView) -> Act:
    """Whether a member that was down serves again."""
    if not member.serving:
        return Act(ActKind.WAIT, f"{member.name} is {member.trouble or member.state}")
    if member.role is Role.REPLICA:
        for reason in lag_reasons(sight.view, member, sight.limits):
            return Act(ActKind.WAIT, reason)
    return _synchronous(sight, f"{member.name} serves")


def _switchover(plan: ClusterPlan, step: Step, sight: Sight) -> Act:
    leader = sight.view.leader
    if leader is None:
        return Act(ActKind.WAIT, "no member leads")
    if leader.name == step.member:
        undone = plan.before.keys() if plan.kind is not PlanKind.SWITCHOVER else ()
        done = frozenset(step.candidates) - frozenset(undone)
        candidate = candidate_for(step, sight.view, done=done)
        return Act(ActKind.SWITCH_OVER, f"{candidate} is to lead", candidate)
    old = sight.view.member(step.member)
    if not old.serving:
        return Act(ActKind.WAIT, f"{old.name}, which led, is {old.trouble or old.state}")
    return _synchronous(sight, f"{leader.name} leads")


def _synchronous(sight: Sight, done: str) -> Act:
    """Done, once the primary again waits for somebody: else the next step would find a doubt."""
    synchronous = any(member.synchronous for member in sight.view.members)
    if sight.view.settings.synchronous_mode and not synchronous:
        return Act(ActKind.WAIT, "no member is a synchronous standby yet")
    return Act(ActKind.DONE, done)
