"""Troubles within a step of a cluster's change: borne for a while, and never gone past."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from prefect.logging import disable_run_logger

from springtide.errors import CapacityExhausted, GuardRefused, ReplyLost, Retryable
from springtide.model.change import ChangeOutcome
from springtide.model.cluster_view import ClusterView, DatabaseFacts, MachineFacts
from springtide.model.core import VirtualMachineSize
from springtide.model.database import DatabaseCluster
from springtide.model.database_plan import (
    ChangeRecord,
    ClusterPlan,
    PlanKind,
    Step,
    StepKind,
    Wish,
)
from springtide.model.inventory import Inventory, Power
from springtide.planning.database_acts import Act, ActKind
from springtide.planning.database_change import Sight, plan_of
from tasks import database_change
from tasks.database_change import UnderWay
from tasks.database_clusters import ClusterDesk, machines_of
from tests.planning.cluster_world import World
from tests.planning.clusters import LARGE, MIB, NOW, SMALL, a_cluster, a_record
from tests.planning.cores import core, inventory, machine, size

RESIZE = Wish(
    kind=PlanKind.RESIZE, cluster="school", size=VirtualMachineSize(vcpus=16, ram_mib=65_536)
)
AWAY = Retryable("vCenter does not answer")
OF_MACHINES = (ActKind.SHUT_DOWN, ActKind.RESIZE, ActKind.POWER_ON)


@dataclass
class Clock:
    """Seconds that pass when a test says so."""

    now: float = 0.0

    def monotonic(self) -> float:
        """The seconds that have passed."""
        return self.now


@dataclass
class Desk:
    """A desk before the miniature cluster, which can be told to be away for some calls."""

    clock: Clock
    world: World = field(default_factory=World)
    cluster: DatabaseCluster = field(default_factory=a_cluster)
    away: Callable[[str], Exception | None] = lambda _: None
    """What a call meets, by its name: a look, or an act."""
    checkpoint_s: float = 0.0
    unsettled: int = 0
    """For so many looks after a checkpoint the primary waits for nobody."""
    running: dict[str, DatabaseFacts] = field(default_factory=dict)
    on_host: dict[str, str] = field(default_factory=dict)
    ignored: tuple[str, ...] = ()
    """Acts that nothing comes of."""
    left: ChangeRecord | None = None
    """What a run before has left in the store."""
    wal_bytes_per_s: float = 0.0
    shown: Inventory | None = None
    """What vCenter shows; None: it is not asked."""
    remembered: list[ChangeRecord | None] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)

    @property
    def databases(self) -> "Desk":
        """It answers for PostgreSQL, too."""
        return self

    def meet(self, call: str) -> None:
        """Note the call, and fail it where it is to fail."""
        self.calls.append(call)
        self.clock.now += 1
        if (trouble := self.away(call)) is not None:
            raise trouble

    async def sight(self) -> Sight:
        """A look."""
        self.meet("look")
        sight = self.world.look()
        if self.unsettled and f"checkpoint {self.world.leader}" in self.calls:
            self.unsettled -= 1
            sight = sight._replace(view=unsettled(sight.view))
        machines = {name: self._placed(machine) for name, machine in sight.machines.items()}
        return sight._replace(machines=machines)

    async def view(self) -> ClusterView:
        """The cluster alone."""
        return (await self.sight()).view

    async def facts(self, *, aside: str | None = None) -> tuple[DatabaseFacts, ...]:
        """What runs on the members."""
        asked = [member.name for member in self.cluster.members if member.name != aside]
        return tuple(self.running.get(name, DatabaseFacts(member=name)) for name in asked)

    async def checkpoint(self, member: str) -> None:
        """It takes its time."""
        self.calls.append(f"checkpoint {member}")
        self.clock.now += self.checkpoint_s

    async def takes_writes(self, member: str) -> bool:
        """Whether it leads."""
        return member == self.world.leader

    async def perform(self, wish: Wish, step: Step, act: Act, *, why: str) -> str:
        """An act."""
        del wish, why
        self.meet(str(act.kind))
        if act.kind not in self.ignored:
            self.world.do(act, step.member)
        return "" if act.kind in OF_MACHINES else "an answer"

    async def long_view(self) -> ClusterView:
        """The cluster alone, with how fast its primary writes its log."""
        view = await self.view()
        return view.model_copy(update={"wal_bytes_per_s": self.wal_bytes_per_s})

    async def machines(self) -> dict[str, MachineFacts]:
        """The members' machines."""
        return dict((await self.sight()).machines)

    async def inventory(self) -> Inventory | None:
        """What vCenter shows."""
        return self.shown

    async def record(self) -> ChangeRecord | None:
        """What is left in the store."""
        return self.left

    @asynccontextmanager
    async def lease(self, holder: str) -> AsyncIterator["Desk"]:
        """It is free."""
        del holder
        yield self

    async def remember(self, lease: object, record: ChangeRecord | None) -> None:
        """The store takes everything."""
        del lease
        self.remembered.append(record)

    async def check(self) -> None:
        """The lease is ours."""

    def _placed(self, machine: MachineFacts) -> MachineFacts:
        return machine.model_copy(update={"host": self.on_host.get(machine.member, machine.host)})


def unsettled(view: ClusterView) -> ClusterView:
    """The same cluster, whose primary has not chosen yet whom it waits for."""
    members = tuple(member.model_copy(update={"synchronous": False}) for member in view.members)
    return view.model_copy(update={"members": members})


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Time passes with calls alone."""
    clock = Clock()
    monkeypatch.setattr(database_change, "time", clock)
    monkeypatch.setattr(database_change, "_POLL_S", 0.0)
    monkeypatch.setattr(database_change, "take_step", database_change.take_step.fn)
    return clock


def under_way(desk: Desk, *, limitation: str | None = None) -> UnderWay:
    """A resize whose plan was approved."""
    plan = plan_of(RESIZE, desk.world.look())

    async def window(*_: object, **__: object) -> str | None:
        return limitation

    record = a_record(plan)
    return UnderWay(desk, desk, RESIZE, record, window)  # type: ignore[arg-type]


def carry_out(desk: Desk, member: str = "db3") -> str:
    """That member's step, to its end."""
    plan = plan_of(RESIZE, desk.world.look())
    step = next(s for s in plan.steps if s.member == member and s.kind is StepKind.MEMBER)
    return asyncio.run(_carried_out(desk, plan, step))


async def _carried_out(desk: Desk, plan: ClusterPlan, step: Step) -> str:
    with disable_run_logger():
        return await under_way(desk).carry_out(plan, step)


def to_its_end(desk: Desk, *, limitation: str | None = None) -> ChangeOutcome:
    """The whole change."""

    async def run() -> ChangeOutcome:
        with disable_run_logger():
            return await under_way(desk, limitation=limitation).to_its_end()

    return asyncio.run(run())


def first_of(call: str, error: Exception, *, times: int = 1) -> Callable[[str], Exception | None]:
    """The first so many of these calls fail."""
    left = [times]

    def meet(made: str) -> Exception | None:
        if made != call or left[0] == 0:
            return None
        left[0] -= 1
        return error

    return meet


@pytest.mark.parametrize("call", ["shut down", "resize", "power on"])
def test_what_passes_is_borne(clock: Clock, call: str) -> None:
    """An act that came to nothing is asked for again; the member is back in the end."""
    desk = Desk(clock, away=first_of(call, AWAY, times=3))
    assert "db3 serves" == carry_out(desk)
    assert (LARGE, True, 4) == (
        desk.world.size["db3"],
        desk.world.serves("db3"),
        desk.calls.count(call),
    )


def test_a_look_that_fails_while_a_member_is_down(clock: Clock) -> None:
    """The act is not repeated for it: it was made."""
    desk = Desk(clock)
    desk.away = lambda call: AWAY if call == "look" and 3 < len(desk.calls) < 60 else None
    assert "db3 serves" == carry_out(desk)
    assert [1, 1, 1] == [desk.calls.count(kind) for kind in ("shut down", "resize", "power on")]


def test_what_does_not_pass_ends_it(clock: Clock) -> None:
    """Within minutes, with the reason."""
    desk = Desk(clock, away=lambda call: AWAY if call == "look" else None)
    with pytest.raises(GuardRefused, match="vCenter does not answer"):
        carry_out(desk)
    assert 100 < clock.now < 150


@pytest.mark.parametrize(
    ("trouble", "told"),
    [
        pytest.param(None, "no memory; db3 was started as it was", id="it starts"),
        pytest.param(AWAY, "no memory; and db3 did not start as it was: vCenter", id="it does not"),
    ],
)
def test_a_size_that_is_refused(clock: Clock, trouble: Exception | None, told: str) -> None:
    """The member is started as it was, before anything else."""
    full = CapacityExhausted("no memory", region="vc", kind="hosts")
    desk = Desk(clock, away={"resize": full, "power on": trouble}.get)
    with pytest.raises(GuardRefused, match=told):
        carry_out(desk)
    assert (SMALL, trouble is None) == (desk.world.size["db3"], desk.world.on["db3"])


def test_patience_begins_with_the_doubt(clock: Clock) -> None:
    """A checkpoint that takes long uses none of it up."""
    desk = Desk(clock, checkpoint_s=16, unsettled=2)
    desk.world.size |= {"db1": LARGE, "db3": LARGE}
    switch = plan_of(RESIZE, desk.world.look())
    assert "db1 leads" == asyncio.run(_carried_out(desk, switch, switch.steps[0]))


def test_an_act_that_nothing_comes_of_ends_it(clock: Clock) -> None:
    """With what the manager said to it, and well before the step's time is over."""
    desk = Desk(clock, ignored=("switch over",))
    desk.world.size |= {"db1": LARGE, "db3": LARGE}
    switch = plan_of(RESIZE, desk.world.look())
    told = "nothing has come of switchover from db2 to db1 or db3: an answer"
    with pytest.raises(GuardRefused, match=told):
        asyncio.run(_carried_out(desk, switch, switch.steps[0]))
    assert 1 == desk.calls.count("switch over")
    assert 100 < clock.now < 150


def test_each_doubt_has_a_time_of_its_own(clock: Clock) -> None:
    """A switchover comes late; for a moment before it nobody is there to take over."""
    desk = Desk(clock, ignored=("switch over",))
    desk.world.size |= {"db1": LARGE, "db3": LARGE}
    switch = plan_of(RESIZE, desk.world.look())

    def meanwhile(call: str) -> None:
        looks = desk.calls.count("look") if call == "look" else 0
        if looks == 30:
            desk.unsettled = 2
        if looks == 40:
            desk.world.do(Act(ActKind.SWITCH_OVER, "it comes late", "db1"), "db2")

    desk.away = meanwhile
    assert "db1 leads" == asyncio.run(_carried_out(desk, switch, switch.steps[0]))


def test_a_guest_has_the_whole_step_to_shut_down(clock: Clock) -> None:
    """Whether vCenter was there all the while or not; the member is brought back then."""
    desk = Desk(clock, ignored=("shut down",))

    def meanwhile(call: str) -> None:
        if call == "look" and clock.now > 200 and not desk.calls.count("resize"):
            desk.world.on["db3"] = False

    desk.away = meanwhile
    assert "db3 serves" == carry_out(desk)
    assert [1, 1, 1] == [desk.calls.count(kind) for kind in OF_MACHINES]


def test_a_lost_answer_of_a_machine_is_no_word_of_the_cluster(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its guest was asked to shut down, and vCenter was away then."""

    def asked(*_: object) -> None:
        raise ReplyLost("its guest was asked to shut down")

    monkeypatch.setattr(ClusterDesk, "_change_machine", asked)
    plan = plan_of(RESIZE, World().look())
    desk = ClusterDesk(a_cluster(), None, None, None, None, plan.kind)  # type: ignore[arg-type]
    act = Act(ActKind.SHUT_DOWN, "db3 is small")
    assert "" == asyncio.run(desk.perform(RESIZE, plan.steps[0], act, why="a test"))


def test_what_runs_on_the_member_itself_is_asked(clock: Clock) -> None:
    """A dump that was begun there since the plan was made is not cut off."""
    desk = Desk(clock, running={"db3": DatabaseFacts(member="db3", dumps=1)})
    with pytest.raises(GuardRefused, match="db3: 1 dump under way"):
        carry_out(desk)
    assert [] == [call for call in desk.calls if call != "look"]


def test_where_the_machines_run_is_asked_again(clock: Clock) -> None:
    """Two on one host since the plan was made: with it they would go together."""
    desk = Desk(clock, on_host={"db3": "esx-db2"})
    with pytest.raises(GuardRefused, match="2 members are on host esx-db2"):
        carry_out(desk)


def test_a_window_that_comes_near_stops_it_between_steps(clock: Clock) -> None:
    """Nothing new is begun; a member that is off is brought back at any hour."""
    near = "an evening begins at 16:00"
    outcome = to_its_end(Desk(clock), limitation=near)
    assert (near, ()) == (outcome.trouble, outcome.done)
    desk = Desk(clock)
    desk.world.on["db3"] = False
    outcome = to_its_end(desk, limitation=near)
    assert (near, ("db3 (member): db3 serves",)) == (outcome.trouble, outcome.done)


def a_change(
    desk: Desk, wish: Wish, monkeypatch: pytest.MonkeyPatch
) -> database_change.DatabaseChange:
    """That wish of a cluster that needs no backup, at an hour that needs no estate."""

    @asynccontextmanager
    async def desk_of(*_: object) -> AsyncIterator[Desk]:
        yield desk

    desk.cluster = a_cluster(backup_source=None, waivers={"backup": "the source is not there yet"})
    monkeypatch.setattr(database_change, "cluster_desk", desk_of)
    return database_change.DatabaseChange(Path("no-estate.yaml"), wish)


@pytest.mark.parametrize("kind", [PlanKind.SWITCHOVER, PlanKind.RESTART])
def test_a_switchover_needs_no_room_for_the_log(
    clock: Clock, monkeypatch: pytest.MonkeyPatch, kind: PlanKind
) -> None:
    """No member is down for it; the primary writes 20 MiB a second, which stops all else."""
    wish = Wish(kind=kind, cluster="school", emergency="a test has no better hour")
    change = a_change(Desk(clock, wal_bytes_per_s=20 * MIB), wish, monkeypatch)
    if kind is PlanKind.SWITCHOVER:
        assert asyncio.run(change.propose()).settled is None
    else:
        with pytest.raises(GuardRefused, match="MiB of WAL would be kept"):
            asyncio.run(change.propose())


@pytest.mark.parametrize(
    ("ram_gib", "why"),
    [
        pytest.param(64, None, id="the size of its step"),
        pytest.param(231, "would be promised", id="another one"),
    ],
)
def test_another_size_for_a_member_that_is_off_has_to_find_its_room(
    clock: Clock, monkeypatch: pytest.MonkeyPatch, ram_gib: int, why: str | None
) -> None:
    """It is brought back with the size of its step, and given no larger one unseen."""
    desk = Desk(clock)
    desk.left = a_record(plan_of(RESIZE, desk.world.look())).model_copy(update={"member": "db3"})
    desk.world.on["db3"] = False
    powers = (Power.ON, Power.ON, Power.OFF)
    desk.shown = inventory(
        *(machine(f"database-{n}", host=f"esx-{n}", power=p) for n, p in enumerate(powers, 1))
    )
    wanted = {"size": size(16, ram_gib), "emergency": "a test has no better hour"}
    change = a_change(desk, RESIZE.model_copy(update=wanted), monkeypatch)
    monkeypatch.setattr(
        database_change, "read_estate", lambda _: SimpleNamespace(private_cloud=core)
    )
    if why is None:
        assert asyncio.run(change.propose()).settled is None
    else:
        with pytest.raises(GuardRefused, match=why):
            asyncio.run(change.propose())


def test_the_same_plan_that_is_approved_anew_is_kept_with_the_new_approval(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first one ended before anything was done; whoever takes over needs no third."""
    wish = RESIZE.model_copy(update={"emergency": "a test has no better hour"})
    desk = Desk(clock)
    begun = {"step": "db3 (member)", "member": "db3"}
    desk.left = a_record(plan_of(wish, desk.world.look())).model_copy(update=begun)
    anew = {"until": NOW + timedelta(hours=1), "statement": "another line"}
    approval = desk.left.approval.model_copy(update=anew)
    change = a_change(desk, wish, monkeypatch)

    async def run() -> None:
        with disable_run_logger():
            found = await change.propose()
            await change.act(found.proposal, approval)

    asyncio.run(run())
    first = desk.remembered[0]
    assert desk.left.model_copy(update={"approval": approval, "run": "no-flow-run"}) == first


def test_what_was_done_is_told_where_nobody_answers_any_more(clock: Clock) -> None:
    """The report's own looks fail as well: who leads is not known, and all else is told."""
    desk = Desk(clock, away=lambda call: AWAY if call == "look" else None)
    outcome = to_its_end(desk)
    assert (
        "vCenter does not answer",
        {"led before": "not known", "leads now": "not known", "changes of leader": "not known"},
    ) == (outcome.trouble, dict(outcome.facts))


def test_a_machine_without_a_configuration_has_no_size() -> None:
    """Its files are out of reach for a moment: nothing is planned, or done, by that."""
    names = [str(member.virtual_machine) for member in a_cluster().members]
    seen = inventory(*(machine(name, change_version="") for name in names))
    with pytest.raises(Retryable, match="database-1: vCenter cannot read its configuration"):
        machines_of(a_cluster(), seen)


def test_all_is_well(clock: Clock) -> None:
    """Replicas, the switchover, the old primary."""
    desk = Desk(clock)
    outcome = to_its_end(desk)
    assert (None, 4) == (outcome.trouble, len(outcome.done))
    assert {LARGE} == set(desk.world.size.values())
