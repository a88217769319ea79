"""Builders for the tests of the clouds: a sandbox, an estate on it, its fleet, waves, members."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from ipaddress import IPv4Network
from pathlib import Path

import yaml

from springtide.clouds.audit import AuditLog
from springtide.clouds.openstack.connection import CloudAccess
from springtide.clouds.openstack.region import RegionCloud
from springtide.model.base import Model
from springtide.model.estate import Estate
from springtide.model.fleet import Fleet, FleetRegion, HealthCheck
from springtide.model.plan import Drain, Join, Launch, Leave, PoolMember
from springtide.model.server import Member, Server
from springtide.sandbox.config import BootTime, SandboxConfig, SandboxRegion
from springtide.sandbox.faults import FaultRule
from springtide.sandbox.process import Sandbox
from tests import waiting
from tests.environment import environment

REGIONS = ("GRA11", "SBG5", "RBX1")
FLEET_TAG = "springtide:fleet:api"
RATE = {"requests_per_s": 500, "burst": 100}
UNLISTED = FaultRule(service="compute", region="GRA11", path_regex="^/servers/detail", status=200)
"""As while the database of a cell is away: Nova answers, and lists none of its servers."""

wait_until = partial(waiting.wait_until, timeout_s=10, poll_s=0.05)


def a_sandbox() -> Sandbox:
    """A cloud of three regions whose servers are ACTIVE at once and answer nothing."""
    regions = tuple(
        SandboxRegion(name=name, cidr=IPv4Network(f"127.{21 + number}.0.0/20"))
        for number, name in enumerate(REGIONS)
    )
    boot = BootTime(least_s=0, most_s=0, answer_s=0)
    return Sandbox(
        SandboxConfig(
            regions=regions, boot=boot, balancer_update_s=0, data_plane=False, page_size=5
        )
    )


def a_fleet(**changes: object) -> Fleet:
    """A fleet over three regions, changed as asked."""
    base: dict[str, object] = {
        "name": "api",
        "image": "api-iis-*",
        "flavour": "b2-60",
        "security_groups": ("api",),
        "max_servers": 300,
        "health": HealthCheck(port=8080),
        "regions": tuple(a_fleet_region(name) for name in REGIONS),
    }
    return Fleet.model_validate(base | changes)


def a_fleet_region(name: str = "GRA11", **changes: object) -> FleetRegion:
    """A region of the fleet, changed as asked."""
    return FleetRegion.model_validate({"name": name, "network": "vrack", "pool": "api"} | changes)


def an_estate(**changes: object) -> Estate:
    """An estate in the sandbox's three regions, with a short time-out."""
    base: dict[str, object] = {
        "cloud": "sandbox",
        "residency": REGIONS,
        "fleets": (a_fleet(),),
        "rate_limit": RATE,
        "request_timeout_s": 2,
    }
    return Estate.model_validate(base | changes)


def a_launch(servers: int = 2, **changes: object) -> Launch:
    """A wave in GRA11, changed as asked."""
    base: dict[str, object] = {
        "region": "GRA11",
        "wave": "gra11-20261123t160003-ab12-3-16",
        "servers": servers,
        "image_id": "to be replaced",
        "reason": "the evening opens",
    }
    return Launch.model_validate(base | changes)


def a_join(members: Sequence[PoolMember]) -> Join:
    """A join of these members in GRA11."""
    return Join(region="GRA11", members=tuple(members), reason="they answer")


def a_drain(members: Sequence[PoolMember]) -> Drain:
    """A drain of these members in GRA11."""
    return Drain(region="GRA11", members=tuple(members), reason="the evening closes")


def a_leave(members: Sequence[PoolMember], *, only_drained: bool = False) -> Leave:
    """A leave of these members in GRA11."""
    return Leave(
        region="GRA11", members=tuple(members), reason="they ended", only_drained=only_drained
    )


def a_pool_member(number: int, member: Member | None = None) -> PoolMember:
    """The member that is made for server `number`; with its id where it is one already."""
    return PoolMember(
        server_id=f"server-{number}",
        name=f"api-{number}",
        address=f"127.21.1.{number}",
        member_id=member.id if member else None,
    )


def silent_audit() -> AuditLog:
    """An audit log that keeps nothing."""
    return AuditLog(None, run="test", who="tests")


def clouds_file(path: Path) -> AbstractContextManager[None]:
    """Have the SDK read that clouds.yaml, as an operator would."""
    return environment(OS_CLIENT_CONFIG_FILE=str(path))


def with_password(path: Path, password: str) -> Path:
    """A clouds.yaml beside that one, alike but for the password."""
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    content["clouds"]["sandbox"]["auth"]["password"] = password
    changed = path.with_name("clouds-refused.yaml")
    changed.write_text(yaml.safe_dump(content), encoding="utf-8")
    return changed


@dataclass(frozen=True)
class Stage:
    """A running sandbox, empty at the start of each test, and the access to it."""

    sandbox: Sandbox
    clouds_yaml: Path
    access: CloudAccess
    fleet: Fleet

    @property
    def gra(self) -> RegionCloud:
        """The region that most tests are about."""
        return self.access.region("GRA11")

    def calls(self, method: str = "", path: str = "") -> int:
        """How many requests came in since they were last forgotten, of that method and path."""
        counted = self.sandbox.call_counts().items()
        return sum(n for key, n in counted if method in key.method and path in key.path)

    def pages(self) -> int:
        """How many pages of the server listing were read."""
        return self.calls("GET", "/servers/detail")

    def launch(self, servers: int = 2, **changes: object) -> tuple[Server, ...]:
        """A wave of GRA11, as it is then listed."""
        image = self.gra.matching_images(self.fleet.image)[0]
        order = a_launch(servers, image_id=image.id, **changes)
        self.gra.launch(self.fleet, order, None)
        return tuple(s for s in self.gra.list_servers("api") if s.wave == order.wave)

    def joined(self, numbers: Sequence[int]) -> dict[str, Member]:
        """Members of ours by address, after servers of those numbers have joined."""
        self.gra.join(self.fleet, a_join([a_pool_member(number) for number in numbers]))
        return self.members()

    def members(self) -> dict[str, Member]:
        """All members of the pool in GRA11, by address."""
        return {member.address: member for member in self.gra.list_members(self.fleet)}

    def pool_id(self) -> str:
        """The pool of GRA11."""
        return self.gra.resolve_pool(self.fleet).pool_id


class Case(Model):
    """A named case of a table."""

    name: str


def case_name(case: Case) -> str:
    """What a test run calls the case."""
    return case.name
