"""A fleet in memory that carries plans out, so that planners can be tested over whole histories."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from springtide.model.claim import (
    ClaimBook,
    Death,
    Desired,
    ExhaustedMark,
    Halt,
    ProvenImage,
    Rollout,
)
from springtide.model.fleet import Fleet, FleetRegion, HealthCheck, Prober, Timeouts
from springtide.model.plan import (
    Action,
    Delete,
    Drain,
    Join,
    Launch,
    Leave,
    Mark,
    Reboot,
    RoundPlan,
)
from springtide.model.server import HealthMark, Member, Server
from springtide.model.snapshot import FleetSnapshot, Headroom, Image, RegionSnapshot
from springtide.planning.fleet_round import plan_round
from springtide.planning.round_input import RoundInput

START = datetime(2026, 11, 23, 15, 0, tzinfo=UTC)
REGIONS = ("GRA11", "RBX1", "SBG5")


def a_fleet(**changes: object) -> Fleet:
    """A fleet over three regions, with short time-outs, changed as asked."""
    base: dict[str, object] = {
        "name": "api",
        "image": "api-*",
        "flavour": "b2-60",
        "max_servers": 60,
        "timeouts": Timeouts(boot_s=60, answer_s=60, drain_s=30, delete_s=60),
        "health": HealthCheck(port=80, in_flight_path="/in-flight"),
        "regions": tuple(FleetRegion(name=r, network="vrack", pool="api") for r in REGIONS),
        "join_interval_s": 10,
        "exhausted_for_s": 10_000,
    }
    return Fleet.model_validate(base | changes)


def desired(servers: int, **changes: object) -> Desired:
    """A desired size with a reason."""
    base: dict[str, object] = {
        "fleet": "api",
        "at": START,
        "servers": servers,
        "asked": servers,
        "reasons": (f"test asks for {servers}",),
    }
    return Desired.model_validate(base | changes)


@dataclass
class FleetWorld:
    """Servers and members by region, a clock, and what the cloud has room for."""

    fleet: Fleet = field(default_factory=a_fleet)
    now: datetime = START
    room: dict[str, int] = field(default_factory=dict)
    silent: frozenset[int] = frozenset()
    """Serial numbers of servers that will never answer."""
    down: set[str] = field(default_factory=set)
    """Ids of servers that neither answer nor serve, while Nova says ACTIVE."""
    liars: set[str] = field(default_factory=set)
    """Ids of servers that serve, though our probe gets no answer of them."""
    cut_off: set[str] = field(default_factory=set)
    """Regions that our probe does not reach."""
    unbalanced: set[str] = field(default_factory=set)
    """Regions whose balancer says that every member is down."""
    deaf_balancer: bool = False
    """Whether no balancer notices what does not answer."""
    reboots_help: bool = True
    quota: dict[str, int] = field(default_factory=dict)
    """Most servers of a region, by its quota."""
    launch_trouble: str | None = None
    """Why no region says whether anything can be launched."""
    servers: dict[str, Server] = field(default_factory=dict)
    members: dict[str, dict[str, Member]] = field(
        default_factory=lambda: {r: {f"foreign-{r}": _foreign(r)} for r in REGIONS}
    )
    exhausted: list[ExhaustedMark] = field(default_factory=list)
    proven: list[ProvenImage] = field(default_factory=list)
    deaths: list[Death] = field(default_factory=list)
    rollouts: list[Rollout] = field(default_factory=list)
    halts: list[Halt] = field(default_factory=list)
    images: tuple[Image, ...] = (Image(id="image-1", name="api-1", created_at=START),)
    """The newest first."""
    bad_images: set[str] = field(default_factory=set)
    """Ids of images whose servers never answer."""
    falls_at: datetime | None = None
    launched: int = 0
    rounds: int = 0

    def snapshot(self) -> FleetSnapshot:
        """What a look at this world shows."""
        return FleetSnapshot(
            fleet="api",
            at=self.now,
            regions=tuple(self._region(r.name) for r in self.fleet.regions),
        )

    def plan(self, want: Desired, run: str = "ab12") -> RoundPlan:
        """The planner's decision in this world."""
        book = ClaimBook(
            exhausted=tuple(self.exhausted),
            proven=tuple(self.proven),
            deaths=tuple(self.deaths),
            rollouts=tuple(self.rollouts),
            halts=tuple(self.halts),
        )
        given = RoundInput(
            fleet=self.fleet,
            desired=want,
            book=book,
            now=self.now,
            run=run,
            falls_at=self.falls_at,
        )
        return plan_round(self.snapshot(), given)

    def carry_out(self, plan: RoundPlan, *, only: int | None = None) -> None:
        """Do the first `only` actions of the plan (all where it is None)."""
        for action in plan.actions[:only]:
            self._do(action)
        if only is None:
            self.exhausted += plan.marks
            self.proven += plan.proven
            self.deaths += plan.deaths
            self.halts += plan.halts

    def pass_time(self, seconds: float = 5) -> None:
        """Let servers boot, be deleted, and pools settle."""
        self.now += timedelta(seconds=seconds)
        self.rounds += 1
        for server in list(self.servers.values()):
            if server.task_state == "deleting":
                del self.servers[server.id]
            elif server.status == "BUILD" and server.fault:
                self.servers[server.id] = server.model_copy(update={"status": "ERROR"})
            elif server.status == "BUILD" and self.now - server.created_at >= timedelta(seconds=8):
                changes = {"status": "ACTIVE", "launched_at": self.now}
                self.servers[server.id] = server.model_copy(update=changes)

    def settle(self, want: Desired, rounds: int = 80) -> RoundPlan:
        """Rounds until the plan is settled; fails when it never is."""
        for _ in range(rounds):
            plan = self.plan(want)
            if plan.settled:
                return plan
            self.carry_out(plan)
            self.pass_time()
        raise AssertionError(f"not settled: {self.plan(want)}")

    @property
    def serving(self) -> int:
        """Our members with a weight."""
        return sum(m.weight > 0 for by in self.members.values() for m in by.values() if m.ours)

    def standing(self) -> set[str]:
        """Ids of the servers that serve or still may: not those that drain, leave or failed."""
        members = {m.server_id: m for by in self.members.values() for m in by.values()}
        return {
            s.id
            for s in self.servers.values()
            if s.task_state is None and s.status in ("BUILD", "ACTIVE") and not s.fault
            if s.id not in members or members[s.id].weight > 0
        }

    def answers(self, server: Server) -> bool:
        """Whether the server really answers."""
        return (
            server.status == "ACTIVE"
            and int(server.id[1:]) not in self.silent
            and server.id not in self.down
            and server.image_id not in self.bad_images
        )

    def _judged(self, region: str, member: Member) -> Member:
        """The member as the region's balancer judges it."""
        server = self.servers.get(member.server_id or "")
        well = server is None or self.answers(server)
        if member.ours and (region in self.unbalanced or not (well or self.deaf_balancer)):
            return member.model_copy(update={"operating_status": "ERROR"})
        return member

    def _region(self, name: str) -> RegionSnapshot:
        servers = tuple(s for s in self.servers.values() if s.region == name)
        asks = self.fleet.health.prober is Prober.SPRINGTIDE
        serving = {m.server_id for m in self.members[name].values() if m.weight}
        asked = [s for s in servers if asks and (s.status == "ACTIVE" or s.id in serving)]
        deaf = name in self.cut_off
        heard = (s for s in asked if not deaf and s.id not in self.liars)
        answering = (s.id for s in heard if self.answers(s))
        draining = {s.id: 0 for s in servers}
        return RegionSnapshot(
            region=name,
            servers=servers,
            members=tuple(self._judged(name, m) for m in self.members[name].values()),
            answering=frozenset(answering),
            probed=frozenset(s.id for s in asked),
            in_flight=draining,
            headroom=Headroom(instances=max(0, self.quota.get(name, 1000) - len(servers))),
            images=self.images,
            launch_trouble=self.launch_trouble,
        )

    def _do(self, action: Action) -> None:
        match action:
            case Launch():
                self._launch(action)
            case Join() | Drain():
                weight = int(isinstance(action, Join))
                for m in action.members:
                    self._put(action.region, m.server_id, m.address, weight)
            case Leave():
                for m in action.members:
                    self.members[action.region].pop(m.address, None)
            case Delete():
                for server_id in action.server_ids:
                    self._delete(server_id)
            case Mark() | Reboot():
                self._repair(action)

    def _repair(self, action: Mark | Reboot) -> None:
        failed = action.failed if isinstance(action, Mark) else 0
        for server_id in action.server_ids:
            self._change(server_id, health=HealthMark(failed=failed, at=self.now))
            if isinstance(action, Reboot):
                self._change(server_id, rebooted_at=self.now, status="ACTIVE")
                self.down -= {server_id} if self.reboots_help else set()

    def _launch(self, action: Launch) -> None:
        used = sum(s.region == action.region and not s.fault for s in self.servers.values())
        fits = used + action.servers <= self.room.get(action.region, 1000)
        for _ in range(action.servers):
            self.launched += 1
            serial = self.launched
            self.servers[f"s{serial}"] = Server(
                id=f"s{serial}",
                name=f"api-{serial}",
                region=action.region,
                status="BUILD",
                address=f"127.1.{serial // 250}.{serial % 250}",
                image_id=action.image_id,
                wave=action.wave,
                zone=action.zone,
                created_at=self.now,
                fault=None if fits else "No valid host was found.",
            )

    def _put(self, region: str, server_id: str, address: str, weight: int) -> None:
        self.members[region][address] = Member(
            id=f"m-{address}",
            address=address,
            port=80,
            weight=weight,
            ours=True,
            server_id=server_id,
            draining_since=self.now if weight == 0 else None,
            drained_by_us=weight == 0,
            created_at=self.now,
        )

    def _change(self, server_id: str, **changes: object) -> None:
        if server_id in self.servers:
            update = self.servers[server_id].model_copy(update=changes)
            self.servers[server_id] = update

    def _delete(self, server_id: str) -> None:
        server = self.servers.get(server_id)
        if server is not None:
            assert all(
                m.server_id != server_id for by in self.members.values() for m in by.values()
            )
            self.servers[server_id] = server.model_copy(update={"task_state": "deleting"})


def _foreign(region: str) -> Member:
    return Member(id=f"f-{region}", address=f"127.9.9.{len(region)}", port=80, weight=1, ours=False)


def played(world: FleetWorld, servers: int, number: int) -> list[RoundPlan]:
    """The plans of so many rounds, each carried out."""
    plans = []
    for _ in range(number):
        plans.append(world.plan(desired(servers)))
        world.carry_out(plans[-1])
        world.pass_time()
    return plans
