"""A database cluster's change, as a guarded change: proposed, approved, and done step by step."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from prefect import get_run_logger, task
from prefect.cache_policies import NO_CACHE
from prefect.runtime import flow_run

from springtide.clouds.etcd.lease import ChangeLease
from springtide.errors import CapacityExhausted, GuardRefused, Retryable, SpringtideError
from springtide.model.approval import Approval, Proposal
from springtide.model.change import ChangeOutcome, Proposed
from springtide.model.cluster_view import BackupFacts, ClusterView, DatabaseFacts, WriteLook
from springtide.model.database import ClusterLimits, DatabaseCluster
from springtide.model.database_plan import (
    ChangeRecord,
    ClusterPlan,
    PlanKind,
    Step,
    StepKind,
    Wish,
)
from springtide.planning.database_acts import (
    BEGINNINGS,
    Act,
    ActKind,
    act_limitation,
    next_act,
)
from springtide.planning.database_change import Sight, plan_of, rest_of, still_counts
from springtide.planning.database_guards import (
    backup_limitation,
    cluster_limitation,
    facts_limitation,
    machines_limitation,
)
from springtide.planning.database_machines import members_room_limitation
from springtide.planning.database_telling import (
    failover_facts,
    plan_rows,
    unexpected_failovers,
    what_next,
    writes_fact,
)
from tasks.change_windows import begin_limitation
from tasks.cloud import read_estate
from tasks.database_clusters import ClusterDesk, cluster_desk
from tasks.database_writes import looking_on
from tasks.guarded import EstateChange
from tasks.verified_backups import backup_facts

_POLL_S = 1.0
_SETTLE_S = 15.0
"""So long a guard may say no before an act, until it counts as a doubt: after the act before it the
cluster may still choose whom it waits for."""
_AWAY_S = 120.0
"""So long what is asked, or told to do something, may be away within a step, and so long nothing
may come of what Patroni was told: a member may be down for it, and is brought back by whoever
waits. A guest that shuts down has the step's own time."""
_MOST_STEPS = 100


@dataclass
class DatabaseChange(EstateChange):
    """What a person wishes of a cluster."""

    wish: Wish
    _record: ChangeRecord | None = field(default=None, init=False)
    """What a run that was cut off has left in the cluster's store."""

    async def propose(self) -> Proposed:
        """The plan, as what is seen now lets it; of a change that was cut off, what is left of it.

        Raises:
            GuardRefused: a guard says no; every reason is told.
        """
        async with cluster_desk(self.estate_file, self.wish.cluster, self.wish.kind) as desk:
            record = await desk.record()
            # A switchover keeps no log for anybody: neither its rate nor its room is asked.
            handed_over = self.wish.kind is PlanKind.SWITCHOVER
            view = await (desk.view() if handed_over else desk.long_view())
            sight = Sight(view, await desk.machines(), desk.cluster.limits)
            counts = record is not None and still_counts(record, self.wish, sight, self.now())
            self._record = record if counts else None
            aside = self._aside()
            left = plan_of(self.wish, sight, self._approved())
            if left.steps:
                reasons = [why for why in await self._limitations(desk, sight, aside) if why]
                if reasons:
                    raise GuardRefused("; ".join(reasons))
            return Proposed(
                proposal=Proposal.of(self.wish.kind.value, self.wish.cluster, left),
                rows=tuple(plan_rows(left, self.wish, view, desk.cluster, aside)),
                settled=None if left.steps else "it is as wished already",
            )

    async def standing_approval(self, proposal: Proposal) -> Approval | None:
        """The approval of the run that was cut off, where this is the rest of its plan.

        Its signatures are verified again: whoever can write to the store approves nothing.
        """
        record = self._record
        if record is None:
            return None
        given = record.approval
        try:
            if rest_of(ClusterPlan.model_validate(proposal.plan), record.plan) is not None:
                return self.approvers.approval(
                    record.proposal, given.statement, given.signatures, now=self.now()
                )
        except GuardRefused as error:
            get_run_logger().info("approval=not-standing why=%s", error)
        return None

    async def act(self, proposal: Proposal, approval: Approval) -> ChangeOutcome:
        """Take one step after another, each verified by the members; stop at the first doubt."""
        record = self._record
        if record is None or approval.digest != record.approval.digest:
            record = ChangeRecord(
                proposal=proposal, approval=approval, run=_run(), began_at=self.now()
            )
        # The same plan may have been approved anew: whoever takes over goes by what is good now.
        record = record.model_copy(update={"approval": approval})
        desk_of = cluster_desk(self.estate_file, self.wish.cluster, self.wish.kind, approval)
        async with desk_of as desk, desk.lease(_run()) as lease:
            change = UnderWay(desk, lease, self.wish, record, self._window_limitation)
            return await change.to_its_end()

    def _approved(self) -> ClusterPlan | None:
        return self._record.plan if self._record is not None else None

    def _aside(self) -> str | None:
        """The member that may be down: that of the step that was cut off, or the one to repair."""
        if self.wish.kind is PlanKind.REPAIR:
            return self.wish.member
        return self._record.member if self._record is not None else None

    async def _limitations(
        self, desk: ClusterDesk, sight: Sight, aside: str | None
    ) -> list[str | None]:
        facts = await desk.facts(aside=aside)
        return [
            cluster_limitation(
                sight.view,
                desk.cluster,
                aside=aside,
                pending_allowed=self.wish.kind is PlanKind.RESTART,
            ),
            facts_limitation(facts),
            machines_limitation(tuple(sight.machines.values()), aside=aside),
            await self._room_limitation(desk),
            backup_limitation(
                desk.cluster, facts, await self._backup(desk.cluster, facts), self.now()
            ),
            # A member that is off is brought back at any hour.
            None if sight.off(aside) else await self._window_limitation(desk.cluster.limits),
        ]

    async def _room_limitation(self, desk: ClusterDesk) -> str | None:
        inventory = await desk.inventory()
        if inventory is None or self.wish.size is None:
            return None
        core = read_estate(self.estate_file).private_cloud()
        approved = self._approved()
        looked_at = approved is not None and approved.target == self.wish.target
        return members_room_limitation(
            desk.cluster, inventory, self.wish.size, core, looked_at=looked_at
        )

    async def _backup(
        self, cluster: DatabaseCluster, facts: tuple[DatabaseFacts, ...]
    ) -> BackupFacts:
        """How far back one would have to go: nothing is asked where that is waived."""
        if cluster.backup_source is None or cluster.waivers.backup is not None:
            return BackupFacts()
        return await backup_facts(self.estate_file, cluster.backup_source, facts)

    async def _window_limitation(
        self, limits: ClusterLimits, *, within: bool = False
    ) -> str | None:
        """Why nothing is begun at this hour; `within` a change: a step has to end before it."""
        if self.wish.emergency:
            return None
        before = limits.before_window_minutes
        if within:
            before = min(before, limits.step_minutes)
        return await begin_limitation(self.estate_file, before_minutes=before, now=self.now())


@dataclass
class _Doubt:
    """What speaks against going on, and since when."""

    since: float = field(default=0.0, init=False)
    most_s: float | None = field(default=None, init=False)

    def grows(self, why: str, most_s: float) -> None:
        """Bear it for so long. What is borne for another time is another doubt, and begins anew.

        Raises:
            GuardRefused: for longer than that.
        """
        now = time.monotonic()
        if self.most_s != most_s:
            self.since, self.most_s = now, most_s
        if now - self.since > most_s:
            raise GuardRefused(why)

    def is_over(self) -> None:
        """All is well again."""
        self.most_s = None


@dataclass
class UnderWay:
    """A change whose lease is held."""

    desk: ClusterDesk
    lease: ChangeLease
    wish: Wish
    record: ChangeRecord
    window_limitation: Callable[..., Awaitable[str | None]]
    """Why nothing is begun at this hour."""
    done: list[str] = field(default_factory=list)
    written: set[str] = field(default_factory=set)
    """Primaries whose dirty pages were written for a switchover."""
    looks: list[WriteLook] = field(default_factory=list)
    """Whether somebody took writes while that was in question."""

    async def to_its_end(self) -> ChangeOutcome:
        """All steps that are left, each planned anew by what is seen; or why it stopped."""
        first = await self._leaders()
        step: Step | None = None
        trouble: str | None = None
        switched = 0
        try:
            for _ in range(_MOST_STEPS):
                sight = await self.desk.sight()
                left = plan_of(self.wish, sight, self.record.plan)
                if not left.steps:
                    await self.desk.remember(self.lease, None)
                    break
                step = self._next(left)
                await self._begin(step, sight)
                names = [member.name for member in self.desk.cluster.members]
                looking = looking_on(self.desk.databases, names, step=step, looks=self.looks)
                async with looking:
                    why = await take_step(self, left, step)
                self.done.append(f"{step}: {why}")
                switched += step.kind is StepKind.SWITCHOVER
        except SpringtideError as error:
            trouble = str(error)
        facts = failover_facts(first, await self._leaders())
        told = unexpected_failovers(facts, switched)
        return ChangeOutcome(
            done=tuple(self.done),
            trouble=trouble,
            what_next=what_next(step, self.wish.kind) if trouble else "",
            facts=(*facts, *writes_fact(self.looks), *([("beside it", told)] if told else [])),
        )

    async def _leaders(self) -> ClusterView | None:
        """A look for the report alone: where nobody tells, all that was done is told still."""
        try:
            return await self.desk.view()
        except SpringtideError:
            return None

    def _next(self, left: ClusterPlan) -> Step:
        rest = rest_of(left, self.record.plan)
        if rest is None:
            now = ", ".join(str(step) for step in left.steps)
            raise GuardRefused(f"things have changed since it was approved; left is now: {now}")
        return rest[0]

    async def _begin(self, step: Step, sight: Sight) -> None:
        """Write down which member may be down from now on, before it is.

        Raises:
            GuardRefused: a window is near, and the step was not begun yet.
        """
        if str(step) != self.record.step and not sight.off(step.member):
            why_not = await self.window_limitation(self.desk.cluster.limits, within=True)
            if why_not is not None:
                raise GuardRefused(why_not)
        member = None if step.kind is StepKind.SWITCHOVER else step.member
        self.record = self.record.model_copy(
            update={"step": str(step), "member": member, "run": _run()}
        )
        await self.desk.remember(self.lease, self.record)

    async def carry_out(self, left: ClusterPlan, step: Step) -> str:
        """Do what the step takes, look after each act, and return when the members say it is done.

        Raises:
            GuardRefused: a guard says no, the lease is lost, or its time is over.
        """
        deadline = time.monotonic() + self.desk.cluster.limits.step_minutes * 60
        doubt = _Doubt()
        last: ActKind | None = None
        said, seen = "", "nothing was seen of it yet"
        while True:
            try:
                act, why_not = await self._next_act(left, step, last)
                seen = act.why
                if why_not is not None:
                    doubt.grows(why_not, _SETTLE_S)
                elif act.kind is ActKind.DONE:
                    return act.why
                elif act.kind is last and said:
                    doubt.grows(f"nothing has come of {step}: {said}", _AWAY_S)
                else:
                    if act.kind is ActKind.WAIT:
                        # Something has come of it: how long that may take is for the step to say.
                        said = ""
                    elif act.kind is not last:
                        # What was not carried out is found by the next look, and asked for again.
                        last = None
                        said = await self._do(step, act)
                        last = act.kind
                    doubt.is_over()
            except Retryable as error:
                doubt.grows(str(error), _AWAY_S)
            if time.monotonic() > deadline:
                raise GuardRefused(f"{step} does not end: {seen}")
            await asyncio.sleep(_POLL_S)

    async def _next_act(
        self, left: ClusterPlan, step: Step, last: ActKind | None
    ) -> tuple[Act, str | None]:
        """What is next by a fresh look, and why it may not begin."""
        cluster, sight = self.desk.cluster, await self.desk.sight()
        try:
            act = next_act(left, step, sight)
            if act.kind is ActKind.SWITCH_OVER and step.member not in self.written:
                # Its checkpoint takes a while: what was seen before it counts no more.
                await self.desk.databases.checkpoint(step.member)
                self.written.add(step.member)
                sight = await self.desk.sight()
                act = next_act(left, step, sight)
        except GuardRefused as error:
            return Act(ActKind.WAIT, str(error)), str(error)
        if act.kind is last or act.kind not in BEGINNINGS:
            return act, None
        pending = self.wish.kind is PlanKind.RESTART
        why_not = act_limitation(act, step, sight, cluster, pending_allowed=pending)
        why_not = why_not or machines_limitation(tuple(sight.machines.values()))
        if why_not is None:
            # Who is copied anew may be broken; all others, the step's own member too, are asked.
            copied = step.member if step.kind is StepKind.REINITIALISE else None
            why_not = facts_limitation(await self.desk.facts(aside=copied))
        return act, why_not

    async def _do(self, step: Step, act: Act) -> str:
        """Ask whether the lease is still ours, then do it; what was said to it.

        Raises:
            GuardRefused: the lease is lost, or the act was refused. Where it was the new size of a
                machine that is off, the machine was started as it was.
            Retryable: nothing was done.
        """
        await self.lease.check()
        get_run_logger().info("act=%s member=%s why=%s", act.kind, step.member, act.why)
        why = f"{self.wish.kind.value}, step {step}"
        try:
            return await self.desk.perform(self.wish, step, act, why=why)
        except (GuardRefused, CapacityExhausted) as error:
            if act.kind is not ActKind.RESIZE:
                raise
            raise GuardRefused(f"{error}; {await self._start_as_it_was(step, why)}") from error

    async def _start_as_it_was(self, step: Step, why: str) -> str:
        """Start a machine whose new size was refused; what came of it."""
        start = Act(ActKind.POWER_ON, "its new size was refused")
        try:
            await self.desk.perform(self.wish, step, start, why=f"{why}: {start.why}")
        except SpringtideError as error:
            return f"and {step.member} did not start as it was: {error}"
        return f"{step.member} was started as it was"


@task(task_run_name="{step}", cache_policy=NO_CACHE)
async def take_step(change: UnderWay, left: ClusterPlan, step: Step) -> str:
    """Take that step; how it was seen to be done.

    Raises:
        GuardRefused: it stopped, and why.
    """
    return await change.carry_out(left, step)


def _run() -> str:
    return str(flow_run.id or "no-flow-run")
