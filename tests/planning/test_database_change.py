"""The order of a cluster's change, what is left of it, and every way in which it is interrupted."""

from contextlib import suppress
from datetime import datetime, timedelta

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from springtide.errors import GuardRefused
from springtide.model.cluster_view import ClusterSettings, MemberView, PendingParameter
from springtide.model.core import VirtualMachineSize
from springtide.model.database_plan import ClusterPlan, PlanKind, Step, StepKind, Wish
from springtide.planning.database_acts import ActKind, next_act
from springtide.planning.database_change import (
    Sight,
    candidate_for,
    plan_of,
    rest_of,
    still_counts,
)
from springtide.planning.database_parameters import (
    RestartOrder,
    memory_advice,
    parameter_plan,
)
from tests.planning.cluster_world import (
    MOST_ACTS,
    Killed,
    Stopped,
    Store,
    World,
    lagging,
    run,
)
from tests.planning.clusters import (
    LARGE,
    MIB,
    NAMES,
    NOW,
    SMALL,
    WRITTEN,
    a_primary,
    a_record,
    a_replica,
    a_sight,
    a_view,
    machines,
)

RESIZE = Wish(
    kind=PlanKind.RESIZE, cluster="school", size=VirtualMachineSize(vcpus=16, ram_mib=65_536)
)
RESTART = Wish(kind=PlanKind.RESTART, cluster="school")


def steps(plan: ClusterPlan) -> list[str]:
    """The plan's steps as a person reads them."""
    return [str(step) for step in plan.steps]


def test_replicas_first_the_synchronous_one_last_of_them_then_the_primary() -> None:
    """One after another; the switchover goes to whoever is synchronous then."""
    assert [
        "db3 (member)",
        "db1 (member)",
        "switchover from db2 to db1 or db3",
        "db2 (member)",
    ] == steps(plan_of(RESIZE, a_sight()))


def test_the_one_furthest_behind_goes_before_the_others() -> None:
    """Counted in whole segments, so that the same look a moment later gives the same plan."""
    behind = a_replica("db3", received=WRITTEN - 15 * MIB, replayed=WRITTEN - 15 * MIB)
    plain = a_view(a_replica("db1"), behind)
    assert ["db1 (member)", "db3 (member)"] == steps(plan_of(RESIZE, a_sight(plain)))[:2]
    further = a_replica("db3", replayed=WRITTEN - 33 * MIB)
    assert "db3 (member)" == steps(plan_of(RESIZE, a_sight(a_view(a_replica("db1"), further))))[0]


@pytest.mark.parametrize(
    ("resized", "expected"),
    [
        pytest.param(("db3",), ["db1 (member)", "switchover", "db2 (member)"], id="one is done"),
        pytest.param(("db1", "db3"), ["switchover from", "db2 (member)"], id="all replicas are"),
        pytest.param(("db2",), ["db3 (member)", "db1 (member)"], id="the primary is"),
        pytest.param(NAMES, [], id="all are"),
    ],
)
def test_what_is_as_wished_is_left_alone(resized: tuple[str, ...], expected: list[str]) -> None:
    """Planned again after success, nothing is left; no switchover where the primary is done."""
    found = steps(plan_of(RESIZE, a_sight(found=machines(*resized))))
    assert len(expected) == len(found)
    assert all(step.startswith(start) for start, step in zip(expected, found, strict=True))


def test_the_same_look_gives_the_same_plan() -> None:
    """A resumed run has to find what was approved, whatever was written in the meantime."""
    later = a_view(
        a_replica("db1", synchronous=True, received=WRITTEN + 7, replayed=WRITTEN + 7),
        a_primary("db2", written=WRITTEN + 9),
        a_replica("db3", received=WRITTEN + 1, replayed=WRITTEN),
    )
    assert plan_of(RESIZE, a_sight()) == plan_of(RESIZE, a_sight(later))


def test_the_rest_of_a_plan() -> None:
    """Its end, in the order that was approved; a stranger's change or a failover is no rest."""
    approved = plan_of(RESIZE, a_sight())
    for resized in ((), ("db3",), ("db1", "db3")):
        left = plan_of(RESIZE, a_sight(found=machines(*resized)), approved)
        assert approved.steps[len(resized) :] == rest_of(left, approved)
    moved = a_view(a_replica("db1"), a_replica("db3", synchronous=True))
    assert approved.steps == rest_of(plan_of(RESIZE, a_sight(moved)), approved)
    failed_over = a_view(a_primary("db1"), a_replica("db2", synchronous=True))
    assert rest_of(plan_of(RESIZE, a_sight(failed_over)), approved) is None
    skipped = plan_of(RESIZE, a_sight(found=machines("db1")), approved)
    assert rest_of(skipped, approved) is None
    odd = machines()
    odd["db3"] = odd["db3"].model_copy(update={"size": "9 vCPU, 40960 MiB"})
    assert rest_of(plan_of(RESIZE, a_sight(found=odd), approved), approved) is None
    urgent = RESIZE.model_copy(update={"emergency": "the disk is full"})
    assert rest_of(plan_of(urgent, a_sight()), approved) is None


def test_a_member_that_was_changed_and_is_not_back_yet_is_still_to_be_done() -> None:
    """The run that takes over waits for it, and does not go on to the next one."""
    approved = plan_of(RESIZE, a_sight())
    down = a_view(MemberView(name="db3", trouble="ConnectError"))
    left = plan_of(RESIZE, a_sight(down, found=machines("db3")), approved)
    assert approved.steps == rest_of(left, approved)
    assert SMALL == left.before["db3"]


@pytest.mark.parametrize(
    ("view", "expected"),
    [
        pytest.param(a_view(), "db1", id="the synchronous one"),
        pytest.param(
            a_view(a_replica("db1"), a_replica("db3", synchronous=True)), "db3", id="moved"
        ),
        pytest.param(a_view(a_replica("db1")), None, id="none is synchronous"),
        pytest.param(
            a_view(a_replica("db1", synchronous=True, streaming=False)), None, id="it is away"
        ),
        pytest.param(
            a_view(
                a_replica("db1", received=WRITTEN - 9),
                settings=ClusterSettings(failsafe_mode=True),
            ),
            "db3",
            id="asynchronous: the one that has most",
        ),
    ],
)
def test_who_takes_over(view: object, expected: str | None) -> None:
    """Only who is done, serves, and is waited for by the primary."""
    step = Step(kind=StepKind.SWITCHOVER, member="db2", candidates=("db1", "db3"))
    if expected is None:
        with pytest.raises(GuardRefused, match="can take over from db2"):
            candidate_for(step, view, done=frozenset(NAMES))  # type: ignore[arg-type]
    else:
        assert expected == candidate_for(step, view, done=frozenset(NAMES))  # type: ignore[arg-type]


def test_nobody_takes_over_who_is_not_done() -> None:
    """The synchronous standby has its old size still."""
    step = Step(kind=StepKind.SWITCHOVER, member="db2", candidates=("db1", "db3"))
    with pytest.raises(GuardRefused, match="can take over"):
        candidate_for(step, a_view(), done=frozenset({"db3"}))


def a_parameter(name: str, now: str, then: str) -> PendingParameter:
    """A setting that waits for a restart."""
    return PendingParameter(name=name, now=now, then=then)


@pytest.mark.parametrize(
    ("pending", "order"),
    [
        pytest.param([], RestartOrder.REPLICAS_FIRST, id="nothing"),
        pytest.param([("shared_buffers", "1GB", "4GB")], RestartOrder.REPLICAS_FIRST, id="memory"),
        pytest.param([("max_connections", "200", "201")], RestartOrder.REPLICAS_FIRST, id="raised"),
        pytest.param([("max_connections", "200", "199")], RestartOrder.PRIMARY_FIRST, id="lowered"),
        pytest.param([("max_connections", "200", "200")], RestartOrder.REPLICAS_FIRST, id="same"),
    ],
)
def test_the_order_of_restarts(pending: list[tuple[str, str, str]], order: RestartOrder) -> None:
    """A replica's limits are never below its primary's."""
    assert order is parameter_plan([a_parameter(*each) for each in pending])


def test_limits_that_are_raised_and_lowered_at_once_are_two_changes() -> None:
    """No order serves both; and a limit that is no number is not guessed."""
    both = [a_parameter("max_connections", "9", "5"), a_parameter("max_wal_senders", "5", "9")]
    with pytest.raises(GuardRefused, match="max_wal_senders would be raised and max_connections"):
        parameter_plan(both)
    with pytest.raises(GuardRefused, match="no number"):
        parameter_plan([a_parameter("max_connections", "9", "many")])


def test_a_restart_that_lowers_a_limit_begins_with_the_primary() -> None:
    """In place, without a switchover; what is left after it are the replicas."""
    pending = (a_parameter("max_connections", "200", "100"),)
    view = a_view(a_primary("db2", pending=pending, pending_restart=True))
    plan = plan_of(RESTART, a_sight(view))
    assert ["db2 (in place)", "db3 (member)", "db1 (member)"] == steps(plan)
    restarted = a_view(a_primary("db2", started_at=a_view().at))
    assert plan.steps[1:] == rest_of(plan_of(RESTART, a_sight(restarted), plan), plan)


def test_memory_is_for_settings() -> None:
    """What the settings would customarily be is told beside a resize."""
    advice = memory_advice(65_536)
    assert ("16384MB", "49152MB") == (advice["shared_buffers"], advice["effective_cache_size"])


@pytest.mark.parametrize("state", ["stopping", "restarting", "starting"])
def test_a_member_that_is_restarted_is_waited_for(state: str) -> None:
    """Until its PostgreSQL answers it does not tell since when it runs."""
    plan = plan_of(RESTART, a_sight())
    seen = a_sight(a_view(a_replica("db3", state=state, streaming=False, started_at=None)))
    assert (ActKind.WAIT, f"db3 is {state}") == next_act(plan, plan.steps[0], seen)[:2]
    assert ActKind.RESTART is next_act(plan, plan.steps[0], a_sight()).kind


REPAIR = Wish(kind=PlanKind.REPAIR, cluster="school", member="db3")
SWITCH = Wish(kind=PlanKind.SWITCHOVER, cluster="school")


def test_a_repair() -> None:
    """Of a replica that is named; the leader's data are never thrown away."""
    broken = a_replica("db3", state="start failed", streaming=False, started_at=None)
    sight = a_sight(a_view(broken))
    plan = plan_of(REPAIR, sight)
    assert (["db3 (reinitialise)"], {"db3": "not running"}) == (steps(plan), plan.before)
    assert ActKind.REINITIALISE is next_act(plan, plan.steps[0], sight).kind
    copying = a_sight(a_view(broken.model_copy(update={"state": "creating replica"})))
    assert ActKind.WAIT is next_act(plan, plan.steps[0], copying).kind
    assert ActKind.DONE is next_act(plan, plan.steps[0], a_sight()).kind
    assert () == plan_of(REPAIR, a_sight(), plan).steps
    for member, why in (("db2", "db2 leads"), ("db9", "allowed: db1, db2, db3")):
        with pytest.raises(GuardRefused, match=why):
            plan_of(REPAIR.model_copy(update={"member": member}), a_sight())


def test_a_switchover() -> None:
    """To whoever can, or to who is named; done is done."""
    plan = plan_of(SWITCH, a_sight())
    assert ["switchover from db2 to db1 or db3"] == steps(plan)
    named = plan_of(SWITCH.model_copy(update={"member": "db3"}), a_sight())
    assert ["switchover from db2 to db3"] == steps(named)
    with pytest.raises(GuardRefused, match="can take over from db2"):
        next_act(named, named.steps[0], a_sight())
    over = a_view(a_primary("db1", timeline=2), a_replica("db2", timeline=2, synchronous=True))
    assert () == plan_of(SWITCH, a_sight(over), plan).steps
    assert () == plan_of(SWITCH.model_copy(update={"member": "db2"}), a_sight()).steps
    with pytest.raises(GuardRefused, match="allowed: db1, db3"):
        plan_of(SWITCH.model_copy(update={"member": "db9"}), a_sight())


def test_a_restart_that_was_approved_anew_goes_on_with_the_rest() -> None:
    """Who was restarted on the first approval is not in the second, and not restarted again."""
    first = plan_of(RESTART, a_sight())
    began = a_sight(a_view(a_replica("db3", started_at=NOW)))
    second = plan_of(RESTART, began, first)
    assert ["db1 (member)", "switchover from db2 to db1 or db3", "db2 (member)"] == steps(second)
    assert second.steps == rest_of(plan_of(RESTART, began, second), second)


OVER = a_view(a_primary("db1", timeline=2), a_replica("db2", timeline=2, synchronous=True))
RESTARTED = a_view(
    a_replica("db1", synchronous=True, started_at=NOW),
    a_primary("db2", started_at=NOW),
    a_replica("db3", started_at=NOW),
)
ENDED = [
    pytest.param(SWITCH, a_sight(OVER), id="switched over"),
    pytest.param(RESTART, a_sight(RESTARTED), id="all restarted"),
    pytest.param(RESIZE, a_sight(found=machines(*NAMES)), id="all have their size"),
    pytest.param(REPAIR, a_sight(a_view(a_replica("db3", started_at=NOW))), id="copied anew"),
]


@pytest.mark.parametrize(("wish", "after"), ENDED)
def test_what_has_ended_says_nothing_of_a_later_wish(wish: Wish, after: Sight) -> None:
    """While its approval is good the same wish is seen to be done; later it is a new one."""
    record = a_record(plan_of(wish, a_sight()), until=NOW)
    before, later = NOW - timedelta(seconds=1), NOW
    assert (wish is not REPAIR) == still_counts(record, wish, a_sight(), later)
    assert still_counts(record, wish, after, before)
    assert () == plan_of(wish, after, record.plan).steps
    assert not still_counts(record, wish, after, later)
    kind = PlanKind.RESIZE if wish.kind is not PlanKind.RESIZE else PlanKind.RESTART
    assert not still_counts(record, wish.model_copy(update={"kind": kind}), a_sight(), before)


def test_a_member_that_breaks_again_is_copied_again() -> None:
    """Its repair stands in the store, signed long ago; that copy came to its end by itself."""
    broken = a_replica("db3", streaming=False)
    record = a_record(plan_of(REPAIR, a_sight(a_view(broken))), until=NOW)
    again = a_sight(a_view(a_replica("db3", streaming=False, started_at=NOW)))
    before = NOW - timedelta(seconds=1)
    assert not still_counts(record, REPAIR, again, NOW)
    plan = plan_of(REPAIR, again)
    assert ActKind.REINITIALISE is next_act(plan, plan.steps[0], again).kind
    other = REPAIR.model_copy(update={"member": "db1"})
    assert [True, False] == [still_counts(record, wish, again, before) for wish in (REPAIR, other)]


@pytest.mark.parametrize("until", [NOW, NOW + timedelta(hours=1)])
def test_who_waits_for_a_restart_again_was_not_restarted_for_it(until: datetime) -> None:
    """A limit is raised after db3 was restarted: with its old one it would not replay any more."""
    record = a_record(plan_of(RESTART, a_sight()), until=until)
    restarted = a_replica("db3", started_at=NOW)
    assert still_counts(record, RESTART, a_sight(a_view(restarted)), NOW)
    waits = {"pending": (a_parameter("max_connections", "200", "400"),), "pending_restart": True}
    others = (a_replica("db1", synchronous=True, **waits), a_primary("db2", **waits))
    goes_on = a_sight(a_view(restarted, *others))
    assert still_counts(record, RESTART, goes_on, NOW)
    raised = a_sight(a_view(a_replica("db3", started_at=NOW, **waits), *others))
    assert not still_counts(record, RESTART, raised, NOW)
    assert "db3 (member)" == steps(plan_of(RESTART, raised))[0]


def test_the_order_is_that_of_what_waits_now() -> None:
    """The primary was to go first for a limit that was lowered; raised instead, it goes last."""
    lowered = (a_parameter("max_connections", "200", "100"),)
    first = plan_of(RESTART, a_sight(a_view(a_primary("db2", pending=lowered))))
    assert "db2 (in place)" == steps(first)[0]
    raised = (a_parameter("max_connections", "200", "400"),)
    second = plan_of(RESTART, a_sight(a_view(a_primary("db2", pending=raised))), first)
    assert ["db3 (member)", "db1 (member)"] == steps(second)[:2]
    assert rest_of(second, first) is None
    starts = a_view(a_primary("db2", state="starting", started_at=NOW))
    assert first.steps == rest_of(plan_of(RESTART, a_sight(starts), first), first)


def test_a_switchover_back_is_not_taken_for_the_one_that_was() -> None:
    """The first one's record stands still; who is named leads not, so there is something to do."""
    first = plan_of(SWITCH.model_copy(update={"member": "db1"}), a_sight())
    back = SWITCH.model_copy(update={"member": "db2"})
    assert ["switchover from db1 to db2"] == steps(plan_of(back, a_sight(OVER), first))
    assert () == plan_of(SWITCH, a_sight(OVER), first).steps


EVENTS = (
    *("nothing", "failover", "lag", "stranger", "caught up"),
    *("broken", "slow copy", "approval over"),
)


def happen(event: str, world: World, store: Store) -> None:
    """Something that befalls the cluster between two runs."""
    serving = [name for name in NAMES if world.serves(name) and name != world.leader]
    if event == "failover" and len(serving) == 2:
        world.fail_over(world.synchronous or serving[0])
    elif event == "lag" and serving:
        lagging(world, serving[0])
    elif event == "stranger" and serving:
        world.size[serving[0]] = "9 vCPU, 40960 MiB"
    elif event == "caught up":
        world.behind = dict.fromkeys(NAMES, 0)
    elif event == "broken":
        settle(world)
        if world.serves("db3") and world.leader != "db3":
            world.broken.add("db3")
    elif event == "slow copy":
        world.copy_looks = MOST_ACTS + 2
    elif event == "approval over":
        store.pass_approval()


def settle(world: World) -> None:
    """Time passes: who starts gets there."""
    for _ in range(4):
        world.look()


def people_help(world: World, wish: Wish, store: Store) -> None:
    """A day later: who was behind has caught up, and what no change of this kind mends is well."""
    store.pass_approval()
    settle(world)
    world.behind, world.copy_looks = dict.fromkeys(NAMES, 0), 2
    if wish is not REPAIR:
        world.broken.clear()
    elif world.leader == wish.member:
        world.fail_over("db1")
    settle(world)


@settings(max_examples=150, deadline=None)
@example(wish=REPAIR, kills=[(9, "slow copy"), (9, "broken")])
@given(
    wish=st.sampled_from([RESIZE, RESTART, REPAIR]),
    kills=st.lists(st.tuples(st.integers(0, 12), st.sampled_from(EVENTS)), max_size=6),
)
def test_whatever_interrupts_it_ends_right(wish: Wish, kills: list[tuple[int, str]]) -> None:
    """Killed after any act, whatever happens meanwhile: a later run goes on, or a new plan does.

    Asserted by the world at each act: never a second member down, never the leader shut down, never
    a switchover to a member that the primary does not wait for or that lags, never the leader's
    data thrown away.
    """
    world, store = World(broken={"db3"} if wish is REPAIR else set()), Store()
    for acts, event in [*kills, (99, "caught up")]:
        happen(event, world, store)
        if event != "nothing":
            settle(world)
        # Where it stopped people look and start it again; where they cannot, nothing is lost.
        with suppress(Killed, Stopped):
            if run(world, wish, store, acts=acts):
                break
    people_help(world, wish, store)
    assert run(world, wish, store)
    settle(world)
    assert [] == [name for name in NAMES if not world.serves(name)]
    if wish is RESIZE:
        assert dict.fromkeys(NAMES, LARGE) == world.size


def test_an_undisturbed_change_takes_each_step_once() -> None:
    """Two replicas, one switchover, the old primary: ten acts, one switchover among them."""
    world = World()
    assert run(world, RESIZE, Store())
    kinds = [kind for kind, _ in world.acts]
    assert (10, 1, 3) == (
        len(kinds),
        kinds.count(ActKind.SWITCH_OVER),
        kinds.count(ActKind.SHUT_DOWN),
    )
    assert world.leader in {"db1", "db3"}


def test_a_lagging_member_stops_it() -> None:
    """Neither is another member shut down, nor a switchover made."""
    world, store = World(), Store()
    with pytest.raises(Killed):
        run(world, RESIZE, store, acts=3)
    settle(world)
    lagging(world, "db1")
    with pytest.raises(Stopped, match="db1 has not received 100 MiB"):
        run(world, RESIZE, store)
    assert ["db3"] == [name for name in NAMES if world.size[name] == LARGE]
