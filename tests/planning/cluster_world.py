"""A database cluster in miniature, and a run that changes it by the planners' word alone.

The world heals itself as Patroni would; a run looks, plans, asks the guards and acts, and can be
killed after any act. What must never be is asserted at every act.
"""

from dataclasses import dataclass, field, replace
from datetime import timedelta

from springtide.errors import GuardRefused
from springtide.model.cluster_view import MachineFacts, MemberView
from springtide.model.database_plan import ClusterPlan, PlanKind, Step, StepKind, Wish
from springtide.planning.database_acts import Act, ActKind, act_limitation, next_act
from springtide.planning.database_change import Sight, plan_of, rest_of, still_counts
from springtide.planning.database_guards import cluster_limitation
from tests.planning.clusters import (
    LARGE,
    MIB,
    NAMES,
    NOW,
    SMALL,
    WRITTEN,
    a_cluster,
    a_primary,
    a_record,
    a_replica,
    a_sight,
    a_view,
)

MOST_ACTS = 60


class Killed(Exception):
    """The run is no more."""


class Stopped(Exception):
    """The run stopped by itself, with a reason."""


@dataclass
class World:
    """Three members; `looks` are how many it takes until a started one streams."""

    leader: str = "db2"
    synchronous: str = "db1"
    size: dict[str, str] = field(default_factory=lambda: dict.fromkeys(NAMES, SMALL))
    on: dict[str, bool] = field(default_factory=lambda: dict.fromkeys(NAMES, True))
    starting: dict[str, int] = field(default_factory=lambda: dict.fromkeys(NAMES, 0))
    starts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(NAMES, 0))
    behind: dict[str, int] = field(default_factory=lambda: dict.fromkeys(NAMES, 0))
    broken: set[str] = field(default_factory=set)
    """They run and do not stream: what they would need of the log is gone."""
    copying: dict[str, int] = field(default_factory=lambda: dict.fromkeys(NAMES, 0))
    copy_looks: int = 2
    """How many looks the next copy takes."""
    timeline: int = 1
    acts: list[tuple[ActKind, str]] = field(default_factory=list)

    def serves(self, name: str) -> bool:
        """Whether the member runs and streams, or leads."""
        well = name not in self.broken and self.copying[name] == 0
        return self.on[name] and self.starting[name] == 0 and well

    def look(self) -> Sight:
        """What is seen; time passes with it."""
        self._heal()
        members = [self._member(name) for name in NAMES]
        machines = {
            name: MachineFacts(
                member=name, size=self.size[name], on=self.on[name], host=f"esx-{name}"
            )
            for name in NAMES
        }
        return a_sight(a_view(*members), found=machines)

    def do(self, act: Act, member: str) -> None:
        """The act's effect."""
        self.acts.append((act.kind, member))
        match act.kind:
            case ActKind.SHUT_DOWN:
                assert [] == [n for n in NAMES if n != member and not self.serves(n)], "second one"
                assert member != self.leader, "a leader was shut down"
                self.on[member] = False
            case ActKind.RESIZE:
                assert not self.on[member]
                self.size[member] = LARGE
            case ActKind.POWER_ON:
                self.start(member)
            case ActKind.RESTART:
                assert all(self.serves(name) for name in NAMES)
                self.start(member)
            case ActKind.SWITCH_OVER:
                self._switch_over(member, act.candidate)
            case ActKind.REINITIALISE:
                assert [] == [n for n in NAMES if n != member and not self.serves(n)], "second one"
                assert member != self.leader, "a leader's data were thrown away"
                self.broken.discard(member)
                self.copying[member], self.copy_looks = self.copy_looks, 2

    def start(self, member: str) -> None:
        """PostgreSQL starts; it takes some looks until it streams."""
        self.on[member], self.starting[member] = True, 2
        self.starts[member] += 1

    def fail_over(self, to: str) -> None:
        """The leader's machine went down and came back: the cluster has healed itself."""
        old, self.leader = self.leader, to
        self.synchronous = ""
        self.timeline += 1
        self.start(old)

    def _switch_over(self, leader: str, candidate: str) -> None:
        assert leader == self.leader
        assert candidate == self.synchronous, "to one that the primary does not wait for"
        assert self.behind[candidate] == 0
        self.leader, self.synchronous = candidate, ""
        self.timeline += 1
        self.start(leader)

    def _heal(self) -> None:
        for name in NAMES:
            self.starting[name] = max(0, self.starting[name] - 1)
            if self.copying[name]:
                self.copying[name] -= 1
                if self.copying[name] == 0:
                    self.start(name)
        replicas = [n for n in NAMES if n != self.leader and self.serves(n)]
        if self.synchronous not in replicas:
            self.synchronous = min(replicas, key=lambda n: (self.behind[n], n), default="")

    def _member(self, name: str) -> MemberView:
        started = NOW.replace(microsecond=self.starts[name])
        if not self.on[name]:
            return a_replica(name, trouble="ConnectError", role=None, started_at=None)
        if self.copying[name]:
            return a_replica(name, state="creating replica", streaming=False, started_at=None)
        if self.starting[name]:
            return a_replica(name, state="starting", streaming=False, started_at=started)
        if name in self.broken:
            return a_replica(name, streaming=False, started_at=started)
        if name == self.leader:
            return a_primary(name, timeline=self.timeline, started_at=started)
        return a_replica(
            name,
            synchronous=name == self.synchronous,
            timeline=self.timeline,
            started_at=started,
            received=WRITTEN - self.behind[name],
            replayed=WRITTEN - self.behind[name],
        )


@dataclass
class Record:
    """What a run leaves in the store."""

    approved: ClusterPlan
    aside: str | None = None
    over: bool = False
    """Whether its approval is good no more."""

    def counts(self, wish: Wish, sight: Sight) -> bool:
        """Whether it says anything of the wish."""
        until = NOW if self.over else NOW + timedelta(hours=1)
        return still_counts(a_record(self.approved, until=until), wish, sight, NOW)


@dataclass
class Store:
    """The cluster's store: what stands there is replaced where a step is begun, and not before."""

    record: Record | None = None

    def pass_approval(self) -> None:
        """Hours go by: what was approved needs a new signature."""
        self.record = replace(self.record, over=True) if self.record else None


def run(world: World, wish: Wish, store: Store, *, acts: int = 99) -> bool:
    """One run of the flow; killed after so many acts. True: nothing is left.

    It goes on with what stands in the store where that is the rest and its approval good; else
    people approve what is left.
    """
    sight, record = world.look(), store.record
    if record is not None and not record.counts(wish, sight):
        record = None
    try:
        left = plan_of(wish, sight, record.approved if record else None)
    except GuardRefused as error:
        raise Stopped(str(error)) from error
    if not left.steps:
        return True
    aside = record.aside if record else None
    if wish.kind is PlanKind.REPAIR:
        aside = wish.member
    pending = wish.kind is PlanKind.RESTART
    why_not = cluster_limitation(sight.view, a_cluster(), aside=aside, pending_allowed=pending)
    if why_not is not None:
        raise Stopped(why_not)
    if record is None or record.over or rest_of(left, record.approved) is None:
        record = Record(left, aside)
    return _act(world, wish, store, record, acts=acts)


def _act(world: World, wish: Wish, store: Store, record: Record, *, acts: int) -> bool:
    for _ in range(MOST_ACTS):
        left = plan_of(wish, world.look(), record.approved)
        if not left.steps:
            store.record = None
            return True
        rest = rest_of(left, record.approved)
        if rest is None:
            raise Stopped("another plan than was approved")
        step = rest[0]
        aside = step.member if step.kind is not StepKind.SWITCHOVER else None
        store.record = record = Record(record.approved, aside)
        acts -= _take(world, wish, left, step, acts=acts)
    raise AssertionError("it does not end")


def _take(world: World, wish: Wish, left: ClusterPlan, step: Step, *, acts: int) -> int:
    """How many acts the step took."""
    last, taken = None, 0
    for _ in range(MOST_ACTS):
        sight = world.look()
        act = next_act(left, step, sight)
        if act.kind is ActKind.DONE:
            return taken
        if act.kind in (ActKind.WAIT, last):
            continue
        pending = wish.kind is PlanKind.RESTART
        why_not = act_limitation(act, step, sight, a_cluster(), pending_allowed=pending)
        if why_not is not None:
            raise Stopped(why_not)
        if taken == acts:
            raise Killed
        taken += 1
        world.do(act, step.member)
        last = act.kind
    raise Stopped("a step that does not end")


def lagging(world: World, name: str) -> None:
    """The member falls behind by more than is allowed."""
    world.behind[name] = 100 * MIB
