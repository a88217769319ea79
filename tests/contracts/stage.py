"""The contract's stage: a fleet of its own on either ground, and how to leave nothing behind."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any
from uuid import uuid4

from keystoneauth1.adapter import Adapter
from openstack.connection import Connection
from requests import Response

from springtide.clouds.limiter import Limiters
from springtide.clouds.openstack.connection import CloudAccess
from springtide.clouds.openstack.region import RegionCloud
from springtide.clouds.openstack.service import Service
from springtide.clouds.openstack.tags import fleet_tag
from springtide.errors import BalancerBusy
from springtide.model.base import Model
from springtide.model.estate import Estate
from springtide.model.fleet import Fleet, FleetRegion
from springtide.model.plan import Drain, Join, Launch, Leave, PoolMember
from springtide.model.server import Member, Server
from tests import waiting
from tests.clouds.stage import clouds_file, silent_audit
from tests.contracts.control import Control
from tests.contracts.grounds import CLOUD, POOLS, REGIONS, Ground, connect

FLEET = "contract"
TAG = fleet_tag(FLEET)
MICROVERSION = "2.79"
RATE = {"requests_per_s": 500, "burst": 100}

wait_until = partial(waiting.wait_until, timeout_s=60, poll_s=0.1)


def a_fleet(**changes: object) -> Fleet:
    """A fleet over both regions: the one's pool is shared, the other's its own."""
    base: dict[str, object] = {
        "name": FLEET,
        "image": "api-iis-*",
        "flavour": "win-b2-60",
        "key_pair": "springtide",
        "config_drive": True,
        "security_groups": ("api",),
        "tags": ("cost:contract",),
        "max_servers": 300,
        "health": {"port": 8080},
        "regions": (a_region(), a_region("SBG5", subnet=None, pool_kind="exclusive")),
    }
    return Fleet.model_validate(base | changes)


def a_region(name: str = "GRA11", **changes: object) -> FleetRegion:
    """A region of the fleet, changed as asked; its pool is shared, its members have a subnet."""
    base: dict[str, object] = {
        "name": name,
        "network": "vrack",
        "subnet": "vrack-api",
        "pool": POOLS[name],
        "pool_kind": "shared",
    }
    return FleetRegion.model_validate(base | changes)


def an_estate(**changes: object) -> Estate:
    """An estate in both regions."""
    base: dict[str, object] = {
        "cloud": CLOUD,
        "residency": REGIONS,
        "fleets": (a_fleet(),),
        "rate_limit": RATE,
    }
    return Estate.model_validate(base | changes)


@dataclass(frozen=True)
class Contract:
    """One ground: our access to it, and a plain client beside it that checks."""

    ground: Ground
    control: Control
    access: CloudAccess
    connections: Mapping[str, Connection]
    fleet: Fleet

    @classmethod
    def on(cls, ground: Ground) -> "Contract":
        """The contract on that ground, which is left as it is found."""
        return cls(
            ground=ground,
            control=Control(ground.control_url),
            access=opened(ground),
            connections={name: connect(ground.clouds_yaml, name) for name in REGIONS},
            fleet=a_fleet(),
        )

    def region(self, name: str = "GRA11") -> RegionCloud:
        """Our cloud of that region."""
        return self.access.region(name)

    def service(self, kind: str, region: str = "GRA11") -> Service:
        """One of our services, with an audit log that keeps nothing."""
        limiters = Limiters(an_estate().rate_limit)
        return Service(
            self._adapter(kind, region), kind, region, limiters=limiters, audit=silent_audit()
        )

    def raw(self, kind: str, path: str, *, region: str = "GRA11", **said: Any) -> Response:  # noqa: ANN401 - JSON
        """The answer of a service, whatever its status.

        Args:
            kind: the service's type in the catalogue.
            path: below the address in the catalogue.
            region: whose service it is.
            said: what else there is to say: `method`, `sent` (JSON), `accept`.
        """
        headers = {"Accept": said.get("accept", "application/json")}
        body = {"json": said["sent"]} if said.get("sent") is not None else {}
        answer: Response = self._adapter(kind, region).request(
            path, said.get("method", "GET"), headers=headers, raise_exc=False, **body
        )
        return answer

    def _adapter(self, kind: str, region: str) -> Adapter:
        return Adapter(
            session=self.connections[region].session,
            service_type=kind,
            interface="public",
            region_name=region,
            default_microversion=MICROVERSION if kind == "compute" else None,
        )

    def order(self, servers: int, region: str = "GRA11", **changes: object) -> Launch:
        """A wave of the newest image, under a name that was never used."""
        image = self.region(region).matching_images(self.fleet.image)[0]
        base: dict[str, object] = {
            "region": region,
            "wave": f"{region.lower()}-{uuid4().hex[:12]}",
            "servers": servers,
            "image_id": image.id,
            "reason": "the contract is checked",
        }
        return Launch.model_validate(base | changes)

    def wave(self, order: Launch, fleet: Fleet | None = None) -> tuple[Server, ...]:
        """The servers of a wave as they are listed, by name."""
        found = self.region(order.region).list_servers((fleet or self.fleet).name)
        return tuple(sorted((s for s in found if s.wave == order.wave), key=lambda s: s.name))

    def settled(self, order: Launch, fleet: Fleet | None = None) -> tuple[Server, ...]:
        """The servers of a wave, as soon as none of them is being built any more."""

        def built() -> bool:
            statuses = [server.status for server in self.wave(order, fleet)]
            return len(statuses) == order.servers and "BUILD" not in statuses

        wait_until(built)
        return self.wave(order, fleet)

    def wait_gone(self, order: Launch, fleet: Fleet | None = None) -> None:
        """Return when no server of the wave is listed any more."""
        wait_until(lambda: not self.wave(order, fleet))

    @contextmanager
    def launched(self, order: Launch) -> Iterator[tuple[Server, ...]]:
        """Within the context, that wave stands; afterwards it is gone."""
        self.region(order.region).launch(self.fleet, order, "#ps1\nécole")
        try:
            standing = self.settled(order)
            # One in ERROR was never ACTIVE: its usage, for one, is told nowhere.
            assert {"ACTIVE"} == {s.status for s in standing}, [s.fault for s in standing]
            yield standing
        finally:
            self.clear_servers(order.region)
            self.wait_gone(order)

    def clear_servers(self, region: str, fleet: Fleet | None = None) -> None:
        """Ask for the deletion of every server of the fleet there."""
        standing = self.region(region).list_servers((fleet or self.fleet).name)
        self.region(region).delete_servers([s.id for s in standing], "the contract is checked")


def opened(ground: Ground, estate: Estate | None = None) -> CloudAccess:
    """A fresh access to that ground."""
    with clouds_file(ground.clouds_yaml):
        return CloudAccess.open(estate or an_estate(), silent_audit())


@dataclass(frozen=True)
class PoolStage:
    """The pool of one region, and changes of it that wait until the balancer takes them."""

    contract: Contract
    region: str

    @property
    def cloud(self) -> RegionCloud:
        """The pool's region."""
        return self.contract.region(self.region)

    @property
    def pool_id(self) -> str:
        """The pool."""
        return self.cloud.resolve_pool(self.contract.fleet).pool_id

    def pool_member(self, number: int) -> PoolMember:
        """The member that is made for server `number`; nothing listens there."""
        base = {"GRA11": "127.61.15", "SBG5": "127.62.15"}[self.region]
        return PoolMember(
            server_id=f"server-{number}", name=f"contract-{number}", address=f"{base}.{number}"
        )

    def pool_members(self, *numbers: int) -> tuple[PoolMember, ...]:
        """The members that are made for those servers."""
        return tuple(self.pool_member(number) for number in numbers)

    def a_join(self, *numbers: int) -> Join:
        """A join of those servers."""
        return Join(region=self.region, members=self.pool_members(*numbers), reason="they answer")

    def a_drain(self, *numbers: int) -> Drain:
        """A drain of those servers."""
        return Drain(
            region=self.region, members=self.pool_members(*numbers), reason="the evening closes"
        )

    def a_leave(self, *numbers: int, only_drained: bool = False) -> Leave:
        """A leave of those servers."""
        return Leave(
            region=self.region,
            members=self.pool_members(*numbers),
            reason="they have ended",
            only_drained=only_drained,
        )

    def done(self, change: Callable[[], object]) -> dict[int, Member]:
        """The members of ours by server number, after a change that the balancer has finished."""
        self.wait_idle()
        change()
        self.wait_idle()
        return self.members()

    def joined(self, *numbers: int) -> dict[int, Member]:
        """The members of ours after those have joined."""
        return self.done(lambda: self.cloud.join(self.contract.fleet, self.a_join(*numbers)))

    def members(self) -> dict[int, Member]:
        """The members of ours, by the number of their server."""
        listed = self.cloud.list_members(self.contract.fleet)
        numbers = {m: (m.server_id or "").removeprefix("server-") for m in listed if m.ours}
        return {int(number): member for member, number in numbers.items()}

    def wait_idle(self) -> None:
        """Return when the balancer takes a change."""
        setup = self.cloud.resolve_pool(self.contract.fleet)
        balancers = self.contract.connections[self.region].load_balancer
        wait_until(
            lambda: balancers.get_load_balancer(setup.balancer_id).provisioning_status == "ACTIVE"
        )

    def clear(self) -> None:
        """Take out whatever members the contract has put into the pool."""
        balancers = self.contract.connections[self.region].load_balancer
        members = list(balancers.members(self.pool_id))
        base = self.pool_member(0).address.rsplit(".", 1)[0]
        ours = [member for member in members if member.address.startswith(f"{base}.")]
        if ours and len(ours) == len(members):
            path = f"/lbaas/pools/{self.pool_id}/members"
            self.done(lambda: balancers.put(path, json={"members": []}))
            return
        for member in ours:
            self.done(partial(balancers.delete_member, member, self.pool_id))


@contextmanager
def cleared_pool(contract: Contract, region: str) -> Iterator[PoolStage]:
    """The pool of that region, without members of the contract before and after."""
    pool = PoolStage(contract, region)
    pool.clear()
    yield pool
    pool.clear()


def until_busy(change: Callable[[], object]) -> BalancerBusy:
    """What a balancer says to a change that comes during another; tried until one does."""
    for _ in range(10):
        try:
            change()
        except BalancerBusy as busy:
            return busy
    raise AssertionError("ten changes at once, and none of them met another")


class Case(Model):
    """A named case of a table."""

    name: str


def case_name(case: Case) -> str:
    """What a test run calls the case."""
    return case.name
