"""Changes of a database cluster, member by member: in which order, and what is left of them.

As an operator reads it: replicas go first, the one that is furthest behind before the others and
the synchronous one last of them; then the primary's role is handed to a replica that is done and
that the primary waits for; at last the old primary, a replica by then. One step at a time. Whoever
was killed in between finds, by looking, what is left, and goes on only where that is the rest of
what was approved.

Example: db2 leads, db1 is synchronous, db3 is not: db3, db1, the switchover from db2 to db1 or db3,
db2. Killed after db3: db1, the switchover, db2.
"""

from collections.abc import Mapping
from typing import NamedTuple

from springtide.errors import GuardRefused
from springtide.model.base import Moment
from springtide.model.cluster_view import SEGMENT_BYTES, ClusterView, MachineFacts, MemberView
from springtide.model.database import ClusterLimits
from springtide.model.database_plan import (
    ChangeRecord,
    ClusterPlan,
    PlanKind,
    Step,
    StepKind,
    Wish,
)
from springtide.planning.database_parameters import (
    RestartOrder,
    parameter_plan,
    pending_parameters,
)


class Sight(NamedTuple):
    """What is seen of a cluster at one look."""

    view: ClusterView
    machines: Mapping[str, MachineFacts]
    """By member; empty where no machine is changed."""
    limits: ClusterLimits

    def off(self, member: str | None) -> bool:
        """Whether the member's machine is seen to be off."""
        machine = self.machines.get(member) if member is not None else None
        return machine is not None and not machine.on


def plan_of(wish: Wish, sight: Sight, approved: ClusterPlan | None = None) -> ClusterPlan:
    """What is to be done for the wish: what is left of it, where a plan was approved before.

    Raises:
        GuardRefused: no member leads, or the member that is named is not one to do it to.
    """
    leader = sight.view.leader
    if leader is None:
        raise GuardRefused("one member has to be primary")
    before, steps = _STEPS[wish.kind](wish, sight, leader, approved)
    return ClusterPlan(
        kind=wish.kind,
        cluster=wish.cluster,
        target=wish.target,
        before=dict(sorted(before.items())),
        steps=tuple(steps),
        why=wish.emergency,
    )


Left = tuple[dict[str, str], list[Step]]
"""Who is still to be changed, with what each is now; and the steps."""


def _resize(wish: Wish, sight: Sight, leader: MemberView, approved: ClusterPlan | None) -> Left:
    now = {m.name: sight.machines[m.name].size for m in sight.view.members}
    left = still_to_do(now, sight.view, target=wish.target, approved=approved)
    return left, _rolling(sight.view, leader, left)


def _restart(wish: Wish, sight: Sight, leader: MemberView, approved: ClusterPlan | None) -> Left:
    del wish
    # Who is not in what was approved was done before it: by a run whose approval was over.
    names = [m.name for m in sight.view.members if not approved or m.name in approved.before]
    now = {name: since(sight.view.member(name)) for name in names}
    left = still_to_do(now, sight.view, target=None, approved=approved)
    steps = _rolling(sight.view, leader, left)
    in_place = parameter_plan(pending_parameters(sight.view)) is RestartOrder.PRIMARY_FIRST
    if approved and left.get(leader.name) != now.get(leader.name):
        # Restarted, the primary does not tell any more what waited for it.
        in_place = any(step.kind is StepKind.IN_PLACE for step in approved.steps)
    if in_place:
        replicas = [s for s in steps if s.kind is StepKind.MEMBER and s.member != leader.name]
        first = [Step(kind=StepKind.IN_PLACE, member=leader.name)] if leader.name in left else []
        steps = first + replicas
    return left, steps


def _switchover(wish: Wish, sight: Sight, leader: MemberView, approved: ClusterPlan | None) -> Left:
    others = tuple(sorted(m.name for m in sight.view.members if m.name != leader.name))
    handed_over = approved is not None and approved.steps[0].member != leader.name
    if wish.member == leader.name or (wish.member is None and handed_over):
        return {}, []
    if wish.member is not None and wish.member not in others:
        raise GuardRefused(f"member: given {wish.member!r}, allowed: {', '.join(others)}")
    candidates = (wish.member,) if wish.member is not None else others
    step = Step(kind=StepKind.SWITCHOVER, member=leader.name, candidates=candidates)
    return {leader.name: f"leads on timeline {leader.timeline}"}, [step]


def _repair(wish: Wish, sight: Sight, leader: MemberView, approved: ClusterPlan | None) -> Left:
    names = [m.name for m in sight.view.members]
    if wish.member not in names:
        raise GuardRefused(f"member: given {wish.member!r}, allowed: {', '.join(names)}")
    if wish.member == leader.name:
        raise GuardRefused(f"{wish.member} leads: a leader is never thrown away")
    member = sight.view.member(wish.member)
    left = still_to_do({member.name: since(member)}, sight.view, target=None, approved=approved)
    return left, [Step(kind=StepKind.REINITIALISE, member=name) for name in left]


_STEPS = {
    PlanKind.RESIZE: _resize,
    PlanKind.RESTART: _restart,
    PlanKind.SWITCHOVER: _switchover,
    PlanKind.REPAIR: _repair,
}


def since(member: MemberView) -> str:
    """Since when the member's PostgreSQL runs, in the plan's words."""
    return member.started_at.isoformat() if member.started_at else "not running"


def _rolling(view: ClusterView, leader: MemberView, left: Mapping[str, str]) -> list[Step]:
    replicas = [m for m in view.members if m.name in left and m.name != leader.name]
    steps = [
        Step(kind=StepKind.MEMBER, member=member.name)
        for member in sorted(replicas, key=lambda member: _turn(view, member))
    ]
    if leader.name not in left:
        return steps
    others = tuple(sorted(m.name for m in view.members if m.name != leader.name))
    return [
        *steps,
        Step(kind=StepKind.SWITCHOVER, member=leader.name, candidates=others),
        Step(kind=StepKind.MEMBER, member=leader.name),
    ]


def still_to_do(
    now: Mapping[str, str], view: ClusterView, *, target: str | None, approved: ClusterPlan | None
) -> dict[str, str]:
    """The members that are not yet as they should be, and what each of them was before.

    `now` is what each is; `target` what it should be, None: anything but what it was when the plan
    was approved. A member that was changed and does not serve again yet is still to be done.
    """
    before = approved.before if approved else {}
    left = {}
    for name, is_now in now.items():
        reached = is_now == target if target is not None else before.get(name, is_now) != is_now
        if not reached:
            left[name] = is_now
        elif name in before and not view.member(name).serving:
            left[name] = before[name]
    return left


def still_counts(record: ChangeRecord, wish: Wish, sight: Sight, now: Moment) -> bool:
    """Whether what a run has left behind says anything of this wish.

    A record stays where a run was killed at its very end, or where people did the rest by hand. For
    as long as its approval is good the same wish sees by it that nothing is left to do; afterwards
    a change that has come to its end says nothing of another one. Nor does a restart once a member
    that took part in it waits for another one, nor a repair whose approval is over: the member may
    have broken again since, and a copy under way is seen by its state.
    """
    plan, good = record.plan, now < record.approval.until
    if plan.kind is not wish.kind:
        return False
    if plan.kind is PlanKind.REPAIR:
        return good and wish.member in plan.before
    if plan.kind is PlanKind.RESTART and _waits_again(plan, sight):
        return False
    return not _ended(plan, sight) or (plan.target == wish.target and good)


def _waits_again(approved: ClusterPlan, sight: Sight) -> bool:
    """Whether a member that counts as restarted waits for a restart."""
    left = _left_of(approved, sight)
    return any(m.pending_restart for m in sight.view.members if m.name not in left)


def _ended(approved: ClusterPlan, sight: Sight) -> bool:
    """Whether nothing is left of what was approved, whoever did it."""
    if approved.kind is PlanKind.SWITCHOVER:
        leader = sight.view.leader
        return leader is not None and leader.name != approved.steps[0].member
    return not _left_of(approved, sight)


def _left_of(approved: ClusterPlan, sight: Sight) -> dict[str, str]:
    """Whose part of what was approved is still to be done; a switchover is nobody's."""
    view = sight.view
    members = [member for member in view.members if member.name in approved.before]
    if approved.kind is PlanKind.RESIZE:
        now, target = {m.name: sight.machines[m.name].size for m in members}, approved.target
        return still_to_do(now, view, target=target, approved=approved)
    now = {member.name: since(member) for member in members}
    return still_to_do(now, view, target=None, approved=approved)


def rest_of(left: ClusterPlan, approved: ClusterPlan) -> tuple[Step, ...] | None:
    """The end of what was approved, where just that is left to do; None where it is another plan.

    A member that others have changed since, or a failover, makes it another plan. Who of the
    replicas is synchronous may have changed meanwhile: they keep the order that was approved.
    """
    same = ("kind", "cluster", "target", "why")
    if any(getattr(left, name) != getattr(approved, name) for name in same):
        return None
    if any(approved.before.get(name) != was for name, was in left.before.items()):
        return None
    rest = approved.steps[len(approved.steps) - len(left.steps) :]
    return rest if sorted(rest, key=str) == sorted(left.steps, key=str) else None


def candidate_for(step: Step, view: ClusterView, *, done: frozenset[str]) -> str:
    """The member that takes over: one that is done, and that the primary waits for if it does so.

    Raises:
        GuardRefused: there is none just now.
    """
    fit = [
        member.name
        for name in step.candidates
        if (member := view.member(name)).serving and name in done and name != step.member
        if member.synchronous or not view.settings.synchronous_mode
    ]
    if not fit:
        waits = " that the primary waits for" if view.settings.synchronous_mode else ""
        raise GuardRefused(f"no member{waits} is done and can take over from {step.member}")
    return min(fit, key=lambda name: (view.lag(name) or (0, 0), name))


def _turn(view: ClusterView, member: MemberView) -> tuple[bool, int, str]:
    # In whole segments: the same look a minute later gives the same plan.
    lag = view.lag(member.name) or (0, 0)
    return member.synchronous, -(max(lag) // SEGMENT_BYTES), member.name
