"""Healing over random histories: servers die, are slow, lie; operators act; runs are killed."""

from dataclasses import dataclass
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from springtide.model.fleet import Canary, CanaryPolicy, HealthCheck, Prober
from springtide.model.healing import Healing
from springtide.model.plan import Delete, Drain, Launch, Leave, RoundPlan
from springtide.model.server import Server
from tests.planning.fleet_world import REGIONS, FleetWorld, a_fleet, desired
from tests.planning.rollouts import NEW, OLD, a_rollout

MOST = 30
SHARE = st.floats(min_value=0, max_value=1, exclude_max=True)
REGION = st.sampled_from(REGIONS)
EVENTS = st.one_of(
    st.tuples(st.just("die"), SHARE),
    st.tuples(st.just("off"), SHARE),
    st.tuples(st.just("die outside"), SHARE),
    st.tuples(st.just("come back"), SHARE),
    st.tuples(st.just("lie"), SHARE),
    st.tuples(st.just("hold"), SHARE),
    st.tuples(st.just("cut off"), REGION),
    st.tuples(st.just("unbalance"), REGION),
    st.tuples(st.just("calm"), st.none()),
    st.tuples(st.just("want"), st.integers(min_value=0, max_value=16)),
    st.tuples(st.just("roll out"), st.sampled_from([OLD.name, NEW.name])),
    st.tuples(st.just("killed run"), st.integers(min_value=0, max_value=4)),
    st.tuples(st.just("two runs"), st.none()),
    st.tuples(st.just("time"), st.integers(min_value=1, max_value=120)),
)


@dataclass
class History:
    """A world, what is wanted of it, and what happens to it."""

    world: FleetWorld
    want: int = 12
    orders: int = 0

    def happen(self, event: tuple[str, object]) -> None:
        """One event; those of a server strike the one at that share of all."""
        what, whom = event
        world = self.world
        match what:
            case "cut off":
                world.cut_off.add(str(whom))
            case "unbalance":
                world.unbalanced.add(str(whom))
            case "calm":
                world.cut_off, world.unbalanced, world.liars = set(), set(), set()
            case "want":
                self.want = int(str(whom))
            case "roll out":
                self._roll_out(str(whom))
            case "killed run":
                self.round(only=int(str(whom)))
            case "two runs":
                self.two_rounds()
            case "time":
                world.pass_time(float(str(whom)))
            case _ if world.servers:
                self._strike(what, float(str(whom)))

    def round(self, *, only: int | None = None) -> RoundPlan:
        """A round of one run, which may die after so many actions; what must hold is held."""
        plan = self.world.plan(desired(self.want))
        self.check(plan)
        self.world.carry_out(plan, only=only)
        self.world.pass_time()
        return plan

    def two_rounds(self) -> None:
        """Two runs that decide upon the same look, one after the other."""
        plans = [self.world.plan(desired(self.want), run=run) for run in ("aaaa", "bbbb")]
        for plan in plans:
            self.check(plan)
        for plan in plans:
            self.world.carry_out(plan)
        self.world.pass_time()

    def check(self, plan: RoundPlan) -> None:
        """No plan takes what serves below what is desired, or plans above the maximum."""
        well = self.well()
        left = well - taken(plan)
        assert len(left) + self.hidden() >= min(len(well), self.want), (plan.actions, sorted(well))
        launched = sum(a.servers for a in plan.actions if isinstance(a, Launch))
        standing = self.world.standing()
        assert not launched or launched + len(standing - taken(plan)) <= MOST
        held = {s.id for s in self.world.servers.values() if s.held_at(self.world.now)}
        assert set() == taken(plan) & held
        if plan.settled and len(self.believed()) >= self.want:
            assert set() == set(self.world.servers) - self.members() - held
            assert len(self.believed() - held) <= self.want

    def members(self) -> set[str]:
        """Ids of the servers that are in their pool, whatever their weight."""
        members = (m for by in self.world.members.values() for m in by.values())
        return {m.server_id for m in members if m.server_id}

    def believed(self) -> set[str]:
        """Those who serve, and of whom nobody says anything else."""
        world = self.world
        doubted = world.cut_off | world.unbalanced
        well = (world.servers[i] for i in self.well() - world.liars)
        return {s.id for s in well if self.world.answers(s) and s.region not in doubted}

    def well(self) -> set[str]:
        """Members with a weight that really serve, or for which a person answers by a hold."""
        members = (m for by in self.world.members.values() for m in by.values())
        weighing = {m.server_id for m in members if m.weight > 0}
        return {
            s.id
            for s in self.world.servers.values()
            if s.id in weighing
            if self._serves(s) or (s.held_at(self.world.now) and s.status == "ACTIVE")
        }

    def _serves(self, server: Server) -> bool:
        """Whether it answers and is let serve.

        Rebooted for a lie it has a lie too many; a young one that the prober calls down never was.
        """
        rebooted = server.rebooted_at is not None and server.id in self.world.liars
        refused = self._young(server) and server.region in self.world.unbalanced
        lacking = refused if self._balancer_asks else rebooted
        return self.world.answers(server) and not lacking

    @property
    def _balancer_asks(self) -> bool:
        """Whether the balancer is the prober: nobody lies to us then, and it alone lets serve."""
        return self.world.fleet.health.prober is Prober.BALANCER

    def _young(self, server: Server) -> bool:
        """Whether it still has time to answer."""
        answer_s, since = self.world.fleet.timeouts.answer_s, server.launched_at
        return since is None or self.world.now - since <= timedelta(seconds=answer_s)

    def hidden(self) -> int:
        """Dead members whose death nobody can tell: somebody says that all of their region are."""
        world = self.world
        return sum(
            m.weight > 0 and m.server_id in world.servers and m.server_id not in self.well()
            for region in world.cut_off | world.unbalanced
            for m in world.members[region].values()
        )

    def settle(self) -> None:
        """All is calm again, and no hold, halt or death is remembered: it settles as desired.

        Nor a failed check where nobody could find out that the server is well again.
        """
        self.happen(("calm", None))
        world = self.world
        world.down, world.deaths, world.halts = set(), [], []
        asked = self.members() if self._balancer_asks else world.servers
        for server in list(world.servers.values()):
            changes = {"status": "ACTIVE"} if server.status == "SHUTOFF" else {}
            health = server.health if server.id in asked else None
            update = {"held_until": None, "health": health, **changes}
            world.servers[server.id] = server.model_copy(update=update)
        world.settle(desired(self.want), rounds=400)
        assert self.want == world.serving == len(world.servers)
        if world.rollouts:
            wanted = {i.id for i in world.images if i.name == world.rollouts[-1].image}
            assert {s.image_id for s in world.servers.values()} <= wanted

    def _roll_out(self, image: str) -> None:
        self.orders += 1
        key, starts_at = f"rollout-api-{self.orders}", self.world.now
        self.world.rollouts.append(a_rollout(image, key=key, starts_at=starts_at))

    def _strike(self, what: str, share: float) -> None:
        world = self.world
        server = sorted(world.servers.values(), key=lambda s: s.id)[int(share * len(world.servers))]
        match what:
            case "die":
                world.down.add(server.id)
            case "die outside":  # all of them, whatever the share
                world.down |= set(world.servers) - self.members()
            case "come back":
                world.down.discard(server.id)
            case "lie":
                world.liars.add(server.id)
            case "off" if server.status == "ACTIVE" and server.task_state is None:
                world.servers[server.id] = server.model_copy(update={"status": "SHUTOFF"})
            case "hold":
                update = {"held_until": world.now + timedelta(minutes=5)}
                world.servers[server.id] = server.model_copy(update=update)


def taken(plan: RoundPlan) -> set[str]:
    """Ids of the servers that the plan takes out, in whatever way."""
    members = {m.server_id for a in plan.actions if isinstance(a, Leave | Drain) for m in a.members}
    return members | {i for a in plan.actions if isinstance(a, Delete) for i in a.server_ids}


@pytest.mark.parametrize("prober", list(Prober))
@pytest.mark.parametrize("reboot_first", [False, True])
@settings(max_examples=100, deadline=None)
@given(events=st.lists(st.one_of(EVENTS, st.just(("round", None))), min_size=5, max_size=40))
def test_whatever_happens(
    events: list[tuple[str, object]], *, reboot_first: bool, prober: Prober
) -> None:
    """Never below the desired by our own act, never planned above the maximum; in the end whole."""
    canary, healing = Canary(policy=CanaryPolicy.NEVER), Healing(reboot_first=reboot_first)
    health = HealthCheck(port=80, prober=prober, in_flight_path="/in-flight")
    fleet = a_fleet(canary=canary, healing=healing, health=health, max_servers=MOST)
    world = FleetWorld(fleet=fleet, images=(NEW, OLD))
    history = History(world)
    world.settle(desired(history.want))
    world.pass_time(600)
    for event in events:
        if event[0] == "round":
            history.round()
        else:
            history.happen(event)
            history.round()
    history.settle()
